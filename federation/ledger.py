"""Appending records in the caller's transaction, and sealing them into signed frames in a transaction of their own."""

import itertools
import re
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import Connection, bindparam, case, delete, insert, select, update
from sqlalchemy.orm import Session

from federation import chain, tables
from federation.failpoint import failpoint
from federation.frame import (
    MAX_FRAME_BYTES,
    MAX_RECORD_BYTES,
    MAX_RECORDS,
    Genesis,
    Record,
    Signer,
    StreamKey,
    enclose,
    encode_record,
    seal_frame,
    to_us,
)
from federation.merkle import leaf_hash
from federation.storage import random_of, touch

UP = "up"
PARENT = "parent"
_DOWN = "down:"
_BYPASS = "bypass:"
PAST_PARENT = "ledger.bypass"  # the one kind of record that a bypass carries
_KIND = re.compile(r"[a-z][a-z0-9_]*(\.[a-z0-9_]+)*")
_LONGEST_KIND = 64
_HEADER_ROOM = 1024
_RECORD_ROOM = 8
_STEP_RECORDS = 2000
_URGENT_FRAMES = 256

_local, _pending, _record, _frame, _stream = (
    tables.local,
    tables.pending,
    tables.record,
    tables.frame,
    tables.stream,
)
# What waits in a lane, but for the streams that are held. Asked all the time, so both are built once.
_FREE = (_pending.c.lane == bindparam("free_lane")) & _pending.c.audience.not_in(bindparam("held", expanding=True))
_WAITING = select(_pending).where(_FREE).order_by(_pending.c.pos).limit(bindparam("most"))
_TAKEN = delete(_pending).where(_FREE, _pending.c.pos <= bindparam("last_pos"))


class Lane(StrEnum):
    """What goes first: a backlog of one lane never delays the one before it."""

    URGENT = "urgent"
    REGULAR = "regular"
    AUDIT = "audit"


class Upto(StrEnum):
    """Whose receipt an urgent record that goes up waits for."""

    PARENT = "parent"
    TOP = "top"


class NotSealed(LookupError):  # noqa: N818 - a state of the record, not a mistake
    """The record is unknown here, or waits to be sealed, so that nobody's signature covers it yet."""


def down(child: str) -> str:
    """The audience of the chain that leads to one child."""
    return f"{_DOWN}{child}"


def child_of(audience: str) -> str | None:
    """The child that an audience leads to, if it leads down."""
    return audience.removeprefix(_DOWN) if audience.startswith(_DOWN) else None


def bypass(grandparent: str) -> str:
    """The audience of the chain that goes past the parent, to the one above it."""
    return f"{_BYPASS}{grandparent}"


def end_of_bypass(audience: str) -> str | None:
    """The centre that a bypass leads to, if the audience is one."""
    return audience.removeprefix(_BYPASS) if audience.startswith(_BYPASS) else None


def new_rid(now: datetime, random: Callable[[int], bytes]) -> UUID:
    """A UUIDv7 (RFC 9562) of that moment."""
    milliseconds = to_us(now) // 1000
    noise = bytearray(random(10))
    noise[0] = 0x70 | (noise[0] & 0x0F)
    noise[2] = 0x80 | (noise[2] & 0x3F)
    return UUID(bytes=milliseconds.to_bytes(6, "big") + bytes(noise))


