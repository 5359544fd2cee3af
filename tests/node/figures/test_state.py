"""The laws of folding, on anything that can be a state: associative, commutative where so said, with an identity."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.figures.state import (
    LARGEST,
    NOTHING,
    Cell,
    StateError,
    StateType,
    fold_all,
    fold_areas,
    fold_times,
    measured,
    once,
    problem,
    read_decimal,
    share,
    stock,
    times,
    total_of,
    write_decimal,
)

BUCKETS = 4
decimals = st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**12), max_value=10**12, places=6)
counts = st.integers(0, 10**9)


@st.composite
def cells(draw, kind):
    """Any sound cell of a type; now and then the empty one."""
    if draw(st.integers(0, 9)) == 0:
        return NOTHING
    n = draw(st.integers(1, 10**6))
    whole = draw(counts)
    values = draw(st.lists(decimals, min_size=1, max_size=3))
    spread = tuple(draw(st.integers(0, 1000)) for _ in range(BUCKETS))
    total = sum(values, Decimal(0))
    made = {
        StateType.COUNT: Cell(n=n),
        StateType.SUM: Cell(n=n, total=total),
        StateType.MEAN: Cell(n=n, total=total, squares=sum((times(one, one) for one in values), Decimal(0))),
        StateType.RATIO: Cell(numerator=draw(st.integers(0, whole)), denominator=whole),
        StateType.STOCK: Cell(value=total),
        StateType.HIST: Cell(n=sum(spread), counts=spread, total=total if sum(spread) else None),
        StateType.MINMAX: Cell(n=n, least=min(values), most=max(values)),
    }
    return made[kind]


FOLDED = [kind for kind in StateType if kind is not StateType.EXTERNAL]


@pytest.mark.parametrize("kind", FOLDED)
def test_areas_fold_in_any_order_and_grouping(kind):
    @given(cells(kind), cells(kind), cells(kind))
    def laws(one, two, three):
        assert fold_areas(kind, fold_areas(kind, one, two), three) == fold_areas(
            kind, one, fold_areas(kind, two, three)
        )
        assert fold_areas(kind, one, two) == fold_areas(kind, two, one)
        assert fold_areas(kind, one, NOTHING) == fold_areas(kind, NOTHING, one) == one
        assert problem(kind, fold_areas(kind, one, two), BUCKETS) is None

    laws()


@pytest.mark.parametrize("kind", FOLDED)
def test_periods_fold_in_any_grouping_and_a_stock_in_the_order_of_time_only(kind):
    @given(cells(kind), cells(kind), cells(kind))
    def laws(one, two, three):
        assert fold_times(kind, fold_times(kind, one, two), three) == fold_times(
            kind, one, fold_times(kind, two, three)
        )
        assert fold_times(kind, one, NOTHING) == fold_times(kind, NOTHING, one) == one
        if kind is StateType.STOCK:
            assert fold_times(kind, one, two) == (one if two.value is None else two)

    laws()


@given(st.lists(st.dictionaries(st.sampled_from([("a",), ("b",), ("c",)]), cells(StateType.COUNT)), max_size=6))
def test_the_total_is_the_same_whether_cells_or_centres_are_added_first(parts):
    kind = StateType.COUNT
    whole = total_of(kind, fold_all(kind, parts))
    apart = NOTHING
    for part in parts:
        apart = fold_areas(kind, apart, total_of(kind, part))
    assert whole == apart


def test_what_comes_from_outside_is_never_folded():
    one = Cell(value=Decimal(3))
    with pytest.raises(StateError):
        fold_areas(StateType.EXTERNAL, one, one)
    with pytest.raises(StateError):
        fold_times(StateType.EXTERNAL, one, one)
    assert total_of(StateType.EXTERNAL, {(): one}) == one


def test_histograms_with_other_edges_and_counts_beyond_their_bits_are_refused():
    with pytest.raises(StateError):
        fold_areas(StateType.HIST, Cell(n=1, counts=(1, 0), total=Decimal(1)), Cell(n=1, counts=(1,), total=Decimal(1)))
    with pytest.raises(StateError):
        fold_areas(StateType.COUNT, Cell(n=LARGEST), Cell(n=1))


@given(st.lists(decimals, min_size=1, max_size=50))
def test_sums_are_exact(values):
    kind, whole = StateType.SUM, NOTHING
    for value in values:
        whole = fold_areas(kind, whole, Cell(n=1, total=value))
    scaled = sum(int(value.scaleb(6)) for value in values)
    assert whole.total == Decimal(scaled).scaleb(-6)


@given(decimals)
def test_a_number_is_written_in_one_way_only(value):
    text = write_decimal(value)
    assert read_decimal(text) == value
    assert write_decimal(read_decimal(text)) == text


@pytest.mark.parametrize(
    "text", ["", "-0", "01", "1.0", "1.", ".5", "1e3", "+1", " 1", "NaN", "1" * 41, "0." + "1" * 21]
)
def test_any_other_way_of_writing_is_refused(text):
    with pytest.raises(StateError):
        read_decimal(text)


@pytest.mark.parametrize(
    ("kind", "cell"),
    [
        (StateType.COUNT, Cell(n=-1)),
        (StateType.COUNT, Cell(n=LARGEST + 1)),
        (StateType.COUNT, Cell(n=1, total=Decimal(1))),
        (StateType.COUNT, Cell(value=Decimal(1))),
        (StateType.SUM, Cell(n=1)),
        (StateType.SUM, Cell(total=Decimal(1))),
        (StateType.MEAN, Cell(n=1, total=Decimal(1))),
        (StateType.MEAN, Cell(n=1, total=Decimal(1), squares=Decimal(-1))),
        (StateType.RATIO, Cell(numerator=2, denominator=1)),
        (StateType.STOCK, Cell(n=1, value=Decimal(1))),
        (StateType.HIST, Cell(n=2, counts=(1, 0, 0, 0), total=Decimal(1))),
        (StateType.HIST, Cell(n=1, counts=(1, 0), total=Decimal(1))),
        (StateType.MINMAX, Cell(n=1, least=Decimal(2), most=Decimal(1))),
        (StateType.MINMAX, Cell(least=Decimal(1), most=Decimal(1))),
    ],
)
def test_what_cannot_be_is_seen(kind, cell):
    assert problem(kind, cell, BUCKETS)


def test_what_readings_bring():
    edges = (Decimal(1), Decimal(5))
    assert once() == Cell(n=1)
    assert (share(is_in=True), share(is_in=False)) == (Cell(numerator=1, denominator=1), Cell(denominator=1))
    assert stock(0).value == 0
    assert [measured(Decimal(text), edges).counts for text in ("0", "1", "1.001", "5", "6")] == [
        (1, 0, 0),
        (1, 0, 0),
        (0, 1, 0),
        (0, 1, 0),
        (0, 0, 1),
    ]
