"""Mergeable states and how they fold: whole numbers and exact decimals, never the displayed value, never a float.

Folding is associative and, but for the time order of a stock, commutative; the empty state is its identity. A state of
type `external` is never folded.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Context, Decimal, Inexact, InvalidOperation
from enum import StrEnum

LARGEST = 2**63 - 1
_EXACT = Context(prec=200, traps=[Inexact, InvalidOperation])
_DECIMAL = re.compile(r"-?(0|[1-9][0-9]{0,39})(\.[0-9]{0,19}[1-9])?")


class StateError(ValueError):
    """A state that cannot be, or two that cannot be folded; the message says why."""


class StateType(StrEnum):
    """What a state is made of."""

    COUNT = "count"
    SUM = "sum"
    MEAN = "mean"
    RATIO = "ratio"
    STOCK = "stock"
    HIST = "hist"
    MINMAX = "minmax"
    EXTERNAL = "external"


Dimensions = tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """The numbers of one state; each type uses its own few, the others stay at nothing."""

    n: int = 0
    numerator: int = 0
    denominator: int = 0
    counts: tuple[int, ...] = ()
    total: Decimal | None = None
    squares: Decimal | None = None
    value: Decimal | None = None
    least: Decimal | None = None
    most: Decimal | None = None


NOTHING = Cell()
Cells = Mapping[Dimensions, Cell]

_FIELDS: Mapping[StateType, frozenset[str]] = {
    StateType.COUNT: frozenset({"n"}),
    StateType.SUM: frozenset({"n", "total"}),
    StateType.MEAN: frozenset({"n", "total", "squares"}),
    StateType.RATIO: frozenset({"numerator", "denominator"}),
    StateType.STOCK: frozenset({"value"}),
    StateType.HIST: frozenset({"n", "counts", "total"}),
    StateType.MINMAX: frozenset({"n", "least", "most"}),
    StateType.EXTERNAL: frozenset({"value"}),
}


def plus(one: Decimal | None, other: Decimal | None) -> Decimal | None:
    """The exact sum; nothing said is the identity."""
    if one is None or other is None:
        return other if one is None else one
    return _EXACT.add(one, other)


def times(one: Decimal, other: Decimal) -> Decimal:
    """The exact product."""
    return _EXACT.multiply(one, other)


def write_decimal(value: Decimal) -> str:
    """The one way of writing a number: no exponent, no trailing zero, no minus zero."""
    text = format(value, "f")
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def read_decimal(text: str) -> Decimal:
    """The number in a text; raises StateError for any other way of writing it."""
    if not _DECIMAL.fullmatch(text) or text == "-0":
        raise StateError(f"{text[:60]!r} is no exact decimal in its one way of writing")
    return Decimal(text)


def problem(kind: StateType, cell: Cell, buckets: int = 0) -> str | None:
    """What cannot be in a cell of that type, with so many buckets if it is a histogram; None if nothing."""
    strangers = [
        name for name in Cell.__slots__ if name not in _FIELDS[kind] and getattr(cell, name) not in {0, None, ()}
    ]
    if strangers:
        return f"a state of type {kind} has no {', '.join(strangers)}"
    numbers = (cell.n, cell.numerator, cell.denominator, *cell.counts)
    if any(not 0 <= number <= LARGEST for number in numbers):
        return "a count below zero or beyond 63 bits"
    if cell == NOTHING:
        return None
    return _MORE.get(kind, _sound)(cell, buckets)


def _sound(cell: Cell, buckets: int) -> str | None:
    _ = cell, buckets
    return None


def _sum_problem(cell: Cell, buckets: int) -> str | None:
    _ = buckets
    return "a sum of nothing, or no sum of something" if (cell.n == 0) != (cell.total is None) else None


def _mean_problem(cell: Cell, buckets: int) -> str | None:
    if (cell.total is None) != (cell.squares is None):
        return "a mean needs sum and sum of squares"
    if cell.squares is not None and cell.squares < 0:
        return "a sum of squares below zero"
    return _sum_problem(cell, buckets)


def _ratio_problem(cell: Cell, buckets: int) -> str | None:
    _ = buckets
    return "a part that is larger than the whole" if cell.numerator > cell.denominator else None


def _hist_problem(cell: Cell, buckets: int) -> str | None:
    if len(cell.counts) != buckets:
        return f"{len(cell.counts)} buckets instead of {buckets}"
    if sum(cell.counts) != cell.n:
        return "the buckets of a histogram do not add up to its n"
    return _sum_problem(cell, buckets)


def _minmax_problem(cell: Cell, buckets: int) -> str | None:
    _ = buckets
    if (cell.least is None) != (cell.most is None) or (cell.n == 0) != (cell.least is None):
        return "a least without a most, or of nothing"
    return (
        "a least above the most"
        if cell.least is not None and cell.most is not None and cell.least > cell.most
        else None
    )


_MORE: Mapping[StateType, Callable[[Cell, int], str | None]] = {
    StateType.SUM: _sum_problem,
    StateType.MEAN: _mean_problem,
    StateType.RATIO: _ratio_problem,
    StateType.HIST: _hist_problem,
    StateType.MINMAX: _minmax_problem,
}


def fold_areas(kind: StateType, one: Cell, other: Cell) -> Cell:
    """Two areas together: sums add, extremes compare; raises StateError for what is never folded."""
    if kind is StateType.EXTERNAL:
        raise StateError("a figure from outside is listed, never folded")
    return Cell(
        n=_count(one.n, other.n),
        numerator=_count(one.numerator, other.numerator),
        denominator=_count(one.denominator, other.denominator),
        counts=_counts(one.counts, other.counts),
        total=plus(one.total, other.total),
        squares=plus(one.squares, other.squares),
        value=plus(one.value, other.value),
        least=_extreme(min, one.least, other.least),
        most=_extreme(max, one.most, other.most),
    )


def fold_times(kind: StateType, earlier: Cell, later: Cell) -> Cell:
    """A period and the one after it: as areas, but that of a stock the later word stays."""
    if kind is StateType.STOCK:
        return earlier if later.value is None else later
    return fold_areas(kind, earlier, later)


def fold_all(kind: StateType, parts: Iterable[Cells]) -> dict[Dimensions, Cell]:
    """Many areas together, each cell with the cells of the same place."""
    whole: dict[Dimensions, Cell] = {}
    for part in parts:
        for place, cell in part.items():
            known = whole.get(place)
            whole[place] = cell if known is None else fold_areas(kind, known, cell)
    return whole


def total_of(kind: StateType, cells: Cells) -> Cell:
    """All cells of a state as one."""
    whole = NOTHING
    for cell in cells.values():
        whole = fold_areas(kind, whole, cell) if kind is not StateType.EXTERNAL or whole != NOTHING else cell
    return whole


def _count(one: int, other: int) -> int:
    together = one + other
    if together > LARGEST:
        raise StateError("a count beyond 63 bits")
    return together


def _counts(one: Sequence[int], other: Sequence[int]) -> tuple[int, ...]:
    if not one or not other:
        return tuple(one or other)
    if len(one) != len(other):
        raise StateError("histograms with different edges")
    return tuple(_count(mine, theirs) for mine, theirs in zip(one, other, strict=True))


def _extreme(
    choose: Callable[[Decimal, Decimal], Decimal], one: Decimal | None, other: Decimal | None
) -> Decimal | None:
    if one is None or other is None:
        return other if one is None else one
    return choose(one, other)


# what a reading brings -------------------------------------------------------------------------------------------


def once(n: int = 1) -> Cell:
    """So many things counted."""
    return Cell(n=n)


def share(*, is_in: bool) -> Cell:
    """One case of a ratio, which belongs to the part or only to the whole."""
    return Cell(numerator=int(is_in), denominator=1)


def stock(value: int) -> Cell:
    """How many there are."""
    return Cell(value=Decimal(value))


def measured(value: Decimal, edges: Sequence[Decimal]) -> Cell:
    """One measure in a histogram: it lies in the first bucket whose edge is not below it, or above all."""
    at = next((index for index, edge in enumerate(edges) if value <= edge), len(edges))
    return Cell(n=1, counts=tuple(int(index == at) for index in range(len(edges) + 1)), total=value)
