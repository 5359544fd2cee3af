"""Offering frames to one neighbour: from its own cursor on, what is urgent first, never more than it granted.

A sender belongs to one connection and keeps nothing that matters: what a neighbour holds, the neighbour says in its
hello. The methods that take a session read or write through it; their caller makes sure that only one runs at a time.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Select, bindparam, insert, select
from sqlalchemy.orm import Session

from federation import chain, tables
from federation.companion import NOTHING, Companion
from federation.failpoint import failpoint
from federation.flow import Flow, Sent
from federation.frame import StreamKey, to_us
from federation.hello import cursor_of, key_of
from federation.ledger import PARENT, UP, Lane, bypass, down
from federation.peer import Backoff
from federation.reach import Kept, remember
from federation.receipt import Ack
from federation.rights import is_past_parent, may_travel
from federation.standing import Standing, Trouble
from federation.v1 import frame_pb2, link_pb2
from pki.registry import Registry

SILENCE_S = 30.0
_FETCH = 16
_BATCH_BYTES = 256 * 1024
_frame, _stream, _receipt = tables.frame, tables.stream, tables.receipt
_FRAMES = (
    select(_frame.c.pos, _frame.c.size, _frame.c.raw)
    .where(_frame.c.stream_id == bindparam("stream_id"), _frame.c.pos > bindparam("after"))
    .order_by(_frame.c.pos)
    .limit(bindparam("most"))
)
_STREAMS = select(*(_stream.c[name] for name in ("id", "origin", "lane", "audience", "head_pos", "floor")))
_TO_PARENT = _STREAMS.where(_stream.c.audience.in_((UP, PARENT))).order_by(_stream.c.id)
_OWN = _STREAMS.where(_stream.c.audience == bindparam("of_audience"), _stream.c.origin == bindparam("of_origin"))
_OWN = _OWN.order_by(_stream.c.id)


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One frame on its way, with the stream it belongs to."""

    stream: StreamKey
    raw: bytes
    beside: bytes = b""


@dataclass(frozen=True, slots=True)
class _Ready:
    flow: Flow
    stream_id: int
    head_pos: int
    floor: int


