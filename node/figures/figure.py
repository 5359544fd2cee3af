"""One figure as people and programs get it: never a number without coverage, age, status, revision and definition."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import ROUND_HALF_EVEN, Context, Decimal
from enum import StrEnum

from node.figures.definition import Definition
from node.figures.state import Cell, StateType

_ROUNDED = Context(prec=60, rounding=ROUND_HALF_EVEN)
_PERCENTILES = {"p50": 50, "p90": 90}


class Status(StrEnum):
    """How far a figure can be relied upon; the letters travel."""

    FINAL = "A"
    LATE = "L"
    ESTIMATED = "E"
    IMPUTED = "I"
    PROVISIONAL = "P"

    @property
    def label(self) -> str:
        """The Vietnamese words on the screen."""
        return _STATUS_LABELS[self]


_STATUS_LABELS = {
    Status.FINAL: "Đã chốt",
    Status.LATE: "Đã chốt, có số đến muộn",
    Status.ESTIMATED: "Ước tính",
    Status.IMPUTED: "Suy ra từ kỳ trước",
    Status.PROVISIONAL: "Tạm tính",
}
_ORDER = tuple(Status)


class Relation(StrEnum):
    """How the shown value stands to the true one."""

    EXACT = "="
    AT_MOST = "<="
    ABOVE = ">"


@dataclass(frozen=True, slots=True, kw_only=True)
class Coverage:
    """From how many centres a figure is due, and what became of each: silence is neither zero nor green."""

    expected: int
    received: int
    approved: int = 0
    late: int = 0
    silent: int = 0

    def __post_init__(self) -> None:
        """Refuse what cannot be counted so."""
        parts = (self.expected, self.received, self.approved, self.late, self.silent)
        if (
            min(parts) < 0
            or self.received + self.silent > self.expected
            or max(self.approved, self.late) > self.received
        ):
            raise ValueError(f"no coverage: {self}")

    @property
    def is_whole(self) -> bool:
        """Whether every centre that was expected has reported, and there was one."""
        return self.expected > 0 and self.received == self.expected

    def meet(self, other: "Coverage") -> "Coverage":
        """What can be said of something made of both: only the worse of each."""
        expected = max(self.expected, other.expected)
        received = min(self.received, other.received)
        silent = min(max(self.silent, other.silent), expected - received)
        return Coverage(
            expected=expected,
            received=received,
            approved=min(self.approved, other.approved, received),
            late=min(max(self.late, other.late), received),
            silent=silent,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """A value and everything that says how good it is; no value while one expected centre is missing.

    `partial` is the value of those that did report, under the same label. `is_empty`: all reported, and there was no
    case to speak of, such as a ratio of nothing.
    """

    value: Decimal | None
    coverage: Coverage
    as_of: datetime | None
    status: Status
    revision: int
    definition: str
    partial: Decimal | None = None
    relation: Relation = Relation.EXACT
    is_empty: bool = False

    def __post_init__(self) -> None:
        """Refuse a number that would hide a silence."""
        if self.value is not None and not self.coverage.is_whole:
            raise ValueError("a value without every expected centre")
        if self.partial is not None and (self.coverage.received == 0 or self.coverage.is_whole):
            raise ValueError("a partial value of nobody, or beside a whole one")
        if (self.as_of is None) != (self.coverage.received == 0):
            raise ValueError("a figure without an age, or an age without a figure")


def figure(
    definition: Definition, cell: Cell, coverage: Coverage, *, as_of: datetime | None, status: Status, revision: int
) -> Figure:
    """The figure that a folded cell gives under its label."""
    value, relation = shown(definition, cell) if coverage.received else (None, Relation.EXACT)
    return Figure(
        value=value if coverage.is_whole else None,
        partial=value if not coverage.is_whole else None,
        relation=relation if value is not None else Relation.EXACT,
        is_empty=coverage.is_whole and value is None,
        coverage=coverage,
        as_of=as_of,
        status=status,
        revision=revision,
        definition=definition.name,
    )


def derived(name: str, inputs: Sequence[Figure], formula: Callable[..., Decimal | None]) -> Figure:
    """A figure computed from others: its label is the meet of theirs, and it has a value only if they all have one."""
    if not inputs:
        raise ValueError("a formula of nothing")
    coverage = inputs[0].coverage
    for one in inputs[1:]:
        coverage = coverage.meet(one.coverage)
    values = [one.value for one in inputs]
    ages = [one.as_of for one in inputs if one.as_of is not None]
    return Figure(
        value=formula(*values) if coverage.is_whole and None not in values else None,
        coverage=coverage,
        as_of=min(ages) if ages and coverage.received else None,
        status=worst(one.status for one in inputs),
        revision=max(one.revision for one in inputs),
        definition=name,
        is_empty=coverage.is_whole and None in values,
    )


def worst(statuses: Iterable[Status]) -> Status:
    """The status that holds for something made of all of these."""
    return max(statuses, key=_ORDER.index, default=Status.PROVISIONAL)


def shown(definition: Definition, cell: Cell) -> tuple[Decimal | None, Relation]:
    """What is displayed of a state, and how it stands to the truth; None where there is no case to speak of."""
    if definition.state is StateType.HIST:
        return _percentile(definition, cell)
    value = _value(definition, cell)
    return None if value is None else rounded(value, definition.decimals), Relation.EXACT


def _value(definition: Definition, cell: Cell) -> Decimal | None:
    match definition.state:
        case StateType.COUNT:
            return Decimal(cell.n)
        case StateType.SUM:
            return cell.total or Decimal(0)
        case StateType.MEAN:
            return _divided(cell.total, cell.n)
        case StateType.RATIO:
            return _divided(Decimal(100 * cell.numerator), cell.denominator)
        case StateType.MINMAX:
            return cell.least if definition.show == "least" else cell.most
        case _:
            return cell.value


def rounded(value: Decimal, decimals: int) -> Decimal:
    """To so many places, half to even."""
    return value.quantize(Decimal(1).scaleb(-decimals), context=_ROUNDED)


def _divided(part: Decimal | None, whole: int) -> Decimal | None:
    return _ROUNDED.divide(part, Decimal(whole)) if whole and part is not None else None


def _percentile(definition: Definition, cell: Cell) -> tuple[Decimal | None, Relation]:
    """The edge of the bucket in which the percentile lies (nearest rank): exact to the edges."""
    if not cell.n:
        return None, Relation.EXACT
    rank = -(-cell.n * _PERCENTILES[definition.show] // 100)
    below = 0
    for count, edge in zip(cell.counts, definition.edges, strict=False):
        below += count
        if below >= rank:
            return edge, Relation.AT_MOST
    return definition.edges[-1], Relation.ABOVE
