from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest

from federation.receiver import Unacceptable
from node import presence
from node.presence import Presence, PresenceState
from node.v1 import presence_pb2
from tests.simulation.posts import Tree

NOW = datetime(2025, 6, 1, 1, tzinfo=UTC)
SAID = Presence(centre="n-a", as_of=NOW, received_at=NOW, open_incidents=3, waiting=0, version="0.1.0", period_s=15)


@pytest.fixture
def tree(tmp_path):
    found = Tree(tmp_path)
    yield found
    found.close()


def after(**span):
    return NOW + timedelta(**span)


@pytest.mark.parametrize(
    ("age_s", "state"),
    [
        (0, PresenceState.LIVE),
        (37, PresenceState.LIVE),
        (38, PresenceState.LATE),
        (120, PresenceState.LATE),
        (121, PresenceState.SILENT),
        (10**7, PresenceState.SILENT),
        (-3600, PresenceState.LIVE),
    ],
)
def test_the_state_follows_from_the_receivers_own_clock(age_s, state):
    assert SAID.state(after(seconds=age_s)) is state
    assert replace(SAID, as_of=after(days=-400)).state(after(seconds=age_s)) is state


def test_zero_is_not_unknown():
    silent = replace(SAID, open_incidents=None, waiting=None)
    for said in (SAID, silent, replace(SAID, open_incidents=0)):
        assert presence.decode(presence.encode(said), centre="n-a", received_at=NOW) == said


@pytest.mark.parametrize(
    "change",
    [
        {"period_s": 0},
        {"period_s": 3601},
        {"as_of_us": 0},
        {"as_of_us": 2**62},
        {"version": "a" * 41},
        {"version": "a\x00"},
        {"open_incidents": 2**31},
    ],
)
def test_impossible_statements_are_refused(change):
    message = presence_pb2.CentrePresence.FromString(presence.encode(SAID))
    for name, value in change.items():
        setattr(message, name, value)
    with pytest.raises(Unacceptable):
        presence.decode(message.SerializeToString(), centre="n-a", received_at=NOW)


def test_junk_is_refused():
    with pytest.raises(Unacceptable):
        presence.decode(b"\xff", centre="n-a", received_at=NOW)


def due(last, *, connected_since=NOW - timedelta(days=1), is_heard=True, **changes):
    return presence.is_due(last, replace(SAID, **changes), connected_since=connected_since, is_heard=is_heard)


def test_when_a_statement_is_due():
    assert due(None)
    assert not due(SAID, as_of=after(seconds=14))
    assert due(SAID, as_of=after(seconds=15))
    assert not due(SAID, as_of=after(seconds=2), open_incidents=4)
    assert due(SAID, as_of=after(seconds=3), open_incidents=4)
    assert not due(SAID, as_of=after(seconds=3), waiting=9)
    assert due(SAID, as_of=after(seconds=1), connected_since=after(milliseconds=500))
    assert due(SAID, as_of=after(seconds=-60)), "a clock that was set back"


def test_while_nobody_hears_it_a_centre_hardly_speaks():
    alone = {"connected_since": None, "is_heard": False}
    assert not due(SAID, as_of=after(minutes=9), open_incidents=9, **alone)
    assert due(SAID, as_of=after(minutes=10), **alone)


def test_thirty_days_without_a_line_leave_a_bounded_backlog(tree):
    tree.commune.links = [SimpleNamespace(relation="parent", connected=False, since=None, waiting={"urgent": 0})]
    said = 0
    for _ in range(24 * 60):
        tree.later(minutes=1)
        said += tree.commune.announce()
    assert said <= 24 * 6 + 1


def test_every_centre_above_hears_it_and_keeps_the_latest(tree):
    tree.commune.announce()
    tree.carry()
    tree.later(seconds=20)
    tree.commune.links = [
        SimpleNamespace(relation="parent", connected=True, since=NOW, waiting={"urgent": 2, "regular": 1})
    ]
    tree.commune.open_litter()
    assert tree.commune.announce()
    tree.carry()
    for post in (tree.district, tree.province):
        said = post.heard()[tree.commune.name]
        assert (said.open_incidents, said.waiting) == (1, 3)
        assert said.as_of == tree.clock.now()


def test_an_incident_is_counted_by_whoever_answers_for_it(tree):
    one = tree.commune.open_flood()
    tree.commune.escalate(one.id)
    tree.carry()

    def counted():
        return {
            code: post.database.read(lambda session, name=post.name: presence.count_open(session, name))
            for code, post in tree.posts.items()
        }

    assert counted() == {"75": 0, "731": 0, "26374": 1}
    tree.district.act(one.id, "accept")
    tree.carry()
    assert counted() == {"75": 0, "731": 1, "26374": 0}
