"""Longer periods: folded as each type folds over time, under the meet of the labels, each day on its own tree."""

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from node.figures import catalogue, closing
from node.figures.book import open_book
from node.figures.definition import Bound, Definition, Expectation, Quality, Thresholds
from node.figures.figure import Coverage, Figure, Relation, Status
from node.figures.light import Colour, light
from node.figures.period import DAY_S, Grain, Period, PeriodError, last_of
from node.figures.quality import Rule, broken
from node.figures.spans import Held, gather_span, stated_for
from node.figures.state import Cell, StateType, fold_all
from tests.node.figures.test_approvals import both

COMMUNES = ("26374", "26377", "26173", "26179")
dates = st.dates(min_value=Period.parse("2001").local_date, max_value=Period.parse("2199").local_date)
grains = st.sampled_from([one for one in Grain if one is not Grain.BUCKET])


@given(dates, grains)
def test_periods_of_the_calendar_have_one_name_and_follow_one_another(day, grain):
    one = Period.around(day, grain)
    assert Period.parse(one.key) == one
    assert one.grain is grain
    assert one.local_date <= day <= one.last_date
    assert one.after().begin == one.end
    assert one.after().before() == one
    earlier = one.year_before()
    assert earlier is None or (earlier.grain, earlier.after() <= one) == (grain, True)


@given(dates, grains)
def test_a_longer_period_consists_of_its_days(day, grain):
    one = Period.around(day, grain)
    days = one.buckets(DAY_S)
    assert (days[0].begin, days[-1].end) == (one.begin, one.end)
    if grain in {Grain.QUARTER, Grain.YEAR}:
        months = one.parts(Grain.MONTH)
        assert [bucket for month in months for bucket in month.buckets(DAY_S)] == days


@pytest.mark.parametrize("key", ["2025-13", "2025-W54", "2025-W00", "2025-Q5", "25", "2025-1", "1999", "2025-w01"])
def test_what_names_no_period(key):
    with pytest.raises(PeriodError):
        Period.parse(key)


def test_what_is_typed_by_the_month_has_no_weeks():
    days, months = catalogue.load().find("incident.opened", 1), catalogue.load().find("dvc.filed_online", 1)
    assert len(stated_for(days, Period.parse("2026-W10"), DAY_S)) == 7
    assert stated_for(months, Period.parse("2026-W10"), DAY_S) is None
    assert stated_for(months, Period.parse("2026-03-01"), DAY_S) is None
    assert [one.key for one in stated_for(months, Period.parse("2026-Q1"), DAY_S)] == ["2026-01", "2026-02", "2026-03"]
    assert stated_for(days, Period.parse("2026"), 60) is None, "half a million minutes"


def look(figures, code, key, indicator="incident.opened", area=""):
    post = figures.post(code)
    place = closing.place_of(post.context, figures.clock.now(), area)
    book = post.database.read(
        lambda session: open_book(session, place, Period.parse(key), post.context.definitions, figures.period_s)
    )
    definition = next(one for one in book.definitions() if one.code == indicator)
    return book, definition, book.gather(definition)


@pytest.fixture
def days(figures):
    """From a Monday on: one incident on Tuesday here, two on Wednesday there; every commune closes every day."""
    while last_of(figures.clock.now(), Grain.WEEK).end != figures.last().end:
        figures.midnight()
    for code, count in (("26374", 0), ("26374", 1), ("26173", 2), ("26173", 0)):
        for _ in range(count):
            figures.post(code).open_litter()
        figures.midnight()
        figures.close(*COMMUNES)
    figures.carry()
    return figures


def week(figures):
    return Period.around(figures.last().local_date, Grain.WEEK)


def test_a_running_week_says_how_far_it_is(days):
    _, _, found = look(days, "75", week(days).key)
    assert (found.buckets.all, found.buckets.over, found.buckets.due, found.buckets.whole) == (7, 4, 4, 4)
    assert (found.figure(0).value, found.status) == (Decimal(3), Status.PROVISIONAL)
    assert (found.coverage.received, found.coverage.expected) == (4, 4)
    assert found.as_of == min(part.as_of for part in found.parts)


def test_a_week_is_the_sum_and_of_a_stock_the_last_day(days):
    key = week(days).key
    for _ in range(3):
        days.midnight()
        days.close(*COMMUNES)
    days.carry()
    days.later(hours=2)
    _, _, counted = look(days, "75", key)
    _, _, standing = look(days, "75", key, "incident.open")
    assert (counted.figure(0).value, standing.figure(0).value) == (Decimal(3), Decimal(3))
    assert counted.status is Status.LATE, "the first days arrived after they were due"
    shares = {part.centre: counted.share(part) for part in counted.parts}
    assert sum(cell.n for cell in shares[days.post("26173").name].values()) == 2
    book, definition, _ = look(days, "75", key)
    assert [one.figure(0).value for one in book.series(definition)] == [0, 1, 2, 0, 0, 0, 0]


def test_one_silent_day_of_one_commune_makes_the_week_unknown(days):
    days.midnight()
    days.close("26374", "26377", "26173")
    days.carry()
    days.later(hours=2)
    _, _, found = look(days, "75", week(days).key)
    whole = found.figure(0)
    assert (whole.value, whole.partial) == (None, Decimal(3))
    assert (found.coverage.received, found.coverage.silent, found.coverage.expected) == (3, 1, 4)
    missing = [part.centre for part in found.parts if not part.is_received]
    assert missing == [days.post("26179").name]
    assert (found.buckets.due, found.buckets.whole) == (5, 4)


