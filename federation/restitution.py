"""Putting a centre's own chain right with what a neighbour holds of it: after a restore, a roll-back, a clone.

The neighbour gives back the frames that this centre signed and no longer has, in their order and from the last one that
both have. The centre verifies its own signature, puts them in their place, and takes out of its chain what it had
sealed there since: those frames are kept as evidence, and their records wait again, first in the queue, under the same
rids, to be sealed after what was given back, in an epoch that nobody used. Each frame is taken in a transaction that
leaves a good chain behind, so that it may end at any time.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, delete, select
from sqlalchemy.orm import Session

from federation import chain, tables
from federation.alarm import about, raise_alarm
from federation.companion import LARGEST, NOTHING, Companion
from federation.effects import Effects, Laid
from federation.frame import NO_HASH, Frame, FrameInvalid, StreamKey, parse_frame, read_record, verify_frame
from federation.hello import Cursor, cursor_of, key_of
from federation.ledger import Sealer
from federation.removal import Removal, wait_again
from federation.v1 import link_pb2 as wire
from pki.registry import Registry

MOST_FRAMES = 64
MOST_BYTES = 512 * 1024
_DENSE = 8

_frame, _pending, _evidence = tables.frame, tables.pending, tables.evidence


@dataclass(frozen=True, slots=True)
class Returned:
    """What one message of given frames did: frames and records that were new here, records that wait again."""

    frames: int = 0
    records: int = 0
    renumbered: int = 0

    def __add__(self, other: "Returned") -> "Returned":
        return Returned(self.frames + other.frames, self.records + other.records, self.renumbered + other.renumbered)


@dataclass(frozen=True, slots=True)
class Taking:
    """The transaction in which a frame of one stream is taken in, who brought it, and when."""

    session: Session
    head: chain.Chain
    peer: str
    now: datetime


# what is asked, and what is answered --------------------------------------------------------------------------------


def locator(session: Session, key: StreamKey) -> list[Cursor]:
    """Places of a stream that is held here, newest first, ever further apart: the last common one is near."""
    connection = session.connection()
    head = chain.load(connection, key)
    if head is None or head.empty:
        return []
    steps = [*range(_DENSE), *(_DENSE << power for power in range(head.pos.bit_length()))]
    positions = sorted({1, *(head.pos - step for step in steps if step < head.pos)})
    rows = connection.execute(
        select(_frame.c.epoch, _frame.c.frame_no, _frame.c.frame_hash)
        .where(_frame.c.stream_id == head.id, _frame.c.pos.in_(positions))
        .order_by(_frame.c.pos.desc())
    )
    return [(bytes(row.epoch), row.frame_no, bytes(row.frame_hash)) for row in rows]


def following(session: Session, recall: wire.Recall, companion: Companion = NOTHING) -> wire.GivenBack:
    """What is held here after the newest of the places named, a bounded number of frames, and how many remain."""
    beside: list[bytes] = []
    connection, key = session.connection(), key_of(recall)
    answer = wire.GivenBack(origin=key.origin, lane=key.lane, audience=key.audience)
    held = chain.load(connection, key)
    if held is None or held.empty:
        return answer
    start = _newest_common(connection, held, [cursor_of(one) for one in recall.held])
    later = select(_frame.c.pos, _frame.c.raw).where(_frame.c.stream_id == held.id, _frame.c.pos > start)
    last = start
    for row in connection.execute(later.order_by(_frame.c.pos).limit(MOST_FRAMES)):
        if answer.frames and sum(map(len, answer.frames)) + len(row.raw) > MOST_BYTES:
            break
        answer.frames.append(bytes(row.raw))
        beside.append(companion.beside(connection, key, bytes(row.raw)))
        last = row.pos
    answer.remaining = held.pos - last
    answer.beside.extend(beside if any(beside) else ())
    return answer


def _newest_common(connection: Connection, held: chain.Chain, places: Sequence[Cursor]) -> int:
    for epoch, frame_no, digest in places:
        place = chain.find(connection, held, epoch, frame_no)
        if place is not None and place.frame_hash == digest:
            return place.pos
    return 0


# what is given back -------------------------------------------------------------------------------------------------


class Restitution:
    """Takes the frames of one node's own streams that neighbours give back."""

    def __init__(
        self,
        *,
        name: str,
        registry: Callable[[], Registry],
        effects: Effects,
        sealer: Sealer,
        companion: Companion = NOTHING,
    ) -> None:
        """Take the node's name, who is who, what own records do here, the sealer that goes on, what came beside."""
        self._companion = companion
        self._name = name
        self._registry = registry
        self._effects = effects
        self._sealer = sealer

    def hold(self, stream: StreamKey) -> None:
        """Let nothing be sealed in a stream while frames of it are being given back."""
        self._sealer.held.add(stream)

    def release(self, stream: StreamKey) -> None:
        """Go on sealing that stream."""
        self._sealer.held.discard(stream)

    def open(self, given: wire.GivenBack) -> list[Frame]:
        """Verify that this node signed each of the frames; raises FrameInvalid. Needs no database."""
        stream, found = key_of(given), []
        for raw in given.frames:
            parts = parse_frame(raw)
            if parts.header.stream != stream or stream.origin != self._name:
                raise FrameInvalid("ORIGIN_MISMATCH", f"a frame of {parts.header.stream.origin} is given back", "")
            key = self._registry().public_key(self._name, parts.header.key_id)
            if key is None:
                raise FrameInvalid("BAD_ORIGIN_SIG", "a frame given back bears a key that this centre never had", "")
            found.append(verify_frame(parts, key))
        return found

    def take(
        self, session: Session, peer: str, frames: Sequence[Frame], now: datetime, beside: Sequence[bytes] = ()
    ) -> Returned:
        """Put verified frames in their places, one after the other; raises FrameInvalid for one that has no place."""
        connection = session.connection()
        for given in beside:
            self._companion.arrived(connection, peer, given[:LARGEST])
        total = Returned()
        for frame in frames:
            head = chain.load_or_create(connection, frame.header.stream)
            held = chain.find(connection, head, frame.header.epoch, frame.header.frame_no)
            if held is None or held.frame_hash != frame.hash:
                total += self._take_one(Taking(session, head, peer, now), frame)
                chain.save(connection, head)
        return total

    def _take_one(self, taking: Taking, frame: Frame) -> Returned:
        connection, head = taking.session.connection(), taking.head
        base = self._base(connection, head, frame)
        is_used = frame.header.epoch == self._sealer.epoch
        if is_used or self._is_fork(connection, head, frame):
            self._ring_fork(taking, frame)
        is_used = is_used or chain.knows_epoch(connection, head, self._sealer.epoch)
        out: set[bytes] = set()
        if (base.pos if base else 0) < head.pos:
            removal = Removal(self._name, self._registry(), taking.now, self._sealer.renew)
            out = wait_again(connection, head.key, removal.take_out(connection, head, base))
        records = tuple(map(read_record, frame.records))
        rids = [record.rid for record in records if record]
        done = {
            bytes(rid) for rid in connection.execute(select(_pending.c.rid).where(_pending.c.rid.in_(rids))).scalars()
        }
        connection.execute(delete(_pending).where(_pending.c.rid.in_(rids)))
        chain.extend(connection, head, frame, sender=taking.peer, at=taking.now)
        laid = Laid(head.id, head.origin_no, head.pos, frame, records)
        self._effects.apply(taking.session, [laid], peer=taking.peer, now=taking.now, done=frozenset(done))
        if is_used:
            self._sealer.renew()
        return Returned(1, len(rids) - len(done), len(out - done))

    def _base(self, connection: Connection, head: chain.Chain, frame: Frame) -> chain.Place | None:
        """The frame held here that a given one follows, or None before the first."""
        header = frame.header
        epoch, number = header.epoch, header.frame_no - 1
        if header.genesis is not None:
            epoch, number = header.genesis.epoch, header.genesis.frame_no
            if not epoch and header.prev_frame_hash == NO_HASH:
                return None
        base = chain.find(connection, head, epoch, number)
        if base is None or base.frame_hash != header.prev_frame_hash:
            raise FrameInvalid("NO_PLACE", f"frame {header.frame_no} follows one that is not held here", self._name)
        return base

    def _is_fork(self, connection: Connection, head: chain.Chain, frame: Frame) -> bool:
        """Whether this node signed another frame under the same number, now or before it was taken out."""
        key, header = head.key, frame.header
        if chain.find(connection, head, header.epoch, header.frame_no) is not None:
            return True
        other = select(_evidence.c.id).where(
            _evidence.c.origin == key.origin,
            _evidence.c.lane == key.lane,
            _evidence.c.audience == key.audience,
            _evidence.c.epoch == header.epoch,
            _evidence.c.frame_no == header.frame_no,
            _evidence.c.frame_hash != frame.hash,
        )
        return connection.execute(other.limit(1)).first() is not None

    def _ring_fork(self, taking: Taking, frame: Frame) -> None:
        key, number = taking.head.key, frame.header.frame_no
        reason = f"{taking.peer} holds a frame {number} that was signed here in an epoch which is in use: a roll-back?"
        connection = taking.session.connection()
        raise_alarm(
            connection, "FORK", at=taking.now, peer=taking.peer, origin=key.origin, subject=about(key), detail=reason
        )
