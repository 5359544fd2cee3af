"""Rows that can be written anew from signed bytes: each function says what it did, or `cannot` and why."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row, delete, func, insert, select, update

from federation import chain, tables
from federation.examination.copies import Shelf
from federation.examination.finding import Finding
from federation.examination.frames import Held, open_row
from federation.examination.rows import points_at
from federation.frame import NO_HASH, Frame, FrameInvalid, Record, decode_record, to_us
from federation.given_up import lawful_floor
from federation.receipt import Ack, open_ack
from federation.v1 import frame_pb2

_frame, _epoch, _record, _parked = tables.frame, tables.epoch, tables.record, tables.parked
_cursor, _receipt, _pending, _stream = tables.cursor, tables.receipt, tables.pending, tables.stream
_NO_FRAME = "cannot: the frame that it belongs to does not hold either"


def write_frame(
    connection: Connection, held: chain.Chain, pos: int, frame: Frame, end_count: int, *, sender: str, at: datetime
) -> None:
    """A frame in its place, with the row of its epoch if it begins one."""
    header = frame.header
    values = {"stream_id": held.id, "pos": pos, "epoch": header.epoch, "frame_no": header.frame_no}
    values |= {"frame_hash": frame.hash, "key_id": header.key_id, "size": len(frame.raw), "end_count": end_count}
    connection.execute(insert(_frame).values(values | {"at_us": to_us(at), "sender": sender, "raw": frame.raw}))
    if header.genesis is not None:
        _write_epoch(connection, held, pos, frame)


def _write_epoch(connection: Connection, held: chain.Chain, pos: int, frame: Frame) -> None:
    before = frame.header.genesis
    if before is not None:
        values = {"stream_id": held.id, "first_pos": pos, "epoch": frame.header.epoch, "previous_epoch": before.epoch}
        rest = {"previous_frame_no": before.frame_no, "previous_hash": before.frame_hash}
        connection.execute(insert(_epoch).values(values | rest))


def _write_given_up_epoch(connection: Connection, held: chain.Chain, stored: Row[*tuple[Any, ...]]) -> None:
    """The row of an epoch whose genesis has no bytes any more, from the place of the frame before it."""
    query = select(_frame).where(_frame.c.stream_id == held.id, _frame.c.pos == stored.pos - 1)
    before = connection.execute(query).one_or_none()
    values = {"stream_id": held.id, "first_pos": stored.pos, "epoch": stored.epoch}
    values |= {"previous_epoch": before.epoch if before else b"", "previous_frame_no": before.frame_no if before else 0}
    connection.execute(insert(_epoch).values(values | {"previous_hash": before.frame_hash if before else NO_HASH}))


def index_records(connection: Connection, held: chain.Chain, pos: int, frame: Frame, now: datetime) -> None:
    """Every record of a frame in the index; what cannot be read is parked, what waited to be sealed waits no more."""
    for position, raw in enumerate(frame.records):
        try:
            record = decode_record(raw)
        except FrameInvalid as error:
            place = {"stream_id": held.id, "pos": pos, "position": position}
            mine = (_parked.c.stream_id == held.id) & (_parked.c.pos == pos) & (_parked.c.position == position)
            connection.execute(delete(_parked).where(mine))
            why = {"kind": "", "sender": "", "code": "RECORD", "reason": error.reason, "at_us": to_us(now)}
            connection.execute(insert(_parked).values(place | why))
            continue
        _index(connection, held, pos, position, record)


def _index(connection: Connection, held: chain.Chain, pos: int, position: int, record: Record) -> None:
    mine = (_record.c.rid == record.rid.bytes) & (_record.c.origin_no == held.origin_no)
    place = {"stream_id": held.id, "pos": pos, "position": position}
    if connection.execute(select(_record.c.pos).where(mine)).first() is None:
        connection.execute(insert(_record).values(place | {"rid": record.rid.bytes, "origin_no": held.origin_no}))
    connection.execute(delete(_pending).where(_pending.c.rid == record.rid.bytes))


def move_head(connection: Connection, held: chain.Chain) -> str:
    """The head of a stream at its last frame."""
    query = select(_frame).where(_frame.c.stream_id == held.id).order_by(_frame.c.pos.desc()).limit(1)
    row = connection.execute(query).one_or_none()
    if row is None:
        return "cannot: no frame of the stream is held"
    before = chain.find(connection, held, bytes(row.epoch), row.frame_no)
    held.epoch, held.frame_no, held.frame_hash = bytes(row.epoch), row.frame_no, bytes(row.frame_hash)
    held.pos, held.count = row.pos, before.end_count if before else row.end_count
    first = select(_frame.c.end_count).where(_frame.c.stream_id == held.id, _frame.c.epoch == row.epoch)
    begin = connection.execute(first.where(_frame.c.frame_no == 0)).scalar_one_or_none() or 0
    held.next_seq = row.end_count - begin + 1
    chain.save(connection, held)
    return "the head names the last frame again"


# one finding each ----------------------------------------------------------------------------------------------------


def row(connection: Connection, one: Finding, shelf: Shelf) -> str:
    """The columns beside the bytes of a frame."""
    held, stored = chain.load(connection, one.stream), _stored(connection, one)
    frame = _opened(stored, one, shelf)
    if held is None or stored is None or frame is None:
        return _NO_FRAME
    before = select(_frame.c.end_count).where(_frame.c.stream_id == held.id, _frame.c.pos == stored.pos - 1)
    count = (connection.execute(before).scalar_one_or_none() or 0) + frame.frame.header.count
    header = frame.frame.header
    values: dict[str, Any] = {"epoch": header.epoch, "frame_no": header.frame_no, "frame_hash": frame.frame.hash}
    values |= {"key_id": header.key_id, "size": len(frame.frame.raw), "end_count": count}
    if "sender" in one.reason:
        beside = select(_frame.c.sender).where(_frame.c.stream_id == held.id, _frame.c.pos != stored.pos)
        near = beside.order_by(func.abs(_frame.c.pos - stored.pos)).limit(1)
        values["sender"] = connection.execute(near).scalar_one_or_none() or ""
    if "at_us" in one.reason:
        values["at_us"] = to_us(header.sealed_at)
    mine = (_frame.c.stream_id == held.id) & (_frame.c.pos == stored.pos)
    connection.execute(update(_frame).where(mine).values(values))
    return "the row says again what its signed bytes say"


def index(connection: Connection, one: Finding, shelf: Shelf) -> str:
    """The index of records, for one frame or for one row too many."""
    held = chain.load(connection, one.stream)
    frame = _opened(_stored(connection, one), one, shelf)
    if held is None:
        return _NO_FRAME
    if one.seq is None:
        return _drop_surplus(connection, one, shelf)
    if frame is None:
        return _NO_FRAME
    for position, record in enumerate(frame.records):
        if record is not None:
            mine = (_record.c.rid == record.rid.bytes) & (_record.c.origin_no == held.origin_no)
            there = connection.execute(select(_record).where(mine)).one_or_none()
            if there is not None and not points_at(connection, there, record.rid, shelf.key_for):
                connection.execute(delete(_record).where(mine))
            _index(connection, held, frame.pos, position, record)
    return "the index leads to its records again"


def _drop_surplus(connection: Connection, one: Finding, shelf: Shelf) -> str:
    for there in connection.execute(select(_record).where(_record.c.pos == one.pos)).all():
        rid = UUID(bytes=bytes(there.rid))
        if str(rid) == one.rid and not points_at(connection, there, rid, shelf.key_for):
            mine = (_record.c.rid == there.rid) & (_record.c.origin_no == there.origin_no)
            connection.execute(delete(_record).where(mine))
    return "a row that led nowhere was removed from the index"


def epochs(connection: Connection, one: Finding, shelf: Shelf) -> str:
    """The rows of all epochs of a stream, from its signed genesis frames."""
    held = chain.load(connection, one.stream)
    if held is None:
        return _NO_FRAME
    connection.execute(delete(_epoch).where(_epoch.c.stream_id == held.id))
    query = select(_frame).where(_frame.c.stream_id == held.id, _frame.c.frame_no == 0).order_by(_frame.c.pos)
    for stored in connection.execute(query).all():
        frame = _opened(stored, one, shelf)
        if frame is not None:
            _write_epoch(connection, held, stored.pos, frame.frame)
        elif stored.pos <= held.floor:
            _write_given_up_epoch(connection, held, stored)
    return "the epochs are listed again as their signed beginnings say"


def head(connection: Connection, one: Finding, shelf: Shelf) -> str:
    """The head of a stream."""
    del shelf
    held = chain.load(connection, one.stream)
    return _NO_FRAME if held is None else move_head(connection, held)


def stream(connection: Connection, one: Finding, shelf: Shelf) -> str:
    """The number under which an origin is counted."""
    del shelf
    first = select(func.min(_stream.c.id)).where(_stream.c.origin == one.stream.origin)
    number = connection.execute(first).scalar_one_or_none()
    if number is None:
        return "cannot: the row of the stream is missing, and its name is in the frames alone"
    connection.execute(update(_stream).where(_stream.c.origin == one.stream.origin).values(origin_no=number))
    return "the stream is counted under its origin again"


def floor(connection: Connection, one: Finding, shelf: Shelf) -> str:
    """The floor of a stream, and what was signed about it beyond, down to where the rules allow it."""
    held = chain.load(connection, one.stream)
    if held is None:
        return _NO_FRAME
    lawful, _ = lawful_floor(connection, held, shelf.key_for)
    mine = tables.given_up.c.stream_id == held.id
    connection.execute(delete(tables.given_up).where(mine, tables.given_up.c.last_pos > lawful))
    connection.execute(update(_stream).where(_stream.c.id == held.id).values(floor=lawful))
    return f"the floor is at position {lawful} again"


def cursor(connection: Connection, one: Finding, shelf: Shelf) -> str:
    """Cursors of a stream, as far as the neighbours' receipts prove."""
    held = chain.load(connection, one.stream)
    if held is None:
        return _NO_FRAME
    for there in connection.execute(select(_cursor).where(_cursor.c.stream_id == held.id)).all():
        pos, count = 0, 0
        query = select(_receipt).where(_receipt.c.stream_id == held.id, _receipt.c.receiver == there.peer)
        for kept in connection.execute(query.order_by(_receipt.c.pos.desc())):
            ack = _receipt_in(kept, shelf)
            place = ack and chain.find(connection, held, ack.epoch, ack.durable)
            if ack and place and place.frame_hash == ack.head_hash:
                pos, count = place.pos, place.end_count
                break
        mine = (_cursor.c.stream_id == held.id) & (_cursor.c.peer == there.peer)
        connection.execute(update(_cursor).where(mine).values(pos=pos, count=count))
    return "the cursors stand where the neighbours' receipts prove"


