"""The parts that the UI's tests share: the fake node, and the message ids that appear in our own code."""

import re

import pytest

from tests.fakes import node_facts
from tests.fakes.node_api import COOKIE, FakeNode
from tests.ui.browser import DESKTOP, Watch, browser, served, until_ready
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


@pytest.fixture(scope="package")
def premises():
    """One fake node, one proxy and one Streamlit for every browser test: they take seconds to start."""
    node = FakeNode(tick_s=0.5).start()
    with served(node.url) as (origin, process):
        until_ready(origin, f"{COOKIE}={node.session()}")
        yield node, origin, process
    node.stop()


@pytest.fixture(scope="module")
def stage(premises):
    """A browser before them; one a module, because the browser's driver and other tests' loops do not go together."""
    node, origin, process = premises
    with browser() as opened:
        yield node, origin, opened, process


@pytest.fixture
def visit(stage):
    """Open a watched page; afterwards the node is as it was."""
    node, origin, opened, _ = stage
    contexts = []

    def opening(size=None, scheme="light", **more):
        settings = {"locale": "vi-VN", "timezone_id": "UTC", **more}
        context = opened.new_context(viewport=size or DESKTOP, color_scheme=scheme, **settings)
        contexts.append(context)
        return Watch(context, origin)

    yield opening
    for context in contexts:
        context.close()
    node.ticking = True
    node.refuse_sockets = False
    node.live_items = 100
    node.tiles = {}
    node.centres = {}
    node.alarms = None
    node.originals = {}
    node.incidents = {one["id"]: one for one in node_facts.incidents()}
    node.acts.clear()
    node.push()
