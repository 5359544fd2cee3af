"""Two people stand for a dataset, children before their parent; what is approved does not change unseen."""

from dataclasses import replace
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest

from federation.receiver import Unacceptable
from node.errors import Conflict, CustodyLocked, Invalid, Stale
from node.figures import approval, approval_rows, approving, closing, hearing
from node.figures.approval import Act, approval_hash, mark_of
from node.figures.approving import Asked, Person
from node.figures.period import Grain, Period
from node.tables import audit as audit_table

COMMUNES = ("26374", "26377", "26173", "26179")
AN, BINH = Person(username="an", display_name="An"), Person(username="binh", display_name="Bình")
SET = "incident"


@pytest.fixture
def day(figures):
    figures.midnight()
    figures.post("26374").open_litter()
    figures.midnight()
    figures.close(*COMMUNES)
    figures.carry()
    figures.later(hours=2)
    figures.total("731", "735")
    figures.carry()
    figures.total("75")
    return figures


def step(figures, code, act, person, *, number=None, reason="", is_exception=False, period=None):
    post, now = figures.post(code), figures.clock.now()
    place, period = closing.place_of(post.context, now), period or figures.last()
    known = [one for one in steps(figures, code, period) if one.centre == post.name]
    asked = Asked(
        dataset=SET,
        period=period,
        act=Act(act),
        number=len(known) if number is None else number,
        reason=reason,
        is_exception=is_exception,
    )
    return post.database.write(lambda session: approving.perform(session, post.context, place, person, asked))


def steps(figures, code, period=None):
    period = period or figures.last()
    found = figures.post(code).database.read(lambda s: approval_rows.steps_in(s, period.begin, period.end))
    return [one for one in found if one.approval.period == period]


def both(figures, *codes, **more):
    for code in codes:
        step(figures, code, "prepare", AN, **more)
        step(figures, code, "approve", BINH, **more)


def approved(figures, code, indicator="incident.opened"):
    post = figures.post(code)
    place = closing.place_of(post.context, figures.clock.now())
    book = post.database.read(lambda s: open_(s, figures, place))
    definition = next(one for one in book.definitions() if one.code == indicator)
    return book.gather(definition).coverage.approved


def open_(session, figures, place):
    from node.figures.book import open_book

    return open_book(session, place, figures.last(), figures.post("75").context.definitions, figures.period_s)


def test_two_people_of_each_centre_and_children_before_their_parent(day):
    both(day, *COMMUNES)
    day.carry()
    assert [approved(day, code) for code in ("75", "731", "26374")] == [4, 2, 1]
    with pytest.raises(Conflict) as refused:
        both(day, "75")
    assert refused.value.extra["needs_exception"] is True, "the districts have not approved yet"
    day.total("731", "735")
    both(day, "731", "735")
    day.carry()
    day.total("75")
    step(day, "75", "prepare", AN, number=1)
    done = step(day, "75", "approve", BINH)
    assert (done.approval.without, done.approval.is_exception) == ((), False)
    mine = [one for one in day.states("75") if one.centre == day.post("75").name and one.statement.fold]
    assert {one.statement.fold.coverage.approved for one in mine if one.statement.revision == 2} == {4}
    assert {one.statement.reason for one in mine if one.statement.revision == 2} == {"approval"}


def test_who_prepared_does_not_approve(day):
    step(day, "26374", "prepare", AN)
    with pytest.raises(Conflict, match="không tự duyệt"):
        step(day, "26374", "approve", AN)
    assert step(day, "26374", "approve", BINH).approval.number == 2


def test_nothing_is_approved_that_was_not_prepared_or_changed_since(day):
    with pytest.raises(Conflict, match="chưa có ai chuẩn bị"):
        step(day, "26374", "approve", BINH)
    step(day, "26374", "prepare", AN)
    day.clock.advance(-3 * 3600)  # back into the day, as a fact that was written down late
    day.post("26374").open_flood(now=day.last().end - (day.last().end - day.last().begin) / 2)
    day.clock.advance(3 * 3600)
    day.close("26374")
    with pytest.raises(Conflict, match="đã đổi từ khi chuẩn bị"):
        step(day, "26374", "approve", BINH)
    with pytest.raises(Stale):
        step(day, "26374", "prepare", AN, number=0)
    both(day, "26374")


def test_an_exception_needs_a_reason_and_travels_with_it(day):
    both(day, "26374")
    day.carry()
    step(day, "731", "prepare", AN)
    with pytest.raises(Conflict):
        step(day, "731", "approve", BINH)
    with pytest.raises(Invalid):
        step(day, "731", "approve", BINH, is_exception=True, reason="ừ")
    step(day, "731", "approve", BINH, is_exception=True, reason="xã Phước Tân mất điện")
    day.carry()
    (heard,) = [one for one in steps(day, "75") if one.centre == day.post("731").name and one.approval.number == 2]
    assert heard.approval.without == (day.post("26377").name,)
    assert (heard.approval.reason, heard.approval.actor) == ("xã Phước Tân mất điện", "Bình")
    (row,) = [one for one in audited(day, "731") if one.act == "figure.approve"]
    assert "Phước Tân" in row.detail
    assert row.actor == "binh"


def audited(day, code):
    return day.post(code).database.read(lambda s: list(s.execute(audit_table.select())))


def change_that_day(day, code):
    """Something that happened on the day that is over comes into the book now."""
    middle = day.last().begin + (day.last().end - day.last().begin) / 2
    day.post(code).open_flood(now=middle)


