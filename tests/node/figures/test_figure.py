"""No number without its label: whatever is put together, a value stands only where everybody has spoken."""

from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.figures.definition import Definition, Expectation
from node.figures.figure import Coverage, Figure, Relation, Status, derived, figure, shown, worst
from node.figures.state import Cell, StateType

NOW = datetime(2025, 6, 2, tzinfo=UTC)


def definition(state, **more):
    facts = {
        "code": "test.one",
        "version": 1,
        "valid_from": date(2025, 1, 1),
        "issuer": "province",
        "name_vi": "Một",
        "name_en": "One",
        "explain_vi": "Một",
        "explain_en": "One",
        "subject": "test",
        "unit_vi": "cái",
        "unit_en": "pieces",
        "state": state,
        "expect": Expectation(who=("coc",), due_s=3600),
    }
    return Definition(**facts | more)


@st.composite
def coverages(draw):
    expected = draw(st.integers(0, 8))
    received = draw(st.integers(0, expected))
    return Coverage(
        expected=expected,
        received=received,
        approved=draw(st.integers(0, received)),
        late=draw(st.integers(0, received)),
        silent=draw(st.integers(0, expected - received)),
    )


@st.composite
def figures(draw):
    coverage = draw(coverages())
    as_of = NOW if coverage.received else None
    cell = Cell(n=draw(st.integers(0, 9)))
    status = draw(st.sampled_from(Status))
    return figure(
        definition(StateType.COUNT), cell, coverage, as_of=as_of, status=status, revision=draw(st.integers(0, 3))
    )


@given(figures())
def test_a_value_stands_only_where_everybody_has_spoken(one):
    assert (one.value is not None) == one.coverage.is_whole
    assert (one.partial is not None) == (one.coverage.received > 0 and not one.coverage.is_whole)
    assert (one.as_of is None) == (one.coverage.received == 0)


@given(coverages(), coverages(), coverages())
def test_labels_meet_in_any_order_and_never_get_better(one, two, three):
    assert one.meet(two) == two.meet(one)
    assert one.meet(one).received == one.received
    assert one.meet(two).meet(three).is_whole == one.meet(two.meet(three)).is_whole
    met = one.meet(two)
    assert met.received <= min(one.received, two.received)
    assert met.expected >= max(one.expected, two.expected)
    if met.is_whole:
        assert one.is_whole
        assert two.is_whole


@given(st.lists(figures(), min_size=1, max_size=4))
def test_the_label_of_a_formula_is_the_meet_of_its_inputs(inputs):
    found = derived("sum@1", inputs, lambda *values: sum(values, Decimal(0)))
    assert found.status is worst(one.status for one in inputs)
    assert (found.value is not None) == (found.coverage.is_whole and all(one.value is not None for one in inputs))
    if found.value is not None:
        assert found.value == sum(one.value for one in inputs)


def test_a_number_that_would_hide_a_silence_cannot_be_made():
    whole = Figure(
        value=Decimal(1),
        coverage=Coverage(expected=1, received=1),
        as_of=NOW,
        status=Status.FINAL,
        revision=1,
        definition="a.b@1",
    )
    missing = Coverage(expected=2, received=1, silent=1)
    for change in (
        {"coverage": missing},
        {"as_of": None},
        {"partial": Decimal(1)},
        {"value": None, "coverage": Coverage(expected=1, received=0), "partial": Decimal(1), "as_of": None},
        {"coverage": Coverage(expected=0, received=0), "as_of": None},
    ):
        with pytest.raises(ValueError, match=r"value|figure"):
            replace(whole, **change)


@pytest.mark.parametrize(
    "parts", [(1, 2, 0, 0, 0), (2, 1, 0, 0, 2), (2, 1, 2, 0, 0), (2, 1, 0, 2, 0), (-1, 0, 0, 0, 0)]
)
def test_what_cannot_be_counted_so_is_no_coverage(parts):
    names = ("expected", "received", "approved", "late", "silent")
    with pytest.raises(ValueError, match="no coverage"):
        Coverage(**dict(zip(names, parts, strict=True)))


def test_nobody_expected_is_no_green():
    assert not Coverage(expected=0, received=0).is_whole


def test_what_is_shown_of_each_state():
    edges = tuple(map(Decimal, (1, 5, 15)))
    hist = definition(StateType.HIST, edges=edges, show="p50")
    sets = [
        (definition(StateType.COUNT), Cell(), "0"),
        (definition(StateType.SUM, decimals=2), Cell(n=2, total=Decimal("0.125")), "0.12"),
        (definition(StateType.MEAN, decimals=1), Cell(n=4, total=Decimal(10), squares=Decimal(30)), "2.5"),
        (definition(StateType.RATIO, decimals=1), Cell(numerator=2, denominator=3), "66.7"),
        (definition(StateType.STOCK), Cell(value=Decimal(0)), "0"),
        (definition(StateType.MINMAX, show="most"), Cell(n=1, least=Decimal(1), most=Decimal(9)), "9"),
    ]
    for one, cell, text in sets:
        assert shown(one, cell) == (Decimal(text), Relation.EXACT), one.state
    assert shown(hist, Cell(n=3, counts=(1, 1, 1, 0), total=Decimal(9))) == (Decimal(5), Relation.AT_MOST)
    assert shown(hist, Cell(n=3, counts=(0, 1, 0, 2), total=Decimal(99))) == (Decimal(15), Relation.ABOVE)
    assert shown(replace(hist, show="p90"), Cell(n=10, counts=(9, 1, 0, 0), total=Decimal(9)))[0] == 1


@pytest.mark.parametrize("state", [StateType.RATIO, StateType.MEAN, StateType.STOCK, StateType.MINMAX])
def test_a_share_of_nothing_is_no_zero(state):
    whole = Coverage(expected=2, received=2)
    found = figure(definition(state), Cell(), whole, as_of=NOW, status=Status.FINAL, revision=1)
    assert (found.value, found.partial, found.is_empty) == (None, None, True)
