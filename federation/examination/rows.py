"""The rows that were derived from frames, held against the frames: records, parked records, epochs, heads, cursors."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row, select

from federation import tables
from federation.chain import Chain
from federation.examination.finding import Fault, Finding
from federation.examination.frames import Held, Tail, open_row, place_of, record_of
from federation.frame import FrameInvalid, KeyFor, StreamKey, parse_frame

_record, _parked, _epoch, _frame, _cursor = tables.record, tables.parked, tables.epoch, tables.frame, tables.cursor
_MANY = 400


def check_records(connection: Connection, chain: Chain, frames: Sequence[Held], key_for: KeyFor) -> Iterator[Finding]:
    """Each record of these frames is indexed once, here or where it was first delivered."""
    places = [
        (held, index, record) for held in frames for index, record in enumerate(held.records) if record is not None
    ]
    indexed = _indexed(connection, chain.origin_no, [record.rid.bytes for _, _, record in places])
    first: dict[bytes, tuple[int, int]] = {}
    for held, index, record in places:
        row = indexed.get(record.rid.bytes)
        if row is None:
            yield record_of(chain.key, held, index, Fault.INDEX, "its row in the index of records is missing")
            continue
        here = row.stream_id == chain.id and (row.pos, row.position) == (held.pos, index)
        if here or first.get(record.rid.bytes) == (row.pos, row.position):
            first.setdefault(record.rid.bytes, (held.pos, index))
        elif not points_at(connection, row, record.rid, key_for):
            yield record_of(chain.key, held, index, Fault.INDEX, "its row in the index of records names another place")


def _indexed(connection: Connection, origin_no: int, rids: Sequence[bytes]) -> Mapping[bytes, Row[*tuple[Any, ...]]]:
    found = {}
    for begin in range(0, len(rids), _MANY):
        some = rids[begin : begin + _MANY]
        query = select(_record).where(_record.c.origin_no == origin_no, _record.c.rid.in_(some))
        found.update({bytes(row.rid): row for row in connection.execute(query)})
    return found


def points_at(connection: Connection, row: Row[*tuple[Any, ...]], rid: UUID, key_for: KeyFor) -> bool:
    """Whether an index row leads to a signed frame in which that record stands."""
    stream = tables.stream
    named = connection.execute(select(stream).where(stream.c.id == row.stream_id)).one_or_none()
    query = select(_frame).where(_frame.c.stream_id == row.stream_id, _frame.c.pos == row.pos)
    stored = connection.execute(query).one_or_none()
    if named is None or stored is None:
        return False
    try:
        held = open_row(stored, StreamKey(named.origin, named.lane, named.audience), key_for)
    except FrameInvalid:
        return True  # that frame is a finding of its own
    record = held.records[row.position] if 0 <= row.position < len(held.records) else None
    return record is not None and record.rid == rid


def check_parked(connection: Connection, chain: Chain, frames: Mapping[int, Held], through: int) -> Iterator[Finding]:
    """Parked rows up to a position belong to records of these frames, and unreadable records have one."""
    first = min(frames, default=through)
    query = select(_parked).where(_parked.c.stream_id == chain.id, _parked.c.pos >= first, _parked.c.pos <= through)
    seen = set()
    for row in connection.execute(query):
        held = frames.get(row.pos)
        seen.add((row.pos, row.position))
        if held is None:
            continue
        if not 0 <= row.position < len(held.records):
            yield place_of(chain.key, held, Fault.PARKED, f"record {row.position} of it is parked, but there is none")
            continue
        record = held.records[row.position]
        said = (bytes(row.rid) if row.rid is not None else None, row.kind if row.rid is not None else "")
        if said != ((record.rid.bytes, record.kind) if record else (None, "")):
            reason = "the row that says it is parked speaks of another record"
            yield record_of(chain.key, held, row.position, Fault.PARKED, reason)
    for pos, held in frames.items():
        for index, record in enumerate(held.records):
            if record is None and (pos, index) not in seen:
                yield record_of(chain.key, held, index, Fault.PARKED, "it cannot be read, and is not parked")


def check_epochs(connection: Connection, chain: Chain, frames: Sequence[Held]) -> Iterator[Finding]:
    """Each genesis among these frames has its row, word for word."""
    for held in frames:
        before = held.frame.header.genesis
        if before is None:
            continue
        query = select(_epoch).where(_epoch.c.stream_id == chain.id, _epoch.c.first_pos == held.pos)
        row = connection.execute(query).one_or_none()
        said = row and (
            bytes(row.epoch),
            bytes(row.previous_epoch),
            row.previous_frame_no,
            bytes(row.previous_hash),
        )
        if said != (held.frame.header.epoch, before.epoch, before.frame_no, before.frame_hash):
            reason = "the row of its epoch is missing" if row is None else "the row of its epoch was changed"
            yield place_of(chain.key, held, Fault.EPOCH, reason)


def check_end(connection: Connection, chain: Chain, tail: Tail, genesis: frozenset[int]) -> Iterator[Finding]:
    """What only the end of a stream shows: its head, cursors beyond it, epochs and parked rows of frames not held."""
    yield from _check_head(connection, chain, tail)
    for row in connection.execute(select(_epoch).where(_epoch.c.stream_id == chain.id)):
        if row.first_pos not in genesis and row.first_pos <= tail.pos:
            reason = f"an epoch is said to begin at position {row.first_pos}, where none does"
            yield Finding(fault=Fault.EPOCH, stream=chain.key, epoch=bytes(row.epoch), pos=row.first_pos, reason=reason)
    for row in connection.execute(select(_parked).where(_parked.c.stream_id == chain.id, _parked.c.pos > tail.pos)):
        reason = f"a record at position {row.pos} is parked, but no frame is there"
        yield Finding(fault=Fault.PARKED, stream=chain.key, pos=row.pos, reason=reason)
    yield from _check_cursors(connection, chain, tail)


def _check_head(connection: Connection, chain: Chain, tail: Tail) -> Iterator[Finding]:
    head = (chain.pos, chain.epoch, chain.frame_no, chain.frame_hash, chain.count)
    if chain.pos > tail.pos:
        is_same = chain.epoch == tail.epoch
        yield Finding(
            fault=Fault.CUT,
            stream=chain.key,
            epoch=chain.epoch,
            frame_no=tail.frame_no + 1 if is_same else 0,
            last_frame_no=chain.frame_no,
            seq=tail.next_seq if is_same else 1,
            last_seq=chain.next_seq - 1,
            pos=tail.pos + 1,
            last_pos=chain.pos,
            reason=f"the last {chain.pos - tail.pos} frames that the head counts are missing",
        )
    elif tail.frame_hash is not None:
        end = (tail.pos, tail.epoch, tail.frame_no, tail.frame_hash, tail.count)
        if head != end or (chain.next_seq != tail.next_seq and not _was_shortened(connection, chain)):
            yield Finding(
                fault=Fault.HEAD,
                stream=chain.key,
                epoch=tail.epoch,
                frame_no=tail.frame_no,
                pos=tail.pos,
                reason=f"the row of the stream's head does not name this last frame (it says frame {chain.frame_no})",
            )
    first = select(tables.stream.c.id).where(tables.stream.c.origin == chain.key.origin).order_by(tables.stream.c.id)
    if connection.execute(first.limit(1)).scalar_one() != chain.origin_no:
        yield Finding(
            fault=Fault.STREAM, stream=chain.key, reason="the stream is counted under another origin's number"
        )


def _was_shortened(connection: Connection, chain: Chain) -> bool:
    """Whether frames were taken out of the chain by the rules: then a new epoch, which counts from one, comes next."""
    kept, key = tables.evidence.c, chain.key
    mine = (kept.origin == key.origin) & (kept.lane == key.lane) & (kept.audience == key.audience)
    return connection.execute(select(kept.id).where(mine).limit(1)).first() is not None


def _check_cursors(connection: Connection, chain: Chain, tail: Tail) -> Iterator[Finding]:
    query = (
        select(_cursor, _frame.c.end_count)
        .join(_frame, (_frame.c.stream_id == _cursor.c.stream_id) & (_frame.c.pos == _cursor.c.pos), isouter=True)
        .where(_cursor.c.stream_id == chain.id)
    )
    for row in connection.execute(query):
        if row.pos > tail.pos or (0 if row.pos == 0 else row.end_count) not in (row.count, None):
            reason = f"the cursor of {row.peer} says {row.pos} frames and {row.count} records, which is not so here"
            yield Finding(fault=Fault.CURSOR, stream=chain.key, pos=row.pos, reason=reason)


def readable(raw: bytes) -> StreamKey | None:
    """The stream that bytes claim to be of, whoever signed them."""
    try:
        return parse_frame(raw).header.stream
    except FrameInvalid:
        return None
