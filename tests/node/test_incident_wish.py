"""What a citizen wishes of an incident that was ended above: it travels up once, is answered there, and comes back."""

import pytest

from federation.ledger import PARENT
from node.errors import Conflict
from node.incident import anew
from node.incident.pages import Ear
from node.incident.value import Status
from tests.simulation.posts import Tree


@pytest.fixture
def tree(tmp_path):
    found = Tree(tmp_path)
    yield found
    found.close()


def ended_above(tree, at="province"):
    """A flood that was handed up and ended there."""
    one = tree.commune.open_flood()
    tree.commune.escalate(one.id)
    tree.carry()
    tree.district.act(one.id, "accept")
    if at == "province":
        tree.district.escalate(one.id)
        tree.carry()
        tree.province.act(one.id, "accept")
    holder = getattr(tree, at)
    tree.carry()
    tree.later(minutes=1)
    holder.act(one.id, "resolve", note="đã bơm")
    tree.carry()
    return one.id


def statuses(tree, incident_id):
    return [post.find(incident_id).status for post in (tree.commune, tree.district, tree.province)]


def acts(post, incident_id, *names):
    return [event.act for event in post.timeline(incident_id) if event.act in names]


@pytest.mark.parametrize("at", ["district", "province"])
@pytest.mark.parametrize(("answer", "status"), [("reopen", Status.REOPENED), ("keep", Status.CLOSED)])
def test_a_wish_rises_to_whoever_ended_it_and_the_answer_comes_down(tree, at, answer, status):
    one = ended_above(tree, at)
    tree.later(minutes=1)
    tree.commune.act(one, "ask_reopen", note="nước lại dâng")
    assert tree.commune.find(one).status is Status.RESOLVED  # it is the holder's to say
    tree.carry()
    assert statuses(tree, one) == [Status.REOPEN_ASKED] * 3
    holder = getattr(tree, at)
    assert one in {item.id for item in holder.queue()}
    assert {"reopen", "keep"} <= holder.possible(one)
    assert "nước lại dâng" in {event.note for event in holder.timeline(one)}
    tree.later(minutes=1)
    holder.act(one, answer, note="đã xem lại")
    tree.carry()
    assert statuses(tree, one) == [status] * 3
    for post in (tree.commune, tree.district, tree.province):
        assert acts(post, one, "ask_reopen", "reopen_asked", answer) == ["ask_reopen", "reopen_asked", answer]
        assert post.parked() == []


def test_a_wish_is_sent_once_until_it_is_answered_and_its_frames_take_effect_once(tree):
    one = ended_above(tree)
    tree.line("731").repeats = tree.line("26374").repeats = 2
    tree.commune.act(one, "ask_reopen", note="nước lại dâng")
    with pytest.raises(Conflict, match="đang chờ trả lời"):
        tree.commune.act(one, "ask_reopen", note="nước lại dâng")
    tree.carry()
    for line in tree.lines.values():
        line.forget()
    tree.carry()
    assert acts(tree.province, one, "ask_reopen", "reopen_asked") == ["ask_reopen", "reopen_asked"]
    assert "ask_reopen" not in tree.commune.possible(one)
    tree.province.act(one, "keep", note="đã đúng")
    tree.carry()
    tree.commune.act(one, "ask_reopen", note="vẫn chưa")
    tree.carry()
    assert tree.province.find(one).status is Status.REOPEN_ASKED


def test_a_wish_that_crosses_the_close_still_waits_for_an_answer(tree):
    one = ended_above(tree)
    tree.commune.act(one, "ask_reopen", note="nước lại dâng")
    tree.province.act(one, "close")
    tree.carry()
    assert statuses(tree, one) == [Status.REOPEN_ASKED] * 3


def test_a_wish_that_crosses_the_reopening_is_a_line_and_no_more(tree):
    one = ended_above(tree)
    tree.commune.act(one, "ask_reopen", note="nước lại dâng")
    tree.province.act(one, "reopen", note="thấy nước dâng")
    tree.carry()
    assert statuses(tree, one) == [Status.REOPENED] * 3
    assert acts(tree.province, one, "reopen_asked") == []


def test_a_rating_reaches_whoever_ended_it(tree):
    one = ended_above(tree)
    tree.commune.act(one, "rate", rating="unsatisfied", note="còn ngập")
    tree.carry()
    assert statuses(tree, one) == [Status.RATED] * 3
    note = next(event.note for event in tree.province.timeline(one) if event.act == "rate")
    assert note == "Không hài lòng. còn ngập"
    assert acts(tree.province, one, "rate", "rated") == ["rate", "rated"]


def test_only_whoever_took_the_report_wishes_for_its_reporter(tree):
    one = ended_above(tree)
    tree.district.act(one, "ask_reopen", note="không phải của mình")
    tree.carry()
    assert tree.province.find(one).status is Status.RESOLVED


def test_a_restored_centre_takes_a_wish_up_once_all_has_been_told(tree):
    one = ended_above(tree, "district")
    tree.commune.act(one, "ask_reopen", note="nước lại dâng")
    tree.district.is_locked = True
    key, _, raw = [sent for sent in sealed(tree.commune) if sent[0].audience == PARENT][-1]
    tree.district.take(tree.commune.name, key, raw)
    assert tree.district.find(one).status is Status.RESOLVED
    tree.district.is_locked = False
    ear = Ear(tree.district.centre, tree.district.registry.current, tree.clock.now())
    assert tree.district.database.write(lambda session: anew.say(session, ear)) == 1
    assert tree.district.database.write(lambda session: anew.say(session, ear)) == 0
    tree.carry()
    assert statuses(tree, one) == [Status.REOPEN_ASKED] * 3


def sealed(post):
    post.seal()
    return post.frames()
