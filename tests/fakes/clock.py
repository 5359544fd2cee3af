"""A clock that stands still until it is moved; passes the same test as the machine's own."""

import asyncio
from datetime import UTC, datetime, timedelta

START = datetime(2025, 6, 1, 1, 0, tzinfo=UTC)


class FakeClock:
    """Time as a test wants it; sleepers wake when `advance` passes their hour."""

    def __init__(self, start: datetime = START) -> None:
        self._now = start
        self._passed = 0.0
        self._sleepers: list[tuple[float, asyncio.Future[None]]] = []

    def now(self) -> datetime:
        return self._now

    def monotonic(self) -> float:
        return self._passed

    async def sleep(self, seconds: float) -> None:
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._sleepers.append((self._passed + seconds, future))
        await future

    def advance(self, seconds: float) -> None:
        self._now += timedelta(seconds=seconds)
        self._passed += seconds
        due = [sleeper for sleeper in self._sleepers if sleeper[0] <= self._passed]
        self._sleepers = [sleeper for sleeper in self._sleepers if sleeper[0] > self._passed]
        for _, future in due:
            if not future.done():
                future.set_result(None)
