"""Custody when a disk is put back: what a centre signed is proved by others, and duty is neither doubled nor lost."""

import tempfile
from pathlib import Path

import pytest
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from federation.ledger import Lane, append, down, enclosure
from node.errors import Conflict, CustodyLocked
from node.incident import rows, wire
from node.incident.custody import Answer
from node.incident.value import CustodyState, Status, overdue_cause
from tests.node.restores import back_up, meet, restore, send_again
from tests.simulation.posts import Tree


@pytest.fixture
def tree(tmp_path):
    found = Tree(tmp_path)
    yield found
    found.close()


@pytest.fixture
def copy(tmp_path):
    return tmp_path / "copy.db"


def test_a_giver_that_forgot_its_offer_believes_the_acceptance_that_encloses_it(tree, copy):
    one = tree.commune.open_flood()
    tree.carry()
    back_up(tree.commune, copy)
    tree.commune.escalate(one.id)
    tree.carry()
    tree.district.act(one.id, "accept")
    tree.carry()
    restore(tree.commune, copy)
    assert tree.commune.find(one.id).custody.state is CustodyState.HELD
    send_again(tree.line("26374"), tree.commune)
    found = tree.commune.find(one.id)
    assert (found.custody.state, found.custody.holder, found.custody.term) == (
        CustodyState.GIVEN,
        tree.district.name,
        2,
    )
    assert not found.custody.may_end(tree.commune.name)


def test_a_giver_that_forgot_its_offer_believes_the_refusal_and_offers_anew(tree, copy):
    one = tree.commune.open_flood()
    tree.commune.act(one.id, "receive")
    tree.carry()
    back_up(tree.commune, copy)
    tree.commune.escalate(one.id)
    tree.carry()
    tree.district.act(one.id, "decline", note="thuộc phường")
    tree.carry()
    restore(tree.commune, copy)
    send_again(tree.line("26374"), tree.commune)
    found = tree.commune.find(one.id)
    assert (found.custody.state, found.custody.term, found.status) == (CustodyState.HELD, 3, Status.RECEIVED)
    meet(tree, tree.commune)
    assert tree.commune.find(one.id).custody.term == 3
    tree.commune.escalate(one.id)
    tree.carry()
    assert tree.district.act(one.id, "accept").custody.term == 4
    assert not tree.district.parked()


@pytest.mark.parametrize("spoilt", ["no proof", "another's word", "another offer", "altered"])
def test_an_acceptance_of_an_offer_that_was_never_made_takes_nothing(tree, spoilt):
    """The district has real keys, and answers what this commune never offered, or offered under another term."""
    one, other = tree.commune.open_flood(), tree.commune.open_flood()
    tree.commune.escalate(other.id)
    tree.carry()
    known, offered = tree.district.find(one.id), tree.district.find(other.id)

    def raw(rid, origin):
        return tree.district.database.read(lambda session: enclosure(session, rid, origin))

    real = raw(offered.offer_rid, tree.commune.name)
    proof = {
        "no proof": b"",
        "another's word": raw(known.content_rid, tree.commune.name),
        "another offer": real,
        "altered": real[:-1] + bytes([real[-1] ^ 1]),
    }[spoilt]
    news = wire.News(
        incident_id=one.id,
        serial=1,
        step=wire.step_of(tree.commune.timeline(one.id)[0], None),
        claim=wire.Claim(tree.district.name, None, 2),
        answer=Answer(tree.commune.name, 1, accepted=True, offer=proof),
    )
    now, to = tree.clock.now(), down(tree.commune.name)
    tree.district.database.write(
        lambda session: append(
            session, lane=Lane.URGENT, audience=to, kind=wire.STATUS, payload=wire.encode(news), now=now
        )
    )
    tree.carry()
    assert tree.commune.find(one.id).custody.may_end(tree.commune.name)
    codes = {"no proof": [], "altered": ["BAD_ORIGIN_SIG"]}.get(spoilt, ["ENCLOSED_OTHER"])
    assert [code for code, _ in tree.commune.parked()] == codes


