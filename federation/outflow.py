"""Sending the frames of one connection, and settling the receipts that come back."""

import asyncio
from collections.abc import Callable, Sequence

from federation.failpoint import failpoint
from federation.frame import FrameInvalid, StreamKey
from federation.house import House
from federation.intake import Spawn
from federation.link import Channel
from federation.receipt import Ack, open_ack
from federation.sender import Sender
from federation.standing import Trouble
from federation.v1 import frame_pb2
from federation.v1 import link_pb2 as wire


class Outflow:
    """The sending half of a connection."""

    def __init__(self, house: House, channel: Channel, spawn: Spawn, on_state: Callable[[], None]) -> None:
        """Take what the node lends, the connection, how to start a task that ends with it, and whom to tell."""
        self._house = house
        self._channel = channel
        self._peer = channel.peer
        self._spawn = spawn
        self._on_state = on_state
        self._sender = Sender(
            name=house.name,
            peer=channel.peer,
            registry=lambda: house.registry.current,
            monotonic=house.clock.monotonic,
            random=house.random,
            companion=house.receiver.companion,
        )
        self._one_at_a_time = asyncio.Lock()
        self._wake = asyncio.Event()
        self._acks: asyncio.Queue[frame_pb2.SignedAck] = asyncio.Queue()

    @property
    def in_flight(self) -> int:
        """Frames sent and not acknowledged."""
        return self._sender.in_flight

    def start(self) -> None:
        """Begin to send, once the streams are resumed."""
        self._spawn(self._send_frames())
        self._spawn(self._settle_acks())

    def wake(self) -> None:
        """There may be something to send."""
        self._wake.set()

    async def resume(self, hello: wire.Hello) -> list[Trouble]:
        """Go to where the other side stands."""
        now = self._house.clock.now()
        async with self._one_at_a_time:
            return await self._house.write(lambda session: self._sender.resume(session, hello, now))

    async def retry(self, stream: StreamKey) -> bool:
        """Look again where the other side stands; whether the stream goes on."""
        now = self._house.clock.now()
        async with self._one_at_a_time:
            goes_on = await self._house.write(lambda session: self._sender.retry(session, stream, now))
        self._wake.set()
        return goes_on

    async def behind(self, nack: wire.Nack) -> None:
        """Go back to where the other side stands."""
        async with self._one_at_a_time:
            await self._house.read(lambda session: self._sender.behind(session, nack))
        self._wake.set()

    async def refused(self, stream: StreamKey) -> None:
        """Leave a stream alone for a while."""
        async with self._one_at_a_time:
            self._sender.refused(stream)
        self._wake.set()

    async def grant(self, credit: wire.LaneCredit) -> None:
        """Heed another limit."""
        async with self._one_at_a_time:
            self._sender.grant(credit)
        self._wake.set()

    def acknowledged(self, ack: frame_pb2.SignedAck) -> None:
        """Accept a receipt; it counts once it is verified and kept."""
        self._acks.put_nowait(ack)

    async def _send_frames(self) -> None:
        while True:
            self._wake.clear()
            async with self._one_at_a_time:
                batch = await self._house.read(self._sender.next)
            for outgoing in batch:
                stream = outgoing.stream
                delivery = wire.FrameDelivery(
                    frame=outgoing.raw,
                    origin=stream.origin,
                    lane=stream.lane,
                    audience=stream.audience,
                    beside=outgoing.beside,
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
            async with self._one_at_a_time:
                self._sender.advance(reached)
            self._wake.set()
            self._on_state()
            if any(stream.origin != self._house.name for stream, _ in reached):
                self._house.on_reach()

    async def _keep_receipts(self, acks: Sequence[tuple[Ack, frame_pb2.SignedAck]]) -> list[tuple[StreamKey, int]]:
        now = self._house.clock.now()
        return await self._house.write(lambda session: self._sender.confirm(session, acks, now))

    def _open_acks(self, signed: Sequence[frame_pb2.SignedAck]) -> list[tuple[Ack, frame_pb2.SignedAck]]:
        found = []
        for one in signed:
            try:
                ack = open_ack(one, self._house.registry.current.public_key)
                if ack.receiver != self._peer:
                    raise FrameInvalid("BAD_ACK", "a receipt of somebody else", ack.receiver)  # noqa: TRY301 - one way out
            except FrameInvalid as error:
                detail = f"a receipt from {self._peer}: {error.reason}"
                self._house.ring(error.code, peer=self._peer, origin=error.origin, detail=detail)
            else:
                found.append((ack, one))
        return found
