"""Federation delivers bytes: its code knows no word of the trade, and so never has to change for one."""

import ast
import re

import pytest

from tests.house import tree

WORDS = re.compile(
    r"(?:^|[^a-z])(incident|custody|report|citizen|commune|district|province|directive|indicator|figure|camera|severity)s?(?=$|[^a-z])"
)
EXEMPT = "federation/verify/"  # a second, independent implementation, which reads what it checks to the end


def spoken(name: str, module: ast.Module) -> list[str]:
    """Names and texts of the code (docstrings and comments may give examples) that hold a word of the trade."""
    docstrings = {
        id(node.value)
        for node in ast.walk(module)
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }
    found = []
    for node in ast.walk(module):
        if id(node) in docstrings:
            continue
        for word in _words(node):
            snake = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", word).lower()
            if WORDS.search(snake):
                found.append(f"{name}:{getattr(node, 'lineno', 0)} {word}")
    return sorted(set(found))


def _words(node: ast.AST) -> list[str]:
    fields = ("name", "id", "attr", "arg", "value")
    return [value for field in fields for value in [getattr(node, field, None)] if isinstance(value, str)]


def test_federation_knows_no_word_of_the_trade() -> None:
    names = [name for name in tree.python("federation") if not name.startswith(EXEMPT)]
    assert [line for name in names for line in spoken(name, tree.syntax(name))] == []


def test_messages_between_nodes_carry_no_word_of_the_trade() -> None:
    names = [name for name in tree.files() if name.startswith("proto/federation/")]
    bodies = {name: re.sub(r"//.*", "", tree.text(name)) for name in names}
    assert [name for name, body in bodies.items() if WORDS.search(body.lower())] == []


@pytest.mark.parametrize(
    "line",
    [
        "def send_incident(x): ...",
        "kind = 'incident.alert'",
        "x.incident_id",
        "def f(severity): ...",
        "class CitizenReport: ...",
    ],
)
def test_the_check_sees(line: str) -> None:
    assert spoken("bad.py", ast.parse(line))


def test_the_check_leaves_examples_and_other_words_alone() -> None:
    assert (
        spoken("good.py", ast.parse('def f():\n    """A commune sends incidents."""\n    reporter = "frontier"\n'))
        == []
    )
