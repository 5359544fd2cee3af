"""One live connection to one neighbour: hello, then frames and receipts both ways until it ends.

Nothing here decides about records; it moves them between the link, the sender, the receiver and the storage. A frame is
verified in a thread while the one before it is being committed. Commits belong to the storage: when a connection goes
away in the middle of one, the commit goes on, and the next hello tells how it ended.
"""

import asyncio
import logging
from collections.abc import Callable, Coroutine, Sequence
from concurrent.futures import Future
from datetime import datetime
from typing import TypeVar

from sqlalchemy.orm import Session

from federation.alarm import about, raise_alarm
from federation.failpoint import failpoint
from federation.frame import FrameInvalid, StreamKey
from federation.hello import WINDOW_FRAMES, key_of, make_hello, position
from federation.house import House
from federation.ledger import Lane
from federation.link import Channel, LinkError
from federation.receipt import Ack, open_ack, sign_ack
from federation.receiver import Arrival, Behind, Reply
from federation.receiver import Refused as RefusedFrame
from federation.rights import may_travel
from federation.sender import Sender
from federation.v1 import frame_pb2
from federation.v1 import link_pb2 as wire
from pki.errors import PkiError

T = TypeVar("T")
log = logging.getLogger(__name__)

HELLO_LIMIT_S = 20.0
BEAT_S = 2.0
SILENT_S = 15.0
NACK_PAUSE_S = 1.0
REGISTRY_PIECE = 512 * 1024
LARGEST_REGISTRY = 32 * 1024 * 1024
_TAKE_AT_ONCE = 4


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
        self._sender = Sender(
            name=house.name,
            peer=self.peer,
            registry=lambda: house.registry.current,
            monotonic=house.clock.monotonic,
            random=house.random,
        )
        self._sending = asyncio.Lock()
        self._wake = asyncio.Event()
        self._acks: asyncio.Queue[frame_pb2.SignedAck] = asyncio.Queue()
        self._lanes: dict[str, asyncio.Queue[wire.FrameDelivery]] = {}
        self._nacked: dict[StreamKey, tuple[object, float]] = {}
        self._registry_pieces = bytearray()
        self._tasks: set[asyncio.Task[None]] = set()
        self._end: asyncio.Future[LinkError] = asyncio.get_running_loop().create_future()

    @property
    def in_flight(self) -> int:
        """Frames sent and not acknowledged."""
        return self._sender.in_flight

    def wake(self) -> None:
        """There may be something to send."""
        self._wake.set()

    def push_registry(self) -> None:
        """The registry has changed: tell a child, and end the connection if the peer may not have one any more."""
        if self._end.done():
            return
        try:
            self._channel.recheck(self._house.clock.now())
        except LinkError as error:
            self.end(error)
            return
        if self.ready and self._is_child():
            self._spawn(self._send_registry())

    def end(self, error: LinkError) -> None:
        """End the connection for that reason, and tell the other side."""
        if not self._end.done():
            self._end.set_result(error)

    async def run(self, hello: wire.Hello | None = None) -> None:
        """Carry the connection until it ends; the side that listens has received the hello already."""
        try:
            self._spawn(self._carry(hello))
            error = await asyncio.shield(self._end)
            raise error
        finally:
            self.ready = False
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
        self.boot = hello.boot
        await self._resume(hello)
        failpoint("session.after_hello")
        self.ready = True
        self._on_state()
        self._spawn(self._beat())
        self._spawn(self._send_frames())
        self._spawn(self._settle_acks())
        if self._is_child() and hello.registry_version < self._house.registry.current.version:
            await self._send_registry()
        while True:
            await self._hear(await self._channel.receive())

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
            current = house.registry.current
            return make_hello(session, name=house.name, peer=self.peer, boot=house.boot, registry=current)

        await self._channel.send(wire.Envelope(hello=await self._read(step)))

    async def _resume(self, hello: wire.Hello) -> None:
        now = self._house.clock.now()
        async with self._sending:
            troubles = await self._write(lambda session: self._sender.resume(session, hello, now))
        for trouble in troubles:
            await self._refuse(RefusedFrame(trouble.stream, trouble.code, trouble.reason))

    # hearing -----------------------------------------------------------------------------------------------------

    def _heard(self) -> None:
        self.last_heard_at = self._house.clock.now()
        self._last_heard_s = self._house.clock.monotonic()

    async def _hear(self, envelope: wire.Envelope) -> None:
        self._heard()
        match envelope.WhichOneof("body"):
            case "frame":
                self._channel.recheck(self._house.clock.now())
                self._queue(envelope.frame)
            case "ack":
                self._acks.put_nowait(envelope.ack)
            case "nack":
                nack = envelope.nack
                async with self._sending:
                    await self._read(lambda session: self._sender.behind(session, nack))
                self._wake.set()
            case "refusal":
                await self._hear_refusal(envelope.refusal)
            case "registry":
                await self._hear_registry(envelope.registry)
            case "heartbeat":
                self.peer_waiting = {one.lane: one.records for one in envelope.heartbeat.waiting if one.records}
            case "credit":
                self._sender.grant(envelope.credit)
                self._wake.set()
            case _:
                log.info("%s says something that this version does not know", self.peer)

    def _queue(self, delivery: wire.FrameDelivery) -> None:
        lane = delivery.lane if delivery.lane in set(Lane) else Lane.AUDIT.value
        if lane not in self._lanes:
            self._lanes[lane] = asyncio.Queue()
            self._spawn(self._take_lane(Lane(lane)))
        if self._lanes[lane].qsize() > 2 * WINDOW_FRAMES:
            raise LinkError("CREDIT", f"{self.peer} sends more than it was granted")
        self._lanes[lane].put_nowait(delivery)

    async def _hear_refusal(self, refusal: wire.Refusal) -> None:
        if not refusal.origin:
            raise LinkError(refusal.code, refusal.reason)
        stream = key_of(refusal)
        async with self._sending:
            self._sender.refused(stream)
        self._wake.set()
        detail = f"{self.peer} refuses with {refusal.code}: {refusal.reason}"
        subject = about(stream, refusal.frame_no if refusal.epoch else None)
        mine = may_travel(self._house.registry.current, stream, sender=self._house.name, receiver=self.peer)
        code = "PEER_REFUSED" if mine else refusal.code[:64]
        self._ring(code, stream.origin, subject, detail)

    async def _hear_registry(self, update: wire.RegistryUpdate) -> None:
        """Put the pieces together and offer the whole to this node's registry, which verifies it itself."""
        if self._is_child() or update.total > LARGEST_REGISTRY:
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
            self._ring("BAD_REGISTRY", self.peer, error.code, f"{self.peer} sends a registry: {error.reason}")
        failpoint("session.after_registry")

    # taking frames -----------------------------------------------------------------------------------------------

    async def _take_lane(self, lane: Lane) -> None:
        """Verify what arrives in one lane, while what was verified before is being committed."""
        arriving = self._lanes[lane.value]
        verified: asyncio.Queue[list[Arrival]] = asyncio.Queue(1)
        self._spawn(self._commit_lane(lane, verified))
        while True:
            deliveries = [await arriving.get()]
            while len(deliveries) < _TAKE_AT_ONCE and not arriving.empty():
                deliveries.append(arriving.get_nowait())
            await verified.put(await self._house.run(self._open, deliveries))

    def _open(self, deliveries: Sequence[wire.FrameDelivery]) -> list[Arrival]:
        return [self._house.receiver.open(delivery, self.peer) for delivery in deliveries]

    async def _commit_lane(self, lane: Lane, verified: asyncio.Queue[list[Arrival]]) -> None:
        while True:
            arrivals = await verified.get()
            for reply in await self._take(lane, arrivals):
                await self._reply(reply)

    async def _take(self, lane: Lane, arrivals: Sequence[Arrival]) -> Sequence[Reply]:
        """Store and apply; a storage that cannot is said to the other side, which keeps the frames and tries again."""
        house, now = self._house, self._house.clock.now()
        try:
            replies = await self._write(
                lambda session: house.receiver.take(session, self.peer, arrivals, now), urgent=lane is Lane.URGENT
            )
        except Exception as error:  # noqa: BLE001 - whatever it is, nothing was stored, and the sender must hear so
            log.warning("frames of %s could not be stored: %s", self.peer, error)
            reason = "the frames could not be stored now; they are wanted again later"
            return [RefusedFrame(stream, "STORAGE", reason) for stream in {one.stream for one in arrivals}]
        failpoint("receiver.after_commit")
        house.on_grown(frozenset(reply.stream for reply in replies if isinstance(reply, Ack)))
        return replies

    async def _reply(self, reply: Reply) -> None:
        if isinstance(reply, Ack):
            failpoint("receiver.before_ack")
            await self._channel.send(wire.Envelope(ack=sign_ack(reply, self._house.keystore)))
            failpoint("receiver.after_ack")
        elif isinstance(reply, Behind):
            await self._ask_again(reply)
        else:
            await self._refuse(reply)

    async def _ask_again(self, behind: Behind) -> None:
        """Say what is wanted, once a second at most for one place: everything under way lies beyond the same gap."""
        now_s = self._house.clock.monotonic()
        asked, at_s = self._nacked.get(behind.stream, (None, 0.0))
        if asked == (behind.cursor,) and now_s - at_s < NACK_PAUSE_S:
            return
        self._nacked[behind.stream] = ((behind.cursor,), now_s)
        if asked == (behind.cursor,):
            held = behind.cursor[1] if behind.cursor else "nothing"
            detail = f"{self.peer} was asked for what follows {held} and sent something else"
            self._ring("GAP", behind.stream.origin, about(behind.stream), detail)
        stream = behind.stream
        nack = wire.Nack(origin=stream.origin, lane=stream.lane, audience=stream.audience)
        if behind.cursor is not None:
            nack.cursor.CopyFrom(position(behind.cursor))
        await self._channel.send(wire.Envelope(nack=nack))

    async def _refuse(self, refused: RefusedFrame) -> None:
        stream = refused.stream
        message = wire.Refusal(
            code=refused.code,
            reason=refused.reason,
            origin=stream.origin,
            lane=stream.lane,
            audience=stream.audience,
            epoch=refused.epoch,
            frame_no=refused.frame_no,
        )
        await self._channel.send(wire.Envelope(refusal=message))

    # sending frames ----------------------------------------------------------------------------------------------

    async def _send_frames(self) -> None:
        while True:
            self._wake.clear()
            async with self._sending:
                batch = await self._read(self._sender.next)
            for outgoing in batch:
                stream = outgoing.stream
                delivery = wire.FrameDelivery(
                    frame=outgoing.raw, origin=stream.origin, lane=stream.lane, audience=stream.audience
                )
                failpoint("sender.before_send")
                await self._channel.send(wire.Envelope(frame=delivery))
                failpoint("sender.after_send")
            if batch:
                self._on_state()
            else:
                await self._house.wait(self._wake, self._sender.wait_s())

    async def _settle_acks(self) -> None:
        """Verify receipts, keep them, and make room for more."""
        while True:
            waiting = [await self._acks.get()]
            while not self._acks.empty():
                waiting.append(self._acks.get_nowait())
            verified = await self._house.run(self._open_acks, waiting)
            failpoint("sender.before_receipt")
            reached = await self._keep_receipts(verified)
            failpoint("sender.after_receipt")
            async with self._sending:
                self._sender.advance(reached)
            self._wake.set()
            self._on_state()

    async def _keep_receipts(self, acks: Sequence[tuple[Ack, frame_pb2.SignedAck]]) -> list[tuple[StreamKey, int]]:
        now = self._house.clock.now()
        return await self._write(lambda session: self._sender.confirm(session, acks, now))

    def _open_acks(self, signed: Sequence[frame_pb2.SignedAck]) -> list[tuple[Ack, frame_pb2.SignedAck]]:
        found = []
        for one in signed:
            try:
                ack = open_ack(one, self._house.registry.current.public_key)
                if ack.receiver != self.peer:
                    raise FrameInvalid("BAD_ACK", "a receipt of somebody else", ack.receiver)  # noqa: TRY301 - one way out
            except FrameInvalid as error:
                self._ring(error.code, error.origin, "", f"a receipt from {self.peer}: {error.reason}")
            else:
                found.append((ack, one))
        return found

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

    def _is_child(self) -> bool:
        return self._house.registry.current.parent_of(self.peer) == self._house.name

    def _ring(self, code: str, origin: str, subject: str, detail: str) -> None:
        now = self._house.clock.now()
        self._house.submit(
            lambda session: raise_alarm(
                session.connection(), code, at=now, peer=self.peer, origin=origin, subject=subject, detail=detail
            )
        )

    async def _read(self, step: Callable[[Session], T]) -> T:
        return await self._house.run(self._house.storage.read, step)

    async def _write(self, step: Callable[[Session], T], *, urgent: bool = False) -> T:
        future: Future[T] = self._house.storage.submit(step, urgent=urgent)
        return await asyncio.shield(asyncio.wrap_future(future))

    def _spawn(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is None:
            return
        if isinstance(error, LinkError):
            self.end(error)
        else:
            log.error("the connection to %s failed", self.peer, exc_info=error)
            self.end(LinkError("BROKEN", f"the connection to {self.peer} failed here: {type(error).__name__}"))