def wall_hlc(now: datetime) -> int:
    """The least hybrid clock value of a moment: 48 bits of milliseconds, 16 bits of count."""
    return (to_us(now) // 1000) << 16


_TICK = (
    update(_local)
    .where(_local.c.id == 1)
    .values(
        pos=_local.c.pos + 1,
        hlc=case((_local.c.hlc >= bindparam("wall"), _local.c.hlc + 1), else_=bindparam("wall")),
    )
    .returning(_local.c.pos, _local.c.hlc)
)


_SEEN = update(_local).where(_local.c.id == 1, _local.c.hlc < bindparam("seen")).values(hlc=bindparam("seen"))


def append(
    session: Session,
    *,
    lane: Lane,
    audience: str,
    kind: str,
    payload: bytes,
    now: datetime,
    schema: int = 1,
    rid: UUID | None = None,
    upto: Upto = Upto.PARENT,
) -> UUID:
    """Put a record into one of this node's streams in the caller's transaction; raises ValueError if it cannot go.

    An urgent one that goes up is missed if no receipt comes; `upto` says whose receipt that is.
    """
    if audience not in (UP, PARENT) and not audience.startswith((_DOWN, _BYPASS)):
        msg = f"{audience!r} is no audience"
        raise ValueError(msg)
    if len(kind) > _LONGEST_KIND or not _KIND.fullmatch(kind):
        msg = f"{kind!r} is no kind of record"
        raise ValueError(msg)
    connection = session.connection()
    rid = rid or new_rid(now, random_of(session))
    pos, hlc = _tick(connection, now)
    raw = encode_record(Record(rid, kind, schema, now, hlc, payload))
    if len(raw) > MAX_RECORD_BYTES:
        msg = f"a record of {len(raw)} bytes is larger than {MAX_RECORD_BYTES}"
        raise ValueError(msg)
    values = {"pos": pos, "lane": Lane(lane).value, "audience": audience, "rid": rid.bytes, "raw": raw}
    connection.execute(insert(_pending), values)
    if lane == Lane.URGENT and not audience.startswith(_DOWN):
        _await(connection, rid, raw, kind, audience, upto, now)
    touch(session)
    failpoint("ledger.after_append")
    return rid


def _await(  # noqa: PLR0917 - a record, and whose receipt it waits for since when
    connection: Connection, rid: UUID, raw: bytes, kind: str, audience: str, upto: Upto, now: datetime
) -> None:
    values = {"rid": rid.bytes, "kind": kind, "audience": audience, "leaf": leaf_hash(raw)}
    connection.execute(insert(tables.awaited), values | {"upto": upto.value, "at_us": to_us(now)})


def _tick(connection: Connection, now: datetime) -> tuple[int, int]:
    row = connection.execute(_TICK, {"wall": wall_hlc(now)}).one_or_none()
    if row is not None:
        return row.pos, row.hlc
    connection.execute(insert(_local).values(id=1, pos=1, hlc=wall_hlc(now)))
    return 1, wall_hlc(now)


def observe_hlc(connection: Connection, seen: int, now: datetime) -> None:
    """Move the hybrid clock past one that arrived, unless that one claims to be more than an hour ahead."""
    if seen < wall_hlc(now) + (3_600_000 << 16):
        connection.execute(_SEEN, {"seen": seen})


def enclosure(session: Session, rid: UUID, origin: str | None = None) -> bytes:
    """A sealed record, own or received, with the proof of its origin's signature; raises NotSealed.

    `origin` decides where several centres used one rid, which none does by itself.
    """
    query = (
        select(_frame.c.raw, _record.c.position)
        .join(_frame, (_frame.c.stream_id == _record.c.stream_id) & (_frame.c.pos == _record.c.pos))
        .where(_record.c.rid == rid.bytes)
        .limit(2)
    )
    if origin is not None:
        query = query.join(_stream, _stream.c.id == _record.c.stream_id).where(_stream.c.origin == origin)
    rows = session.execute(query).all()
    if not rows and (found := _bypassed(session, rid, origin)):
        return found
    if len(rows) == 1 and not rows[0].raw:
        raise NotSealed(f"the bytes of record {rid} were given up here; the centre above holds them")
    if len(rows) != 1:
        raise NotSealed(f"record {rid} is {'held from several origins' if rows else 'not sealed here'}")
    return enclose(bytes(rows[0].raw), rows[0].position)


def _bypassed(session: Session, rid: UUID, origin: str | None) -> bytes:
    """The enclosure of a record that came by a bypass, and so lies in no frame that is held here."""
    lifted = tables.lifted
    query = select(lifted.c.raw).where(lifted.c.rid == rid.bytes, lifted.c.raw != b"")
    if origin is not None:
        query = query.where(lifted.c.origin == origin)
    rows = session.execute(query.limit(2)).scalars().all()
    return bytes(rows[0]) if len(rows) == 1 else b""


@dataclass(frozen=True, slots=True)
class _Waiting:
    pos: int
    lane: str
    audience: str
    rid: bytes
    raw: bytes


@dataclass(frozen=True, slots=True)
class Sealed:
    """What one step of the sealer did."""

    frames: int
    streams: frozenset[StreamKey]
    more: bool


class Sealer:
    """The only one that numbers, chains and signs: one epoch from its making to its end, unless it is renewed.

    Streams in `held` are left alone for a while; what is appended to them waits.
    """

    def __init__(self, keystore: Signer, random: Callable[[int], bytes], now: Callable[[], datetime]) -> None:
        """Draw the epoch; nothing is written before there is something to seal."""
        self._signer = keystore
        self._now = now
        self._random = random
        self.epoch = random(16)
        self.held: set[StreamKey] = set()

    def renew(self) -> None:
        """Draw another epoch, because this one is not this sealer's alone any more."""
        self.epoch = self._random(16)

    def step(self, session: Session, lanes: Collection[Lane] = tuple(Lane)) -> int:
        """Seal what waits in these lanes, at most 2000 records each; how many frames that made, genesis included."""
        return self.seal(session, lanes).frames

    def seal(self, session: Session, lanes: Collection[Lane] = tuple(Lane)) -> Sealed:
        """As `step`; tells which streams grew, and whether more may be waiting."""
        connection = session.connection()
        frames, streams, more = 0, set(), False
        for lane in lanes:
            limit = _URGENT_FRAMES if lane is Lane.URGENT else _STEP_RECORDS
            free = self._free(lane)  # once: a stream may be let go while this step runs
            waiting = self._waiting(connection, free, limit)
            by_audience = sorted(waiting, key=lambda record: record.audience)
            for audience, records in itertools.groupby(by_audience, key=lambda record: record.audience):
                frames += self._seal(connection, lane, audience, list(records))
                streams.add(StreamKey(self._signer.name, lane.value, audience))
            if waiting:
                connection.execute(_TAKEN, free | {"last_pos": waiting[-1].pos})
                more = more or len(waiting) == limit
        failpoint("sealer.before_commit")
        return Sealed(frames, frozenset(streams), more)

    def _waiting(self, connection: Connection, free: dict[str, object], limit: int) -> list[_Waiting]:
        return [
            _Waiting(row.pos, row.lane, row.audience, bytes(row.rid), bytes(row.raw))
            for row in connection.execute(_WAITING, free | {"most": limit})
        ]

    def _free(self, lane: Lane) -> dict[str, object]:
        """What `_FREE` is told of a lane."""
        held = sorted(stream.audience for stream in tuple(self.held) if stream.lane == lane.value)
        return {"free_lane": lane.value, "held": held}

    def _seal(self, connection: Connection, lane: Lane, audience: str, records: Sequence[_Waiting]) -> int:
        head = chain.load_or_create(connection, StreamKey(self._signer.name, lane.value, audience))
        made = 0
        if head.epoch != self.epoch:
            self._put(connection, head, [], Genesis(head.epoch, max(head.frame_no, 0), head.frame_hash, _reason(head)))
            made += 1
        for group in _groups(records, 1 if lane is Lane.URGENT else MAX_RECORDS):
            self._put(connection, head, group, None)
            made += 1
        chain.save(connection, head)
        return made

    def _put(
        self, connection: Connection, head: chain.Chain, records: Sequence[_Waiting], genesis: Genesis | None
    ) -> None:
        failpoint("sealer.before_sign")
        now = self._now()
        frame = seal_frame(
            signer=self._signer,
            lane=head.key.lane,
            audience=head.key.audience,
            epoch=self.epoch,
            frame_no=0 if genesis else head.frame_no + 1,
            first_seq=1 if genesis else head.next_seq,
            prev_frame_hash=head.frame_hash,
            records=[record.raw for record in records],
            sealed_at=now,
            genesis=genesis,
        )
        chain.extend(connection, head, frame, sender="", at=now)
        chain.register(connection, head, [(record.rid, index) for index, record in enumerate(records)])
        failpoint("sealer.after_store")


def _reason(head: chain.Chain) -> str:
    return "first" if head.empty else "start"


def _groups(records: Sequence[_Waiting], most: int) -> Iterator[list[_Waiting]]:
    """Cut records into frames that hold the limits of number and size."""
    group: list[_Waiting] = []
    size = _HEADER_ROOM
    for record in records:
        room = len(record.raw) + _RECORD_ROOM
        if group and (len(group) == most or size + room > MAX_FRAME_BYTES):
            yield group
            group, size = [], _HEADER_ROOM
        group.append(record)
        size += room
    if group:
        yield group
