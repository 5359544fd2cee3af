"""The chain of one stream in the store: its head, its frames by place, and how it grows by one frame."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, bindparam, delete, insert, select, update

from federation import many, tables
from federation.frame import NO_HASH, Frame, StreamKey, to_us

FrameRow = tuple[int, int, bytes, int, bytes, bytes, int, int, int, str, bytes]
RecordRow = tuple[bytes, int, int, int, int]  # rid, origin, stream, place of the frame, position in it
_stream, _frame, _epoch, _record = tables.stream, tables.frame, tables.epoch, tables.record


@dataclass(slots=True)
class Chain:
    """A stream and its head; `pos` is the local position of the last frame, `count` the records so far."""

    id: int
    key: StreamKey
    origin_no: int
    epoch: bytes
    frame_no: int
    frame_hash: bytes
    next_seq: int
    pos: int
    count: int
    floor: int = 0

    @property
    def empty(self) -> bool:
        """Whether the stream holds no frame yet."""
        return self.pos == 0


@dataclass(frozen=True, slots=True)
class Place:
    """A stored frame by its place in its stream."""

    pos: int
    frame_hash: bytes
    end_count: int


_COLUMNS = (
    _stream.c.id,
    _stream.c.origin,
    _stream.c.lane,
    _stream.c.audience,
    _stream.c.origin_no,
    _stream.c.epoch,
    _stream.c.frame_no,
    _stream.c.frame_hash,
    _stream.c.next_seq,
    _stream.c.head_pos,
    _stream.c.head_count,
    _stream.c.floor,
)
_ALL = select(*_COLUMNS).order_by(_stream.c.id)
_OF_ORIGINS = _ALL.where(_stream.c.origin.in_(bindparam("origins", expanding=True)))
_LOAD = select(*_COLUMNS).where(
    _stream.c.origin == bindparam("origin"),
    _stream.c.lane == bindparam("lane"),
    _stream.c.audience == bindparam("audience"),
)
_NEW = insert(_stream).returning(_stream.c.id)
_FIRST_OF_ORIGIN = select(_stream.c.id).where(_stream.c.origin == bindparam("origin")).order_by(_stream.c.id).limit(1)
_NUMBER = update(_stream).where(_stream.c.id == bindparam("stream_id")).values(origin_no=bindparam("new_origin_no"))
_SAVE = (
    update(_stream)
    .where(_stream.c.id == bindparam("stream_id"))
    .values({name: bindparam(f"new_{name}") for name in ("epoch", "frame_no", "frame_hash", "next_seq")})
    .values(head_pos=bindparam("new_head_pos"), head_count=bindparam("new_head_count"))
)
_FIND = select(_frame.c.pos, _frame.c.frame_hash, _frame.c.end_count).where(
    _frame.c.stream_id == bindparam("stream_id"),
    _frame.c.epoch == bindparam("epoch"),
    _frame.c.frame_no == bindparam("frame_no"),
)
_BEGIN_EPOCH = insert(_epoch)
_PLACES = select(_record.c.rid, _record.c.stream_id, _record.c.pos, _record.c.position).where(
    _record.c.origin_no == bindparam("origin_no"), _record.c.rid.in_(bindparam("rids", expanding=True))
)
_KNOWN_EPOCH = (
    select(_epoch.c.first_pos)
    .where(_epoch.c.stream_id == bindparam("stream_id"), _epoch.c.epoch == bindparam("epoch"))
    .limit(1)
)


def _chain(row: Row[*tuple[Any, ...]]) -> Chain:
    number, origin, lane, audience, origin_no, epoch, frame_no, frame_hash, next_seq, pos, count, floor = row
    key = StreamKey(origin, lane, audience)
    return Chain(number, key, origin_no, bytes(epoch), frame_no, bytes(frame_hash), next_seq, pos, count, floor)


def load_all(connection: Connection) -> list[Chain]:
    """Every stream that this node holds."""
    return [_chain(row) for row in connection.execute(_ALL)]


def load_of(connection: Connection, origins: Sequence[str]) -> list[Chain]:
    """Every stream of these origins that this node holds."""
    return [_chain(row) for row in connection.execute(_OF_ORIGINS, {"origins": origins})]


def load(connection: Connection, key: StreamKey) -> Chain | None:
    """The stream of that name, if any frame of it is held."""
    row = connection.execute(_LOAD, {"origin": key.origin, "lane": key.lane, "audience": key.audience}).one_or_none()
    return None if row is None else _chain(row)


def load_or_create(connection: Connection, key: StreamKey) -> Chain:
    """The stream of that name, made empty if there is none."""
    chain = load(connection, key)
    if chain is not None:
        return chain
    values = {"origin": key.origin, "lane": key.lane, "audience": key.audience, "origin_no": 0, "epoch": b""}
    numbers = {"frame_no": -1, "frame_hash": NO_HASH, "next_seq": 1, "head_pos": 0, "head_count": 0}
    number = connection.execute(_NEW, values | numbers).scalar_one()
    origin_no = connection.execute(_FIRST_OF_ORIGIN, {"origin": key.origin}).scalar_one()
    connection.execute(_NUMBER, {"stream_id": number, "new_origin_no": origin_no})
    return Chain(number, key, origin_no, b"", -1, NO_HASH, 1, 0, 0)


def save(connection: Connection, chain: Chain) -> None:
    """Write the head back, once after the frames of a step."""
    values = {
        "stream_id": chain.id,
        "new_epoch": chain.epoch,
        "new_frame_no": chain.frame_no,
        "new_frame_hash": chain.frame_hash,
        "new_next_seq": chain.next_seq,
        "new_head_pos": chain.pos,
        "new_head_count": chain.count,
    }
    connection.execute(_SAVE, values)


def extend(connection: Connection, chain: Chain, frame: Frame, *, sender: str, at: datetime) -> None:
    """Store a frame that was checked to be the next one, and move the head in memory; `save` follows."""
    store(connection, [advance(chain, frame, sender=sender, at=at)])
    if frame.header.genesis is not None:
        before = frame.header.genesis
        begun = {"stream_id": chain.id, "first_pos": chain.pos, "epoch": frame.header.epoch}
        previous = {"epoch": before.epoch, "frame_no": before.frame_no, "hash": before.frame_hash}
        connection.execute(_BEGIN_EPOCH, begun | {f"previous_{name}": value for name, value in previous.items()})


def advance(chain: Chain, frame: Frame, *, sender: str, at: datetime) -> FrameRow:
    """Move the head in memory to a frame that was checked to be the next one; the row to `store` for it."""
    header = frame.header
    chain.pos += 1
    chain.count += header.count
    chain.epoch, chain.frame_no, chain.frame_hash = header.epoch, header.frame_no, frame.hash
    chain.next_seq = header.first_seq + header.count
    return (
        chain.id,
        chain.pos,
        header.epoch,
        header.frame_no,
        frame.hash,
        header.key_id,
        len(frame.raw),
        chain.count,
        to_us(at),
        sender,
        frame.raw,
    )


def store(connection: Connection, rows: Sequence[FrameRow]) -> None:
    """Store frames by the rows that `advance` gave for them."""
    many.write(connection, _frame, rows)


def cut(connection: Connection, chain: Chain, after: Place | None) -> None:
    """Forget what follows that place, or everything, and move the head back in memory; `save` follows.

    Who cuts has put the frames somewhere else before. `next_seq` is for the next frame to say.
    """
    pos = after.pos if after else 0
    for table, column in ((_record, _record.c.pos), (_epoch, _epoch.c.first_pos), (_frame, _frame.c.pos)):
        connection.execute(delete(table).where(table.c.stream_id == chain.id, column > pos))
    place = select(_frame.c.epoch, _frame.c.frame_no).where(_frame.c.stream_id == chain.id, _frame.c.pos == pos)
    last = connection.execute(place).one_or_none()
    chain.epoch, chain.frame_no = (bytes(last.epoch), last.frame_no) if last else (b"", -1)
    chain.frame_hash = after.frame_hash if after else NO_HASH
    chain.pos, chain.count = pos, after.end_count if after else 0


def register(connection: Connection, chain: Chain, records: Sequence[tuple[bytes, int]]) -> None:
    """Note where the signed bytes of records lie, each for the first time: (rid, position) in the frame at the head."""
    places = [(rid, chain.origin_no, chain.id, chain.pos, index) for rid, index in records]
    many.write(connection, _record, places)


def claim(connection: Connection, rows: Sequence[RecordRow]) -> Sequence[bool]:
    """Note where records lie that were never noted for their origin before; which of them that are."""
    if many.write(connection, _record, rows, only_new=True) == len(rows):
        return (True,) * len(rows)
    places: dict[tuple[int, bytes], tuple[int, int, int]] = {}
    for origin_no, rids in itertools.groupby(sorted((row[1], row[0]) for row in rows), key=lambda one: one[0]):
        wanted = {"origin_no": origin_no, "rids": [rid for _, rid in rids]}
        for rid, *place in connection.execute(_PLACES, wanted):
            places[origin_no, bytes(rid)] = tuple(place)
    return [places[row[1], row[0]] == row[2:] for row in rows]


def find(connection: Connection, chain: Chain, epoch: bytes, frame_no: int) -> Place | None:
    """The stored frame with that epoch and number."""
    row = connection.execute(_FIND, {"stream_id": chain.id, "epoch": epoch, "frame_no": frame_no}).one_or_none()
    return None if row is None else Place(row.pos, bytes(row.frame_hash), row.end_count)


def knows_epoch(connection: Connection, chain: Chain, epoch: bytes) -> bool:
    """Whether an epoch of the stream is held, at least in part."""
    return connection.execute(_KNOWN_EPOCH, {"stream_id": chain.id, "epoch": epoch}).first() is not None


def earlier_ends(connection: Connection, chain: Chain, limit: int = 4) -> list[tuple[bytes, int, bytes]]:
    """Where the epochs before the present one ended, newest first: (epoch, frame number, hash)."""
    rows = connection.execute(
        select(_epoch.c.previous_epoch, _epoch.c.previous_frame_no, _epoch.c.previous_hash)
        .where(_epoch.c.stream_id == chain.id)
        .order_by(_epoch.c.first_pos.desc())
        .limit(limit)
    )
    return [(bytes(row[0]), row[1], bytes(row[2])) for row in rows if row[0]]
