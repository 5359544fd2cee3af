"""Asking a neighbour for the frames of one's own that it holds and this node lacks, and answering when it asks."""

import logging
from collections.abc import Awaitable, Callable

from federation.alarm import about
from federation.failpoint import failpoint
from federation.frame import FrameInvalid, StreamKey
from federation.hello import Cursor, key_of, position
from federation.house import House
from federation.link import Channel
from federation.reach import head_ack
from federation.receipt import sign_ack
from federation.restitution import Returned, following, locator
from federation.rights import may_travel
from federation.settlement import mark_restored, neighbours
from federation.v1 import link_pb2 as wire

log = logging.getLogger(__name__)

_HELPED_BY_ASKING = frozenset({"FORK", "LATE_EPOCH", "PARENT_AHEAD", "CHILD_AHEAD"})


class Recovery:
    """What one connection does so that neither side lacks what the other signed; one question at a time per stream."""

    def __init__(self, house: House, channel: Channel, retry: Callable[[StreamKey], Awaitable[bool]]) -> None:
        """Take what the node lends, the connection, and how to let a stream go on once it is put right."""
        self._house = house
        self._channel = channel
        self._peer = channel.peer
        self._retry = retry
        self._asked: dict[StreamKey, Returned] = {}
        self._done: set[StreamKey] = set()

    @property
    def pending(self) -> bool:
        """Whether this node waits for frames of its own."""
        return bool(self._asked)

    async def begin(self, stream: StreamKey, code: str) -> None:
        """The neighbour holds more, or something else, of one of this node's own streams: ask for it, once."""
        house = self._house
        is_mine = stream.origin == house.name and self._may_carry(stream, sender=house.name, receiver=self._peer)
        if not is_mine or code not in _HELPED_BY_ASKING or stream in self._asked or stream in self._done:
            return
        self._asked[stream] = Returned()
        house.restitution.hold(stream)
        registry, now = house.registry.current, house.clock.now()
        reason = f"{self._peer} holds more of {about(stream)} than this node: it was restored"
        around = neighbours(registry, house.name)
        await house.write(lambda session: mark_restored(session, around, now, reason))
        await self._ask(stream)

    async def _ask(self, stream: StreamKey) -> None:
        held: list[Cursor] = await self._house.read(lambda session: locator(session, stream))
        recall = wire.Recall(
            origin=stream.origin, lane=stream.lane, audience=stream.audience, held=[position(one) for one in held]
        )
        await self._channel.send(wire.Envelope(recall=recall))

    async def answer(self, recall: wire.Recall) -> None:
        """Give the neighbour what it signed and asks for."""
        stream = key_of(recall)
        if stream.origin != self._peer or not self._may_carry(stream, sender=self._peer, receiver=self._house.name):
            detail = f"{self._peer} asks for frames of {stream.origin}, which are not its own"
            self._house.ring("ORIGIN_MISMATCH", peer=self._peer, origin=stream.origin, detail=detail)
            return
        given = await self._house.read(lambda session: following(session, recall, self._house.receiver.companion))
        failpoint("recovery.before_give")
        await self._channel.send(wire.Envelope(given_back=given))
        if given.frames and not given.remaining:
            await self._confirm(stream)

    async def _confirm(self, stream: StreamKey) -> None:
        """Everything is given back: say how far it is held, for the receipts of it were lost as well."""
        house, now = self._house, self._house.clock.now()
        for ack in await house.read(lambda session: head_ack(session, stream, name=house.name, now=now)):
            await self._channel.send(wire.Envelope(ack=sign_ack(ack, house.keystore)))

    async def hear(self, given: wire.GivenBack) -> None:
        """Put what is given back in its place, and ask for more while there is more."""
        house, stream = self._house, key_of(given)
        if stream not in self._asked:
            return
        now = house.clock.now()
        try:
            frames = await house.run(house.restitution.open, given)
            failpoint("recovery.before_store")
            beside, peer = tuple(given.beside), self._peer
            done = await house.write(lambda session: house.restitution.take(session, peer, frames, now, beside))
        except FrameInvalid as error:
            detail = f"what {self._peer} gives back cannot be taken: {error.reason}"
            house.ring("BAD_GIVE_BACK", peer=self._peer, origin=stream.origin, subject=about(stream), detail=detail)
            self._end(stream)
            return
        failpoint("recovery.after_store")
        self._asked[stream] += done
        house.on_news()
        if given.remaining and given.frames:
            await self._ask(stream)
        else:
            await self._finish(stream)

    async def _finish(self, stream: StreamKey) -> None:
        total = self._asked[stream]
        if total.frames:
            detail = (
                f"{self._peer} gave back {total.frames} frames with {total.records} records that were lost here; "
                f"{total.renumbered} records that it lacked are signed anew"
            )
            self._house.ring("GIVEN_BACK", peer=self._peer, origin=stream.origin, subject=about(stream), detail=detail)
        if not await self._retry(stream):
            log.warning("%s of %s cannot go on though everything was given back", about(stream), stream.origin)
        self._end(stream)

    def _end(self, stream: StreamKey) -> None:
        self._asked.pop(stream, None)
        self._done.add(stream)
        self._house.restitution.release(stream)
        self._house.on_released()

    def let_go(self) -> None:
        """The connection is over: what was asked for is asked again on the next."""
        for stream in tuple(self._asked):
            self._end(stream)

    def _may_carry(self, stream: StreamKey, *, sender: str, receiver: str) -> bool:
        return may_travel(self._house.registry.current, stream, sender=sender, receiver=receiver)