def test_a_week_is_approved_where_each_day_is(days):
    last = days.last()
    for back in range(4):
        both(days, "26374", period=last.before(back))
    both(days, "26377", period=last)
    days.carry()
    assert look(days, "75", week(days).key)[2].coverage.approved == 1


def test_a_longer_period_is_the_same_in_whatever_order_states_came(days):
    _, definition, found = look(days, "75", week(days).key)
    book = look(days, "75", week(days).key)[0]
    held = Held(
        states={key: list(reversed(states)) for key, states in book.states.items()},
        spoke=book.spoke,
        approved=book.approvals.approved,
        valid=lambda _: definition,
    )
    again = gather_span(book.place, definition, book.period, book.parts(definition), held)
    assert (again.cells, again.coverage, again.root) == (found.cells, found.coverage, found.root)


def test_days_counted_by_another_version_are_not_added(days):
    book, definition, _ = look(days, "75", week(days).key)
    other = replace(definition, hash=bytes(32))
    first = book.period.buckets(DAY_S)[0]
    held = Held(
        states=book.states,
        spoke={},
        approved=frozenset(),
        valid=lambda period: other if period == first else definition,
    )
    found = gather_span(book.place, definition, book.period, book.parts(definition), held)
    assert found.figure(0).value is None
    assert (found.buckets.due, found.buckets.whole) == (4, 3)


def test_percentiles_of_a_month_come_from_the_buckets_of_all_days():
    definition = catalogue.load().find("incident.first_ack", 1)
    zeros = (0,) * 9
    day = [Cell(n=1, counts=(1, 0, *zeros), total=Decimal(1)), Cell(n=9, counts=(0, 9, *zeros), total=Decimal(27))]
    folded = fold_all(StateType.HIST, [{(): one} for one in day])[()]
    from node.figures.figure import shown

    assert shown(definition, folded) == (Decimal(5), Relation.AT_MOST), "no mean of the medians 1 and 5"


# lights --------------------------------------------------------------------------------------------------------------


def indicator(**more):
    said = {"code": "t.x", "version": 1, "issuer": "province", "name_vi": "", "name_en": "", "explain_vi": ""}
    said |= {"explain_en": "", "subject": "t", "unit_vi": "", "unit_en": "", "state": StateType.RATIO}
    return Definition(valid_from=None, expect=Expectation(who=("coc",), due_s=1), **{**said, **more})


def figure(value=None, received=4, partial=None, relation=Relation.EXACT):
    from datetime import UTC, datetime

    return Figure(
        value=value,
        partial=partial,
        relation=relation,
        coverage=Coverage(expected=4, received=received),
        as_of=datetime(2026, 1, 1, tzinfo=UTC) if received else None,
        status=Status.FINAL,
        revision=1,
        definition="t.x@1",
    )


UP = indicator(thresholds=Thresholds(green=Bound(">=", Decimal(95)), red=Bound("<", Decimal(80)), min_coverage=75))
WAIT = indicator(
    thresholds=Thresholds(green=Bound("<=", Decimal(240)), red=Bound(">", Decimal(1440))),
    edges=tuple(map(Decimal, (60, 240, 480, 1440, 2880))),
)


@pytest.mark.parametrize(
    ("definition", "one", "colour"),
    [
        (UP, figure(Decimal(95)), Colour.GREEN),
        (UP, figure(Decimal("94.9")), Colour.AMBER),
        (UP, figure(Decimal(80)), Colour.AMBER),
        (UP, figure(Decimal("79.9")), Colour.RED),
        (UP, figure(received=3, partial=Decimal(99)), Colour.GREEN),
        (UP, figure(received=2, partial=Decimal(99)), Colour.NONE),
        (UP, figure(received=0), Colour.NONE),
        (WAIT, figure(Decimal(240), relation=Relation.AT_MOST), Colour.GREEN),
        (WAIT, figure(Decimal(480), relation=Relation.AT_MOST), Colour.AMBER),
        (WAIT, figure(Decimal(2880), relation=Relation.AT_MOST), Colour.RED),
        (WAIT, figure(Decimal(2880), relation=Relation.ABOVE), Colour.RED),
        (WAIT, figure(received=3, partial=Decimal(60), relation=Relation.AT_MOST), Colour.NONE),
    ],
)
def test_a_light_only_where_enough_have_reported_and_never_green_by_silence(definition, one, colour):
    assert light(definition, one).colour is colour


def test_no_thresholds_no_light():
    assert light(indicator(), figure(Decimal(1))) is None


@settings(max_examples=60)
@given(st.integers(0, 4), st.decimals(0, 100, places=1))
def test_silence_is_never_green(received, value):
    one = figure(value) if received == 4 else figure(received=received, partial=value if received else None)
    if received < 3:
        assert light(UP, one).colour is Colour.NONE


# quality -------------------------------------------------------------------------------------------------------------


def test_what_lies_far_from_the_periods_before_is_marked_and_one_wild_value_does_not_hide_the_next():
    rule = indicator(
        state=StateType.COUNT,
        quality=Quality(least=Decimal(1), most=Decimal(500), outlier=Decimal(6)),
    )
    before = [{(): Cell(n=n)} for n in (10, 12, 11, 9, 300, 10)]
    assert broken(rule, {(): Cell(n=12)}, before) == []
    assert [one for one, _ in broken(rule, {(): Cell(n=290)}, before)] == [Rule.OUTLIER]
    assert [one for one, _ in broken(rule, {(): Cell(n=900)}, before)] == [Rule.MOST, Rule.OUTLIER]
    assert [one for one, _ in broken(rule, {}, before)] == [Rule.LEAST, Rule.OUTLIER]
    assert broken(rule, {(): Cell(n=290)}, before[:2]) == [], "too few to say"
