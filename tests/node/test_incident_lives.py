"""Custody when one centre is put back again and again: what nobody heard gives way, and both sides hear who answers."""

import pytest
from sqlalchemy import insert, select

from federation import chain, tables
from federation.frame import StreamKey, decode_record
from federation.ledger import Lane, down
from node.incident import rows, wire
from node.incident.value import CustodyState, Status
from tests.node.restores import back_up, lines_of, meet, other_end, restore
from tests.simulation.posts import Tree


@pytest.fixture
def tree(tmp_path):
    found = Tree(tmp_path)
    yield found
    found.close()


@pytest.fixture
def copy(tmp_path):
    return tmp_path / "copy.db"


def two_lives(tree, copy, first, second, *, sent_first=False):
    """The district does the first and tells nobody, is put back to before it and does the second; then to after it."""
    later = copy.with_name("later.db")
    back_up(tree.district, copy)
    first()
    back_up(tree.district, later)
    for one, do in ((copy, second), (later, lambda: None)):
        tree.later(seconds=1)
        restore(tree.district, one)
        meet(tree, tree.district, sent_first=sent_first)
        do()
        tree.carry()


def decide(tree, one, name):
    tree.later(seconds=1)
    tree.district.act(one.id, name, **({"note": "x"} if name == "decline" else {}))


def offered(tree):
    one = tree.commune.open_flood()
    tree.commune.act(one.id, "receive")
    tree.commune.escalate(one.id)
    tree.carry()
    return one


def views(tree, one):
    return {(post.find(one.id).custody.holder, post.find(one.id).custody.term) for post in tree.posts.values()}


def waiting(post):
    query = select(tables.pending.c.audience, tables.pending.c.raw).order_by(tables.pending.c.pos)
    found = post.database.read(lambda session: session.execute(query).all())
    return [(row.audience, decode_record(bytes(row.raw))) for row in found]


def count_receipts(tree, post):
    """The post has a receipt for the last frame of its own that each neighbour holds."""

    def step(session):
        for line in lines_of(tree, post):
            end = other_end(line, post)
            for audience in ("parent", down(end.name)):
                key = StreamKey(post.name, Lane.URGENT.value, audience)
                held = end.database.read(lambda inner, key=key: chain.load(inner.connection(), key))
                mine = chain.load(session.connection(), key)
                if held is not None and mine is not None:
                    place = {"peer": end.name, "stream_id": mine.id, "pos": held.pos, "count": held.count}
                    session.execute(insert(tables.cursor).values(place))

    post.database.write(step)


@pytest.mark.parametrize("sent_first", [False, True])
@pytest.mark.parametrize(("name", "holder", "term"), [("accept", "731", 2), ("decline", "26374", 3)])
def test_a_decision_that_only_the_other_side_heard_is_told_to_the_giver(tree, copy, name, holder, term, sent_first):
    """The answer went up and not down, and the disk was lost: the province gives it back, and the commune hears it."""
    one = offered(tree)
    back_up(tree.district, copy)
    decide(tree, one, name)
    tree.line("731").carry()
    restore(tree.district, copy)
    meet(tree, tree.district, sent_first=sent_first)
    tree.carry()
    assert views(tree, one) == {(tree.posts[holder].name, term)}
    assert {post.find(one.id).status for post in tree.posts.values()} == {Status.RECEIVED}
    assert not any(post.parked() for post in tree.posts.values())


@pytest.mark.parametrize("knows_receipts", [False, True])
@pytest.mark.parametrize(("unheard", "heard"), [("decline", "accept"), ("accept", "decline")])
def test_a_decision_that_nobody_heard_gives_way_to_the_one_they_did(tree, copy, unheard, heard, knows_receipts):
    one = offered(tree)
    if knows_receipts:
        count_receipts(tree, tree.district)
    two_lives(tree, copy, lambda: decide(tree, one, unheard), lambda: decide(tree, one, heard))
    assert len(views(tree, one)) == 1
    answers = tree.district if heard == "accept" else tree.commune
    assert answers.find(one.id).custody.may_end(answers.name)
    assert len({post.find(one.id).status for post in tree.posts.values()}) == 1
    assert not any(post.parked() for post in tree.posts.values())
    verdict = tree.district.database.read(lambda session: rows.decision(session, one.id, tree.commune.name, 1))
    assert verdict == (rows.ACCEPTED if heard == "accept" else rows.REFUSED)
    acts = [line.act for line in tree.province.timeline(one.id)]
    assert (acts.count("accept"), acts.count("decline")) == (1, 1)  # what was given up is a line, and nothing more


def test_an_offer_that_followed_from_a_decision_nobody_heard_is_never_made(tree, copy):
    """Accepted and offered further up, and nobody heard; declined in the life after. The province must not accept."""
    one = offered(tree)

    def take_and_pass_on():
        decide(tree, one, "accept")
        tree.later(seconds=1)
        tree.district.escalate(one.id)

    two_lives(tree, copy, take_and_pass_on, lambda: decide(tree, one, "decline"))
    assert views(tree, one) == {(tree.commune.name, 3)}
    assert "accept" not in tree.province.possible(one.id)
    assert tree.commune.find(one.id).custody.may_end(tree.commune.name)


@pytest.mark.parametrize("sent_first", [False, True])
def test_an_offer_that_was_made_in_another_life_is_answered_once_more(tree, copy, sent_first):
    """The district declined unheard, then accepted and offered up; the province took it. Then back to the first.

    Where the province sends again first, its answer comes to a centre that knows of no offer of its own, and is spent.
    """
    one = offered(tree)

    def take_and_pass_on():
        decide(tree, one, "accept")
        tree.later(seconds=1)
        tree.district.escalate(one.id)
        tree.line("731").carry()
        tree.province.act(one.id, "accept")

    two_lives(tree, copy, lambda: decide(tree, one, "decline"), take_and_pass_on, sent_first=sent_first)
    assert views(tree, one) == {(tree.province.name, 3)}
    assert tree.district.find(one.id).custody.state is CustodyState.GIVEN
    assert not any(post.parked() for post in tree.posts.values())


