"""A figure out of the states that the centres below signed: who was expected, who spoke, and what they add up to.

Everything is computed on the tree of the period: which centres existed then, and in which units they lay. What a centre
in between has added up is never used here.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from types import MappingProxyType

from node.figures.definition import Definition
from node.figures.figure import Coverage, Figure, Status, figure, worst
from node.figures.period import DAY_S, Period
from node.figures.rows import Stated, newest
from node.figures.state import Cells, StateType, fold_all, total_of
from node.figures.wire import Fold, parts_root
from node.territory import Territory
from pki.registry import CentreEntry, Registry

ACTIVE, REVOKED = "active", "revoked"


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """From where, for which unit, and at what moment figures are looked at."""

    centre: str
    area_code: str
    registry: Registry
    territory: Territory
    now: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One centre's share of a figure: the state that holds, if it spoke at all."""

    centre: str
    stated: Stated | None
    as_of: datetime | None
    is_silent: bool
    is_late: bool
    is_approved: bool = False

    @property
    def is_received(self) -> bool:
        """Whether the centre spoke of it, or had nothing to say of it."""
        return self.as_of is not None


@dataclass(frozen=True, slots=True)
class Buckets:
    """How many shorter periods make up a longer one; how many are over, due from somebody, and whole."""

    all: int
    over: int
    due: int
    whole: int

    @property
    def is_over(self) -> bool:
        """Whether nothing of it is still to come."""
        return self.over == self.all


@dataclass(frozen=True, slots=True, kw_only=True)
class Gathered:
    """A figure with the parts that it was made of; of a longer period also how many buckets it has, and each share."""

    definition: Definition
    period: Period
    area_code: str
    cells: Cells
    parts: tuple[Part, ...]
    coverage: Coverage
    as_of: datetime | None
    status: Status
    root: bytes
    buckets: Buckets | None = None
    shares: Mapping[str, Cells] = field(default_factory=dict)

    def share(self, part: Part) -> Cells:
        """What one centre said."""
        if part.stated is not None:
            return part.stated.statement.cells
        return self.shares.get(part.centre, {})

    def figure(self, revision: int) -> Figure:
        """The figure under the revision that this centre published it as; 0 if it has not yet."""
        cell = total_of(self.definition.state, self.cells)
        return figure(self.definition, cell, self.coverage, as_of=self.as_of, status=self.status, revision=revision)

    def cell_figures(self, revision: int) -> dict[tuple[str, ...], Figure]:
        """Each cell as a figure of its own, under the same label."""
        return {
            place: figure(self.definition, cell, self.coverage, as_of=self.as_of, status=self.status, revision=revision)
            for place, cell in sorted(self.cells.items())
            if place
        }

    @property
    def fold(self) -> Fold:
        """What a signed total says of its making."""
        used = ((part.centre, part.stated) for part in self.parts if part.stated is not None)
        parts = sorted((name, one.statement.revision, one.hash) for name, one in used)
        return Fold(self.coverage, self.root, tuple(parts))


def due_at(definition: Definition, period: Period) -> datetime:
    """When a state is due; where periods are shorter than a day, at the end of the next one."""
    due_s = definition.expect.due_s if period.seconds == DAY_S else min(definition.expect.due_s, period.seconds)
    return period.end + timedelta(seconds=due_s)


def expected(place: Place, definition: Definition, period: Period) -> tuple[str, ...]:
    """The centres from which a state is due: here or below, of the tiers that are to report, active all the period."""
    return tuple(
        entry.name
        for entry in place.registry.centres
        if entry.tier in definition.expect.who and _was_active(entry, period) and is_within(place, entry, period)
    )


def is_within(place: Place, entry: CentreEntry, period: Period) -> bool:
    """Whether a centre lies below the one that looks, and in the area, on the tree of the period."""
    is_ours = entry.name == place.centre or place.registry.is_descendant(entry.name, place.centre)
    own = place.registry.centre(place.centre)
    if not is_ours or (own is not None and own.code == place.area_code):
        return is_ours
    return entry.code == place.area_code or place.territory.is_inside(entry.code, place.area_code, period.local_date)


