"""What is held elsewhere too, and when the bytes of own frames may be given up.

A receiver's own disk is not enough to let a sender forget: it may be restored from a backup. `safe` is the place up to
which a backup whose restore was tried, or a standby, holds a stream too; whoever keeps the backups moves it, and every
receipt carries it. A sender gives up the bytes of a frame only below the `safe` of the neighbour that took it, and not
before thirty days; number, hash and place of the frame stay.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, bindparam, func, insert, select, update
from sqlalchemy.orm import Session

from federation import chain, given_up, tables
from federation.failpoint import failpoint
from federation.frame import FrameInvalid, Signer, StreamKey, frame_hash, parse_frame, to_us
from federation.hello import Cursor
from federation.ledger import PARENT, UP, child_of
from federation.receipt import Ack
from federation.rights import may_travel, origins_between
from pki.registry import Registry

LEAST_AGE = timedelta(days=30)
MOST_BYTES = 8 * 1024 * 1024
_safe, _frame, _stream, _cursor, _parked = tables.safe, tables.frame, tables.stream, tables.cursor, tables.parked
_SAFE_UPTO = (
    select(_frame.c.epoch, _frame.c.frame_no)
    .join(_safe, (_safe.c.stream_id == _frame.c.stream_id) & (_safe.c.pos == _frame.c.pos))
    .join(_stream, _stream.c.id == _frame.c.stream_id)
    .where(_stream.c.origin == bindparam("of_origin"), _stream.c.lane == bindparam("of_lane"))
    .where(_stream.c.audience == bindparam("of_audience"))
)


# what a receiver says -----------------------------------------------------------------------------------------------


def heads(session: Session) -> dict[StreamKey, Cursor]:
    """How far each stream is held; read in a backup that was restored on trial, this is what is safe with it."""
    held = chain.load_all(session.connection())
    return {one.key: (one.epoch, one.frame_no, one.frame_hash) for one in held if not one.empty}


def advance_safe(session: Session, held_elsewhere: Mapping[StreamKey, Cursor]) -> int:
    """Streams are held elsewhere too, up to these places; how many marks moved. Never back, and never past a fork."""
    connection = session.connection()
    moved = 0
    for key, (epoch, frame_no, digest) in held_elsewhere.items():
        held = chain.load(connection, key)
        place = None if held is None else chain.find(connection, held, epoch, frame_no)
        if held is None or place is None or place.frame_hash != digest:
            continue
        before = connection.execute(select(_safe.c.pos).where(_safe.c.stream_id == held.id)).scalar_one_or_none()
        if before is None:
            connection.execute(insert(_safe).values(stream_id=held.id, pos=place.pos))
        elif before < place.pos:
            connection.execute(update(_safe).where(_safe.c.stream_id == held.id).values(pos=place.pos))
        moved += before is None or before < place.pos
    return moved


def with_safe(connection: Connection, acks: Iterable[Ack]) -> list[Ack]:
    """Receipts that also say what is safe."""
    found = []
    for ack in acks:
        of = {"of_origin": ack.stream.origin, "of_lane": ack.stream.lane, "of_audience": ack.stream.audience}
        row = connection.execute(_SAFE_UPTO, of).one_or_none()
        found.append(ack if row is None else replace(ack, safe_epoch=bytes(row.epoch), safe=row.frame_no))
    return found


def safe_acks(session: Session, *, name: str, peer: str, registry: Registry, now: datetime) -> list[Ack]:
    """A receipt for each stream of a neighbour of which something is safe."""
    connection = session.connection()
    acks = [
        Ack(name, b"", one.key, one.epoch, one.frame_no, one.frame_hash, now)
        for one in chain.load_of(connection, origins_between(registry, name, peer))
        if not one.empty and may_travel(registry, one.key, sender=peer, receiver=name)
    ]
    return [ack for ack in with_safe(connection, acks) if ack.safe_epoch]


# what a sender does with it -----------------------------------------------------------------------------------------


def prune(
    session: Session,
    *,
    signer: Signer,
    registry: Registry,
    now: datetime,
    limit: int = 200,
    most_bytes: int = 8_000_000,
) -> int:
    """Give up the bytes of own frames that are safe above and thirty days old, a bounded number; how many."""
    connection = session.connection()
    count = 0
    for head in chain.load_all(connection):
        peer = _receiver(registry, signer.name, head.key)
        if head.key.origin != signer.name or peer is None or count >= limit:
            continue
        until = _proved_safe(connection, head, peer, registry)
        rows = list(_ripe(connection, head, until, now, limit - count, most_bytes)) if until else []
        if rows:
            failpoint("safety.before_give_up")
            given_up.note(connection, head, rows, peer, signer, now)
            span = (_frame.c.stream_id == head.id) & (_frame.c.pos > head.floor) & (_frame.c.pos <= rows[-1].pos)
            connection.execute(update(_frame).where(span).values(raw=b""))
            failpoint("safety.in_give_up")
            connection.execute(update(_stream).where(_stream.c.id == head.id).values(floor=rows[-1].pos))
            failpoint("safety.after_give_up")
            count += len(rows)
    return count


def _proved_safe(connection: Connection, head: chain.Chain, peer: str, registry: Registry) -> int:
    """Up to where the neighbour calls a stream safe, and a receipt that is kept proves it; never the last frame."""
    mine = (_cursor.c.peer == peer) & (_cursor.c.stream_id == head.id)
    said = connection.execute(select(_cursor.c.safe_pos).where(mine)).scalar_one_or_none() or 0
    said = min(said, head.pos - 1)
    if said <= head.floor:
        return 0
    return min(said, given_up.called_safe(connection, head, peer, said, registry.public_key))


def _ripe(  # noqa: PLR0917 - one stream, and what bounds the step
    connection: Connection, head: chain.Chain, until: int, now: datetime, limit: int, most_bytes: int
) -> Iterator[Row[*tuple[Any, ...]]]:
    """The next frames whose bytes may go: old, whole, and without a record that still waits to be applied here."""
    waiting = select(_parked.c.pos).where(_parked.c.stream_id == head.id, _parked.c.applied_at_us.is_(None))
    held_up = connection.execute(select(func.min(waiting.subquery().c.pos))).scalar_one_or_none()
    query = (
        select(_frame)
        .where(_frame.c.stream_id == head.id, _frame.c.pos > head.floor)
        .where(_frame.c.pos <= min(until, until if held_up is None else held_up - 1))
        .order_by(_frame.c.pos)
        .limit(limit)
    )
    size, pos = 0, head.floor
    for row in connection.execute(query).all():
        size += len(row.raw)
        pos += 1
        if row.at_us > to_us(now - LEAST_AGE) or size > most_bytes or row.pos != pos or not _is_whole(row):
            return
        yield row


def _is_whole(row: Row[*tuple[Any, ...]]) -> bool:
    """Whether the bytes are those of this place: what is damaged is kept, to be mended from above."""
    try:
        return frame_hash(parse_frame(bytes(row.raw)).header_bytes) == bytes(row.frame_hash)
    except FrameInvalid:
        return False


def _receiver(registry: Registry, name: str, key: StreamKey) -> str | None:
    return registry.parent_of(name) if key.audience in (UP, PARENT) else child_of(key.audience)
