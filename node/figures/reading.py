"""What nouns and modules give: readings out of their own books, each of a moment, for one indicator."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from node.figures.definition import Definition
from node.figures.period import Period
from node.figures.state import Cell, Cells, Dimensions, fold_areas


@dataclass(frozen=True, slots=True)
class Reading:
    """Something that happened, or stood so, at a moment; whoever gives it counts it once, in one centre."""

    at: datetime
    cell: Cell
    dimensions: Dimensions = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """For which centre and which periods, one after the other, readings are wanted, and by which definition."""

    centre: str
    periods: Sequence[Period]
    definition: Definition

    @property
    def begin(self) -> datetime:
        """The first moment."""
        return self.periods[0].begin

    @property
    def end(self) -> datetime:
        """The first moment after the last one."""
        return self.periods[-1].end


@dataclass(frozen=True, slots=True)
class Source:
    """Who feeds an indicator: its code, and a bounded query that may be asked again about periods that are over."""

    indicator: str
    read: Callable[[Session, Asked], Iterable[Reading]]


def fold_readings(
    definition: Definition, periods: Sequence[Period], readings: Iterable[Reading]
) -> dict[Period, Cells]:
    """The cells of each period; one without any reading has none, which says zero and not silence."""
    seconds = periods[0].seconds
    found: dict[Period, dict[Dimensions, Cell]] = {period: {} for period in periods}
    for reading in readings:
        cells = found.get(Period.of(reading.at, seconds))
        if cells is not None:
            known = cells.get(reading.dimensions)
            cell = reading.cell if known is None else fold_areas(definition.state, known, reading.cell)
            cells[reading.dimensions] = cell
    return dict(found)
