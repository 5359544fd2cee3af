"""Taking frames in: verified, once and in order, with their effects, in one transaction, before anything is said.

The order of checks is fixed: does this neighbour have the right to bring this stream, is the frame of bearable size,
did its origin sign it, is it the next of its chain, can its records be read and applied. `open` does the first three
and touches no database, so that it may run in a thread; `take` does the rest inside the writer's transaction.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from sqlalchemy import Connection
from sqlalchemy.orm import Session

from federation import chain
from federation.alarm import about, raise_alarm
from federation.companion import LARGEST, NOTHING, Companion
from federation.effects import Effects, Handler, Laid, Unacceptable
from federation.evidence import keep_evidence
from federation.failpoint import failpoint
from federation.frame import (
    Frame,
    FrameInvalid,
    Inbound,
    StreamKey,
    parse_frame,
    read_record,
    verify_frame,
)
from federation.kinds import own_kinds
from federation.ledger import Lane
from federation.receipt import Ack
from federation.rights import ahead_code, may_travel
from federation.safety import with_safe
from federation.succession import Place, follows, judge
from federation.v1 import frame_pb2, link_pb2
from pki.registry import Registry

_LANES = frozenset(lane.value for lane in Lane)
__all__ = ["Handler", "Inbound", "Receiver", "Unacceptable"]


@dataclass(frozen=True, slots=True)
class Opened:
    """A frame whose origin and bytes are beyond doubt; a record that cannot be read is None."""

    stream: StreamKey
    frame: Frame
    records: tuple[frame_pb2.Record | None, ...]
    beside: bytes = b""


@dataclass(frozen=True, slots=True)
class Refused:
    """Why a frame is not taken; its stream stands still until the sender offers it again."""

    stream: StreamKey
    code: str
    reason: str
    epoch: bytes = b""
    frame_no: int = 0


@dataclass(frozen=True, slots=True)
class Behind:
    """The stream is held up to `cursor` (epoch, frame number, hash), or not at all: what follows is wanted."""

    stream: StreamKey
    cursor: tuple[bytes, int, bytes] | None


Arrival = Opened | Refused
Reply = Ack | Behind | Refused


@dataclass(frozen=True, slots=True)
class Taking:
    """A transaction that takes frames of one neighbour in; those in `waiting` are stored and applied together."""

    session: Session
    peer: str
    now: datetime
    chains: dict[StreamKey, chain.Chain] = field(default_factory=dict)
    grown: set[StreamKey] = field(default_factory=set)
    waiting: list[tuple[chain.FrameRow, Laid]] = field(default_factory=list)

    def chain(self, stream: StreamKey) -> chain.Chain:
        """The chain of a stream, with what this transaction has put to it."""
        if stream not in self.chains:
            self.chains[stream] = chain.load_or_create(self.session.connection(), stream)
        return self.chains[stream]


class Receiver:
    """Judges and applies what neighbours bring to one node."""

    def __init__(
        self,
        *,
        name: str,
        registry: Callable[[], Registry],
        handlers: Mapping[str, Handler],
        own_handlers: Mapping[str, Handler] | None = None,
        companion: Companion = NOTHING,
    ) -> None:
        """Take the node's own registry name, the current registry, what to do with each kind and what came beside."""
        self.companion = companion
        self._name = name
        self._registry = registry
        kinds = own_kinds(handlers, name=name, registry=registry)
        self.effects = Effects(handlers, name=name, own_handlers=own_handlers, kinds=kinds)

    # before the transaction --------------------------------------------------------------------------------------

    def open(self, delivery: link_pb2.FrameDelivery, peer: str) -> Arrival:
        """Check rights, size and signature of one delivery."""
        failpoint("receiver.before_verify")
        stream = StreamKey(delivery.origin, delivery.lane, delivery.audience)
        if stream.lane not in _LANES:
            return Refused(stream, "UNKNOWN_LANE", "this node carries no lane of that name")
        if not may_travel(self._registry(), stream, sender=peer, receiver=self._name):
            return Refused(stream, "ORIGIN_MISMATCH", f"{peer} may not bring {stream.audience} of {stream.origin}")
        try:
            found = self._verified(delivery.frame, stream)
            return replace(found, beside=delivery.beside[:LARGEST]) if isinstance(found, Opened) else found
        except FrameInvalid as error:
            code = "BAD_ORIGIN_SIG" if error.code == "FORM" else error.code
            return Refused(stream, code, error.reason)

    def _verified(self, raw: bytes, stream: StreamKey) -> Arrival:
        parts = parse_frame(raw)
        header = parts.header
        if header.stream != stream:
            reason = f"a frame delivered as one of {stream.origin} says that it is of {header.stream.origin}"
            return Refused(stream, "ORIGIN_MISMATCH", reason, header.epoch, header.frame_no)
        key = self._registry().public_key(stream.origin, header.key_id)
        if key is None:
            reason = "the key of a frame is not one of its origin's"
            return Refused(stream, "BAD_ORIGIN_SIG", reason, header.epoch, header.frame_no)
        try:
            frame = verify_frame(parts, key)
        except FrameInvalid as error:
            return Refused(stream, error.code, error.reason, header.epoch, header.frame_no)
        failpoint("receiver.after_verify")
        return Opened(stream, frame, tuple(map(read_record, frame.records)))

    def replay_parked(self, session: Session, now: datetime, limit: int = 500, skip: int = 0) -> int:
        """Try parked records again, oldest first, after what stood in their way was mended; how many were applied."""
        return self.effects.replay_parked(session, now, limit, skip)

    # inside the transaction --------------------------------------------------------------------------------------

    def take(self, session: Session, peer: str, arrivals: Sequence[Arrival], now: datetime) -> list[Reply]:
        """Store, apply and count frames in the order they came; what to say once this is committed."""
        connection = session.connection()
        taking = Taking(session, peer, now)
        replies: dict[tuple[StreamKey, type[Reply]], Reply] = {}
        for arrival in arrivals:
            if isinstance(arrival, Opened) and arrival.beside:
                self.companion.arrived(connection, peer, arrival.beside)
            reply = self._take_one(taking, arrival)
            replies.pop((arrival.stream, type(reply)), None)
            replies[arrival.stream, type(reply)] = reply
        self._lay(taking)
        failpoint("receiver.before_cursor")
        for stream in taking.grown:
            chain.save(connection, taking.chains[stream])
        failpoint("receiver.before_commit")
        said = list(replies.values())
        acks = iter(with_safe(connection, [reply for reply in said if isinstance(reply, Ack)]))
        return [next(acks) if isinstance(reply, Ack) else reply for reply in said]

    def _take_one(self, taking: Taking, arrival: Arrival) -> Reply:
        """Let a frame that is the next of its chain wait for the others that are; what to say of it then."""
        connection, now = taking.session.connection(), taking.now
        if isinstance(arrival, Refused):
            self._ring(connection, arrival, taking.peer, now)
            return arrival
        head, frame = taking.chain(arrival.stream), arrival.frame
        if follows(head, frame):
            row = chain.advance(head, frame, sender=taking.peer, at=now)
            taking.waiting.append((row, Laid(head.id, head.origin_no, head.pos, frame, arrival.records)))
        else:
            self._lay(taking)
            place, reason = judge(connection, head, frame)
            if place is not Place.NEXT:
                return self._say(taking, head, frame, place, reason)
            failpoint("receiver.before_store")
            chain.extend(connection, head, frame, sender=taking.peer, at=now)
            failpoint("receiver.after_store")
            laid = Laid(head.id, head.origin_no, head.pos, frame, arrival.records)
            self.effects.apply(taking.session, [laid], peer=taking.peer, now=now)
        taking.grown.add(arrival.stream)
        return self._acknowledge(head, now)

    def _lay(self, taking: Taking) -> None:
        """Store the frames that wait, and apply them."""
        if not taking.waiting:
            return
        connection = taking.session.connection()
        failpoint("receiver.before_store")
        chain.store(connection, [row for row, _ in taking.waiting])
        failpoint("receiver.after_store")
        laid = [one for _, one in taking.waiting]
        taking.waiting.clear()
        self.effects.apply(taking.session, laid, peer=taking.peer, now=taking.now)

    def _say(self, taking: Taking, head: chain.Chain, frame: Frame, place: Place, reason: str) -> Reply:
        """What to say of a frame that is not the next of its chain."""
        if place is Place.HELD:
            return self._acknowledge(head, taking.now)
        if place is Place.GAP:
            return Behind(head.key, None if head.empty else (head.epoch, head.frame_no, head.frame_hash))
        connection, peer = taking.session.connection(), taking.peer
        ahead = ahead_code(self._registry(), sender=peer, receiver=self._name)
        code = {Place.FORK: "FORK", Place.LATE: "LATE_EPOCH"}.get(place, ahead)
        refused = Refused(head.key, code, reason, frame.header.epoch, frame.header.frame_no)
        keep_evidence(connection, frame, peer, taking.now)
        self._ring(connection, refused, peer, taking.now)
        return refused

    def _acknowledge(self, head: chain.Chain, now: datetime) -> Ack:
        return Ack(self._name, b"", head.key, head.epoch, head.frame_no, head.frame_hash, now)

    def _ring(self, connection: Connection, refused: Refused, peer: str, now: datetime) -> None:
        subject = about(refused.stream, refused.frame_no if refused.epoch else None)
        origin = refused.stream.origin
        raise_alarm(connection, refused.code, at=now, peer=peer, origin=origin, subject=subject, detail=refused.reason)
