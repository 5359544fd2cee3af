"""A centre's clock over virtual time; its wall may be set wrong, what counts seconds never is."""

import asyncio
from datetime import datetime, timedelta

from tests.fakes.clock import START
from tests.simulation.loop import Crash, VirtualLoop


class SimClock:
    def __init__(self, loop: VirtualLoop) -> None:
        self._loop = loop
        self.off = timedelta(0)
        self.is_stopped = False

    def now(self) -> datetime:
        return START + timedelta(seconds=self._loop.time()) + self.off

    def monotonic(self) -> float:
        return self._loop.time()

    async def sleep(self, seconds: float) -> None:
        if self.is_stopped:
            raise Crash
        await asyncio.sleep(seconds)
