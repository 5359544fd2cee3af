"""One live connection to one neighbour: hello, then frames and receipts both ways until it ends.

Nothing here decides about records; it moves them between the link, the sender, the receiver and the storage. A frame is
verified in a thread while the one before it is being committed. Commits belong to the storage: when a connection goes
away in the middle of one, the commit goes on, and the next hello tells how it ended.
"""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from datetime import datetime

from sqlalchemy.orm import Session

from federation.alarm import about
from federation.comparison import compare_heads
from federation.failpoint import failpoint
from federation.hello import key_of, make_hello
from federation.house import House
from federation.intake import Intake
from federation.link import Channel, LinkError
from federation.outflow import Outflow
from federation.passing import Passing
from federation.reach import head_acks
from federation.receipt import Ack, sign_ack
from federation.receiver import Refused
from federation.recovery import Recovery
from federation.rights import is_past_parent, may_travel
from federation.safety import safe_acks
from federation.v1 import link_pb2 as wire
from pki.errors import PkiError

log = logging.getLogger(__name__)

HELLO_LIMIT_S = 20.0
BEAT_S = 2.0
LATE_S = 1.0
BROKEN = "BROKEN"
FENCED_WAIT_S = 5.0
SILENT_S = 15.0
REGISTRY_PIECE = 512 * 1024
_FOR_NEIGHBOURS = frozenset({"registry", "receipts"})
LARGEST_REGISTRY = 32 * 1024 * 1024


