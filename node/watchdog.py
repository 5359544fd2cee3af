"""Tell the service manager that the node makes progress; a node that stands still is restarted by it.

Alive is not enough: a process whose writer hangs still answers. A sign of life is given only if the database's writer
has just ended a step, and if no connected neighbour has had the same frames under way for minutes.
"""

import asyncio
import logging
import socket
from collections.abc import Callable, Sequence

from federation.peer import PeerState
from node.clock import Clock
from node.database import Database

log = logging.getLogger(__name__)

STUCK_S = 300.0
WRITER_WITHIN_S = 20.0


class Progress:
    """Whether a node moves: its writer answers, and what is under way to a neighbour does not stand still."""

    def __init__(self, database: Database, peers: Callable[[], Sequence[PeerState]], clock: Clock) -> None:
        """Take what is watched."""
        self._database = database
        self._peers = peers
        self._clock = clock
        self._standing: dict[str, tuple[int, float]] = {}

    async def problem(self) -> str:
        """What stands still, in one sentence; empty while the node moves."""
        try:
            done = asyncio.wrap_future(self._database.submit(lambda _session: None, urgent=True))
            await asyncio.wait_for(done, WRITER_WITHIN_S)
        except TimeoutError:
            return f"the database's writer has ended no step for {WRITER_WITHIN_S:.0f} s"
        except Exception as error:  # noqa: BLE001 - a full disk is said elsewhere, and a restart would not mend it
            log.info("the writer refused the watchdog's step: %s", error)
        now_s = self._clock.monotonic()
        stuck = [peer.name for peer in self._peers() if self._is_stuck(peer, now_s)]
        return f"the same frames have been under way to {', '.join(stuck)} for {STUCK_S:.0f} s" if stuck else ""

    def _is_stuck(self, peer: PeerState, now_s: float) -> bool:
        waiting = sum(peer.waiting.values())
        before = self._standing.get(peer.name)
        if not peer.connected or not peer.in_flight or before is None or before[0] != waiting:
            self._standing[peer.name] = (waiting, now_s)
            return False
        return now_s - before[1] > STUCK_S


class Watchdog:
    """Speaks to the manager's socket (sd_notify): READY once, then WATCHDOG while there is progress."""

    def __init__(self, address: str, period_s: float, progress: Progress, clock: Clock) -> None:
        """Take the socket's address as the manager gave it, and how often a sign is due."""
        self._address = "\0" + address[1:] if address.startswith("@") else address
        self._period_s = period_s
        self._progress = progress
        self._clock = clock

    async def run(self) -> None:
        """Give signs until cancelled."""
        self._say("READY=1")
        try:
            while True:
                problem = await self._progress.problem()
                if problem:
                    log.error("no sign of life is given to the service manager: %s", problem)
                    self._say(f"STATUS={problem}")
                else:
                    self._say("WATCHDOG=1")
                await self._clock.sleep(self._period_s)
        finally:
            self._say("STOPPING=1")

    def _say(self, words: str) -> None:
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as manager:
                manager.connect(self._address)
                manager.send(words.encode())
        except OSError as error:
            log.warning("the service manager does not hear: %s", error)
