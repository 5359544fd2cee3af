"""Duty moves only by a person's act; what the receiver wrote down decides."""

import tempfile
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from node.errors import Conflict
from node.incident import rows
from node.incident.value import CustodyState, IncidentKind, Severity, Status
from tests.simulation.posts import JPEG, Tree


@pytest.fixture
def tree(tmp_path):
    found = Tree(tmp_path)
    yield found
    found.close()


def test_a_declined_offer_comes_back_with_its_reason_and_the_old_status(tree):
    one = tree.commune.open_litter()
    tree.commune.act(one.id, "triage", severity="2")
    tree.commune.escalate(one.id)
    tree.carry()
    tree.district.act(one.id, "decline", note="thuộc thẩm quyền của phường")
    tree.carry()
    found = tree.commune.find(one.id)
    assert (found.status, found.custody.state, found.custody.term) == (Status.TRIAGED, CustodyState.HELD, 3)
    assert found.custody.may_end(tree.commune.name)
    assert tree.commune.timeline(one.id)[-1].note == "thuộc thẩm quyền của phường"
    assert not tree.district.find(one.id).custody.is_responsible(tree.district.name)
    tree.commune.escalate(one.id)
    tree.carry()
    assert tree.district.act(one.id, "accept").custody.term == 4


def test_a_withdrawal_is_granted_if_nobody_has_answered(tree):
    one = tree.commune.open_litter()
    tree.commune.act(one.id, "receive")
    tree.commune.escalate(one.id)
    tree.carry()
    asked = tree.commune.act(one.id, "withdraw")
    assert asked.custody.state is CustodyState.OFFERED
    assert asked.custody.asked_back
    assert "withdraw" not in tree.commune.possible(one.id)
    tree.carry()
    found = tree.commune.find(one.id)
    assert (found.status, found.custody.state, found.custody.term) == (Status.RECEIVED, CustodyState.HELD, 3)
    assert "accept" not in tree.district.possible(one.id)
    with pytest.raises(Conflict):
        tree.district.act(one.id, "accept")


def test_a_withdrawal_that_crosses_an_acceptance_changes_nothing(tree):
    one = tree.commune.open_litter()
    tree.commune.escalate(one.id)
    tree.carry()
    tree.line("26374").is_cut = True
    tree.commune.act(one.id, "withdraw")
    tree.district.act(one.id, "accept")
    tree.line("26374").is_cut = False
    tree.carry()
    assert tree.district.find(one.id).custody.may_end(tree.district.name)
    assert tree.commune.find(one.id).custody.state is CustodyState.GIVEN


def test_an_offer_never_returns_by_itself(tree):
    one = tree.commune.open_litter()
    tree.commune.escalate(one.id)
    tree.carry()
    tree.later(days=30)
    tree.carry()
    assert tree.commune.find(one.id).custody.state is CustodyState.OFFERED
    assert "accept" in tree.district.possible(one.id)


def test_a_slight_incident_escalated_twice_carries_the_communes_words_and_picture(tree):
    one = tree.commune.open_litter()
    tree.commune.escalate(one.id)
    tree.carry()
    tree.district.act(one.id, "accept")
    tree.district.escalate(one.id)
    tree.carry()
    found = tree.province.find(one.id)
    assert (found.title, found.number, found.origin) == (one.title, one.number, tree.commune.name)
    assert found.custody.offered_to == tree.province.name
    assert tree.province.thumbnail(one.id) == JPEG
    assert {proof.origin for proof in tree.province.proofs(one.id)} == {tree.commune.name, tree.district.name}
    assert [event.act for event in tree.province.timeline(one.id)] == ["escalate", "escalate"]


def test_a_triage_that_makes_it_grave_lets_the_news_rise(tree):
    one = tree.commune.open(IncidentKind("citizen.fire", "Cháy", Severity.HIGH), Severity.LOW)
    tree.carry()
    assert tree.district.find(one.id) is None
    tree.commune.act(one.id, "triage", severity="4")
    tree.carry()
    assert tree.province.find(one.id).severity is Severity.CRITICAL
    assert tree.province.find(one.id).status is Status.TRIAGED


