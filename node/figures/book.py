"""All that a centre holds of one period, sorted by indicator, and the figures that come out of it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy.orm import Session

from node.figures import approval_rows, quality, rows
from node.figures.approval_rows import Approvals
from node.figures.catalogue import Catalogue
from node.figures.closing import spoke_at
from node.figures.definition import Definition
from node.figures.gathering import Gathered, Part, Place, by_period, gather
from node.figures.period import Grain, Period
from node.figures.quality import Rule
from node.figures.rows import Stated, newest
from node.figures.spans import Held, gather_span, stated_for

_BELOW = {Grain.WEEK: Grain.DAY, Grain.MONTH: Grain.DAY, Grain.QUARTER: Grain.MONTH, Grain.YEAR: Grain.MONTH}


@dataclass(frozen=True, slots=True, kw_only=True)
class Book:
    """What is held of one period; of a longer one also of all that it consists of."""

    place: Place
    period: Period
    catalogue: Catalogue
    seconds: int
    states: Mapping[tuple[str, Period], list[Stated]]
    spoke: Mapping[Period, Mapping[str, datetime]]
    approvals: Approvals
    before: Mapping[tuple[str, Period], list[Stated]] = field(default_factory=dict)

    def definitions(self) -> tuple[Definition, ...]:
        """The indicators that there are for a period of this length, as they are defined on its last day until now."""
        today = Period.of(self.place.now, self.seconds).local_date
        valid = self.catalogue.valid(min(self.period.last_date, max(today, self.period.local_date)))
        return tuple(one for one in valid if self.parts(one) is not None)

    def parts(self, definition: Definition) -> list[Period] | None:
        """The periods that are stated of an indicator and make up this one; None if it has none of this length."""
        if self.period.grain is Grain.BUCKET:
            return [self.period] if definition.grain is Grain.DAY else None
        return stated_for(definition, self.period, self.seconds)

    def of(self, code: str) -> list[Stated]:
        """Every state of one indicator for the period itself."""
        return self.states.get((code, self.period), [])

    def gather(self, definition: Definition, place: Place | None = None) -> Gathered:
        """The figure of one indicator, with its parts, for the area of this book or for another one."""
        place = place or self.place
        parts = self.parts(definition) or [self.period]
        if parts == [self.period]:
            spoke = self.spoke.get(self.period, {})
            approved = self.approvals.approved
            return gather(place, definition, self.period, self.of(definition.code), spoke_at=spoke, approved=approved)
        return gather_span(place, definition, self.period, parts, self._held(definition))

    def series(self, definition: Definition) -> list[Gathered]:
        """A longer period part by part: its days, or its months."""
        grain = _BELOW.get(self.period.grain)
        if grain is None or definition.grain.order > grain.order:
            return []
        held, found = self._held(definition), []
        for one in self.period.parts(grain):
            parts = stated_for(definition, one, self.seconds)
            if parts is None or one.begin > self.place.now:
                continue
            found.append(gather_span(self.place, definition, one, parts, held))
        return found

    def gather_for(self, definition: Definition, period: Period) -> Gathered:
        """The figure of one indicator for a part of this period."""
        parts = stated_for(definition, period, self.seconds) or [period]
        return gather_span(self.place, definition, period, parts, self._held(definition))

    def _held(self, definition: Definition) -> Held:
        def valid(period: Period) -> Definition | None:
            found = self.catalogue.valid(period.local_date)
            return next((one for one in found if one.code == definition.code), None)

        return Held(states=self.states, spoke=self.spoke, approved=self.approvals.approved, valid=valid)

    def totals(self, definition: Definition, centre: str) -> list[Stated]:
        """The totals that a centre signed for this area, oldest revision first."""
        found = [
            one
            for one in self.of(definition.code)
            if one.centre == centre
            and one.statement.fold is not None
            and one.statement.definition_hash == definition.hash
            and one.statement.area_code == self.place.area_code
        ]
        return sorted(found, key=lambda one: one.order)

    def broken(self, definition: Definition, part: Part) -> list[tuple[Rule, str]]:
        """The rules of quality that a share breaks."""
        if part.stated is None:
            return []
        earlier = [
            said.statement.cells
            for (code, _), states in self.before.items()
            if code == definition.code
            if (said := newest(own_of(states, definition, part.centre))) is not None
        ]
        return quality.broken(definition, part.stated.statement.cells, earlier)


def own_of(states: Iterable[Stated], definition: Definition, centre: str) -> list[Stated]:
    """What a centre signed of its own books, oldest revision first."""
    found = [
        one
        for one in states
        if one.centre == centre and one.statement.fold is None and one.statement.definition_hash == definition.hash
    ]
    return sorted(found, key=lambda one: one.order)


def open_book(session: Session, place: Place, period: Period, catalogue: Catalogue, seconds: int) -> Book:
    """Read what is held of a period, and of those before it where a rule asks for them."""
    is_stated = period.grain is Grain.BUCKET or period.seconds == seconds
    states = rows.in_periods(session, [period]) if is_stated else rows.within(session, period)
    return Book(
        place=place,
        period=period,
        catalogue=catalogue,
        seconds=seconds,
        states=by_period(states),
        spoke=spoke_at(states),
        approvals=approval_rows.that_hold(approval_rows.steps_in(session, period.begin, period.end)),
        before=_before(session, catalogue, period) if is_stated or period.grain is not Grain.YEAR else {},
    )


def _before(session: Session, catalogue: Catalogue, period: Period) -> Mapping[tuple[str, Period], list[Stated]]:
    codes = [one.code for one in catalogue.valid(period.local_date) if one.quality.outlier is not None]
    earlier: Sequence[Period] = [period.before(back) for back in range(1, quality.BEFORE + 1)]
    if not codes:
        return {}
    found = (rows.in_periods(session, [one], rows.figure_state.c.indicator.in_(codes)) for one in earlier)
    return by_period(state for states in found for state in states)
