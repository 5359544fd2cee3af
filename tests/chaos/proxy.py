"""A line between two centres that can be cut, stalled or slowed down: a TCP proxy that understands nothing."""

import asyncio
import contextlib
from enum import StrEnum

from node.demo.ports import LOOPBACK

_PIECE = 64 * 1024


class Fault(StrEnum):
    NONE = "none"
    CUT = "cut"  # what is there breaks, and nothing new is made
    STALL = "stall"  # it looks alive, and nothing passes
    DELAY = "delay"  # every piece comes late


class Proxy:
    """One line; `port` is where the child dials."""

    def __init__(self, target: int) -> None:
        self._target = target
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._passing = asyncio.Event()
        self._passing.set()
        self.fault = Fault.NONE
        self.delay_s = 0.0
        self.carried = 0
        self.port = 0

    async def start(self) -> "Proxy":
        self._server = await asyncio.start_server(self._accept, LOOPBACK, 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def stop(self) -> None:
        self.set(Fault.CUT)
        if self._server is not None:
            self._server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def set(self, fault: Fault, delay_s: float = 0.0) -> None:
        """From now on the line is like this."""
        self.fault, self.delay_s = fault, delay_s
        if fault is Fault.STALL:
            self._passing.clear()
        else:
            self._passing.set()
        if fault is Fault.CUT:
            for writer in list(self._open):
                writer.transport.abort()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.fault is Fault.CUT:
            writer.transport.abort()
            return
        try:
            further, back = await asyncio.open_connection(LOOPBACK, self._target)
        except OSError:
            writer.transport.abort()
            return
        self._open |= {writer, back}
        pair = [asyncio.create_task(self._carry(reader, back)), asyncio.create_task(self._carry(further, writer))]
        self._tasks |= set(pair)
        try:
            await asyncio.wait(pair, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in pair:
                task.cancel()
            self._tasks -= set(pair)
            self._open -= {writer, back}
            writer.transport.abort()
            back.transport.abort()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while piece := await reader.read(_PIECE):
                await self._passing.wait()
                if self.delay_s:
                    await asyncio.sleep(self.delay_s)
                writer.write(piece)
                await writer.drain()
                self.carried += len(piece)
