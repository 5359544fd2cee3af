"""Dangerous names live in one file each, so that a reader can check the one file.

Ruff bans the same names (pyproject.toml, TID251) but exempts a home from all bans at once; this check holds each home
to its own name, and sees keyword arguments that ruff does not.
"""

import ast

import pytest

from tests.house import tree

# What is banned -> the only files that may use it.
NAMES = {
    "datetime.now": {"node/clock.py"},
    "datetime.utcnow": {"node/clock.py"},
    "datetime.today": {"node/clock.py"},
    "date.today": {"node/clock.py"},
    "time.time": {"node/clock.py"},
    "time.time_ns": {"node/clock.py"},
    "time.monotonic": {"node/clock.py"},
    "time.perf_counter": {"node/clock.py"},
    "time.sleep": set(),
    "importlib.import_module": {"node/catalog.py"},
    "__import__": set(),
    "os.environ": {"node/settings.py", "ui/settings.py"},
    "os.getenv": {"node/settings.py", "ui/settings.py"},
    "jwt.decode": {"node/access.py"},
    "insecure_channel": set(),
    "add_insecure_port": set(),
    "pickle": set(),
    "eval": set(),
    "exec": set(),
    "uuid4": set(),
}

KEYWORDS = {("shell", True), ("verify", False), ("unsafe_allow_html", True)}


def banned(name: str, module: ast.Module) -> list[str]:
    """Uses of a banned name in a file that is not its home."""
    found = []
    for node in ast.walk(module):
        for used in _used(node):
            for bad, homes in NAMES.items():
                if (used == bad or used.endswith(f".{bad}") or used.startswith(f"{bad}.")) and name not in homes:
                    found.append(f"{name}:{getattr(node, 'lineno', 0)} {bad}")
        if isinstance(node, ast.keyword) and _constant(node) in KEYWORDS:
            found.append(f"{name}:{node.value.lineno} {node.arg}={_constant(node)[1]}")
    return sorted(set(found))


def _constant(node: ast.keyword) -> tuple[str | None, object]:
    return node.arg, node.value.value if isinstance(node.value, ast.Constant) else None


def _used(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Attribute):
        return [tree.dotted(node)]
    if isinstance(node, ast.Call):
        return [tree.dotted(node.func)]
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom):
        return [f"{node.module}.{alias.name}" for alias in node.names]
    return []


def test_banned_names_stay_in_their_homes() -> None:
    assert [line for name in tree.python(*tree.PRODUCT) for line in banned(name, tree.syntax(name))] == []


@pytest.mark.parametrize(
    "line",
    [
        "x = datetime.now(UTC)",
        "x = datetime.datetime.now()",
        "from time import monotonic",
        "import time\nx = time.time()",
        "from importlib import import_module",
        "import os\nx = os.environ['A']",
        "import os\nx = os.environ.get('A')",
        "from os import getenv",
        "x = jwt.decode(token)",
        "c = grpc.aio.insecure_channel('a')",
        "import pickle",
        "subprocess.run('ls', shell=True)",
        "httpx.get('a', verify=False)",
        "st.markdown('a', unsafe_allow_html=True)",
        "x = eval('1')",
    ],
)
def test_the_check_sees(line: str) -> None:
    assert banned("node/elsewhere.py", ast.parse(line))


def test_a_home_is_exempt_from_its_own_name_only() -> None:
    assert banned("node/clock.py", ast.parse("x = datetime.now(UTC)")) == []
    assert banned("node/clock.py", ast.parse("x = os.environ['A']"))


def test_likely_words_are_left_alone() -> None:
    assert (
        banned("node/elsewhere.py", ast.parse("x = clock.now()\nsession.exec_driver_sql('select 1')\nt.timeout()"))
        == []
    )
