"""Many WebSocket clients in one process, which read whatever comes and count it; they keep nothing."""

import asyncio
from typing import Any

import websockets.asyncio.client as ws

from bench.actor import answer, next_order


class Watchers:
    """The clients and what they heard since they were last asked."""

    def __init__(self) -> None:
        """Nobody is connected yet."""
        self._tasks: list[asyncio.Task[None]] = []
        self._messages = self._bytes = 0

    async def connect(self, clients: int, url: str, headers: dict[str, str]) -> None:
        """Bring the number of clients up to this one; returns when each has connected."""
        come = asyncio.Semaphore(0)
        new = clients - len(self._tasks)
        self._tasks += [asyncio.create_task(self._watch(url, headers, come)) for _ in range(new)]
        for _ in range(new):
            await come.acquire()

    async def _watch(self, url: str, headers: dict[str, str], come: asyncio.Semaphore) -> None:
        async with ws.connect(url, additional_headers=headers, max_size=None, compression=None) as socket:
            come.release()
            async for message in socket:
                self._messages += 1
                self._bytes += len(message)

    def heard(self) -> dict[str, Any]:
        """Messages and characters since the last question, and how many clients are connected still."""
        found = {"messages": self._messages, "bytes": self._bytes}
        self._messages = self._bytes = 0
        return found | {"connected": sum(not task.done() for task in self._tasks)}


async def main() -> None:
    """Obey until nobody gives orders."""
    watchers = Watchers()
    while (order := await asyncio.to_thread(next_order)) is not None:
        if order["do"] == "connect":
            async with asyncio.timeout(30.0):
                await watchers.connect(order["clients"], order["url"], order["headers"])
        answer(**watchers.heard())


if __name__ == "__main__":
    asyncio.run(main())