def test_an_offer_nobody_heard_of_is_made_anew(tree, copy):
    one = offered(tree)
    decide(tree, one, "accept")
    tree.carry()
    tree.district.escalate(one.id)
    back_up(tree.district, copy)
    tree.later(seconds=1)
    restore(tree.district, copy)
    kinds = [record.kind for _, record in waiting(tree.district)]
    assert wire.OFFER not in kinds
    meet(tree, tree.district)
    tree.carry()
    assert "accept" in tree.province.possible(one.id)
    tree.district.act(one.id, "withdraw")
    tree.carry()
    assert views(tree, one) == {(tree.district.name, 4)}


def test_what_nobody_acknowledged_says_nothing_of_custody_and_stays_what_it_is(tree, copy):
    one = offered(tree)
    count_receipts(tree, tree.district)
    decide(tree, one, "accept")
    tree.district.seal()
    before = [frame for frame in tree.district.frames() if frame[0].origin == tree.district.name]
    back_up(tree.district, copy)
    tree.later(seconds=1)
    restore(tree.district, copy)
    now = tree.clock.now()
    left = [frame for frame in tree.district.frames() if frame[0].origin == tree.district.name]
    assert 0 < len(left) < len(before)
    said = [(audience, record.created_at, wire.decode(record.payload)) for audience, record in waiting(tree.district)]
    assert {audience for audience, _, _ in said} == {"parent", down(tree.commune.name)}
    for _, created_at, news in said:
        assert (created_at, news.claim, news.answer, news.step.act) == (now, None, None, "accept")


def test_an_alert_that_waits_in_a_copy_rises_before_all_is_told(tree, copy):
    one = tree.commune.open_flood()
    back_up(tree.commune, copy)
    restore(tree.commune, copy)
    [(audience, record)] = waiting(tree.commune)
    assert (audience, record.kind) == ("parent", wire.ALERT)
    tree.commune.seal()
    for key, _, raw in tree.commune.outgoing(tree.district.name):
        tree.district.take(tree.commune.name, key, raw)
    assert tree.district.find(one.id).custody.holder == tree.commune.name
    meet(tree, tree.commune)
    tree.carry()
    assert views(tree, one) == {(tree.commune.name, 1)}


def test_what_is_said_before_all_is_told_says_nothing_of_custody(tree, copy):
    one = tree.commune.open_flood()
    tree.carry()
    back_up(tree.commune, copy)
    restore(tree.commune, copy)
    tree.later(seconds=1)
    tree.commune.act(one.id, "receive")
    last = wire.decode(waiting(tree.commune)[-1][1].payload)
    assert (last.step.act, last.claim) == ("receive", None)
    meet(tree, tree.commune)
    tree.carry()
    assert {post.find(one.id).status for post in tree.posts.values()} == {Status.RECEIVED}
    assert [line.act for line in tree.province.timeline(one.id)][-1] == "restate"


@pytest.mark.parametrize("skew_s", [0, 30])
def test_who_does_not_answer_for_it_changes_no_status_by_saying_so_anew(tree, copy, skew_s):
    """The district declined, and the commune ended it, perhaps by a slow clock. Then the district's disk is lost."""
    one = offered(tree)
    back_up(tree.district, copy)
    decide(tree, one, "decline")
    tree.carry()
    tree.later(seconds=1 - skew_s)
    tree.commune.act(one.id, "resolve", note="xong")
    tree.later(seconds=skew_s)
    tree.carry()
    tree.later(seconds=1)
    restore(tree.district, copy)
    meet(tree, tree.district)
    tree.carry()
    assert {post.find(one.id).status for post in (tree.commune, tree.province)} == {Status.RESOLVED}
    assert views(tree, one) == {(tree.commune.name, 3)}


def test_what_is_passed_on_once_more_from_a_life_that_was_given_up_is_not_parked(tree, copy):
    """In both lives the district passes the alert on as its first message; the province has verified the alert."""
    one = tree.commune.open_flood()
    two_lives(tree, copy, tree.line("26374").carry, lambda: None)
    assert not any(post.parked() for post in tree.posts.values())
    lines = tree.province.timeline(one.id)
    assert [line.act for line in lines].count("open") == 1
    tree.later(seconds=1)
    tree.commune.act(one.id, "receive")
    tree.carry()
    assert {post.find(one.id).status for post in tree.posts.values()} == {Status.RECEIVED}


def test_who_declined_an_offer_that_it_never_heard_follows_what_the_giver_says_next(tree, copy):
    """The district's offer was lost with its disk, but not its word of it below; then it asks the offer back."""
    one = tree.commune.open_flood()
    tree.carry()
    back_up(tree.district, copy)
    tree.commune.escalate(one.id)
    tree.line("26374").carry()
    tree.district.act(one.id, "accept")
    tree.later(seconds=1)
    tree.district.escalate(one.id)
    tree.line("26374").carry()
    tree.later(seconds=1)
    restore(tree.district, copy)
    meet(tree, tree.district)
    tree.district.act(one.id, "withdraw")
    tree.carry()
    tree.later(seconds=1)
    tree.district.act(one.id, "note", note="tiếp tục")
    tree.carry()
    seen = [post.find(one.id).custody for post in tree.posts.values()]
    assert {(view.holder, view.offered_to, view.term) for view in seen} == {(tree.district.name, None, 4)}
