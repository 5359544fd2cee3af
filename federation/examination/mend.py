"""Mending: derived rows are derived again; signed bytes come from a copy that fits between its neighbours."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, delete, select
from sqlalchemy.orm import Session

from federation import chain, tables
from federation.examination import derive
from federation.examination.copies import Shelf
from federation.examination.finding import Fault, Finding
from federation.examination.frames import open_row
from federation.frame import NO_HASH, Frame, FrameInvalid, KeyFor, StreamKey, from_us
from federation.storage import touch

_frame, _epoch = tables.frame, tables.epoch
SIGNED = frozenset({Fault.BYTES, Fault.MISSING, Fault.CUT})


class Unmendable(Exception):  # noqa: N818 - what is the case
    """Why one place cannot be mended; the message is a sentence for a person."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """Places of a stream whose signed bytes are wanted; without `last`, as many as others hold."""

    stream: StreamKey
    first: int
    last: int | None
    after: tuple[bytes, int, bytes] | None


@dataclass(frozen=True, slots=True)
class Mended:
    """What was done about one finding, or why nothing could be."""

    finding: Finding
    done: bool
    how: str


def spans(session: Session, findings: Iterable[Finding], key_for: KeyFor) -> list[Span]:
    """The places to be fetched, neighbouring ones joined."""
    connection = session.connection()
    wanted: dict[StreamKey, list[tuple[int, int | None]]] = {}
    for one in findings:
        if one.fault in SIGNED and one.pos is not None:
            wanted.setdefault(one.stream, []).append((one.pos, one.last_pos))
    found = []
    for stream, places in wanted.items():
        for first, last in _joined(places):
            try:
                found.append(
                    Span(stream=stream, first=first, last=last, after=_before(connection, stream, first, key_for))
                )
            except Unmendable:
                continue
    return found


def _joined(places: Iterable[tuple[int, int | None]]) -> list[tuple[int, int | None]]:
    joined: list[tuple[int, int | None]] = []
    for first, last in sorted(places, key=lambda place: (place[0], place[1] is None, place[1] or 0)):
        if joined and (joined[-1][1] is None or first <= joined[-1][1] + 1):
            before = joined[-1][1]
            joined[-1] = (joined[-1][0], None if before is None or last is None else max(before, last))
        else:
            joined.append((first, last))
    return joined


def _before(connection: Connection, stream: StreamKey, first: int, key_for: KeyFor) -> tuple[bytes, int, bytes] | None:
    row = _row(connection, stream, first - 1)
    if row is None:
        if first == 1:
            return None
        raise Unmendable("the frame before the damage is not held either")
    if _is_given_up(connection, stream, row):
        return bytes(row.epoch), row.frame_no, bytes(row.frame_hash)
    try:
        frame = open_row(row, stream, key_for).frame
    except FrameInvalid as error:
        raise Unmendable("the frame before the damage cannot be believed") from error
    return frame.header.epoch, frame.header.frame_no, frame.hash


def _row(connection: Connection, stream: StreamKey, pos: int) -> Row[*tuple[Any, ...]] | None:
    held = chain.load(connection, stream)
    query = select(_frame).where(_frame.c.stream_id == (held.id if held else 0), _frame.c.pos == pos)
    return connection.execute(query).one_or_none()


def _is_given_up(connection: Connection, stream: StreamKey, row: Row[*tuple[Any, ...]]) -> bool:
    """Whether the bytes of a frame are missing by the rules: its place is believed, if it is no finding of its own."""
    held = chain.load(connection, stream)
    return held is not None and not row.raw and row.pos <= held.floor


def mend(session: Session, findings: Sequence[Finding], shelf: Shelf, now: datetime, name: str) -> list[Mended]:
    """Mend what can be, in the caller's transaction: first the signed bytes, then all that is derived from them."""
    connection = session.connection()
    outcome: list[Mended] = []
    by_span = {(span.stream, span.first): span for span in spans(session, findings, shelf.key_for)}
    for span in by_span.values():
        outcome += _tried(connection, findings, span, shelf, now, name)
    for one in findings:
        if one.fault in SIGNED:
            if not any(one is done.finding for done in outcome):
                how = "the frame before the damage cannot be believed either"
                outcome.append(Mended(one, done=False, how=how))
        else:
            outcome.append(_derived(connection, one, shelf))
    touch(session)
    return outcome


