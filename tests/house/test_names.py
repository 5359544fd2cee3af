"""Files are nouns of the trade, packages hold an essay and nothing else, and public names explain themselves."""

import ast
import sys
from pathlib import PurePosixPath

from tests.house import tree

DRAWERS = {
    "utils",
    "util",
    "common",
    "core",
    "base",
    "helper",
    "helpers",
    "manager",
    "managers",
    "service",
    "services",
    "misc",
    "shared",
    "tools",
    "stuff",
}
SHADOWS = {
    "types",
    "queue",
    "logging",
    "time",
    "json",
    "secrets",
    "calendar",
    "email",
    "signal",
    "token",
    "code",
    "select",
}
PROTOC = "_pb2"


def drawers(names: list[str]) -> list[str]:
    """Paths with a part that says nothing about what is inside."""
    return [name for name in names if DRAWERS & {part.split(".")[0] for part in PurePosixPath(name).parts}]


def drawer_classes(name: str, module: ast.Module) -> list[str]:
    """Classes named after a role that grows without end."""
    endings = ("Manager", "Helper", "Helpers", "Service", "Util", "Utils")
    return [
        f"{name}:{node.lineno} class {node.name}"
        for node in ast.walk(module)
        if isinstance(node, ast.ClassDef) and node.name.endswith(endings)
    ]


def shadows(names: list[str]) -> list[str]:
    """Files that a script started from their folder would import instead of the standard library."""
    return [name for name in names if PurePosixPath(name).stem in SHADOWS & set(sys.stdlib_module_names)]


def more_than_a_docstring(module: ast.Module) -> bool:
    """True when a package's `__init__` holds code."""
    rest = module.body[1:] if ast.get_docstring(module) is not None else module.body
    return bool(rest)


def undocumented(name: str, module: ast.Module) -> list[str]:
    """Public functions, methods and classes without a docstring (nested functions are private by their place)."""
    found = []
    if ast.get_docstring(module) is None:
        found.append(f"{name}: the file says nothing of itself")

    def visit(body: list[ast.stmt], prefix: str) -> None:
        for node in body:
            if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) or node.name.startswith("_"):
                continue
            if ast.get_docstring(node) is None and not _is_overload(node):
                found.append(f"{name}:{node.lineno} {prefix}{node.name}")
            if isinstance(node, ast.ClassDef):
                visit(node.body, f"{prefix}{node.name}.")

    visit(module.body, "")
    return found


def _is_overload(node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) -> bool:
    return any(tree.dotted(mark).split(".")[-1] in {"overload", "override", "setter"} for mark in node.decorator_list)


def missing_packages(names: list[str]) -> list[str]:
    """Folders with Python files of the product that have no `__init__.py`: the import contracts would not see them."""
    folders = {str(PurePosixPath(name).parent) for name in names if "migrations" not in name}
    return sorted(folder for folder in folders if f"{folder}/__init__.py" not in names)


def test_no_file_is_a_drawer() -> None:
    assert drawers(tree.python()) == []


def test_no_class_is_a_drawer() -> None:
    assert [line for name in tree.python() for line in drawer_classes(name, tree.syntax(name))] == []


def test_no_file_shadows_the_standard_library() -> None:
    assert shadows(tree.python(*tree.PRODUCT)) == []


def test_a_package_opens_with_a_docstring_and_holds_nothing_else() -> None:
    packages = [name for name in tree.python() if name.endswith("/__init__.py")]
    assert [name for name in packages if more_than_a_docstring(tree.syntax(name))] == []


def test_every_folder_of_the_product_is_a_package() -> None:
    names = [name for name in tree.files() if name.endswith(".py") and name.startswith(tree.PRODUCT)]
    assert missing_packages(names) == []


def test_proto_holds_no_python() -> None:
    assert [name for name in tree.files() if name.startswith("proto/") and not name.endswith(".proto")] == []


def test_public_names_say_what_the_name_cannot() -> None:
    names = [name for name in tree.python(*tree.PRODUCT) if "/migrations/" not in name]
    assert [line for name in names for line in undocumented(name, tree.syntax(name))] == []


def test_the_checks_see_bad_names() -> None:
    assert drawers(["node/utils.py", "node/common/paging.py", "node/paging.py"]) == [
        "node/utils.py",
        "node/common/paging.py",
    ]
    assert len(drawer_classes("bad.py", ast.parse("class LinkManager: ...\nclass Link: ..."))) == 1
    assert shadows(["node/queue.py", "node/incident.py"]) == ["node/queue.py"]
    assert missing_packages(["node/api/live.py", "node/__init__.py", "node/app.py"]) == ["node/api"]


def test_the_checks_see_code_in_a_package_and_a_silent_name() -> None:
    assert more_than_a_docstring(ast.parse('"""Essay."""\nfrom x import y'))
    assert more_than_a_docstring(ast.parse("x = 1"))
    assert not more_than_a_docstring(ast.parse('"""Essay."""'))
    bad = '"""File."""\nclass A:\n    """Told."""\n    def f(self): ...\n    def _g(self): ...\ndef h(): ...\n'
    assert [line.split()[1] for line in undocumented("bad.py", ast.parse(bad))] == ["A.f", "h"]
