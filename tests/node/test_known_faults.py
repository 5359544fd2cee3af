"""Faults of incidents and their duty that other systems have had, each with its source: none of them may be ours."""

import pytest

from federation.ledger import PARENT, Lane, append
from node.incident import wire
from node.incident.value import Status
from tests.simulation.posts import FLOOD, Tree


@pytest.fixture
def tree(tmp_path):
    found = Tree(tmp_path)
    yield found
    found.close()


def test_what_is_cleared_above_does_not_silence_the_next_alarm_below(tree):
    """thingsboard-edge #193: an alarm that was cleared at the parent blocks the next one of its kind at the child."""
    first = tree.commune.open_flood()
    tree.commune.escalate(first.id)
    tree.carry()
    tree.district.act(first.id, "accept")
    tree.district.act(first.id, "resolve", note="nước đã rút")
    tree.district.act(first.id, "close")
    tree.carry()
    assert tree.commune.find(first.id).status is Status.CLOSED
    again = tree.commune.open_flood()
    tree.carry()
    for post in tree.posts.values():
        assert [one.id for one in post.queue()] == [again.id]
        assert post.find(again.id).status is Status.NEW
        assert post.find(first.id).status is Status.CLOSED
    tree.commune.escalate(again.id)
    tree.carry()
    assert "accept" in tree.district.possible(again.id)


def test_an_incident_is_not_called_otherwise_at_another_tier(tree):
    """thingsboard-edge #188: the same thing has another id at each tier, and nobody can say which is which."""
    one, other = tree.commune.open_flood(), tree.district.open(FLOOD, 4)
    tree.commune.escalate(one.id)
    tree.carry()
    tree.district.act(one.id, "accept")
    tree.district.escalate(one.id)
    tree.carry()
    for post in tree.posts.values():
        found = post.find(one.id)
        assert (found.id, found.number, found.origin) == (one.id, one.number, tree.commune.name)
    assert tree.province.find(other.id).number == other.number
    own = {proof.rid for proof in tree.province.proofs(one.id) if proof.origin == tree.commune.name}
    assert own == {proof.rid for proof in tree.district.proofs(one.id) if proof.origin == tree.commune.name}


def test_news_that_comes_before_the_incident_is_not_lost(tree):
    """thingsboard #10203: what is said of a thing arrives before the thing itself, and is thrown away."""
    one = tree.commune.open_litter()
    received = tree.commune.act(one.id, "receive")
    opening, receiving = tree.commune.timeline(one.id)
    claim = wire.claim_of(received.custody)
    first = wire.News(
        incident_id=one.id,
        serial=1,
        content=wire.content_of(one, tree.commune.thumbnail(one.id)),
        step=wire.step_of(opening, None),
        claim=claim,
    )
    second = wire.News(incident_id=one.id, serial=2, step=wire.step_of(receiving, None), claim=claim)
    for kind, news in ((wire.STATUS, second), (wire.ALERT, first)):
        payload, now = wire.encode(news), tree.clock.now()
        tree.commune.database.write(
            lambda session, kind=kind, payload=payload, now=now: append(
                session, lane=Lane.URGENT, audience=PARENT, kind=kind, payload=payload, now=now
            )
        )
    tree.carry()
    assert [code for code, _ in tree.district.parked()] == ["BEHIND_PARKED"]
    assert [alarm.code for alarm in tree.district.alarms()] == ["PARKED"]
    assert tree.district.find(one.id).status is Status.NEW
    now = tree.clock.now()
    assert tree.district.database.write(lambda session: tree.district.receiver.replay_parked(session, now)) == 1
    assert tree.district.find(one.id).status is Status.RECEIVED
    assert [event.act for event in tree.district.timeline(one.id)] == ["open", "receive"]
    assert tree.district.parked() == []


def test_a_record_behind_a_parked_one_does_not_overtake_it(tree):
    """thingsboard #7491, for duty: what cannot be applied neither blocks other incidents nor lets its own run ahead."""
    poisoned, healthy = tree.commune.open_flood(), tree.commune.open_flood()
    tree.carry()
    payload, now = b"\xff\xff", tree.clock.now()
    claim = wire.claim_of(poisoned.custody)
    step = wire.step_of(tree.commune.timeline(poisoned.id)[0], None)
    behind = wire.encode(wire.News(incident_id=poisoned.id, serial=3, step=step, claim=claim))
    for one in (payload, behind):
        tree.commune.database.write(
            lambda session, one=one: append(
                session, lane=Lane.URGENT, audience=PARENT, kind=wire.STATUS, payload=one, now=now
            )
        )
    tree.commune.act(healthy.id, "receive")
    tree.carry()
    assert sorted(code for code, _ in tree.district.parked()) == ["BEHIND_PARKED", "SCHEMA"]
    assert tree.district.find(healthy.id).status is Status.RECEIVED
    assert tree.district.find(poisoned.id).status is Status.NEW