def test_an_old_offer_does_not_prove_an_answer_to_a_later_one(tree):
    """The commune offered once and was refused; the district encloses that offer in an answer under the term after."""
    one = tree.commune.open_flood()
    tree.commune.escalate(one.id)
    tree.carry()
    rid = tree.district.find(one.id).offer_rid
    tree.district.act(one.id, "decline", note="x")
    tree.carry()
    proof = tree.district.database.read(lambda session: enclosure(session, rid, tree.commune.name))
    known, now = tree.district.find(one.id), tree.clock.now()
    news = wire.News(
        incident_id=one.id,
        serial=known.told_down + 1,
        step=wire.step_of(tree.district.timeline(one.id)[-1], None),
        claim=wire.Claim(tree.district.name, None, 4),
        answer=Answer(tree.commune.name, 3, accepted=True, offer=proof),
    )
    to, payload = down(tree.commune.name), wire.encode(news)
    tree.district.database.write(
        lambda session: append(session, lane=Lane.URGENT, audience=to, kind=wire.STATUS, payload=payload, now=now)
    )
    tree.carry()
    assert [code for code, _ in tree.commune.parked()] == ["ENCLOSED_OTHER"]
    assert tree.commune.find(one.id).custody.may_end(tree.commune.name)
    assert tree.commune.find(one.id).custody.term == 3


def test_a_receiver_that_forgot_its_acceptance_gets_it_back_and_may_end(tree, copy):
    one = tree.commune.open_flood()
    tree.carry()
    back_up(tree.district, copy)
    tree.commune.escalate(one.id)
    tree.carry()
    tree.district.act(one.id, "accept")
    tree.carry()
    tree.later(seconds=5)
    tree.district.act(one.id, "triage", severity="4")
    tree.carry()
    lines = [line.act for line in tree.district.timeline(one.id)]
    restore(tree.district, copy)
    meet(tree, tree.district)
    tree.carry()
    found = tree.district.find(one.id)
    assert (found.custody.state, found.custody.term, found.status) == (CustodyState.HELD, 2, Status.TRIAGED)
    assert sorted(line.act for line in tree.district.timeline(one.id)) == sorted([*lines, "restate"])
    tree.district.act(one.id, "resolve", note="xong")
    tree.carry()
    assert {post.find(one.id).status for post in tree.posts.values()} == {Status.RESOLVED}
    assert not any(post.parked() for post in tree.posts.values())


def test_an_opener_that_forgot_everything_gets_its_incident_back(tree, copy):
    back_up(tree.commune, copy)
    one = tree.commune.open_flood()
    tree.later(seconds=5)
    tree.commune.act(one.id, "receive")
    tree.carry()
    restore(tree.commune, copy)
    meet(tree, tree.commune)
    found = tree.commune.find(one.id)
    assert (found.number, found.title, found.status, found.custody.term) == (one.number, one.title, Status.RECEIVED, 1)
    assert found.custody.may_end(tree.commune.name)
    assert tree.commune.open_flood().number != one.number


def test_a_locked_centre_answers_for_everything_and_ends_nothing(tree, copy):
    one = tree.commune.open_flood()
    tree.carry()
    back_up(tree.commune, copy)
    restore(tree.commune, copy)
    for refusal, name, fields in (
        (Conflict, "resolve", {"note": "x"}),
        (CustodyLocked, "escalate", {"cause": "capacity", "note": "x"}),
    ):
        with pytest.raises(refusal):
            tree.commune.act(one.id, name, **fields)
    tree.commune.act(one.id, "receive")
    again = tree.commune.open_flood()
    meet(tree, tree.commune)
    tree.carry()
    assert tree.district.find(one.id).status is Status.RECEIVED
    assert tree.province.find(again.id) is not None