def _was_active(entry: CentreEntry, period: Period) -> bool:
    if entry.since > period.begin:
        return False
    return entry.state == ACTIVE or (entry.state == REVOKED and entry.until is not None and entry.until >= period.end)


def gather(
    place: Place,
    definition: Definition,
    period: Period,
    states: Iterable[Stated],
    *,
    spoke_at: Mapping[str, datetime] = MappingProxyType({}),
    approved: Collection[tuple[str, bytes]] = frozenset(),
) -> Gathered:
    """Fold the states that hold for a period; which of them do, and who is missing, is decided here.

    `spoke_at`: when each centre last read its books for anything of this period. It counts where zero is not said
    aloud: there a centre that spoke, and not of this, had nothing to say. `approved`: states, by centre and hash, that
    two people of their centre stand for.
    """
    revisions = fitting(place, definition, period, states)
    quiet = {} if definition.expect.zero_is_significant else spoke_at
    parts = _parts(place, definition, period, revisions, quiet, approved)
    used = [part.stated for part in parts if part.stated is not None]
    coverage = Coverage(
        expected=len(parts),
        received=sum(part.is_received for part in parts),
        approved=sum(part.is_approved for part in parts),
        late=sum(part.is_late for part in parts),
        silent=sum(part.is_silent for part in parts),
    )
    return Gathered(
        definition=definition,
        period=period,
        area_code=place.area_code,
        cells=_folded(definition, used),
        parts=parts,
        coverage=coverage,
        as_of=min((part.as_of for part in parts if part.as_of is not None), default=None),
        status=_status(definition, coverage, used, parts),
        root=parts_root((one.centre, one.statement.revision, one.hash) for one in used),
    )


def _parts(  # noqa: PLR0917 - all that a share is decided by
    place: Place,
    definition: Definition,
    period: Period,
    revisions: Mapping[str, Sequence[Stated]],
    quiet: Mapping[str, datetime],
    approved: Collection[tuple[str, bytes]],
) -> tuple[Part, ...]:
    wanted, due = expected(place, definition, period), due_at(definition, period)
    found = []
    for name in sorted({*wanted, *revisions}):
        spoken = revisions.get(name, ())
        stated = newest(spoken)
        as_of = stated.as_of if stated is not None else quiet.get(name)
        found.append(
            Part(
                centre=name,
                stated=stated,
                as_of=as_of,
                is_silent=as_of is None and place.now > due,
                is_late=bool(spoken) and min(one.received_at for one in spoken) > due,  # its first word, no correction
                is_approved=stated is not None and (name, stated.hash) in approved,
            )
        )
    return tuple(found)


def fitting(place: Place, definition: Definition, period: Period, states: Iterable[Stated]) -> dict[str, list[Stated]]:
    """Every revision of each centre that counts: by this very definition, of this period, of a centre here or below."""
    by_centre: dict[str, list[Stated]] = {}
    for one in states:
        said = one.statement
        entry = place.registry.centre(one.centre)
        is_fitting = (
            said.fold is None
            and (said.indicator, said.version, said.period) == (definition.code, definition.version, period)
            and said.definition_hash == definition.hash
        )
        if is_fitting and entry is not None and is_within(place, entry, period):
            by_centre.setdefault(one.centre, []).append(one)
    return by_centre


def _folded(definition: Definition, used: Sequence[Stated]) -> Cells:
    """All shares together; several from outside are listed, and never folded."""
    if definition.state is StateType.EXTERNAL and len(used) > 1:
        return {}
    return fold_all(definition.state, [one.statement.cells for one in used])


def _status(definition: Definition, coverage: Coverage, used: Sequence[Stated], parts: Sequence[Part]) -> Status:
    """Provisional while somebody or an approval that must be is missing; else the worst of the parts, or late."""
    if not coverage.is_whole or (definition.approval and coverage.approved < coverage.received):
        return Status.PROVISIONAL
    late = [Status.LATE] if any(part.is_late for part in parts) else []
    return worst([*(one.statement.status for one in used), *late])


def by_period(states: Iterable[Stated]) -> Mapping[tuple[str, Period], list[Stated]]:
    """States sorted by indicator and period."""
    found: dict[tuple[str, Period], list[Stated]] = {}
    for one in states:
        found.setdefault((one.statement.indicator, one.statement.period), []).append(one)
    return found