class Sender:
    """The streams of one node towards one neighbour, for as long as one connection lasts."""

    def __init__(
        self,
        *,
        name: str,
        peer: str,
        registry: Callable[[], Registry],
        monotonic: Callable[[], float],
        random: Callable[[int], bytes],
        companion: Companion = NOTHING,
    ) -> None:
        """Take both names, who is who, a clock that only goes forward, randomness, and what goes beside a frame."""
        self._companion = companion
        self._name = name
        self._peer = peer
        self._registry = registry
        self._monotonic = monotonic
        self._random = random
        self._standing = Standing(name, peer)
        self._flows: dict[StreamKey, Flow] = {}
        self._credit: dict[str, tuple[int, int]] = {}
        self._turn = 0

    # what the neighbour says -------------------------------------------------------------------------------------

    def resume(self, session: Session, hello: link_pb2.Hello, now: datetime) -> list[Trouble]:
        """Set every stream to the neighbour's cursor; the streams where that is impossible stand still, and ring."""
        connection = session.connection()
        registry = self._registry()
        self._flows.clear()
        for credit in hello.credit:
            self.grant(credit)
        troubles = []
        for message in hello.cursors:
            key, cursor = key_of(message), cursor_of(message.position)
            if not may_travel(registry, key, sender=self._name, receiver=self._peer):
                continue
            place = self._standing.locate(connection, registry, key, cursor)
            if isinstance(place, Trouble):
                self._stall(key, cursor)
                self._standing.ring(connection, place, now)
                troubles.append(place)
            else:
                self._flow(key).restart(place.pos)
                self._standing.note(connection, registry, key, place, now)
        self._standing.check_forgotten(connection, registry, frozenset(self._flows), now)
        return troubles

    def _stall(self, key: StreamKey, cursor: tuple[bytes, int, bytes]) -> None:
        flow = self._flow(key)
        flow.block(self._monotonic())
        flow.claimed = cursor

    def retry(self, session: Session, stream: StreamKey, now: datetime) -> bool:
        """Look again where the neighbour stands, after this node's own chain was put right; whether it goes on."""
        flow = self._flows.get(stream)
        if flow is None or flow.claimed is None:
            return True
        connection, registry = session.connection(), self._registry()
        place = self._standing.locate(connection, registry, stream, flow.claimed)
        if isinstance(place, Trouble):
            return False
        flow.restart(place.pos)
        self._standing.note(connection, registry, stream, place, now)
        return True

    def grant(self, credit: link_pb2.LaneCredit) -> None:
        """How much of a lane may be under way."""
        self._credit[credit.lane] = (credit.frames, credit.bytes)

    def behind(self, session: Session, nack: link_pb2.Nack) -> None:
        """The neighbour missed something: go back to where it stands, unless the stream stands still anyway."""
        key = key_of(nack)
        flow = self._flows.get(key)
        if flow is None or flow.blocked_until_s is not None:
            return
        if not nack.HasField("cursor"):
            flow.restart(0)
            return
        cursor = cursor_of(nack.cursor)
        place = self._standing.locate(session.connection(), self._registry(), key, cursor)
        if isinstance(place, Trouble):
            self._stall(key, cursor)
        else:
            flow.restart(place.pos)

    def refused(self, stream: StreamKey) -> None:
        """The neighbour does not take this stream now: try again later, the others go on."""
        if stream in self._flows:
            self._flows[stream].block(self._monotonic())

    # what is sent ------------------------------------------------------------------------------------------------

    def next(self, session: Session) -> list[Outgoing]:
        """The next frames to send, counted as sent: urgent ones alone if there are any, else a small batch."""
        failpoint("sender.before_read")
        connection = session.connection()
        ready = self._ready(connection)
        for lane in Lane:
            mine = [
                one for one in ready if one.flow.key.lane == lane.value and one.floor <= one.flow.sent < one.head_pos
            ]
            if mine:
                self._turn += 1
                turn = self._turn % len(mine)
                batch = self._batch(connection, lane, mine[turn:] + mine[:turn])
                if batch:
                    return batch
        return []

    def _ready(self, connection: Connection) -> list[_Ready]:
        """The streams that may go on."""
        registry, now_s = self._registry(), self._monotonic()
        found = []
        for row in connection.execute(*self._streams(registry)):
            key = StreamKey(row.origin, row.lane, row.audience)
            if may_travel(registry, key, sender=self._name, receiver=self._peer):
                flow = self._flow(key)
                if self._may_go_on(connection, flow, now_s):
                    found.append(_Ready(flow, row.id, row.head_pos, row.floor))
        return found

    def _streams(self, registry: Registry) -> tuple[Select[tuple[Any, ...]], dict[str, str]]:
        """The question for what may lead to this neighbour, and what it is told."""
        if registry.parent_of(self._name) == self._peer:
            return _TO_PARENT, {}
        lead = bypass if is_past_parent(registry, self._name, self._peer) else down
        return _OWN, {"of_audience": lead(self._peer), "of_origin": self._name}

    def _may_go_on(self, connection: Connection, flow: Flow, now_s: float) -> bool:
        if flow.blocked_until_s is not None:
            if now_s < flow.blocked_until_s:
                return False
            if flow.claimed is None:
                flow.restart(flow.acked)
            else:
                place = self._standing.locate(connection, self._registry(), flow.key, flow.claimed)
                if isinstance(place, Trouble):
                    flow.block(now_s)
                    return False
                flow.restart(place.pos)
        if flow.in_flight and now_s - flow.in_flight[0].at_s > SILENCE_S:
            flow.restart(flow.acked)
        return True

    def _batch(self, connection: Connection, lane: Lane, flows: Sequence[_Ready]) -> list[Outgoing]:
        now_s = self._monotonic()
        under_way = self._under_way(lane)
        frames, room = self._credit.get(lane.value, (0, 0))
        frames, room = min(_FETCH, frames - len(under_way)), room - sum(sent.size for sent in under_way)
        batch: list[Outgoing] = []
        size = 0
        for one in flows:
            if len(batch) >= frames:
                break
            wanted = {"stream_id": one.stream_id, "after": one.flow.sent, "most": frames - len(batch)}
            for row in connection.execute(_FRAMES, wanted):
                if (size and size + row.size > min(room, _BATCH_BYTES)) or (row.size > room and under_way):
                    return batch
                size += row.size
                one.flow.in_flight.append(Sent(row.pos, row.size, now_s))
                one.flow.sent = row.pos
                raw = bytes(row.raw)
                batch.append(Outgoing(one.flow.key, raw, self._companion.beside(connection, one.flow.key, raw)))
        return batch

    def _under_way(self, lane: Lane) -> list[Sent]:
        return [sent for flow in self._flows.values() if flow.key.lane == lane.value for sent in flow.in_flight]

    # what comes back ---------------------------------------------------------------------------------------------

    def confirm(
        self, session: Session, acks: Iterable[tuple[Ack, frame_pb2.SignedAck]], now: datetime
    ) -> list[tuple[StreamKey, int]]:
        """Keep verified receipts and how far they reach; what `advance` is then to be told, after the commit."""
        connection = session.connection()
        reached: dict[int, tuple[StreamKey, chain.Place]] = {}
        rows = []
        safe: dict[int, int] = {}
        for ack, signed in acks:
            held = chain.load(connection, ack.stream)
            place = None if held is None else chain.find(connection, held, ack.epoch, ack.durable)
            if held is None or place is None or place.frame_hash != ack.head_hash:
                reason = f"{self._peer} acknowledges a frame {ack.durable} that was never sent to it"
                self._standing.ring(connection, Trouble(ack.stream, "BAD_ACK", reason), now)
                continue
            kept = {"ack": signed.ack, "signature": signed.signature, "received_at_us": to_us(ack.received_at)}
            rows.append(kept | {"stream_id": held.id, "pos": place.pos, "receiver": ack.receiver})
            if held.id not in reached or reached[held.id][1].pos < place.pos:
                reached[held.id] = (ack.stream, place)
            below = chain.find(connection, held, ack.safe_epoch, ack.safe) if ack.safe_epoch else None
            if below is not None and below.pos <= place.pos:
                safe[held.id] = max(below.pos, safe.get(held.id, 0))
            if ack.stream.origin != self._name:
                remember(connection, Kept(held.id, ack.receiver, place.pos, signed))
        if rows:
            connection.execute(insert(_receipt), rows)
        for stream_id, (_, place) in reached.items():
            if place.pos > self._standing.remembered(connection, stream_id):
                self._standing.write(connection, stream_id, place.pos, place.end_count)
        for stream_id, pos in safe.items():
            self._standing.write_safe(connection, stream_id, pos)
        failpoint("sender.in_receipt")
        return [(key, place.pos) for key, place in reached.values()]

    def advance(self, reached: Iterable[tuple[StreamKey, int]]) -> None:
        """Count frames as acknowledged, which makes room for more."""
        for key, pos in reached:
            if key in self._flows:
                self._flows[key].advance(pos)

    # what a person sees ------------------------------------------------------------------------------------------

    @property
    def in_flight(self) -> int:
        """Frames sent and not acknowledged."""
        return sum(len(flow.in_flight) for flow in self._flows.values())

    def wait_s(self) -> float | None:
        """Seconds until a stream that stands still, or an answer that does not come, is worth another look."""
        now_s = self._monotonic()
        due = [flow.blocked_until_s for flow in self._flows.values() if flow.blocked_until_s is not None]
        due += [flow.in_flight[0].at_s + SILENCE_S for flow in self._flows.values() if flow.in_flight]
        return max(0.01, min(due) - now_s) if due else None

    def _flow(self, key: StreamKey) -> Flow:
        if key not in self._flows:
            self._flows[key] = Flow(key, Backoff(self._random))
        return self._flows[key]
