"""Rows that belong to no frame: what is not sealed yet, evidence, and rows that lead nowhere."""

from collections.abc import Iterator
from uuid import UUID

from sqlalchemy import Connection, func, select

from federation import tables
from federation.examination.finding import NOWHERE, Fault, Finding
from federation.examination.rows import points_at, readable
from federation.frame import FrameInvalid, StreamKey, decode_record, frame_hash, parse_frame
from federation.ledger import PARENT, UP, Lane
from pki.registry import Registry

_pending, _record, _frame, _stream = tables.pending, tables.record, tables.frame, tables.stream
_PAGE = 2000


def check_loose(connection: Connection, registry: Registry) -> Iterator[Finding]:
    """Everything that is verified once per walk."""
    yield from _check_pending(connection)
    yield from _check_evidence(connection)
    yield from _check_strays(connection)
    yield from _check_surplus(connection, registry)


def _check_pending(connection: Connection) -> Iterator[Finding]:
    latest = connection.execute(select(func.coalesce(func.max(tables.local.c.pos), 0))).scalar_one()
    lanes = {lane.value for lane in Lane}
    for row in connection.execute(select(_pending).order_by(_pending.c.pos)):
        try:
            rid = decode_record(bytes(row.raw)).rid.bytes
        except FrameInvalid:
            rid = b""
        is_known = row.audience in (UP, PARENT) or row.audience.startswith("down:")
        if rid == bytes(row.rid) and row.lane in lanes and is_known and row.pos <= latest:
            continue
        yield Finding(
            fault=Fault.PENDING,
            stream=StreamKey("", row.lane, row.audience),
            rid=str(UUID(bytes=bytes(row.rid))) if len(bytes(row.rid)) == 16 else "",  # noqa: PLR2004 - a rid's bytes
            pos=row.pos,
            reason="a record that waits to be sealed was changed; nobody has signed it, so nobody can give it back",
        )


def _check_evidence(connection: Connection) -> Iterator[Finding]:
    evidence = tables.evidence
    for row in connection.execute(select(evidence).order_by(evidence.c.id)):
        key = StreamKey(row.origin, row.lane, row.audience)
        raw = bytes(row.raw)
        if readable(raw) != key or frame_hash(parse_frame(raw).header_bytes) != bytes(row.frame_hash):
            reason = "a frame kept as evidence was changed"
            yield Finding(
                fault=Fault.EVIDENCE, stream=key, epoch=bytes(row.epoch), frame_no=row.frame_no, reason=reason
            )


def _check_strays(connection: Connection) -> Iterator[Finding]:
    known = select(_stream.c.id)
    query = select(_frame.c.stream_id, func.count()).where(_frame.c.stream_id.not_in(known))
    for stream_id, count in connection.execute(query.group_by(_frame.c.stream_id)):
        reason = f"{count} frames belong to stream {stream_id}, whose row is missing"
        yield Finding(fault=Fault.STREAM, stream=NOWHERE, reason=reason)


def _check_surplus(connection: Connection, registry: Registry) -> Iterator[Finding]:
    """Index rows that lead to no record; looked for one by one only in streams where the numbers do not agree."""
    streams = {row.id: StreamKey(row.origin, row.lane, row.audience) for row in connection.execute(select(_stream))}
    counted = select(_record.c.stream_id, func.count()).group_by(_record.c.stream_id)
    for stream_id, count in connection.execute(counted).all():
        signed = connection.execute(
            select(func.coalesce(func.max(_frame.c.end_count), 0)).where(_frame.c.stream_id == stream_id)
        ).scalar_one()
        if stream_id in streams and count <= signed:
            continue
        query = select(_record).where(_record.c.stream_id == stream_id)
        for row in connection.execute(query).yield_per(_PAGE):
            rid = UUID(bytes=bytes(row.rid))
            if not points_at(connection, row, rid, registry.public_key):
                yield Finding(
                    fault=Fault.INDEX,
                    stream=streams.get(stream_id, NOWHERE),
                    rid=str(rid),
                    pos=row.pos,
                    reason=f"the index names it at position {row.pos}, where no frame has it",
                )
