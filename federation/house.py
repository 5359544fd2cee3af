"""What one node lends to its connections: its keys, its storage, who is who, its clock, and threads to verify in."""

import asyncio
import logging
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol, TypeVar, TypeVarTuple

from sqlalchemy.orm import Session

from federation.alarm import raise_alarm
from federation.frame import StreamKey, to_us
from federation.receiver import Receiver
from federation.restitution import Restitution
from federation.storage import Storage
from federation.v1 import link_pb2 as wire
from pki.keystore import Keystore
from pki.registry import RegistryFile

T = TypeVar("T")
Ts = TypeVarTuple("Ts")
log = logging.getLogger(__name__)


class Clock(Protocol):
    """The readings of time that delivery needs."""

    def now(self) -> datetime:
        """The wall time, aware."""

    def monotonic(self) -> float:
        """Seconds that never step back."""

    async def sleep(self, seconds: float, /) -> None:
        """Return after that many seconds of this clock."""


@dataclass(frozen=True, slots=True, kw_only=True)
class House:
    """Shared by all connections of one node; several nodes may live in one process.

    `current` says which connection to a neighbour is the last that said hello; only the writer's steps touch it.
    """

    name: str
    boot: bytes
    storage: Storage
    keystore: Keystore
    registry: RegistryFile
    receiver: Receiver
    restitution: Restitution
    clock: Clock
    random: Callable[[int], bytes]
    threads: ThreadPoolExecutor
    on_grown: Callable[[frozenset[StreamKey]], None]
    on_news: Callable[[], None]
    on_released: Callable[[], None]
    on_reach: Callable[[], None]
    sealing_epoch: Callable[[], bytes]
    waiting: Callable[[str], Mapping[str, int]]
    unfinished: set[Future[Any]] = field(default_factory=set)
    current: dict[str, object] = field(default_factory=dict)

    async def run(self, work: Callable[[*Ts], T], *args: *Ts) -> T:
        """Carry work out in a thread of this node."""
        return await asyncio.get_running_loop().run_in_executor(self.threads, work, *args)

    async def read(self, step: Callable[[Session], T]) -> T:
        """Read from the storage, in a thread."""
        return await self.run(self.storage.read, step)

    async def write(self, step: Callable[[Session], T], *, urgent: bool = False) -> T:
        """Hand a step to the writer and wait for its commit, which goes on if the one who waits goes away."""
        return await asyncio.shield(asyncio.wrap_future(self.storage.submit(step, urgent=urgent)))

    def ring(self, code: str, *, peer: str, origin: str = "", subject: str = "", detail: str) -> None:
        """Record an alarm without waiting for it; from any thread."""
        now = self.clock.now()

        def step(session: Session) -> None:
            connection = session.connection()
            raise_alarm(connection, code, at=now, peer=peer, origin=origin, subject=subject, detail=detail)

        self.submit(step)

    def submit(self, step: Callable[[Session], object]) -> None:
        """Hand a step to the writer without waiting for it; a failure is logged."""
        future = self.storage.submit(step)
        self.unfinished.add(future)
        future.add_done_callback(self._finished)

    def _finished(self, future: Future[Any]) -> None:
        self.unfinished.discard(future)
        self.on_news()
        if not future.cancelled() and future.exception() is not None:
            log.error("something to be noted could not be stored", exc_info=future.exception())

    async def wait(self, event: asyncio.Event, limit_s: float | None) -> None:
        """Return when the event is set, or after that many seconds of the node's clock."""
        if limit_s is None:
            await event.wait()
            return
        waiting = [asyncio.ensure_future(event.wait()), asyncio.ensure_future(self.clock.sleep(limit_s))]
        try:
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for one in waiting:
                one.cancel()

    def heartbeat(self, peer: str) -> wire.Heartbeat:
        """What is said every two seconds."""
        lanes = [wire.LaneWaiting(lane=lane, records=count) for lane, count in self.waiting(peer).items()]
        return wire.Heartbeat(at_us=to_us(self.clock.now()), waiting=lanes)
