"""The only reader of the time, so that a simulation can pass its own."""

import asyncio
import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """What anything that needs the time is given."""

    def now(self) -> datetime:
        """Say the wall time, aware and in UTC."""
        ...

    def monotonic(self) -> float:
        """Say seconds that never step back, for durations only."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Let that much of this clock's time pass."""
        ...


class SystemClock:
    """The machine's own clock."""

    def now(self) -> datetime:
        """Say the wall time, aware and in UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Say seconds that never step back, for durations only."""
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        """Let that much real time pass."""
        await asyncio.sleep(seconds)
