"""Keeping a connection to the parent: dialled again and again, and left alone once another start of this node took it.

The bypass to the centre above the parent is dialled only while something waits for it, and hung up when it is idle.
"""

import asyncio
import logging
from collections.abc import Callable, MutableMapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from federation import quarantine
from federation.house import House
from federation.link import Link, LinkError, ParentAddress
from federation.peer import Backoff
from federation.removal import Removal
from federation.rights import grandparent_of
from federation.session import BROKEN, LinkSession
from pki.diagnose import diagnose

log = logging.getLogger(__name__)

FENCED_S = 60.0
IDLE_S = 30.0
_LOOK_S = 1.0
# Ends that say nothing of a cause which this node could see in its own certificates, and ends that need no alarm.
_UNSAID = frozenset({"UNREACHABLE", "CLOSED", "TLS_REFUSED"})
_QUIET = frozenset({"UNREACHABLE", "CLOSED", "STOPPED", "SILENT", "NO_HELLO", "LOST", "FENCED_HERE", "FENCED", "IDLE"})

Lost = Callable[[str, LinkError, str, datetime], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Switchboard:
    """What dialling shares with the rest of one node's delivery."""

    house: House
    sessions: MutableMapping[str, LinkSession]
    on_state: Callable[[str], None]
    on_lost: Lost
    removal: Callable[[], Removal]

    async def carry(self, link: Link, address: str, name: str, backoff: Backoff) -> None:
        """One connection from the dial to its end; raises LinkError."""
        channel = await link.dial(address, name)
        session = LinkSession(self.house, channel, on_state=lambda: self.on_state(name))
        self.sessions[name] = session
        try:
            await session.run()
        except LinkError as error:
            if session.boot and error.code != BROKEN:  # what fails here after each hello would fail again at once
                backoff.reset()
            raise
        finally:
            if self.sessions.get(name) is session:
                del self.sessions[name]

    async def lost(self, name: str, error: LinkError, wait_s: float) -> None:
        """Note why there is no connection; where TLS said nothing, look at this node's own certificates."""
        house = self.house
        reason = error.reason
        if error.code in _UNSAID:
            found = await house.run(diagnose, house.keystore, house.clock.now(), house.registry.current)
            reason = "; ".join([reason, *found])
        log.info("no connection to %s: %s: %s", name, error.code, reason)
        self.on_lost(name, error, reason, house.clock.now() + timedelta(seconds=wait_s))
        if error.code not in _QUIET:
            house.ring("PEER_REFUSED", peer=name, subject=error.code, detail=f"{error.code}: {reason}")


class ParentLine:
    """The line to the parent."""

    def __init__(self, board: Switchboard, link: Link, parent: ParentAddress) -> None:
        """Take what is shared, the link to dial over, and where the parent listens."""
        self._board = board
        self._house = board.house
        self._link = link
        self._parent = parent
        self._redial = asyncio.Event()

    def redial(self) -> None:
        """Something has changed: do not wait any longer."""
        self._redial.set()

    async def keep(self) -> None:
        """Dial for ever."""
        backoff = Backoff(self._house.random)
        while True:
            try:
                await self._dial_once(backoff)
            except LinkError as error:
                wait_s = FENCED_S if error.code == "FENCED" else backoff.next_s(is_cheap=error.is_vacant)
                name = self._parent.name or self._house.registry.current.parent_of(self._house.name) or ""
                await self._board.lost(name, error, wait_s)
                if error.code == "FENCED":
                    await self._put_aside(error.reason)
                self._redial.clear()
                await self._house.wait(self._redial, wait_s)

    async def _dial_once(self, backoff: Backoff) -> None:
        name = self._name()
        if await self._house.read(lambda session: quarantine.is_fenced(session, name)):
            raise LinkError("FENCED_HERE", "a person has to decide about the quarantine before this centre dials again")
        await self._board.carry(self._link, self._parent.address, name, backoff)

    def _name(self) -> str:
        name = self._parent.name or self._house.registry.current.parent_of(self._house.name)
        if name is None:
            raise LinkError("NO_PARENT", "the registry names no parent of this centre")
        return name

    async def _put_aside(self, reason: str) -> None:
        """Another start of this centre took its place: what is not delivered waits for a person."""
        name = self._name()
        detail = f"another start of this centre is connected to {name}: {reason}"
        removal = self._board.removal()
        count = await self._house.write(lambda session: quarantine.raise_fence(session, removal, name, detail))
        told = f"{detail}; {count} records of this one wait for a person"
        self._house.ring("FENCED", peer=name, subject="clone", detail=told)


class BypassLine:
    """The line past the parent, to the centre that the registry names above it."""

    def __init__(self, board: Switchboard, link: Link, address: str) -> None:
        """Take what is shared, the link to dial over, and where that centre listens."""
        self._board = board
        self._house = board.house
        self._link = link
        self._address = address
        self._wanted = asyncio.Event()

    @property
    def name(self) -> str | None:
        """Whom it leads to by the present registry."""
        return grandparent_of(self._house.registry.current, self._house.name)

    def look(self) -> None:
        """Dial if something waits; in the event loop."""
        if self._waits():
            self._wanted.set()

    async def keep(self) -> None:
        """Dial while something waits, for ever."""
        backoff = Backoff(self._house.random)
        while True:
            await self._wanted.wait()
            self._wanted.clear()
            name = self.name
            if name is None:
                continue
            watch = asyncio.get_running_loop().create_task(self._hang_up(name))
            try:
                await self._board.carry(self._link, self._address, name, backoff)
            except LinkError as error:
                wait_s = FENCED_S if error.code == "FENCED" else backoff.next_s()
                await self._board.lost(name, error, wait_s)
                if error.code != "IDLE":
                    await self._house.clock.sleep(wait_s)
            finally:
                watch.cancel()
            self.look()

    async def _hang_up(self, name: str) -> None:
        """End the connection once nothing has waited for a while."""
        idle_s = 0.0
        while True:
            await self._house.clock.sleep(_LOOK_S)
            session = self._board.sessions.get(name)
            is_busy = self._waits() or (session is not None and session.in_flight > 0)
            idle_s = 0.0 if is_busy else idle_s + _LOOK_S
            if session is not None and session.ready and idle_s >= IDLE_S:
                session.end(LinkError("IDLE", "nothing waits for the bypass any more"))

    def _waits(self) -> bool:
        name = self.name
        return name is not None and any(self._house.waiting(name).values())
