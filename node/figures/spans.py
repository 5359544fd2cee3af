"""Longer periods out of shorter ones: each day on its own tree, folded over time, under the meet of their labels.

A centre has reported for a month if it has for every day on which it was due; it is late, silent or not approved if it
was so on one of them. Of a stock the last day counts; a percentile comes from the buckets of all days.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType

from node.figures.definition import Definition
from node.figures.figure import Coverage, Status, worst
from node.figures.gathering import Buckets, Gathered, Part, Place, gather
from node.figures.period import Grain, Period
from node.figures.rows import Stated
from node.figures.state import Cell, Cells, Dimensions, StateType, fold_times
from node.figures.wire import parts_root

MOST_BUCKETS = 1500  # a day of minutes in a rehearsal, and more than two years of days


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """What is held of the shorter periods, and which definition of the indicator holds on the days of each."""

    states: Mapping[tuple[str, Period], Sequence[Stated]]
    spoke: Mapping[Period, Mapping[str, datetime]]
    approved: Collection[tuple[str, bytes]]
    valid: Callable[[Period], Definition | None]


def stated_for(definition: Definition, period: Period, seconds: int) -> list[Period] | None:
    """The periods that are stated and make up another; itself if it is one of them, None if they do not fit into it."""
    if definition.grain is Grain.DAY:
        is_whole = period.seconds % seconds == 0 and period.seconds // seconds <= MOST_BUCKETS
        return period.buckets(seconds) if is_whole else None
    if definition.grain is period.grain:
        return [period]
    if definition.grain.order > period.grain.order or Grain.WEEK in {definition.grain, period.grain}:
        return None
    return period.parts(definition.grain)


def gather_span(place: Place, definition: Definition, period: Period, parts: Sequence[Period], held: Held) -> Gathered:
    """The figure of a longer period, out of those of its parts that are over."""
    over = [one for one in parts if one.end <= place.now]
    found = [_part(place, definition, one, held) for one in over]
    due = [one for one in found if one.parts]
    buckets = Buckets(len(parts), len(over), len(due), sum(one.coverage.is_whole for one in due))
    if definition.state is StateType.STOCK:
        due = due[-1:]
    shares = _shares(definition, due)
    centres = tuple(_meet(name, [part for one in due for part in one.parts if part.centre == name]) for name in shares)
    coverage = Coverage(
        expected=len(centres),
        received=sum(part.is_received for part in centres),
        approved=sum(part.is_approved for part in centres),
        late=sum(part.is_late and part.is_received for part in centres),
        silent=sum(part.is_silent and not part.is_received for part in centres),
    )
    is_done = coverage.is_whole and buckets.is_over
    ages = [part.as_of for part in centres if part.as_of is not None]
    return Gathered(
        definition=definition,
        period=period,
        area_code=place.area_code,
        cells=_over_time(definition, [one.cells for one in due]),
        parts=centres,
        coverage=coverage,
        as_of=min(ages, default=None),
        status=worst(one.status for one in due) if is_done else Status.PROVISIONAL,
        root=parts_root(
            (part.centre, part.stated.statement.revision, part.stated.hash)
            for one in due
            for part in one.parts
            if part.stated is not None
        ),
        buckets=buckets,
        shares=shares,
    )


def _part(place: Place, definition: Definition, period: Period, held: Held) -> Gathered:
    """One of the shorter ones; counted by another version of the indicator it cannot be added, so nobody spoke."""
    states = held.states.get((definition.code, period), ())
    valid = held.valid(period)
    if valid is not None and valid.hash != definition.hash:
        states = ()
    spoke = held.spoke.get(period, MappingProxyType({}))
    return gather(place, definition, period, states, spoke_at=spoke, approved=held.approved)


def _shares(definition: Definition, due: Iterable[Gathered]) -> dict[str, Cells]:
    """What each centre said, over time."""
    found: dict[str, list[Cells]] = {}
    for one in due:
        for part in one.parts:
            said = part.stated.statement.cells if part.stated is not None else {}
            found.setdefault(part.centre, []).append(said)
    return {name: _over_time(definition, several) for name, several in sorted(found.items())}


def _over_time(definition: Definition, several: Sequence[Cells]) -> Cells:
    """The states of one place after another."""
    if definition.state is StateType.EXTERNAL:
        return several[0] if len(several) == 1 else {}
    if definition.state is StateType.STOCK:
        return several[-1] if several else {}
    whole: dict[Dimensions, Cell] = {}
    for cells in several:
        for place, cell in cells.items():
            known = whole.get(place)
            whole[place] = cell if known is None else fold_times(definition.state, known, cell)
    return whole


def _meet(centre: str, parts: Sequence[Part]) -> Part:
    """One centre over time: it has reported if it has each time."""
    is_received = all(part.is_received for part in parts)
    ages = [part.as_of for part in parts if part.as_of is not None]
    return Part(
        centre=centre,
        stated=parts[0].stated if len(parts) == 1 else None,
        as_of=min(ages) if is_received and ages else None,
        is_silent=any(part.is_silent for part in parts),
        is_late=any(part.is_late for part in parts),
        is_approved=is_received and all(part.is_approved for part in parts),
    )