def test_a_resolution_above_does_not_swallow_a_new_occurrence_below(tree):
    one = tree.commune.open_flood()
    tree.commune.escalate(one.id)
    tree.carry()
    tree.district.act(one.id, "accept")
    tree.district.act(one.id, "resolve", note="xong")
    tree.carry()
    again = tree.commune.open_flood()
    tree.carry()
    assert tree.commune.find(one.id).status is Status.RESOLVED
    assert [found.id for found in tree.province.queue()] == [again.id]


def test_a_rating_below_is_told_to_the_holder_and_undoes_nothing(tree):
    one = tree.commune.open_flood()
    tree.commune.escalate(one.id)
    tree.carry()
    tree.district.act(one.id, "accept")
    tree.district.act(one.id, "resolve", note="xong")
    tree.carry()
    assert tree.commune.act(one.id, "rate", rating="satisfied", actor="Người dân").status is Status.RESOLVED
    tree.carry()
    assert (tree.district.find(one.id).status, tree.commune.find(one.id).status) == (Status.RATED, Status.RATED)
    assert [event.note for event in tree.district.timeline(one.id) if event.act == "rate"] == ["Hài lòng."]


def test_who_gave_it_away_may_not_act_on_it(tree):
    one = tree.commune.open_litter()
    tree.commune.escalate(one.id)
    tree.carry()
    tree.district.act(one.id, "accept")
    tree.carry()
    assert tree.commune.possible(one.id) == set()


def test_a_decision_is_written_once(tree):
    one = tree.commune.open_litter()
    post = tree.district
    now = tree.clock.now()

    def decide(verdict):
        post.database.write(lambda session: rows.decide(session, one.id, tree.commune.name, 1, verdict, at=now))

    decide(rows.PENDING)
    decide(rows.REFUSED)
    for verdict in (rows.ACCEPTED, rows.PENDING, rows.REFUSED):
        with pytest.raises(ValueError, match="refused before"):
            decide(verdict)


class Escalations(RuleBasedStateMachine):
    """Real centres, lines that fail at any moment, people who do whatever they may."""

    def __init__(self):
        super().__init__()
        self.place = tempfile.TemporaryDirectory()
        self.tree = Tree(Path(self.place.name))
        self.incident = self.tree.commune.open_flood()

    def teardown(self):
        for line in self.tree.lines.values():
            line.is_cut = False
        self.tree.carry()
        self.tree.carry()
        views = {
            (found.status, found.custody.holder, found.custody.term)
            for post in self.tree.posts.values()
            if (found := post.find(self.incident.id))
        }
        self.tree.close()
        self.place.cleanup()
        assert len(views) == 1, views

    @rule(data=st.data())
    def somebody_acts(self, data):
        choices = [
            (post, name)
            for post in self.tree.posts.values()
            if post.find(self.incident.id)
            for name in sorted(
                post.possible(self.incident.id) & {"escalate", "withdraw", "accept", "decline", "receive"}
            )
        ]
        if choices:
            post, name = data.draw(st.sampled_from(choices))
            fields = {"escalate": {"cause": "capacity", "note": "x"}, "decline": {"note": "x"}}.get(name, {})
            post.act(self.incident.id, name, **fields)

    @rule(child=st.sampled_from(["731", "26374"]), most=st.integers(1, 3), repeats=st.integers(1, 2))
    def a_line_carries_some(self, child, most, repeats):
        line = self.tree.lines[child]
        line.repeats = repeats
        line.carry(most)
        line.repeats = 1

    @rule(child=st.sampled_from(["731", "26374"]))
    def acknowledgements_are_lost(self, child):
        self.tree.lines[child].forget()

    @invariant()
    def never_two_that_may_end_never_none_responsible(self):
        found = {post.name: post.find(self.incident.id) for post in self.tree.posts.values()}
        known = {name: one.custody for name, one in found.items() if one}
        assert sum(custody.may_end(name) for name, custody in known.items()) <= 1
        assert any(custody.is_responsible(name) for name, custody in known.items())

    @invariant()
    def nothing_is_parked(self):
        assert not any(post.parked() for post in self.tree.posts.values())


Escalations.TestCase.settings = settings(max_examples=12, stateful_step_count=25, deadline=None)
TestEscalations = Escalations.TestCase
