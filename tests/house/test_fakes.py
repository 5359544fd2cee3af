"""A fake is worth something only while it passes the test of what it stands for."""

import ast

from tests.house import tree

FOLDER = "tests/fakes/"

# Fake -> the real thing. A test must put both through the same questions, or the reason says why that is not needed.
PAIRS = {
    "FakeClock": "SystemClock",
    "FakeStorage": "Database",
    "FakeLink": "GrpcLink",
    "FakeNode": "create_app",
}
EXEMPT = {
    "FakeFederation": "no stand-in: it enrols through the real authority and only adds ways to forge",
    "FakeChannel": "one connection of FakeLink, proved with it",
    "FakeNet": "the faults between two FakeLinks, nothing real",
    "FakeStreamlit": "an instrument that tells what reached it; the real one runs in the browser tests",
}


def fakes(files: dict[str, ast.Module]) -> list[str]:
    """Classes of the fakes' folder whose name says that they stand for something."""
    bodies = [node for module in files.values() for node in module.body]
    return sorted(node.name for node in bodies if isinstance(node, ast.ClassDef) and node.name.startswith("Fake"))


def unproved(names: list[str], pairs: dict[str, str], tests: dict[str, set[str]]) -> list[str]:
    """Fakes without a pair, and pairs that no test file asks the same questions."""
    found = [f"{name} stands for nothing that the house knows" for name in names if name not in pairs]
    found += [f"{name} does not exist" for name in pairs if name not in names]
    return found + [
        f"no test asks {fake} and {real} the same"
        for fake, real in pairs.items()
        if fake in names and not any({fake, real} <= words for words in tests.values())
    ]


def _words(module: ast.Module) -> set[str]:
    return {node.id for node in ast.walk(module) if isinstance(node, ast.Name)} | {
        node.attr for node in ast.walk(module) if isinstance(node, ast.Attribute)
    }


def test_each_fake_passes_the_test_of_the_real_thing() -> None:
    folder = [file for file in tree.python("tests") if file.startswith(FOLDER)]
    names = fakes({file: tree.syntax(file) for file in folder})
    tests = {file: _words(tree.syntax(file)) for file in tree.python("tests") if "/test_" in file}
    assert unproved([name for name in names if name not in EXEMPT], PAIRS, tests) == []
    assert sorted(EXEMPT) == [name for name in names if name in EXEMPT]


def test_the_check_sees_a_fake_that_proves_nothing() -> None:
    assert fakes({"a.py": ast.parse("class FakeDisk: ...\nclass Facts: ...")}) == ["FakeDisk"]
    assert unproved(["FakeDisk"], {}, {}) == ["FakeDisk stands for nothing that the house knows"]
    assert unproved([], {"FakeDisk": "Disk"}, {}) == ["FakeDisk does not exist"]
    assert len(unproved(["FakeDisk"], {"FakeDisk": "Disk"}, {"test_a.py": {"FakeDisk"}, "test_b.py": {"Disk"}})) == 1
    assert unproved(["FakeDisk"], {"FakeDisk": "Disk"}, {"test_a.py": {"FakeDisk", "Disk"}}) == []
