"""Typed numbers: marked as typed, with evidence, a revision each time, and two people for what they are used for."""

from datetime import UTC, datetime, timedelta

import pytest

from node.errors import Conflict, Forbidden, Invalid, Stale
from node.figures import approving, closing, entering
from node.figures.approval import Act
from node.figures.approving import Asked, Person
from node.figures.entering import Typed
from node.figures.period import Period
from tests.node.figures.conftest import CATALOGUE
from tests.node.figures.test_spans import look

AN = Person(username="an", display_name="An")
FILED = CATALOGUE.find("dvc.filed_online", 1)
MONTH = Period.parse("2026-02")
COMMUNES = ("26374", "26377", "26173", "26179")


@pytest.fixture
def march(figures):
    figures.clock.advance((datetime(2026, 3, 2, 2, tzinfo=UTC) - figures.clock.now()).total_seconds())
    return figures


def enter(figures, code, part="80", whole="100", *, definition=FILED, period=MONTH, **more):
    post = figures.post(code)
    said = {"revision": 0, "evidence": "Báo cáo số 12/BC-UBND"} | more
    typed = Typed(period=period, cells=[((), {"numerator": part, "denominator": whole})], **said)
    return post.database.write(lambda session: entering.enter(session, post.context, definition, AN, typed))


def test_typed_numbers_travel_marked_and_add_up(march):
    for code in COMMUNES:
        enter(march, code)
    march.carry()
    book, _, found = look(march, "75", "2026-02", "dvc.filed_online")
    whole = found.figure(0)
    assert (str(whole.value), found.coverage.received) == ("80.0", 4)
    assert whole.status.value == "P", "it needs approval"
    said = found.parts[0].stated.statement
    assert (said.entry.actor, said.entry.evidence, said.reason) == ("An", "Báo cáo số 12/BC-UBND", "typed")
    assert book.definitions()
    _, _, quarter = look(march, "75", "2026-Q1", "dvc.filed_online")
    assert (quarter.buckets.all, quarter.buckets.over, quarter.figure(0).value) == (3, 2, None), "January was not typed"


def test_a_parent_signs_the_total_of_a_month(march):
    for code in COMMUNES:
        enter(march, code)
    march.carry()
    post, now = march.post("731"), march.clock.now()
    periods = post.database.read(lambda session: closing.typed_periods(session, post.context, now))
    assert periods == [MONTH]
    sheets, _ = post.database.read(lambda session: closing.totals(session, post.context, CATALOGUE, periods, now))
    (said,) = [one for sheet in sheets for one in sheet.statements]
    assert (said.period, said.cells[()].denominator, said.fold.coverage.received) == (MONTH, 200, 2)


def test_every_change_is_a_revision_with_a_reason(march):
    enter(march, "26374")
    with pytest.raises(Stale):
        enter(march, "26374", "81")
    with pytest.raises(Invalid, match="lý do"):
        enter(march, "26374", "81", revision=1)
    said = enter(march, "26374", "81", revision=1, note="nhập nhầm tử số")
    assert (said.revision, said.reason, said.entry.note) == (2, "correction", "nhập nhầm tử số")
    states = march.states("26374", MONTH)
    assert [one.statement.revision for one in states] == [1, 2]
    assert states[1].statement.supersedes == states[0].hash


@pytest.mark.parametrize(
    ("part", "whole", "words"),
    [
        ("120", "100", "tử số lớn hơn"),
        ("-1", "100", "số nguyên"),
        ("1.5", "100", "số nguyên"),
        ("", "100", "số nguyên"),
        ("=1+1", "100", "số nguyên"),
        ("٣", "100", "số nguyên"),
    ],
)
def test_what_is_no_number_is_refused_in_words(march, part, whole, words):
    with pytest.raises(Invalid) as refused:
        enter(march, "26374", part, whole)
    assert words in refused.value.errors[0]["message"]


def test_without_evidence_or_before_the_end_or_of_a_book_nothing_is_typed(march):
    with pytest.raises(Invalid, match="căn cứ"):
        enter(march, "26374", evidence=" ")
    enter(march, "26374", evidence="", evidence_sha256=bytes(range(32)))
    with pytest.raises(Conflict, match="chưa kết thúc"):
        enter(march, "26374", period=Period.parse("2026-03"))
    with pytest.raises(Invalid, match="kỳ"):
        enter(march, "26374", period=Period.parse("2026-02-03"))
    with pytest.raises(Forbidden):
        enter(march, "26374", definition=CATALOGUE.find("incident.resolved_in_time", 2))


def test_what_is_unlike_all_before_is_confirmed_and_bears_a_mark(march):
    petitions = CATALOGUE.find("dvc.petitions_in_time", 2)
    march.clock.advance(timedelta(days=160).total_seconds())
    march.post("26374").context.settings.figures.freeze_s = 400 * 86_400
    last = Period.parse("2026-07")
    for back in range(5, 0, -1):
        enter(march, "26374", str(90 + back % 3), definition=petitions, period=last.before(back))
    with pytest.raises(Invalid) as refused:
        enter(march, "26374", "12", definition=petitions, period=last)
    assert refused.value.extra["needs_confirmation"] is True
    said = enter(march, "26374", "12", definition=petitions, period=last, is_confirmed=True)
    assert said.entry.marks == ("outlier",)


def test_after_the_freeze_date_a_leader_opens_a_month_first(march):
    march.clock.advance(timedelta(days=60).total_seconds())
    with pytest.raises(Conflict, match="mở khóa"):
        enter(march, "26374")
    post = march.post("26374")
    place = closing.place_of(post.context, march.clock.now())
    asked = Asked(
        dataset="public_service", period=MONTH, act=Act.UNLOCK, number=0, reason="nhập bù tháng 2", is_exception=True
    )
    post.database.write(lambda session: approving.perform(session, post.context, place, AN, asked))
    assert enter(march, "26374").status.value == "L"


def test_a_locked_month_is_not_typed_over(march):
    enter(march, "26374")
    post = march.post("26374")
    place = closing.place_of(post.context, march.clock.now())
    people = ((Act.PREPARE, AN), (Act.APPROVE, Person(username="binh", display_name="Bình")))
    for number, (act, person) in enumerate(people):
        asked = Asked(dataset="public_service", period=MONTH, act=act, number=number)
        post.database.write(lambda s, p=person, a=asked: approving.perform(s, post.context, place, p, a))
    with pytest.raises(Conflict, match="mở khóa"):
        enter(march, "26374", "81", revision=1, note="nhập nhầm")
    march.carry()
    assert look(march, "731", "2026-02", "dvc.filed_online")[2].coverage.approved == 1
