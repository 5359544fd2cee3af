"""docs/threat-model.md names tests that are there; an attack without a test is not called defended."""

import ast
import re

from tests.house import tree

PAPER = "docs/threat-model.md"
NAMED = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")


def rows(text: str) -> list[str]:
    """The lines of its tables, without heads."""
    lines = [line for line in text.splitlines() if line.startswith("| ")]
    return [line for line in lines if not line.startswith("| attack |")]


def defined(name: str) -> set[str]:
    """The tests in a file of the repository."""
    if name not in tree.files():
        return set()
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    return {node.name for node in ast.walk(tree.syntax(name)) if isinstance(node, functions)}


def missing(text: str) -> list[str]:
    """Tests that the paper names and the repository lacks, and attacks that name none."""
    found = [f"{file}::{test}" for file, test in NAMED.findall(text) if test not in defined(file)]
    return found + [row for row in rows(text) if not NAMED.search(row)]


def test_every_named_test_is_there() -> None:
    text = tree.text(PAPER)
    assert len(rows(text)) > 35
    assert missing(text) == []


def test_the_check_sees() -> None:
    assert missing("| an attack | a defence | `tests/house/test_threat_model.py::test_the_check_sees` |") == []
    assert len(missing("| an attack | a defence | `tests/house/test_threat_model.py::test_nothing` |")) == 1
    assert len(missing("| an attack | a defence | `tests/house/test_absent.py::test_x` |")) == 1
    assert len(missing("| an attack | a defence | none yet |")) == 1
