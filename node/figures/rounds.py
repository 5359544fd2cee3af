"""The round that closes periods: read in a thread on a snapshot, and on the writer only what has to be signed."""

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING

from sqlalchemy.orm import Session

from node.figures import approval_rows, closing, rows
from node.figures.closing import Sheet
from node.figures.period import Period, last_closed
from node.figures.reading import Source

if TYPE_CHECKING:
    from node.context import NodeContext

_QUIET = frozenset({"ledger", "presence", "links", rows.TOPIC})
_OVERLAP = timedelta(seconds=5)
_SLOWEST_S, _QUICKEST_S, _ROUNDS_A_PERIOD = 30.0, 0.5, 8
_PERIODS_A_ROUND = 16


def pace_s(period_s: int) -> float:
    """How often to look: several times a period, and never more often than twice a second."""
    return max(_QUICKEST_S, min(_SLOWEST_S, period_s / _ROUNDS_A_PERIOD))


class Rounds:
    """One node's figures, kept up to date round by round."""

    def __init__(self, context: "NodeContext", sources: Sequence[Source]) -> None:
        """Take what feeds the indicators here: the node's own nouns and the modules that are switched on."""
        self._context = context
        self._sources = tuple(sources)
        self._is_changed = True
        self._closed: Period | None = None
        self._heard_until: datetime | None = None
        self._waiting: set[Period] = set()
        self._postponed: list[Period] = []

    def note(self, topics: frozenset[str]) -> None:
        """Hear of a commit; whether books changed is seen by what it touched."""
        if topics - _QUIET:
            self._is_changed = True

    async def take(self) -> int:
        """Close what is over and sign what is new; how many states that were."""
        read, submit = self._context.database.read, self._context.database.submit
        if self._context.custody_locked():
            return 0  # restored: what it signed and forgot is given back first
        signed = 0
        for find in (self.own, self.above):
            sheets = await asyncio.to_thread(read, find)
            if sheets:
                now = self._context.clock.now()
                try:
                    signed += await asyncio.wrap_future(submit(partial(self._sign, sheets, now)))
                except Exception:
                    self._is_changed, self._heard_until = True, None
                    raise
        return signed

    def _sign(self, sheets: Sequence[Sheet], now: datetime, session: Session) -> int:
        return closing.sign(session, self._context, sheets, now)

    def own(self, session: Session) -> list[Sheet]:
        """What the own books say anew, looked at when they changed or a period ended."""
        context, now = self._context, self._context.clock.now()
        closed = last_closed(now, context.settings.figures.period_s)
        if not self._is_changed and closed == self._closed:
            return []
        self._is_changed = False
        sheets = closing.own_sheets(session, context, context.definitions, self._sources, now)
        if len(sheets) == closing.MOST_SHEETS:
            self._is_changed = True
        else:
            self._closed = closed
        return sheets

    def above(self, session: Session) -> list[Sheet]:
        """The totals that arrivals changed or that are due; nothing at a centre without any below it."""
        context, now = self._context, self._context.clock.now()
        if not context.registry.current.children_of(context.centre.name):
            return []
        periods = closing.window(context, now)
        if not periods:
            return []
        since = self._heard_until or periods[0].begin
        seconds = context.settings.figures.period_s
        heard = rows.periods_heard_since(session, since - _OVERLAP, seconds, periods[0].begin)
        heard |= approval_rows.periods_heard_since(session, since - _OVERLAP, seconds, periods[0].begin)
        asked = [*self._postponed, *sorted((heard | self._waiting) - set(self._postponed), reverse=True)]
        batch, self._postponed = asked[:_PERIODS_A_ROUND], asked[_PERIODS_A_ROUND:]
        sheets, self._waiting = closing.totals(session, context, context.definitions, batch, now)
        if len(sheets) < closing.MOST_SHEETS:
            self._heard_until = now
        typed = closing.typed_periods(session, context, now)
        return [*sheets, *closing.totals(session, context, context.definitions, typed, now)[0]]
