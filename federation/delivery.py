"""The delivery of one node: its sealer, its connections, and what a person may know about them."""

import asyncio
import logging
from collections.abc import Callable, Coroutine, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Any

import grpc.aio
from sqlalchemy.orm import Session

from federation import quarantine, safety, settlement, survey
from federation.alarm import LinkAlarm
from federation.companion import NOTHING, Companion
from federation.dialling import BypassLine, ParentLine, Switchboard
from federation.failpoint import failpoint
from federation.frame import StreamKey
from federation.grpc_link import GrpcLink
from federation.hello import Cursor
from federation.house import Clock, House
from federation.ledger import Lane, Sealer, child_of
from federation.link import Channel, Link, LinkError, ParentAddress
from federation.peer import Backoff, PeerState
from federation.receiver import Handler, Receiver
from federation.removal import Removal
from federation.restitution import Restitution
from federation.rights import grandparent_of, is_past_parent, may_travel
from federation.session import LinkSession
from federation.storage import Storage
from federation.v1 import link_pb2 as wire
from pki.gate import Gate
from pki.keystore import Keystore
from pki.registry import Registry, RegistryFile

__all__ = ["Delivery", "LinkAlarm", "ParentAddress", "PeerState"]

log = logging.getLogger(__name__)

LONGEST_WAIT_S = 0.05
REFRESH_S = 0.25
TOPIC = "links"
_ORDER = ("parent", "bypass", "child")
_SLOW = tuple(lane for lane in Lane if lane is not Lane.URGENT)


