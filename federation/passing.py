"""Receipts of the centres above, passed down to the origin of a stream; and what is said again after a hello.

Here a receipt is state, not a record: the newest of each receiver for each stream is kept, sent to the child that the
stream came through, and sent again after each hello. Whoever hears one verifies it with the receiver's own key, so that
a relay can withhold receipts and invent none.
"""

import asyncio
from collections.abc import Iterable, Sequence
from datetime import datetime

from sqlalchemy import insert
from sqlalchemy.orm import Session

from federation import chain, tables
from federation.alarm import about, raise_alarm
from federation.failpoint import failpoint
from federation.frame import FrameInvalid, to_us
from federation.house import House
from federation.ledger import UP
from federation.link import Channel, LinkError
from federation.reach import Kept, reached_for, remember
from federation.receipt import Ack, open_ack
from federation.settlement import unsettled
from federation.v1 import frame_pb2
from federation.v1 import link_pb2 as wire
from pki.registry import Registry

PAUSE_S = 1.0
MOST_AT_ONCE = 64


class Passing:
    """What one connection does with receipts of the centres above: tell them to a child, hear them from the parent."""

    def __init__(self, house: House, channel: Channel) -> None:
        """Take what the node lends, and the connection."""
        self._house = house
        self._channel = channel
        self._peer = channel.peer
        self._said: dict[tuple[int, str], int] = {}
        self._news = asyncio.Event()
        self._news.set()

    def wake(self) -> None:
        """There may be a newer receipt."""
        self._news.set()

    async def tell(self) -> None:
        """Tell a child what is new, once a second at most, as long as the connection lasts."""
        house = self._house
        while True:
            await self._news.wait()
            self._news.clear()
            registry = house.registry.current
            found = await house.read(lambda session: reached_for(session, registry, self._peer))  # noqa: B023 - awaited at once
            fresh = [one for one in found if self._said.get((one.stream_id, one.receiver), 0) < one.pos]
            for start in range(0, len(fresh), MOST_AT_ONCE):
                some = fresh[start : start + MOST_AT_ONCE]
                failpoint("passing.before_tell")
                await self._channel.send(
                    wire.Envelope(receipts=wire.PassedReceipts(receipts=[one.signed for one in some]))
                )
                self._said |= {(one.stream_id, one.receiver): one.pos for one in some}
            await house.clock.sleep(PAUSE_S)

    async def hear(self, message: wire.PassedReceipts) -> None:
        """Keep what the parent passes on, each verified; what is wrong rings."""
        house, now = self._house, self._house.clock.now()
        if house.registry.current.parent_of(house.name) != self._peer or len(message.receipts) > MOST_AT_ONCE:
            raise LinkError("WRONG_WAY", f"{self._peer} passes on receipts that are not its to pass on")
        opened = await house.run(self._open, list(message.receipts))
        failpoint("passing.before_keep")
        fresh = await house.write(lambda session: self._keep(session, opened, now))
        failpoint("passing.after_keep")
        if fresh:
            house.on_reach()

    def _open(self, receipts: Sequence[frame_pb2.SignedAck]) -> list[tuple[Ack, frame_pb2.SignedAck]]:
        house, registry = self._house, self._house.registry.current
        found = []
        for one in receipts:
            try:
                ack = open_ack(one, registry.public_key)
                problem = self._problem(registry, ack)
                if problem:
                    raise FrameInvalid("BAD_ACK", problem, ack.receiver)  # noqa: TRY301 - one way out
            except FrameInvalid as error:
                detail = f"a receipt that {self._peer} passes on: {error.reason}"
                house.ring(error.code, peer=self._peer, origin=error.origin, detail=detail)
            else:
                found.append((ack, one))
        return found

    def _problem(self, registry: Registry, ack: Ack) -> str:
        """Why a receipt whose signature holds is none that the parent could pass on."""
        me, origin = self._house.name, ack.stream.origin
        if not registry.is_descendant(self._peer, ack.receiver):
            return f"{ack.receiver} does not stand above {self._peer}"
        if ack.stream.audience != UP or (origin != me and not registry.is_descendant(origin, me)):
            return f"{about(ack.stream)} of {origin} is no stream that rises through this centre"
        return ""

    def _keep(self, session: Session, acks: Iterable[tuple[Ack, frame_pb2.SignedAck]], now: datetime) -> bool:
        connection = session.connection()
        fresh = False
        for ack, signed in acks:
            held = chain.load(connection, ack.stream)
            place = None if held is None else chain.find(connection, held, ack.epoch, ack.durable)
            if held is None or place is None or place.frame_hash != ack.head_hash:
                self._doubt(session, ack, now, is_other=place is not None)
            elif remember(connection, Kept(held.id, ack.receiver, place.pos, signed)):
                fresh = True
                kept = {"stream_id": held.id, "pos": place.pos, "receiver": ack.receiver}
                rest = {"received_at_us": to_us(ack.received_at), "ack": signed.ack, "signature": signed.signature}
                connection.execute(insert(tables.receipt).values(kept | rest))
        return fresh

    def _doubt(self, session: Session, ack: Ack, now: datetime, *, is_other: bool) -> None:
        """Ring for a receipt of what is not held; a centre that was restored, or a relay that was, is only behind."""
        if not is_other and (ack.stream.origin != self._house.name or unsettled(session)):
            return
        detail = (
            f"{ack.receiver} acknowledges, by way of {self._peer}, a frame {ack.durable} that is not the one held here"
        )
        connection, subject = session.connection(), about(ack.stream)
        raise_alarm(connection, "BAD_ACK", at=now, peer=self._peer, origin=ack.receiver, subject=subject, detail=detail)