def test_a_locked_receiver_does_not_decide_what_it_may_have_decided(tree, copy):
    """It accepted; the giver's request came too late; then it was put back, and hears the request before its answer."""
    one = tree.commune.open_litter()
    back_up(tree.district, copy)
    tree.commune.escalate(one.id)
    tree.carry()
    tree.line("26374").is_cut = True
    tree.commune.act(one.id, "withdraw")
    tree.district.act(one.id, "accept")
    tree.line("26374").is_cut = False
    tree.carry()
    restore(tree.district, copy)
    meet(tree, tree.district, sent_first=True)
    tree.carry()
    assert tree.district.find(one.id).custody.may_end(tree.district.name)
    assert tree.commune.find(one.id).custody.state is CustodyState.GIVEN


def test_what_was_asked_back_meanwhile_is_decided_when_the_lock_is_taken_off(tree, copy):
    one = tree.commune.open_flood()
    tree.commune.escalate(one.id)
    tree.carry()
    back_up(tree.district, copy)
    restore(tree.district, copy)
    tree.commune.act(one.id, "withdraw")
    meet(tree, tree.district)
    tree.carry()
    assert tree.commune.find(one.id).custody.may_end(tree.commune.name)
    assert tree.commune.find(one.id).custody.term == 3


def test_a_newer_offer_voids_the_older_open_one(tree):
    """As after a restore that nobody gave back for: two offers of one giver, and no memory of the answer between."""
    one = tree.commune.open_flood()
    tree.commune.escalate(one.id)
    tree.carry()
    serial = tree.commune.find(one.id).told_up + 1
    news = wire.News(
        incident_id=one.id,
        serial=serial,
        step=wire.step_of(tree.commune.timeline(one.id)[-1], None),
        claim=wire.Claim(tree.commune.name, tree.district.name, 3),
    )
    tree.later(seconds=1)
    now = tree.clock.now()
    tree.commune.database.write(
        lambda session: append(
            session, lane=Lane.URGENT, audience="parent", kind=wire.OFFER, payload=wire.encode(news), now=now
        )
    )
    tree.carry()

    def decision(term):
        return tree.district.database.read(lambda session: rows.decision(session, one.id, tree.commune.name, term))

    assert (decision(1), decision(3)) == (rows.VOID, rows.PENDING)
    assert tree.district.act(one.id, "accept").custody.term == 4
    assert (decision(1), decision(3)) == (rows.VOID, rows.ACCEPTED)


def test_an_unanswered_offer_is_overdue_at_both_ends_and_returns_to_nobody(tree):
    one = tree.commune.open_flood()
    tree.commune.escalate(one.id)
    tree.carry()
    ends = (tree.commune, tree.district)
    assert [overdue_cause(post.find(one.id), post.name, tree.clock.now()) for post in ends] == [None, None]
    tree.later(minutes=6)
    tree.carry()
    causes = [overdue_cause(post.find(one.id), post.name, tree.clock.now()) for post in ends]
    assert causes == ["synchronisation", "unit"]
    assert [post.find(one.id).custody.state for post in ends] == [CustodyState.OFFERED] * 2
    assert tree.commune.find(one.id).custody.is_responsible(tree.commune.name)


def _ends(line):
    return {line.child.code, line.parent.code}


