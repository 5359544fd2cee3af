"""A function fits on a screen and a file in a head; what does not says why."""

import ast
import tomllib

from tests.house import tree

FUNCTION_HARD = 70
FILE_WISHED = 300
FILE_HARD = 500
FILE_SETTLED = 250  # a reason may stay while a file grows and shrinks around the wished length
LEDGER = "tests/house/overruns.toml"


def long_functions(name: str, module: ast.Module) -> list[str]:
    """Functions over the hard limit, decorators and docstring included."""
    found = []
    for node in ast.walk(module):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            if length > FUNCTION_HARD:
                found.append(f"{name}:{node.lineno} {node.name} has {length} lines, the limit is {FUNCTION_HARD}")
    return found


def long_files(lengths: dict[str, int], reasons: dict[str, str]) -> list[str]:
    """Files over the hard limit, files over the wished one without a reason, and reasons nothing needs any more."""
    found = [f"{name} has {n} lines, the limit is {FILE_HARD}" for name, n in lengths.items() if n > FILE_HARD]
    wished = {name: n for name, n in lengths.items() if FILE_WISHED < n <= FILE_HARD}
    found += [f"{name} has {n} lines: say why in {LEDGER}" for name, n in wished.items() if name not in reasons]
    stale = [name for name in reasons if lengths.get(name, 0) < FILE_SETTLED]
    found += [f"{LEDGER}: {name} no longer needs a reason" for name in stale]
    return found + [f"{LEDGER}: {name} gives no real reason" for name, why in reasons.items() if len(why.split()) < 4]


def test_no_function_is_longer_than_the_limit() -> None:
    assert [line for name in tree.python() for line in long_functions(name, tree.syntax(name))] == []


def test_files_are_short_or_say_why() -> None:
    lengths = {name: len(tree.text(name).splitlines()) for name in tree.python()}
    assert long_files(lengths, tomllib.loads(tree.text(LEDGER))) == []


def test_the_check_sees_a_long_function() -> None:
    body = "\n".join(["def f():", *["    x = 1"] * FUNCTION_HARD])
    assert len(long_functions("bad.py", ast.parse(body))) == 1
    assert long_functions("good.py", ast.parse("\n".join(body.splitlines()[:-1]))) == []


def test_the_check_sees_a_long_file_and_a_stale_reason() -> None:
    reasons = {"told.py": "one table that is read as a whole", "gone.py": "it was long a while ago", "lazy.py": "long"}
    found = long_files({"huge.py": 501, "long.py": 301, "told.py": 400, "fine.py": 300, "lazy.py": 301}, reasons)
    assert [line.split()[0] for line in found] == ["huge.py", "long.py", f"{LEDGER}:", f"{LEDGER}:"]
    assert "gone.py" in found[2]
    assert "lazy.py" in found[3]
