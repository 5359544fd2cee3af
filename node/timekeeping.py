"""Whether this centre's clock runs evenly, and how far it is from its parent's: both ring, neither changes an order.

Records keep their order by their chain, whatever the clocks say; but certificates, terms and a reader's trust in a time
hang on them.
"""

import logging
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy.orm import Session

from federation.alarm import raise_alarm
from federation.storage import Storage
from node.clock import Clock, SystemClock

WATCH_PERIOD_S = 5.0
MOST = timedelta(seconds=60)
JUMP, SKEW = "CLOCK_JUMP", "CLOCK_SKEW"
log = logging.getLogger(__name__)


def watch_jumps(session: Session, keeper: "Timekeeper") -> bool:
    """Ring if the wall clock moved by more than a minute otherwise than the steady one since the last look."""
    moved = keeper.look()
    if abs(moved) <= MOST:
        return False
    now = keeper.clock.now()
    detail = f"the clock of this computer jumped by {moved.total_seconds():+.0f} s; it says {now.isoformat()} now"
    subject = f"{round(moved / MOST):+d} min"
    return raise_alarm(session.connection(), JUMP, at=now, peer="", origin=keeper.name, subject=subject, detail=detail)


@dataclass(slots=True)
class Timekeeper:
    """Compares the two clocks of one node, step by step."""

    name: str
    clock: Clock
    _wall: datetime | None = field(default=None)
    _steady_s: float = field(default=0.0)

    def look(self) -> timedelta:
        """How far the wall clock has moved beyond the steady one since the last look; nothing at the first."""
        wall, steady_s = self.clock.now(), self.clock.monotonic()
        moved = timedelta(0)
        if self._wall is not None:
            moved = (wall - self._wall) - timedelta(seconds=steady_s - self._steady_s)
        self._wall, self._steady_s = wall, steady_s
        return moved


def note_skew(storage: Storage, clock: Clock, name: str, parent: str, said: datetime) -> timedelta:
    """Ring if the parent's clock says something else by more than a minute; how far ahead this one is."""
    now = clock.now()
    ahead = now - said
    if abs(ahead) > MOST:
        detail = f"the clock here is {ahead.total_seconds():+.0f} s from that of {parent}; one of the two is wrong"

        def step(session: Session) -> None:
            raise_alarm(session.connection(), SKEW, at=now, peer=parent, origin=name, subject="clock", detail=detail)

        storage.submit(step)
    return ahead


class ShiftedClock(SystemClock):
    """The machine's clock, set wrong on purpose by so many seconds as a file says; for drills and tests."""

    def __init__(self, file: Path) -> None:
        """Take the file, which may change at any time; an absent or unreadable one means no shift."""
        self._file = file

    def now(self) -> datetime:
        """The wall time, shifted."""
        try:
            return super().now() + timedelta(seconds=float(self._file.read_text("ascii")))
        except (OSError, ValueError, OverflowError):
            return super().now()
