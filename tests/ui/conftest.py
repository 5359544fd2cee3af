"""The parts that the UI's tests share: the fake node, and the message ids that appear in our own code."""

import re

import pytest

from tests.fakes.node_api import FakeNode
from ui.screens import acting
from ui.settings import HOUSE

UI = HOUSE / "ui"
_CALL = re.compile(r"""(?<![\w.])(?:t|say)\(\s*((?:f?"(?:[^"\\]|\\.)*"\s*)+)""")
_PIECE = re.compile(r'"((?:[^"\\]|\\.)*)"')


def message_ids():
    """Every literal handed to `t(...)` or `say(...)` in Python and JavaScript, and the tables of words."""
    found = set()
    for file in [*UI.rglob("*.py"), *(UI / "static").glob("*.js")]:
        for call in _CALL.finditer(file.read_text(encoding="utf-8")):
            found.add("".join(_PIECE.findall(call.group(1))))
    return found | set(acting.STATUS_WORDS.values())


@pytest.fixture
def node():
    fake = FakeNode().start()
    yield fake
    fake.stop()
