"""Closing periods: a centre folds its own readings, and a centre above others the states it holds, and signs both.

What was signed is never changed. If the books say something else later, or a state arrives late, the next revision
takes the place of the one before, in that period only.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING

from sqlalchemy.orm import Session

from federation.ledger import UP, Lane, append, new_rid
from node.figures import rows
from node.figures.approving import locks
from node.figures.catalogue import Catalogue
from node.figures.definition import Definition
from node.figures.figure import Status
from node.figures.gathering import Gathered, Place, by_period, due_at, gather
from node.figures.period import Grain, Period, between, last_closed
from node.figures.reading import Asked, Source, fold_readings
from node.figures.rows import Stated, newest
from node.figures.state import Cells
from node.figures.wire import KIND, MOST_STATES, Statement, encode_sheet, encode_state, state_hash

if TYPE_CHECKING:
    from node.context import NodeContext

MOST_SHEETS = 40
LATE_DATA, APPROVAL = "late_data", "approval"


@dataclass(frozen=True, slots=True)
class Sheet:
    """What is to be signed about one period in one record."""

    period: Period
    statements: tuple[Statement, ...]


def place_of(context: "NodeContext", now: datetime, area_code: str = "") -> Place:
    """This centre looking at its own area, or at another one within it."""
    return Place(
        centre=context.centre.name,
        area_code=area_code or context.centre.area_code,
        registry=context.registry.current,
        territory=context.territory,
        now=now,
    )


def window(context: "NodeContext", now: datetime) -> list[Period]:
    """The periods that are over and still looked at: not before this centre existed, and not beyond the look-back."""
    section, me = context.settings.figures, context.registry.current.centre(context.centre.name)
    last = last_closed(now, section.period_s)
    first = last.before(section.look_back - 1)
    since = me.since if me is not None else now
    return [period for period in between(first, last) if period.begin >= since]


# a centre's own books ------------------------------------------------------------------------------------------------


def own_sheets(
    session: Session, context: "NodeContext", catalogue: Catalogue, sources: Sequence[Source], now: datetime
) -> list[Sheet]:
    """What this centre's books say of periods that are over, and was not signed so yet; oldest first."""
    periods = window(context, now)
    if not periods or not sources:
        return []
    me = context.centre.name
    signed = by_period(one for one in rows.of_centre(session, me, periods) if one.statement.fold is None)
    locked = locks(session, context, periods, now)
    fresh: dict[Period, list[Statement]] = {}
    for source in sources:
        for definition, valid in _versions(catalogue, source.indicator, periods):
            asked = Asked(centre=me, periods=valid, definition=definition)
            for period, cells in fold_readings(definition, valid, source.read(session, asked)).items():
                said = Statement(
                    indicator=definition.code,
                    version=definition.version,
                    definition_hash=definition.hash,
                    area_code=context.centre.area_code,
                    period=period,
                    revision=1,
                    status=Status.FINAL if now <= due_at(definition, period) else Status.LATE,
                    kind=definition.state,
                    cells=cells,
                )
                before = signed.get((definition.code, period), ())
                further = _further(said, before)
                if further is None or not (before or is_asked(context, definition) or not is_nothing(cells)):
                    continue
                if further.revision == 1 or not locked.holds_back(definition.subject, period):
                    fresh.setdefault(period, []).append(further)
    return _sheets(fresh)


def is_asked(context: "NodeContext", definition: Definition) -> bool:
    """Whether this centre is one of those from which the figure is due; others speak only if they have a case."""
    me = context.registry.current.centre(context.centre.name)
    return me is not None and me.tier in definition.expect.who


def is_nothing(cells: Cells) -> bool:
    """Whether no cell says that there was anything."""
    return all(not (cell.n or cell.denominator or cell.value) for cell in cells.values())


def _sheets(fresh: Mapping[Period, list[Statement]]) -> list[Sheet]:
    found = [
        Sheet(period, tuple(said[at : at + MOST_STATES]))
        for period, said in sorted(fresh.items())
        for at in range(0, len(said), MOST_STATES)
    ]
    return found[:MOST_SHEETS]


def _versions(catalogue: Catalogue, code: str, periods: Sequence[Period]) -> list[tuple[Definition, list[Period]]]:
    """The versions of an indicator that hold in these periods, each with its own ones."""
    found: dict[str, tuple[Definition, list[Period]]] = {}
    for period in periods:
        for definition in catalogue.valid(period.local_date):
            if definition.code == code:
                found.setdefault(definition.name, (definition, []))[1].append(period)
    return list(found.values())