def receipt(connection: Connection, one: Finding, shelf: Shelf) -> str:
    """Receipts that hold no more are replaced by what the neighbours sign now, or go if a later one proves as much."""
    held = chain.load(connection, one.stream)
    if held is None:
        return _NO_FRAME
    _keep_heads(connection, held, shelf)
    proved = 0
    bad: list[Row[*tuple[Any, ...]]] = []
    for kept in connection.execute(select(_receipt).where(_receipt.c.stream_id == held.id)).all():
        ack = _receipt_in(kept, shelf)
        if ack is None or ack.stream != one.stream:
            bad.append(kept)
            continue
        proved = max(proved, kept.pos)
        values = {"receiver": ack.receiver, "received_at_us": to_us(ack.received_at)}
        connection.execute(update(_receipt).where(_receipt.c.id == kept.id).values(values))
    if any(kept.pos > proved for kept in bad):
        return "cannot: no other receipt reaches as far; ask the neighbour for its heads"
    for kept in bad:
        connection.execute(delete(_receipt).where(_receipt.c.id == kept.id))
    return "the receipts that are kept prove as much as before"


def _keep_heads(connection: Connection, held: chain.Chain, shelf: Shelf) -> None:
    for (receiver, name), (ack, signed) in shelf.heads.items():
        place = chain.find(connection, held, ack.epoch, ack.durable) if name == held.key else None
        if place is not None and place.frame_hash == ack.head_hash:
            values: dict[str, Any] = {"stream_id": held.id, "pos": place.pos, "receiver": receiver, "ack": signed.ack}
            values |= {"signature": signed.signature, "received_at_us": to_us(ack.received_at)}
            connection.execute(insert(_receipt).values(values))


