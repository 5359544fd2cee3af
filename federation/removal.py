"""Taking frames of this node's own out of their chain: the bytes are kept as evidence, the records go elsewhere."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, delete, func, insert, select, update

from federation import chain, tables
from federation.alarm import about, raise_alarm
from federation.evidence import keep_evidence
from federation.frame import Frame, FrameInvalid, Record, StreamKey, decode_record, frame_hash, parse_frame
from federation.ledger import PARENT, Lane, child_of
from federation.rights import rollback_code
from pki.registry import Registry

_AT_ONCE = 500
_frame, _pending, _receipt, _cursor, _record, _stream = (
    tables.frame,
    tables.pending,
    tables.receipt,
    tables.cursor,
    tables.record,
    tables.stream,
)


@dataclass(frozen=True, slots=True)
class Removal:
    """Who takes frames of its own out of a chain, by which registry, and when; `renew` draws the sealer's next epoch.

    A number under which a frame was signed once must never name another: what follows is sealed in a new epoch.
    """

    name: str
    registry: Registry
    now: datetime
    renew: Callable[[], None]

    def take_out(self, connection: Connection, head: chain.Chain, after: chain.Place | None) -> list[bytes]:
        """Take the frames after that place, or all, out of the chain; their records in order. `chain.save` follows."""
        pos = after.pos if after else 0
        later = select(_frame.c.raw).where(_frame.c.stream_id == head.id, _frame.c.pos > pos).order_by(_frame.c.pos)
        records: list[bytes] = []
        if pos < head.floor:
            raise FrameInvalid("PRUNED", f"frames after {pos} were given up here; no other may take their place")
        for row in connection.execute(later).all():
            parts = parse_frame(bytes(row.raw))
            frame = Frame(parts.header, frame_hash(parts.header_bytes), parts.records, parts.raw)
            keep_evidence(connection, frame, "", self.now)
            records += parts.records
        self._forget_receipts(connection, head, after)
        self.renew()
        chain.cut(connection, head, after)
        return records

    def _forget_receipts(self, connection: Connection, head: chain.Chain, after: chain.Place | None) -> None:
        """Receipts of what is taken out are kept and cover no place any more; who gave them has lost something."""
        pos, count = (after.pos, after.end_count) if after else (0, 0)
        beyond = (_receipt.c.stream_id == head.id) & (_receipt.c.pos > pos)
        connection.execute(update(_receipt).where(beyond).values(pos=0))
        ahead = (_cursor.c.stream_id == head.id) & (_cursor.c.pos > pos)
        key = head.key
        for peer in connection.execute(select(_cursor.c.peer).where(ahead)).scalars().all():
            code = rollback_code(self.registry, sender=self.name, receiver=peer)
            reason = f"{peer} acknowledged frames of which it now holds others; they are sent again"
            raise_alarm(connection, code, at=self.now, peer=peer, origin=key.origin, subject=about(key), detail=reason)
        connection.execute(update(_cursor).where(ahead).values(pos=pos, count=count))


def acknowledged(connection: Connection, head: chain.Chain, peer: str) -> chain.Place | None:
    """The last frame of a stream for which the neighbour gave a receipt."""
    mine = (_cursor.c.peer == peer) & (_cursor.c.stream_id == head.id)
    pos = connection.execute(select(_cursor.c.pos).where(mine)).scalar_one_or_none()
    query = select(_frame.c.pos, _frame.c.frame_hash, _frame.c.end_count)
    row = connection.execute(query.where(_frame.c.stream_id == head.id, _frame.c.pos == (pos or 0))).one_or_none()
    return None if row is None else chain.Place(row.pos, bytes(row.frame_hash), row.end_count)


def take_unheard(
    connection: Connection, removal: Removal, is_wanted: Callable[[Record], bool]
) -> list[tuple[str, Record]]:
    """Take urgent records that no neighbour has acknowledged out of chain and queue: audience and record, in order.

    For a copy that was put back, before anything else is sealed. Those that are not wanted wait again as they are.
    """
    taken: list[tuple[str, Record]] = []
    for head in chain.load_all(connection):
        peer = _receiver(removal, head.key)
        if peer is None or head.key.lane != Lane.URGENT:
            continue
        after = acknowledged(connection, head, peer)
        if (after.pos if after else 0) < head.pos:
            wait_again(connection, head.key, removal.take_out(connection, head, after))
            chain.save(connection, head)
    waiting = select(_pending).where(_pending.c.lane == Lane.URGENT.value).order_by(_pending.c.pos)
    for row in connection.execute(waiting).all():
        record = readable(bytes(row.raw))
        if record is not None and is_wanted(record):
            connection.execute(delete(_pending).where(_pending.c.pos == row.pos))
            connection.execute(delete(tables.awaited).where(tables.awaited.c.rid == record.rid.bytes))
            taken.append((row.audience, record))
    return taken


def _receiver(removal: Removal, key: StreamKey) -> str | None:
    """The neighbour that one of this node's own streams leads to."""
    if key.origin != removal.name:
        return None
    return removal.registry.parent_of(removal.name) if key.audience == PARENT else child_of(key.audience)


def wait_again(connection: Connection, key: StreamKey, records: Sequence[bytes]) -> set[bytes]:
    """Put records before whatever waits to be sealed, each once, in their order and under their rids; these rids.

    A chain may hold one record in two frames. One that waits already moves to the front, and one that a frame left in
    the chain holds is not sealed again.
    """
    found: dict[bytes, bytes] = {}
    for raw in records:
        record = readable(raw)
        if record is not None:
            found.setdefault(record.rid.bytes, raw)
    for rid in _still_sealed(connection, key.origin, list(found)):
        del found[rid]
    for some in _portions(list(found)):
        connection.execute(delete(_pending).where(_pending.c.rid.in_(some)))
    least = min(0, connection.execute(select(func.min(_pending.c.pos))).scalar_one() or 0)
    for index, (rid, raw) in enumerate(found.items()):
        values = {"pos": least - len(found) + index, "lane": key.lane, "audience": key.audience, "rid": rid, "raw": raw}
        connection.execute(insert(_pending), values)
    return set(found)


def _still_sealed(connection: Connection, origin: str, rids: Sequence[bytes]) -> list[bytes]:
    query = select(_record.c.rid).join(_stream, _stream.c.id == _record.c.stream_id).where(_stream.c.origin == origin)
    return [
        bytes(row.rid) for some in _portions(rids) for row in connection.execute(query.where(_record.c.rid.in_(some)))
    ]


def _portions(rids: Sequence[bytes]) -> Iterator[Sequence[bytes]]:
    return (rids[start : start + _AT_ONCE] for start in range(0, len(rids), _AT_ONCE))


def readable(raw: bytes) -> Record | None:
    """The record in the bytes, if they are one."""
    try:
        return decode_record(raw)
    except FrameInvalid:
        return None
