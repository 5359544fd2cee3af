"""Taking the frames of one connection in, lane by lane: verified in a thread while the ones before are committed."""

import asyncio
import logging
from collections.abc import Callable, Coroutine, Sequence

from sqlalchemy.orm import Session

from federation.alarm import about
from federation.failpoint import failpoint
from federation.frame import StreamKey
from federation.hello import WINDOW_FRAMES, position
from federation.house import House
from federation.ledger import Lane
from federation.link import Channel, LinkError
from federation.receipt import Ack, sign_ack
from federation.receiver import Arrival, Behind, Refused, Reply
from federation.v1 import link_pb2 as wire

log = logging.getLogger(__name__)

NACK_PAUSE_S = 1.0
_TAKE_FRAMES = 16
_TAKE_BYTES = 512 * 1024  # more would keep the writer from what is urgent
_COMMITS_AHEAD = 2
Spawn = Callable[[Coroutine[None, None, None]], object]


class Intake:
    """The receiving half of a connection; each lane has its own queue, so that none delays another."""

    def __init__(self, house: House, channel: Channel, spawn: Spawn) -> None:
        """Take what the node lends, the connection, and how to start a task that ends with it."""
        self._house = house
        self._channel = channel
        self._peer = channel.peer
        self._spawn = spawn
        self._lanes: dict[str, asyncio.Queue[wire.FrameDelivery]] = {}
        self._nacked: dict[StreamKey, tuple[object, float]] = {}

    def queue(self, delivery: wire.FrameDelivery) -> None:
        """Accept a frame for its lane; raises LinkError(CREDIT) from a neighbour that heeds no limit."""
        lane = delivery.lane if delivery.lane in set(Lane) else Lane.AUDIT.value
        if lane not in self._lanes:
            self._lanes[lane] = asyncio.Queue()
            self._spawn(self._take_lane(Lane(lane)))
        if self._lanes[lane].qsize() > 2 * WINDOW_FRAMES:
            raise LinkError("CREDIT", f"{self._peer} sends more than it was granted")
        self._lanes[lane].put_nowait(delivery)

    async def _take_lane(self, lane: Lane) -> None:
        """Verify what arrives in one lane, while what was verified before is being committed."""
        arriving = self._lanes[lane.value]
        verified: asyncio.Queue[tuple[list[Arrival], bool]] = asyncio.Queue(1)
        self._spawn(self._commit_lane(lane, verified))
        while True:
            deliveries = [await arriving.get()]
            size = len(deliveries[0].frame)
            while len(deliveries) < _TAKE_FRAMES and size < _TAKE_BYTES and not arriving.empty():
                deliveries.append(arriving.get_nowait())
                size += len(deliveries[-1].frame)
            is_large = len(deliveries) == _TAKE_FRAMES or size >= _TAKE_BYTES // 2
            await verified.put((await self._house.run(self._open, deliveries), is_large))

    def _open(self, deliveries: Sequence[wire.FrameDelivery]) -> list[Arrival]:
        return [self._house.receiver.open(delivery, self._peer) for delivery in deliveries]

    async def _commit_lane(self, lane: Lane, verified: asyncio.Queue[tuple[list[Arrival], bool]]) -> None:
        """Hand over much before the last commit is done, as the writer keeps the order; little waits for more."""
        under_way: asyncio.Queue[asyncio.Task[Sequence[Reply]]] = asyncio.Queue(_COMMITS_AHEAD)
        self._spawn(self._answer_lane(under_way))
        last: asyncio.Task[Sequence[Reply]] | None = None
        while True:
            arrivals, is_large = await verified.get()
            if last is not None and not is_large:
                await asyncio.wait({last})
                if not verified.empty():
                    arrivals += verified.get_nowait()[0]
            last = asyncio.ensure_future(self._take(lane, arrivals))
            await under_way.put(last)

    async def _answer_lane(self, under_way: asyncio.Queue[asyncio.Task[Sequence[Reply]]]) -> None:
        while True:
            for reply in await (await under_way.get()):
                await self._reply(reply)

    async def _take(self, lane: Lane, arrivals: Sequence[Arrival]) -> Sequence[Reply]:
        """Store and apply; a storage that cannot is said to the other side, which keeps the frames and tries again."""
        house, now = self._house, self._house.clock.now()

        def step(session: Session) -> list[Reply]:
            if house.current.get(self._peer) is not self:
                return []  # a newer connection has said how far everything is held
            return house.receiver.take(session, self._peer, arrivals, now)

        try:
            replies = await house.write(step, urgent=lane is Lane.URGENT)
        except Exception as error:  # noqa: BLE001 - whatever it is, nothing was stored, and the sender must hear so
            log.warning("frames of %s could not be stored: %s", self._peer, error)
            reason = "the frames could not be stored now; they are wanted again later"
            return [Refused(stream, "STORAGE", reason) for stream in {one.stream for one in arrivals}]
        failpoint("receiver.after_commit")
        house.on_news()
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
            await self.refuse(reply)

    async def _ask_again(self, behind: Behind) -> None:
        """Say what is wanted, once a second at most for one place: everything under way lies beyond the same gap."""
        now_s = self._house.clock.monotonic()
        asked, at_s = self._nacked.get(behind.stream, (None, 0.0))
        if asked == (behind.cursor,) and now_s - at_s < NACK_PAUSE_S:
            return
        self._nacked[behind.stream] = ((behind.cursor,), now_s)
        if asked == (behind.cursor,):
            held = behind.cursor[1] if behind.cursor else "nothing"
            detail = f"{self._peer} was asked for what follows {held} and sent something else"
            self._house.ring(
                "GAP", peer=self._peer, origin=behind.stream.origin, subject=about(behind.stream), detail=detail
            )
        stream = behind.stream
        nack = wire.Nack(origin=stream.origin, lane=stream.lane, audience=stream.audience)
        if behind.cursor is not None:
            nack.cursor.CopyFrom(position(behind.cursor))
        await self._channel.send(wire.Envelope(nack=nack))

    async def refuse(self, refused: Refused) -> None:
        """Tell the other side why a stream is not taken."""
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