def parked(connection: Connection, one: Finding, shelf: Shelf) -> str:
    """Parked rows say which records they are, or go if there is no such record."""
    held = chain.load(connection, one.stream)
    if held is None:
        return _NO_FRAME
    query = select(_parked).where(_parked.c.stream_id == held.id, _parked.c.pos == one.pos)
    frame = _opened(_stored(connection, one), one, shelf)
    for there in connection.execute(query).all():
        mine = (_parked.c.stream_id == held.id) & (_parked.c.pos == there.pos)
        mine &= _parked.c.position == there.position
        record = frame.records[there.position] if frame and 0 <= there.position < len(frame.records) else None
        if frame is None or there.position >= len(frame.records):
            connection.execute(delete(_parked).where(mine))
        elif record is not None:
            connection.execute(update(_parked).where(mine).values(rid=record.rid.bytes, kind=record.kind))
        else:
            connection.execute(update(_parked).where(mine).values(rid=None, kind=""))
    return "what is parked is named again"


def _stored(connection: Connection, one: Finding) -> Row[*tuple[Any, ...]] | None:
    held = chain.load(connection, one.stream)
    query = select(_frame).where(_frame.c.stream_id == (held.id if held else 0), _frame.c.pos == one.pos)
    return connection.execute(query).one_or_none()


def _opened(stored: Row[*tuple[Any, ...]] | None, one: Finding, shelf: Shelf) -> Held | None:
    try:
        return None if stored is None else open_row(stored, one.stream, shelf.key_for)
    except FrameInvalid:
        return None


def _receipt_in(kept: Row[*tuple[Any, ...]], shelf: Shelf) -> Ack | None:
    try:
        return open_ack(frame_pb2.SignedAck(ack=bytes(kept.ack), signature=bytes(kept.signature)), shelf.key_for)
    except FrameInvalid:
        return None
