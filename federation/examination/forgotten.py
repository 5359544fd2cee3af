"""Frames whose bytes were given up: what is kept of them is what this centre signed then, and it was allowed to."""

from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import Connection, Row, select

from federation import tables
from federation.chain import Chain
from federation.examination.finding import Fault, Finding
from federation.examination.frames import Tail
from federation.frame import NO_HASH, FrameInvalid, KeyFor, frame_hash, parse_frame
from federation.given_up import Span, holds

_epoch = tables.epoch
Rows = Sequence[Row[*tuple[Any, ...]]]


def unlawful(held: Chain, lawful: int, why: str) -> Finding:
    """The finding that a stream's floor is higher than the rules allow; each frame without bytes is named apart."""
    return Finding(
        fault=Fault.FLOOR,
        stream=held.key,
        pos=lawful + 1,
        last_pos=held.floor,
        reason=f"it says that bytes up to position {held.floor} were given up: {why}",
    )


def check_span(  # noqa: PLR0917 - one span, and what it is held against
    connection: Connection, held: Chain, span: Span, rows: Rows, tail: Tail, key_for: KeyFor
) -> tuple[Tail, list[Finding]]:
    """The tail behind the frames of a span, and what is wrong with them."""
    last = rows[-1] if rows else None
    if last is None or not holds(held.key, span, rows, key_for):
        reason = "what is kept of frames whose bytes were given up is not what this centre signed then"
        return _past(span, last), [_of(held, span, rows, reason)]
    next_seq, count = tail.next_seq, tail.count or 0
    for row in rows:
        next_seq = 1 if row.frame_no == 0 else (next_seq or 1) + row.end_count - count
        count = row.end_count
    found = [*_check_epochs(connection, held, rows, tail), *_check_bytes(held, rows)]
    tail = Tail(
        pos=span.last,
        epoch=bytes(last.epoch),
        frame_no=last.frame_no,
        frame_hash=bytes(last.frame_hash),
        next_seq=next_seq if tail.next_seq is not None or any(row.frame_no == 0 for row in rows) else None,
        count=count,
    )
    return tail, found


def _past(span: Span, last: Row[*tuple[Any, ...]] | None) -> Tail:
    """The tail behind frames that cannot be believed."""
    epoch, number = (bytes(last.epoch), last.frame_no) if last is not None else (b"", -1)
    return Tail(pos=span.last, epoch=epoch, frame_no=number, frame_hash=None, next_seq=None, count=None)


def _of(held: Chain, span: Span, rows: Rows, reason: str) -> Finding:
    numbers = (rows[0].frame_no, rows[-1].frame_no) if rows else (None, None)
    return Finding(
        fault=Fault.BYTES,
        stream=held.key,
        epoch=bytes(rows[0].epoch) if rows else b"",
        frame_no=numbers[0],
        last_frame_no=numbers[1],
        pos=span.first,
        last_pos=span.last,
        reason=reason,
    )


def _check_epochs(connection: Connection, held: Chain, rows: Rows, tail: Tail) -> Iterator[Finding]:
    """Each epoch that began down there has its row, which names the frame before it."""
    before = (tail.epoch, max(tail.frame_no, 0), tail.frame_hash or NO_HASH)
    for row in rows:
        if row.frame_no == 0:
            query = select(_epoch).where(_epoch.c.stream_id == held.id, _epoch.c.first_pos == row.pos)
            there = connection.execute(query).one_or_none()
            said = there and (
                bytes(there.epoch),
                bytes(there.previous_epoch),
                there.previous_frame_no,
                bytes(there.previous_hash),
            )
            if said != (bytes(row.epoch), *before):
                reason = "the row of its epoch is missing" if there is None else "the row of its epoch was changed"
                yield Finding(
                    fault=Fault.EPOCH, stream=held.key, epoch=bytes(row.epoch), frame_no=0, pos=row.pos, reason=reason
                )
        before = (bytes(row.epoch), row.frame_no, bytes(row.frame_hash))


def _check_bytes(held: Chain, rows: Rows) -> Iterator[Finding]:
    """Bytes that are there nevertheless, put back by a mend, are those of their place."""
    for row in rows:
        try:
            is_right = not row.raw or frame_hash(parse_frame(bytes(row.raw)).header_bytes) == bytes(row.frame_hash)
        except FrameInvalid:
            is_right = False
        if not is_right:
            yield Finding(
                fault=Fault.BYTES,
                stream=held.key,
                epoch=bytes(row.epoch),
                frame_no=row.frame_no,
                pos=row.pos,
                last_pos=row.pos,
                reason="bytes stand where they were given up, and are not those of the frame",
            )