def _further(said: Statement, before: Iterable[Stated]) -> Statement | None:
    """The next revision, if the last one says anything else; None if there is nothing new to sign."""
    last = newest(one for one in before if one.statement.version == said.version)
    if last is None:
        return said
    known = last.statement
    is_same = known.cells == said.cells and known.definition_hash == said.definition_hash and known.fold == said.fold
    if is_same:
        return None
    status = known.status if said.fold is None else said.status
    is_approval = _is_approval(known, said)
    if is_approval and said.fold is not None and 0 < said.fold.coverage.approved < said.fold.coverage.received:
        return None  # each child's approval is its own word already; a total says it once all have spoken, or none
    reason = APPROVAL if is_approval else LATE_DATA
    return replace(said, revision=known.revision + 1, supersedes=last.hash, reason=reason, status=status)


def _is_approval(known: Statement, said: Statement) -> bool:
    """Whether nothing changed but who has approved."""
    if said.fold is None or known.fold is None or known.cells != said.cells:
        return False
    before, now = known.fold.coverage, said.fold.coverage
    return known.fold.parts_root == said.fold.parts_root and replace(before, approved=now.approved) == now


# the centres below ---------------------------------------------------------------------------------------------------


def totals(
    session: Session, context: "NodeContext", catalogue: Catalogue, periods: Iterable[Period], now: datetime
) -> tuple[list[Sheet], set[Period]]:
    """The totals to sign for these periods, and the periods that wait: somebody is missing, and it is not due yet."""
    place, wanted = place_of(context, now), sorted(periods)
    states = rows.in_mixed_periods(session, wanted)
    me, sorted_states = context.centre.name, by_period(states)
    spoken, locked = spoke_at(states), locks(session, context, wanted, now)
    approved = locked.approvals.approved
    waiting: set[Period] = set()
    fresh: dict[Period, list[Statement]] = {}
    for period in wanted:
        for definition in catalogue.valid(period.last_date):
            if definition.grain.order > Grain.DAY.order and definition.grain is not period.grain:
                continue
            known = sorted_states.get((definition.code, period), [])
            found = gather(place, definition, period, known, spoke_at=spoken.get(period, {}), approved=approved)
            if not any(part.stated for part in found.parts):
                continue
            if not found.coverage.is_whole and now <= due_at(definition, period):
                waiting.add(period)
                continue
            own_totals = [one for one in known if one.centre == me and one.statement.fold is not None]
            further = _further(_total(found), own_totals)
            if further is None or (further.revision > 1 and locked.holds_back(definition.subject, period)):
                continue
            fresh.setdefault(period, []).append(further)
    return _sheets(fresh), waiting


def typed_periods(session: Session, context: "NodeContext", now: datetime) -> list[Period]:
    """The months and longer periods, over and still looked at, for which something was typed here or below."""
    oldest = window(context, now)[:1]
    found = rows.long_periods_since(session, oldest[0].begin) if oldest else []
    return [period for period in found if period.end <= now]


def spoke_at(states: Iterable[Stated]) -> dict[Period, dict[str, datetime]]:
    """When each centre last read its books for a period."""
    found: dict[Period, dict[str, datetime]] = {}
    for one in states:
        if one.statement.fold is None:
            spoken = found.setdefault(one.statement.period, {})
            spoken[one.centre] = max(one.as_of, spoken.get(one.centre, one.as_of))
    return found


def _total(found: Gathered) -> Statement:
    definition = found.definition
    return Statement(
        indicator=definition.code,
        version=definition.version,
        definition_hash=definition.hash,
        area_code=found.area_code,
        period=found.period,
        revision=1,
        status=found.status,
        kind=definition.state,
        cells=found.cells,
        fold=found.fold,
    )


def sign(session: Session, context: "NodeContext", sheets: Iterable[Sheet], now: datetime) -> int:
    """Keep these states and append each sheet to the stream for all centres above; how many states that were."""
    me, count = context.centre.name, 0
    for sheet in sheets:
        states = [encode_state(said) for said in sheet.statements]
        rid = new_rid(now, context.random)
        append(
            session,
            lane=Lane.REGULAR,
            audience=UP,
            kind=KIND,
            payload=encode_sheet(now, states),
            now=now,
            rid=rid,
        )
        count += rows.keep(
            session,
            (
                Stated(
                    rid=rid,
                    centre=me,
                    statement=said,
                    raw=raw,
                    hash=state_hash(raw),
                    as_of=now,
                    signed_at=now,
                    received_at=now,
                    via=me,
                )
                for said, raw in zip(sheet.statements, states, strict=True)
            ),
        )
    return count