def test_what_is_approved_is_locked_until_a_leader_unlocks_it(day):
    both(day, "26374")
    before = [one.hash for one in day.states("26374")]
    change_that_day(day, "26374")
    day.close("26374")
    assert [one.hash for one in day.states("26374")] == before, "held back"
    with pytest.raises(Conflict, match="mở khóa"):
        step(day, "26374", "prepare", AN)
    with pytest.raises(Invalid):
        step(day, "26374", "unlock", BINH)
    step(day, "26374", "unlock", BINH, reason="bổ sung sự cố ghi sau")
    assert "figure.unlock" in {one.act for one in audited(day, "26374")}
    day.close("26374")
    revisions = [one.statement.revision for one in day.states("26374") if one.statement.indicator == "incident.opened"]
    assert revisions == [1, 2]
    assert approved(day, "26374") == 0
    both(day, "26374")
    day.carry()
    assert approved(day, "731") == 1


def test_after_the_freeze_date_every_change_is_an_exception(day):
    old = day.last()
    day.later(days=31)
    change = old.begin + (old.end - old.begin) / 2
    day.post("26374").open_flood(now=change)
    day.close("26374")

    def revisions():
        states = day.states("26374", old)
        return [one.statement.revision for one in states if one.statement.indicator == "incident.opened"]

    assert revisions() == [1]
    with pytest.raises(Conflict, match="khóa sổ"):
        step(day, "26374", "unlock", BINH, period=old, reason="phát hiện sót")
    step(day, "26374", "unlock", BINH, period=old, reason="phát hiện sót", is_exception=True)
    day.close("26374")
    assert revisions() == [1, 2]
    (last,) = steps(day, "26374", old)
    assert last.approval.is_after_freeze


def test_a_month_is_approved_at_once_and_a_later_day_is_not(day):
    month = Period.around(day.last().local_date, Grain.MONTH)
    while day.clock.now() < month.end:
        day.midnight()
    day.close("26374")
    both(day, "26374", period=month)
    assert approved(day, "26374") == 1, "the last day of the month"
    day.midnight()
    day.close("26374")
    assert approved(day, "26374") == 0


def test_a_period_that_runs_and_a_quarter_are_not_approved(day):
    today = day.last().after()
    with pytest.raises(Conflict, match="chưa kết thúc"):
        step(day, "26374", "prepare", AN, period=today)
    with pytest.raises(Invalid):
        step(day, "26374", "prepare", AN, period=Period.parse("2025-Q1"))
    with pytest.raises(Conflict, match="chưa ký"):
        step(day, "26374", "prepare", AN, period=day.last().before(100), is_exception=True, reason="không có gì")
    day.post("26374").is_locked = True
    with pytest.raises(CustodyLocked):
        step(day, "26374", "prepare", AN)


def test_of_two_words_with_one_number_the_later_holds_wherever_they_arrive(day):
    both(day, "26374")
    first, second = steps(day, "26374")
    undone = replace(second, approval=replace(second.approval, act=Act.UNLOCK), signed_at=day.clock.now())
    later = replace(undone, rid=type(second.rid)(int=second.rid.int + 1))
    for order in ([first, second, later], [later, second, first]):
        held = approval_rows.that_hold(order).approved
        assert held == frozenset(), "the tie goes to the greater rid"


# the bytes -----------------------------------------------------------------------------------------------------------


def test_a_step_is_read_as_it_was_written_and_names_nobody(day):
    made = step(day, "26374", "prepare", AN).approval
    assert approval.decode(approval.encode(made)) == made
    assert b"an" not in made.actor_mark
    assert mark_of(day.post("26374").name, "an") == made.actor_mark != mark_of(day.post("26377").name, "an")


@pytest.mark.parametrize(
    "changed",
    [
        {"number": 2},
        {"states": ()},
        {"states": (b"\x01" * 32, b"\x01" * 32)},
        {"states": (b"short",)},
        {"dataset": "Sự cố"},
        {"actor": ""},
        {"actor_mark": b""},
        {"act": Act.UNLOCK},
        {"without": ("n-x",)},
        {"is_after_freeze": True},
        {"act": Act.APPROVE, "without": ("n-b", "n-a"), "reason": "có lý do"},
        {"area_code": "x"},
    ],
)
def test_what_cannot_be_is_refused(changed):
    made = approval.Approval(
        dataset=SET,
        area_code="26374",
        period=Period.parse("2025-06-01"),
        number=1,
        act=Act.PREPARE,
        states=(bytes(32),),
        actor="An",
        actor_mark=bytes(16),
        at=datetime(2025, 6, 2, tzinfo=UTC),
    )
    assert approval.decode(approval.encode(made)) == made
    with pytest.raises(Unacceptable):
        approval.decode(approval.encode(replace(made, **changed)))


def test_nobody_approves_for_another_area(day):
    made = step(day, "26374", "prepare", AN)
    post = day.post("75")
    raw = approval.encode(replace(made.approval, area_code="26377"))
    inbound = SimpleNamespace(
        payload=raw, origin=made.centre, rid=made.rid, created_at=made.signed_at, sender=made.centre
    )
    with pytest.raises(Unacceptable, match="not its area"):
        hearing.hear_approval(None, inbound, post.registry.current, now=day.clock.now())
    assert approval_hash(raw) != made.hash


def test_a_total_says_anew_who_approved_once_all_have_and_not_with_each(day):
    def revisions():
        day.carry()
        day.total("731")
        return max(one.statement.revision for one in day.totals("731"))

    both(day, "26374")
    assert revisions() == 1
    both(day, "26377")
    assert revisions() == 2
    step(day, "26374", "unlock", BINH, reason="phát hiện sai")
    assert revisions() == 2