class Delivery:
    """Delivers what this node appends to its ledger, and hands what arrives to its handlers."""

    tls_refusals = 0

    def __init__(
        self,
        *,
        storage: Storage,
        keystore: Keystore,
        registry: RegistryFile,
        handlers: Mapping[str, Handler],
        clock: Clock,
        random: Callable[[int], bytes],
        on_change: Callable[[str], None],
        own_handlers: Mapping[str, Handler] | None = None,
        on_settled: Callable[[Session], object] = lambda _session: None,
        companion: Companion = NOTHING,
    ) -> None:
        """Nothing runs before `start`; `on_change("links")` is called in the event loop when peers or alarms change.

        `own_handlers` say what records of this node's own do that a neighbour gives back after a loss; a kind that is
        not named there is stored and does nothing. `on_settled` is a step of the writer for what had to wait after a
        restore until every neighbour had told all, and once after each start; `companion`: what goes beside a frame.
        """
        self.local_origin = keystore.name
        self._sealer = Sealer(keystore, random, clock.now)
        self._receiver = Receiver(
            name=keystore.name,
            registry=lambda: registry.current,
            handlers=handlers,
            own_handlers=own_handlers,
            companion=companion,
        )
        self._house = House(
            name=keystore.name,
            boot=self._sealer.epoch,
            storage=storage,
            keystore=keystore,
            registry=registry,
            receiver=self._receiver,
            restitution=Restitution(
                name=keystore.name,
                registry=lambda: registry.current,
                effects=self._receiver.effects,
                sealer=self._sealer,
                companion=companion,
            ),
            clock=clock,
            random=random,
            threads=ThreadPoolExecutor(4, thread_name_prefix="delivery"),
            on_grown=self._wake_streams,
            on_news=lambda: self._in_loop(self._dirty.set),
            on_released=self.wake,
            on_reach=self._pass_on,
            sealing_epoch=lambda: self._sealer.epoch,
            waiting=lambda peer: self._survey.waiting.get(peer, {}),
        )
        self._on_change = on_change
        self._on_settled = on_settled
        self._has_caught_up = False
        self._survey = survey.Survey({}, {}, ())
        self._states: dict[str, PeerState] = {}
        self._sessions: dict[str, LinkSession] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._link: Link | None = None
        self._parent: ParentAddress | None = None
        self.port = 0
        self._appended = asyncio.Event()
        self._appended_slow = asyncio.Event()
        self._dirty = asyncio.Event()
        self._line: ParentLine | None = None
        self._bypass: BypassLine | None = None
        registry.listen(self._registry_changed)

    # life --------------------------------------------------------------------------------------------------------

    async def start(
        self,
        *,
        parent: ParentAddress | None,
        listen: str | None,
        extra_services: Sequence[Callable[[grpc.aio.Server], None]] = (),
        link: Link | None = None,
        bypass: str | None = None,
        bypass_link: Link | None = None,
    ) -> None:
        """Begin to seal, to dial the parent and to let children in; raises LinkError(BIND) if the port is taken.

        `bypass` is where the centre above the parent listens; over `bypass_link` if that is another link.
        """
        house = self._house
        self._loop = asyncio.get_running_loop()
        self._parent = parent
        gate = Gate(house.keystore.root_pem, lambda: house.registry.current)
        self._link = link or GrpcLink(
            keystore=house.keystore,
            gate=gate,
            clock=house.clock,
            on_refused=self.note_refused,
            extra_services=extra_services,
        )
        if listen is not None:
            self.port = await self._link.listen(listen, self._accept)
        for work in (self._seal_urgent(), self._seal_slow(), self._refresh()):
            self._spawn(work)
        board = self._switchboard()
        if parent is not None:
            self._line = ParentLine(board, self._link, parent)
            self._spawn(self._line.keep())
        if bypass is not None:
            self._bypass = BypassLine(board, bypass_link or self._link, bypass)
            self._spawn(self._bypass.keep())
        self.wake()
        self._dirty.set()

    def _switchboard(self) -> Switchboard:
        return Switchboard(
            house=self._house,
            sessions=self._sessions,
            on_state=self._changed,
            on_lost=self._lost,
            removal=self._removal,
        )

    async def stop(self) -> None:
        """End every connection and stop sealing; what is not delivered waits for the next start."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for session in list(self._sessions.values()):
            session.end(LinkError("STOPPED", f"{self.local_origin} stops"))
        if self._link is not None:
            await self._link.close()
        self._loop = None
        self._house.threads.shutdown(wait=False, cancel_futures=True)

    def wake(self) -> None:
        """Something was appended: seal and send it. May be called from any thread."""
        self._in_loop(self._woken)

    def _woken(self) -> None:
        self._appended.set()
        self._appended_slow.set()

    def _in_loop(self, call: Callable[..., None], *args: object) -> None:
        loop = self._loop
        if loop is not None and not loop.is_closed():
            loop.call_soon_threadsafe(call, *args)

    def _spawn(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            log.critical("a part of delivery failed and does not run any more", exc_info=task.exception())

    # what a person may know --------------------------------------------------------------------------------------

    def peers(self) -> list[PeerState]:
        """The parent, then bypasses, then the children, as of a moment ago; from any thread."""
        return sorted(self._states.values(), key=lambda state: (_ORDER.index(state.relation), state.name))

    def alarms(self) -> list[LinkAlarm]:
        """The newest alarms first, a hundred at most; from any thread."""
        return list(self._survey.alarms)

    def note_tls_refused(self, line: str) -> None:
        """A handshake failed before any name was known: ring, with what gRPC said of it. From any thread."""
        self.tls_refusals += 1
        self._ring("TLS_REFUSED", "", "handshake", line)

    def _ring(self, code: str, peer: str, subject: str, detail: str) -> None:
        self._house.ring(code, peer=peer, subject=subject, detail=detail)

    def note_refused(self, address: str, code: str, reason: str) -> None:
        """A link did not admit whoever came from there: ring. In the event loop."""
        self._ring("PEER_REFUSED", "", code, f"{code}: {reason} (from {address})")

    # sealing -----------------------------------------------------------------------------------------------------

    async def _seal_urgent(self) -> None:
        while True:
            await self._appended.wait()
            self._appended.clear()
            await self._seal((Lane.URGENT,))
            self._dirty.set()

    async def _seal_slow(self) -> None:
        while True:
            await self._appended_slow.wait()
            await self._house.clock.sleep(LONGEST_WAIT_S)
            self._appended_slow.clear()
            await self._seal(_SLOW)

    async def _seal(self, lanes: tuple[Lane, ...]) -> None:
        """Seal until nothing waits; a storage that cannot now is asked again."""
        backoff = Backoff(self._house.random)
        more = True
        while more:
            try:
                sealed = await self._house.write(
                    lambda session: self._sealer.seal(session, lanes), urgent=Lane.URGENT in lanes
                )
                failpoint("sealer.after_commit")
            except Exception:
                log.exception("sealing failed; it is tried again")
                for session in self._sessions.values():
                    session.wake()
                await self._house.clock.sleep(backoff.next_s())
                continue
            more = sealed.more
            self._wake_streams(sealed.streams)

    def _wake_streams(self, streams: frozenset[StreamKey]) -> None:
        """Tell the connections that may carry one of these streams."""
        registry, name = self._house.registry.current, self.local_origin
        above = {registry.parent_of(name), grandparent_of(registry, name)}
        for peer in above | {child_of(one.audience) for one in streams}:
            session = self._sessions.get(peer) if peer else None
            if session and any(may_travel(registry, one, sender=name, receiver=session.peer) for one in streams):
                session.wake()
        if streams:
            self._dirty.set()

    def _pass_on(self) -> None:
        """A receipt from above is new: tell the children whom it may concern."""
        for session in self._sessions.values():
            session.pass_on()

    # the neighbours above ----------------------------------------------------------------------------------------

    def _removal(self) -> Removal:
        return Removal(self.local_origin, self._house.registry.current, self._house.clock.now(), self._sealer.renew)

    def _lost(self, name: str, error: LinkError, reason: str, next_attempt_at: datetime) -> None:
        self._update(name, lambda state: _disconnected(state, error.code, reason, next_attempt_at))

    def _redial(self) -> None:
        if self._line is not None:
            self._line.redial()

    # the children ------------------------------------------------------------------------------------------------

    async def _accept(self, channel: Channel) -> None:
        """Carry a child's connection until it ends; runs in the link's own task, which may be cancelled."""
        name, registry = channel.peer, self._house.registry.current
        is_child = registry.parent_of(name) == self.local_origin
        if not is_child and not is_past_parent(registry, name, self.local_origin):
            reason = f"{name} is no child of {self.local_origin}"
            self._ring("PEER_REFUSED", name, "NOT_MY_CHILD", reason)
            raise LinkError("NOT_MY_CHILD", reason)
        session = LinkSession(self._house, channel, on_state=lambda: self._changed(name))
        try:
            hello = await session.receive_hello()
            older, self._sessions[name] = self._sessions.get(name), session
            if older is not None:
                self._spawn(self._fence(name, older, hello.boot))
            await session.run(hello)
        except LinkError as error:
            if self._sessions.get(name) is session:
                code, reason = error.code, error.reason
                self._update(name, lambda state: _disconnected(state, code, reason))
            raise
        finally:
            if self._sessions.get(name) is session:
                del self._sessions[name]
                self._update(name, lambda state: replace(state, connected=False, in_flight=0))
                self._dirty.set()

    async def _fence(self, name: str, older: LinkSession, boot: bytes) -> None:
        """A second connection of one centre ends the first; if another start of it still lives there, that is an alarm.

        A quick restart after a power cut leaves a connection behind on which nobody speaks any more.
        """
        if await older.fenced() and older.boot != boot:
            detail = f"{name} connected twice, from two starts of it: was it cloned, or its key stolen?"
            self._ring("SESSION_FENCED", name, "clone", detail)
        older.end(LinkError("FENCED", "another connection of this centre has taken the place of this one"))

    # after a restore ---------------------------------------------------------------------------------------------

    def settled(self) -> bool:
        """Whether no neighbour still has to tell what this node forgot when it was restored; from any thread."""
        return not self._house.storage.read(settlement.unsettled)

    def declare_safe(self, held_elsewhere: Mapping[StreamKey, Cursor]) -> int:
        """A verified backup, or a standby, holds the streams up to there (`safety.heads` of it); how many marks moved.

        The neighbours hear it at once. Waits for the commit: not in the event loop.
        """
        moved = self._house.storage.write(lambda session: safety.advance_safe(session, held_elsewhere))
        self._in_loop(self._tell_safe)
        return moved

    def _tell_safe(self) -> None:
        for session in self._sessions.values():
            if session.ready:
                self._spawn(session.tell_safe())

    def lift_fence(self, decision: str) -> int:
        """A person has decided about the quarantine ("send" or "keep"); waits for the commit: not in the event loop."""
        removal = self._removal()
        count = self._house.storage.write(lambda session: quarantine.lift(session, removal, decision))
        self._in_loop(self._redial)
        return count

    async def _settle(self) -> None:
        """Settle with each neighbour whose hello is complete; after the last one decide what had to wait."""
        unsettled = await self._house.read(settlement.unsettled)
        if not unsettled and not self._has_caught_up:
            await self._house.write(self._on_settled)
        self._has_caught_up = not unsettled
        for name in unsettled:
            session = self._sessions.get(name)
            if name not in self._neighbours():
                await self._house.write(partial(settlement.settle, peer=name))
            elif session is not None and session.complete:
                await self._house.write(partial(self._settle_with, name=name, hello=session.hello))

    def _settle_with(self, session: Session, *, name: str, hello: wire.Hello) -> None:
        """Settle with one neighbour, after what was parked for want of what it gave back."""
        registry, now = self._house.registry.current, self._house.clock.now()
        if settlement.has_heard_all(session, hello, name=self.local_origin, peer=name, registry=registry):
            while self._receiver.replay_parked(session, now):
                continue
            settlement.settle(session, name)

    # states ------------------------------------------------------------------------------------------------------

    def _registry_changed(self, _registry: Registry) -> None:
        self._in_loop(self._registry_in_loop)

    def _registry_in_loop(self) -> None:
        for session in list(self._sessions.values()):
            session.push_registry()
        self._redial()
        self._dirty.set()

    def _changed(self, name: str) -> None:
        """Something about a connection is new: show the connection at once, the counts soon."""
        session = self._sessions.get(name)
        if session is not None and session.ready:
            before = self._states.get(name)
            if before is None or not before.connected:
                self._update(name, _connected)
        self._dirty.set()

    def _update(self, name: str, change: Callable[[PeerState], PeerState] = lambda state: state) -> None:
        """Put the state of a neighbour together again, with what a caller knows on top."""
        before = self._states.get(name) or PeerState(name=name, relation=self._relation(name))
        session = self._sessions.get(name)
        known: dict[str, object] = {
            "relation": self._relation(name),
            "waiting": self._survey.waiting.get(name, {}),
            "parked": self._survey.parked.get(name, 0),
        }
        if session is not None:
            known |= {"last_heard_at": session.last_heard_at, "in_flight": session.in_flight}
            known["peer_waiting"] = dict(session.peer_waiting)
        after = change(_with(before, known))
        if after.connected != before.connected:
            after = replace(after, since=self._house.clock.now())
        self._states[name] = after
        if after != before:
            self._on_change(TOPIC)

    def _relation(self, name: str) -> str:
        registry = self._house.registry.current
        if registry.parent_of(name) == self.local_origin:
            return "child"
        is_bypass = is_past_parent(registry, name, self.local_origin) or is_past_parent(
            registry, self.local_origin, name
        )
        return "bypass" if is_bypass else "parent"

    def _neighbours(self) -> list[str]:
        registry = self._house.registry.current
        children = [name for name in registry.children_of(self.local_origin) if self._is_active(registry, name)]
        parent = (self._parent.name or registry.parent_of(self.local_origin)) if self._parent else None
        past = [name for name in self._sessions if is_past_parent(registry, name, self.local_origin)]
        above = self._bypass.name if self._bypass else None
        return [*([parent] if parent else []), *([above] if above else []), *past, *children]

    def _is_active(self, registry: Registry, name: str) -> bool:
        entry = registry.centre(name)
        return entry is not None and entry.state == "active"

    async def _refresh(self) -> None:
        """Count again what waits, is parked or rang, whenever something moved, four times a second at most."""
        while True:
            await self._house.wait(self._dirty, 2.0 if self._sessions else None)
            self._dirty.clear()
            names = self._neighbours()
            try:
                self._survey = await self._house.run(self._look, names)
                if self._bypass is not None:
                    self._bypass.look()
                await self._settle()
            except Exception:
                log.exception("the state of deliveries could not be read")
            for name in list(self._states):
                if name not in names:
                    del self._states[name]
            for name in names:
                self._update(name)
            await self._house.clock.sleep(REFRESH_S)

    def _look(self, names: list[str]) -> survey.Survey:
        registry = self._house.registry.current
        before = self._survey.alarms
        found = self._house.storage.read(lambda session: survey.look(session, registry, self.local_origin, names))
        if found.alarms[:1] != before[:1]:
            self._in_loop(self._on_change, TOPIC)
        return found

    def replay_parked(self, now: datetime, skip: int = 0) -> int:
        """Try parked records again after a mend; how many were applied. Waits for the commit: not in the event loop."""
        applied = self._house.storage.write(lambda session: self._receiver.replay_parked(session, now, skip=skip))
        self._in_loop(self._dirty.set)
        return applied


def _with(state: PeerState, known: Mapping[str, object]) -> PeerState:
    """The state with what is new in it; with two hundred children, mostly nothing is."""
    new: dict[str, Any] = {name: value for name, value in known.items() if getattr(state, name) != value}
    return replace(state, **new) if new else state


def _connected(state: PeerState) -> PeerState:
    return replace(state, connected=True, last_error="", error_code="", next_attempt_at=None)


def _disconnected(state: PeerState, code: str, reason: str, next_attempt_at: datetime | None = None) -> PeerState:
    return replace(
        state,
        connected=False,
        in_flight=0,
        last_error=reason,
        error_code=code,
        next_attempt_at=next_attempt_at,
        peer_waiting={},
    )