class Restores(RuleBasedStateMachine):
    """People act, lines carry some, and disks are put back to any copy of their life; then comes a whole hello.

    Never those of two neighbours in one run: what both forgot, nobody can give back. But to a copy of a life that an
    earlier restore gave up as well: what nobody heard of that may contradict what they heard since.
    """

    def __init__(self):
        super().__init__()
        self.put_back = set()
        self.place = tempfile.TemporaryDirectory()
        self.tree = Tree(Path(self.place.name))
        self.incident = self.tree.commune.open_flood()
        self.posts = list(self.tree.posts.values())
        self.copies, self.count = {}, 0
        for code in self.tree.posts:
            self.copy_of(code)

    def teardown(self):
        for post in self.posts:
            if post.is_locked:
                meet(self.tree, post)
        self.tree.carry()
        # What was done while locked counts as done under an old term; the holder's next word puts every view right.
        self.tree.later(seconds=1)
        holder = next(post for post in self.posts if self.answers(post))
        holder.act(self.incident.id, "note", note="tiếp tục")
        self.tree.carry()
        views = [post.find(self.incident.id) for post in self.posts]
        seen = {(one.status, one.custody.holder, one.custody.term) for one in views if one}
        parked = [post.parked() for post in self.posts]
        self.tree.close()
        self.place.cleanup()
        assert len(seen) == 1, seen
        assert not any(parked), parked

    def answers(self, post):
        found = post.find(self.incident.id)
        return found is not None and found.custody.is_responsible(post.name)

    def copy_of(self, code):
        copy = Path(self.place.name) / f"copy-{code}-{self.count:03}.db"
        self.count += 1
        back_up(self.tree.posts[code], copy)
        self.copies[copy] = code

    @rule(data=st.data())
    def somebody_acts(self, data):
        self.tree.later(seconds=1)
        names = {"escalate", "withdraw", "accept", "decline", "receive"}
        choices = [
            (post, name)
            for post in self.posts
            if post.find(self.incident.id)
            for name in sorted(post.possible(self.incident.id) & names)
        ]
        if choices:
            post, name = data.draw(st.sampled_from(choices))
            fields = {"escalate": {"cause": "capacity", "note": "x"}, "decline": {"note": "x"}}.get(name, {})
            post.act(self.incident.id, name, **fields)

    @rule(child=st.sampled_from(["731", "26374"]), most=st.integers(1, 4))
    def a_line_carries_some(self, child, most):
        self.tree.later(seconds=1)
        self.tree.lines[child].carry(most)

    @rule(code=st.sampled_from(["75", "731", "26374"]))
    def somebody_is_backed_up(self, code):
        if not self.tree.posts[code].is_locked:
            self.copy_of(code)

    @precondition(lambda self: not any(post.is_locked for post in self.posts))
    @rule(data=st.data())
    def a_disk_is_put_back(self, data):
        near = {end for line in self.tree.lines.values() if self.put_back & (ends := _ends(line)) for end in ends}
        copy = data.draw(
            st.sampled_from(sorted(one for one, of in self.copies.items() if of not in near - self.put_back))
        )
        self.tree.later(seconds=1)
        self.put_back.add(self.copies[copy])
        restore(self.tree.posts[self.copies[copy]], copy)

    @precondition(lambda self: any(post.is_locked for post in self.posts))
    @rule(sent_first=st.booleans())
    def it_says_hello_to_all(self, sent_first):
        self.tree.later(seconds=1)
        meet(self.tree, next(post for post in self.posts if post.is_locked), sent_first=sent_first)

    @invariant()
    def never_two_that_may_end_never_none_responsible(self):
        if any(post.is_locked for post in self.posts):
            return
        known = {post.name: one.custody for post in self.posts if (one := post.find(self.incident.id))}
        assert sum(custody.may_end(name) for name, custody in known.items()) <= 1, known
        assert any(custody.is_responsible(name) for name, custody in known.items()), known


class LongRestores(Restores):
    """The same, in more lives, and other ones each time."""


# Explaining a failure means running hundreds of lives more: it would end in the time limit instead of with the life.
PHASES = (Phase.explicit, Phase.generate, Phase.shrink)
SHORT = settings(max_examples=10, stateful_step_count=25, deadline=None, phases=PHASES, database=None)
Restores.TestCase.settings = settings(SHORT, derandomize=True)
LongRestores.TestCase.settings = settings(SHORT, max_examples=200, phases=(Phase.generate,), print_blob=True)
TestRestores = Restores.TestCase
TestLongRestores = pytest.mark.drill(pytest.mark.timeout(900)(LongRestores.TestCase))