class LinkSession:
    """A connection from its hello to its end; `run` returns never, it raises LinkError with the reason."""

    def __init__(self, house: House, channel: Channel, *, on_state: Callable[[], None]) -> None:
        """Take what the node lends to its connections, and whom to tell when what a person sees has changed."""
        self._house = house
        self._channel = channel
        self._on_state = on_state
        self.peer = channel.peer
        self.boot = b""
        self.last_heard_at: datetime | None = None
        self.peer_waiting: dict[str, int] = {}
        self.ready = False
        self._last_heard_s = house.clock.monotonic()
        self._intake = Intake(house, channel, self._spawn)
        self._outflow = Outflow(house, channel, self._spawn, on_state)
        self._recovery = Recovery(house, channel, self._outflow.retry)
        self._passing = Passing(house, channel)
        self.hello = wire.Hello()
        self._fenced_at_s: float | None = None
        self._spoke_late = asyncio.Event()
        self._reading: asyncio.Task[None] | None = None
        self._registry_pieces = bytearray()
        self._tasks: set[asyncio.Task[None]] = set()
        self._end: asyncio.Future[LinkError] = asyncio.get_running_loop().create_future()

    @property
    def in_flight(self) -> int:
        """Frames sent and not acknowledged."""
        return self._outflow.in_flight

    def wake(self) -> None:
        """There may be something to send."""
        self._outflow.wake()

    def pass_on(self) -> None:
        """There may be a receipt from above to tell a child."""
        self._passing.wake()

    def push_registry(self) -> None:
        """The registry has changed: tell a child, and end the connection if the peer may not have one any more."""
        if self._end.done():
            return
        try:
            self._channel.recheck(self._house.clock.now())
            self._recheck_relation()
        except LinkError as error:
            self.end(error)
            return
        if self.ready and self._is_child():
            self._spawn(self._send_registry())

    def _recheck_relation(self) -> None:
        """The tree may have changed: a connection is for neighbours, or past one parent."""
        registry, me = self._house.registry.current, self._house.name
        if not (self._is_child() or self._is_parent() or self._is_past_parent()):
            reason = f"{self.peer} is by the registry no neighbour of {me} any more (version {registry.version})"
            raise LinkError("NO_NEIGHBOUR", reason)

    def end(self, error: LinkError) -> None:
        """End the connection for that reason, and tell the other side."""
        if not self._end.done():
            self._end.set_result(error)

    async def fenced(self) -> bool:
        """A newer connection takes this one's place; whether the other side of this one still lives and speaks.

        Nothing is sent or taken any more. What was under way when the newer one came proves no life.
        """
        self.ready = False
        self._fenced_at_s = self._house.clock.monotonic()
        self._recovery.let_go()
        for task in self._tasks - {self._reading}:
            task.cancel()
        await self._house.wait(self._spoke_late, FENCED_WAIT_S)
        return self._spoke_late.is_set()

    @property
    def complete(self) -> bool:
        """Whether the hello is over and nothing of this node's own is still to be given back."""
        return self.ready and not self._recovery.pending

    async def run(self, hello: wire.Hello | None = None) -> None:
        """Carry the connection until it ends; the side that listens has received the hello already."""
        try:
            self._reading = self._spawn(self._carry(hello))
            error = await asyncio.shield(self._end)
            raise error
        finally:
            self.ready = False
            self._recovery.let_go()
            tasks = list(self._tasks)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            ended = self._end.result() if self._end.done() else LinkError("STOPPED", "this node lets go of the link")
            await self._channel.close(ended.code, ended.reason)

    # beginning ---------------------------------------------------------------------------------------------------

    async def _carry(self, hello: wire.Hello | None) -> None:
        failpoint("session.before_hello")
        await self._send_hello()
        if hello is None:
            hello = await self.receive_hello()
        self.boot, self.hello = hello.boot, hello
        await self._resume(hello)
        failpoint("session.after_hello")
        self.ready = True
        self._on_state()
        self._spawn(self._beat())
        self._outflow.start()
        if self._is_child():
            self._spawn(self._passing.tell())
            if hello.registry_version < self._house.registry.current.version:
                await self._send_registry()
        while True:
            envelope = await self._channel.receive()
            if self._fenced_at_s is None:
                await self._hear(envelope)
            elif self._house.clock.monotonic() - self._fenced_at_s > LATE_S:
                self._spoke_late.set()

    async def receive_hello(self) -> wire.Hello:
        """The other side's first message, which must be a hello of the name that it proved."""
        try:
            envelope = await asyncio.wait_for(self._channel.receive(), HELLO_LIMIT_S)
        except TimeoutError as error:
            raise LinkError("NO_HELLO", f"{self.peer} connected and said nothing") from error
        self._heard()
        if envelope.WhichOneof("body") == "refusal":
            raise LinkError(envelope.refusal.code, envelope.refusal.reason)
        if envelope.WhichOneof("body") != "hello" or envelope.hello.node != self.peer:
            raise LinkError("BAD_HELLO", f"{self.peer} did not say hello under its own name")
        return envelope.hello

    async def _send_hello(self) -> None:
        house = self._house

        def step(session: Session) -> wire.Hello:
            """Through the writer: what an older connection brought before is counted, what comes after is not taken."""
            house.current[self.peer] = self._intake
            current = house.registry.current
            return make_hello(
                session,
                name=house.name,
                peer=self.peer,
                boot=house.boot,
                registry=current,
                sealing_epoch=house.sealing_epoch(),
            )

        await self._channel.send(wire.Envelope(hello=await self._house.write(step, urgent=True)))

    async def _resume(self, hello: wire.Hello) -> None:
        troubles = await self._outflow.resume(hello)
        for trouble in troubles:
            await self._intake.refuse(Refused(trouble.stream, trouble.code, trouble.reason))
            await self._recovery.begin(trouble.stream, trouble.code)
        house, now = self._house, self._house.clock.now()

        def step(session: Session) -> list[Refused]:
            current = house.registry.current
            return compare_heads(session, hello, name=house.name, peer=self.peer, registry=current, now=now)

        for refused in await house.write(step):
            await self._intake.refuse(refused)
        await self.tell_safe()
        for ack in await house.read(lambda session: self._head_acks(session, hello)):
            await self._channel.send(wire.Envelope(ack=sign_ack(ack, house.keystore)))

    def _head_acks(self, session: Session, hello: wire.Hello) -> list[Ack]:
        registry, now = self._house.registry.current, self._house.clock.now()
        return head_acks(session, hello, name=self._house.name, peer=self.peer, registry=registry, now=now)

    async def tell_safe(self) -> None:
        """Tell the other side what of its streams is held elsewhere, too."""
        house, now = self._house, self._house.clock.now()

        def step(session: Session) -> list[Ack]:
            current = house.registry.current
            return safe_acks(session, name=house.name, peer=self.peer, registry=current, now=now)

        for ack in await house.read(step):
            await self._channel.send(wire.Envelope(ack=sign_ack(ack, house.keystore)))

    # hearing -----------------------------------------------------------------------------------------------------

    def _heard(self) -> None:
        self.last_heard_at = self._house.clock.now()
        self._last_heard_s = self._house.clock.monotonic()

    async def _hear(self, envelope: wire.Envelope) -> None:
        self._heard()
        if self._is_past_parent() and envelope.WhichOneof("body") in _FOR_NEIGHBOURS:
            detail = f"{self.peer} says on a bypass what only neighbours say to each other"
            self._house.ring("ORIGIN_MISMATCH", peer=self.peer, origin=self.peer, detail=detail)
            raise LinkError("WRONG_WAY", detail)
        match envelope.WhichOneof("body"):
            case "frame":
                self._channel.recheck(self._house.clock.now())
                self._intake.queue(envelope.frame)
            case "ack":
                self._outflow.acknowledged(envelope.ack)
            case "nack":
                await self._outflow.behind(envelope.nack)
            case "refusal":
                await self._hear_refusal(envelope.refusal)
            case "registry":
                await self._hear_registry(envelope.registry)
            case "heartbeat":
                self.peer_waiting = {one.lane: one.records for one in envelope.heartbeat.waiting if one.records}
            case "credit":
                await self._outflow.grant(envelope.credit)
            case _:
                await self._hear_rest(envelope)

    async def _hear_rest(self, envelope: wire.Envelope) -> None:
        match envelope.WhichOneof("body"):
            case "recall":
                await self._recovery.answer(envelope.recall)
            case "given_back":
                await self._recovery.hear(envelope.given_back)
            case "receipts":
                await self._passing.hear(envelope.receipts)
            case _:
                log.info("%s says something that this version does not know", self.peer)

    async def _hear_refusal(self, refusal: wire.Refusal) -> None:
        if not refusal.origin:
            raise LinkError(refusal.code, refusal.reason)
        stream = key_of(refusal)
        await self._outflow.refused(stream)
        await self._recovery.begin(stream, refusal.code)
        detail = f"{self.peer} refuses with {refusal.code}: {refusal.reason}"
        subject = about(stream, refusal.frame_no if refusal.epoch else None)
        mine = may_travel(self._house.registry.current, stream, sender=self._house.name, receiver=self.peer)
        code = "PEER_REFUSED" if mine else refusal.code[:64]
        self._house.ring(code, peer=self.peer, origin=stream.origin, subject=subject, detail=detail)

    async def _hear_registry(self, update: wire.RegistryUpdate) -> None:
        """Put the pieces together and offer the whole to this node's registry, which verifies it itself."""
        if not self._is_parent() or update.total > LARGEST_REGISTRY:
            raise LinkError("BAD_REGISTRY", f"{self.peer} sends a registry that is not its to send")
        if update.offset == 0:
            self._registry_pieces.clear()
        if update.offset != len(self._registry_pieces):
            raise LinkError("BAD_REGISTRY", f"{self.peer} sends pieces of a registry out of order")
        self._registry_pieces += update.piece
        if len(self._registry_pieces) < update.total:
            return
        raw = bytes(self._registry_pieces)
        self._registry_pieces.clear()
        failpoint("session.before_registry")
        try:
            await self._house.run(self._house.registry.offer, raw)
        except PkiError as error:
            detail = f"{self.peer} sends a registry: {error.reason}"
            self._house.ring("BAD_REGISTRY", peer=self.peer, origin=self.peer, subject=error.code, detail=detail)
        failpoint("session.after_registry")

    # the rest ----------------------------------------------------------------------------------------------------

    async def _send_registry(self) -> None:
        raw = self._house.registry.current.raw
        for offset in range(0, len(raw), REGISTRY_PIECE):
            piece = wire.RegistryUpdate(piece=raw[offset : offset + REGISTRY_PIECE], offset=offset, total=len(raw))
            await self._channel.send(wire.Envelope(registry=piece))

    async def _beat(self) -> None:
        while True:
            now = self._house.clock.now()
            self._channel.recheck(now)
            await self._channel.send(wire.Envelope(heartbeat=self._house.heartbeat(self.peer)))
            await self._house.clock.sleep(BEAT_S)
            if self._house.clock.monotonic() - self._last_heard_s > SILENT_S:
                raise LinkError("SILENT", f"nothing was heard from {self.peer} for {SILENT_S:.0f} s")

    def _is_past_parent(self) -> bool:
        registry, me = self._house.registry.current, self._house.name
        return is_past_parent(registry, self.peer, me) or is_past_parent(registry, me, self.peer)

    def _is_parent(self) -> bool:
        return self._house.registry.current.parent_of(self._house.name) == self.peer

    def _is_child(self) -> bool:
        return self._house.registry.current.parent_of(self.peer) == self._house.name

    def _spawn(self, work: Coroutine[None, None, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is None:
            return
        if isinstance(error, LinkError):
            self.end(error)
        else:
            log.error("the connection to %s failed", self.peer, exc_info=error)
            self.end(LinkError(BROKEN, f"the connection to {self.peer} failed here: {type(error).__name__}"))
