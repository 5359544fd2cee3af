"""What of a figure is published: small cells are withheld, and others with them, so that nothing can be subtracted.

The rule is applied once, to what one centre says for one period of the one length at which the indicator is published.
Everything else that is published, of larger areas and of longer periods, is added up from what those centres published
and from nothing else. So no difference of two published numbers tells more than what was published before.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from node.figures.definition import Definition
from node.figures.state import Cell, Cells, Dimensions, StateType, fold_areas, total_of


@dataclass(frozen=True, slots=True)
class Disclosed:
    """What may be published: the whole if it may, the cells that may, and how many numbers are withheld."""

    total: Cell | None
    cells: Mapping[Dimensions, Cell]
    withheld_totals: int = 0
    withheld_cells: int = 0
    withheld: frozenset[Dimensions] = frozenset()


def cases(kind: StateType, cell: Cell) -> int:
    """How many cases stand behind a number: what `min_cell` is held against."""
    if kind is StateType.RATIO:
        return min((one for one in (cell.numerator, cell.denominator - cell.numerator) if one), default=0)
    return cell.n


def is_small(definition: Definition, cell: Cell) -> bool:
    """Whether a number speaks of so few that it could be about somebody."""
    return 0 < cases(definition.state, cell) < definition.privacy.min_cell


def disclosed(definition: Definition, cells: Cells) -> Disclosed:
    """What one centre publishes for one period: primary suppression, and then as many more as hide the first."""
    least, kind = definition.privacy.min_cell, definition.state
    whole = total_of(kind, cells)
    if not least:
        return Disclosed(whole, cells)
    listed = {place: cell for place, cell in cells.items() if place}
    if is_small(definition, whole):
        return Disclosed(None, {}, 1, len(listed), frozenset(listed))
    sizes = {place: _size(kind, cell) for place, cell in listed.items()}
    hidden = {place for place, cell in listed.items() if is_small(definition, cell)}
    more = iter(sorted((place for place in listed if place not in hidden), key=lambda place: (sizes[place], place)))
    while hidden and not _is_hidden(sizes, hidden, least):
        following = next(more, None)
        if following is None:  # even all together they would tell
            return Disclosed(None, {}, 1, len(listed), frozenset(listed))
        hidden.add(following)
    shown = {place: cell for place, cell in cells.items() if place not in hidden}
    return Disclosed(whole, shown, 0, len(hidden), frozenset(hidden))


def _size(kind: StateType, cell: Cell) -> int:
    return cell.denominator if kind is StateType.RATIO else cell.n


def _is_hidden(sizes: Mapping[Dimensions, int], hidden: Iterable[Dimensions], least: int) -> bool:
    """Whether whoever knows the sum of the withheld ones cannot say any of them more closely than to `least` values.

    Each of them is known to be 1 or more, so that each may be anything from 1 to what the others leave.
    """
    several = list(hidden)
    return len(several) > 1 and sum(sizes[place] for place in several) - len(several) >= least - 1


def together(definition: Definition, several: Iterable[Disclosed]) -> Disclosed:
    """What is published of an area or a longer period: the sum of what was published of its parts."""
    total: Cell | None = None
    cells: dict[Dimensions, Cell] = {}
    withheld: set[Dimensions] = set()
    totals = count = 0
    for one in several:
        totals, count, withheld = totals + one.withheld_totals, count + one.withheld_cells, withheld | one.withheld
        if one.total is not None:
            total = one.total if total is None else fold_areas(definition.state, total, one.total)
        for place, cell in one.cells.items():
            known = cells.get(place)
            cells[place] = cell if known is None else fold_areas(definition.state, known, cell)
    return Disclosed(total, cells, totals, count, frozenset(withheld))