def _tried(  # noqa: PLR0917 - one span, and what mending it needs
    connection: Connection, findings: Sequence[Finding], span: Span, shelf: Shelf, now: datetime, name: str
) -> Iterator[Mended]:
    concerned = [one for one in findings if one.fault in SIGNED and one.stream == span.stream and _is_in(one, span)]
    try:
        count = _put_back(connection, span, shelf, now, name)
    except Unmendable as error:
        yield from (Mended(one, done=False, how=str(error)) for one in concerned)
    else:
        how = f"{count} frames put back from a neighbour's copy"
        yield from (Mended(one, done=True, how=how) for one in concerned)


def _is_in(one: Finding, span: Span) -> bool:
    return one.pos is not None and one.pos >= span.first and (span.last is None or one.pos <= span.last)


def _put_back(connection: Connection, span: Span, shelf: Shelf, now: datetime, name: str) -> int:
    """Write the true frames of a span, all of them verified against both ends before; how many."""
    is_own = span.stream.origin == name
    held = chain.load(connection, span.stream)
    if span.last is None and not is_own:
        raise Unmendable("the rest of it comes by itself, when its sender connects")
    if held is None:
        if not is_own:
            raise Unmendable("the row of its stream is missing")
        held = chain.load_or_create(connection, span.stream)
    frames = _chosen(connection, held, span, shelf)
    stored = {row.pos: row for row in connection.execute(_within(held.id, span))}
    beside = _row(connection, span.stream, span.first - 1)
    sender = "" if is_own else beside.sender if beside is not None else shelf.giver
    count = beside.end_count if beside is not None else 0
    last = span.first + len(frames) - 1
    for table, column in ((_frame, _frame.c.pos), (_epoch, _epoch.c.first_pos)):
        connection.execute(delete(table).where(table.c.stream_id == held.id, column >= span.first, column <= last))
    for pos, frame in enumerate(frames, span.first):
        count += frame.header.count
        old = stored.get(pos)
        at = from_us(old.at_us) if old is not None else frame.header.sealed_at
        derive.write_frame(connection, held, pos, frame, count, sender=old.sender if old is not None else sender, at=at)
        derive.index_records(connection, held, pos, frame, now)
    derive.move_head(connection, held)
    return len(frames)


def _within(stream_id: int, span: Span) -> Any:  # noqa: ANN401 - a select of many columns
    query = select(_frame).where(_frame.c.stream_id == stream_id, _frame.c.pos >= span.first)
    return query if span.last is None else query.where(_frame.c.pos <= span.last)


def _chosen(connection: Connection, held: chain.Chain, span: Span, shelf: Shelf) -> list[Frame]:
    """The copies that fill the span and join it to what follows; raises Unmendable."""
    frames: list[Frame] = []
    at = span.after[2] if span.after else NO_HASH
    while span.last is None or span.first + len(frames) <= span.last:
        frame = shelf.after(span.stream, at)
        if frame is None:
            break
        frames.append(frame)
        at = frame.hash
    if not frames or (span.last is not None and span.first + len(frames) <= span.last):
        raise Unmendable("nobody who was asked holds these frames")
    following = None if span.last is None else _row(connection, span.stream, span.last + 1)
    if following is not None and not _is_given_up(connection, span.stream, following):
        try:
            joins = open_row(following, span.stream, shelf.key_for).frame.header.prev_frame_hash == at
        except FrameInvalid:
            joins = False
        if not joins:
            raise Unmendable("the copies do not join the frames that follow here: the chain goes two ways")
    elif span.last is None and held.pos >= span.first:
        raise Unmendable("other frames stand in their place here: the chain goes two ways")
    return frames


def _derived(connection: Connection, one: Finding, shelf: Shelf) -> Mended:
    """One row that frames or receipts say better."""
    acts: dict[Fault, Callable[[Connection, Finding, Shelf], str]] = {
        Fault.ROW: derive.row,
        Fault.INDEX: derive.index,
        Fault.EPOCH: derive.epochs,
        Fault.HEAD: derive.head,
        Fault.STREAM: derive.stream,
        Fault.CURSOR: derive.cursor,
        Fault.RECEIPT: derive.receipt,
        Fault.PARKED: derive.parked,
        Fault.FLOOR: derive.floor,
    }
    act = acts.get(one.fault)
    if act is None:
        why = "the chain goes two ways: both are kept, the next hello with the neighbour settles it"
        return Mended(one, done=False, how=why if one.fault is Fault.REWRITTEN else "nobody else holds these bytes")
    how = act(connection, one, shelf)
    return Mended(one, done=not how.startswith("cannot"), how=how)
