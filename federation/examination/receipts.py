"""What neighbours signed for, held against what is here: kept receipts, and heads that they state now."""

from collections.abc import Iterator, Mapping
from typing import Any

from sqlalchemy import Connection, Row, select

from federation import tables
from federation.chain import Chain
from federation.examination.finding import Fault, Finding
from federation.examination.frames import Tail
from federation.frame import FrameInvalid, KeyFor, to_us
from federation.receipt import Ack, open_ack
from federation.v1 import frame_pb2 as wire

_receipt, _frame = tables.receipt, tables.frame


def check_receipts(
    connection: Connection, chain: Chain, frames: Mapping[int, tuple[bytes, int, bytes]], after: int, key_for: KeyFor
) -> Iterator[Finding]:
    """The receipts for these frames are signed, and name these frames."""
    through = max(frames, default=after)
    query = select(_receipt).where(_receipt.c.stream_id == chain.id, _receipt.c.pos > after, _receipt.c.pos <= through)
    for row in connection.execute(query):
        ack = _opened(row, chain, key_for)
        place = frames.get(row.pos)
        if isinstance(ack, Finding):
            yield ack
        elif place is not None and place != (ack.epoch, ack.durable, ack.head_hash):
            yield from contradicted(connection, chain, ack, f"{ack.receiver} signed a receipt")


def check_cut(connection: Connection, chain: Chain, tail: Tail, key_for: KeyFor) -> Iterator[Finding]:
    """Receipts for frames behind the last one: whoever cut the tail forgot them, or could not."""
    query = select(_receipt).where(_receipt.c.stream_id == chain.id, _receipt.c.pos > tail.pos)
    last: Ack | None = None
    last_pos = 0
    for row in connection.execute(query.order_by(_receipt.c.pos)):
        ack = _opened(row, chain, key_for)
        if isinstance(ack, Finding):
            yield ack
        elif not is_evidence(connection, ack):
            last, last_pos = ack, row.pos
    if last is not None and last_pos > chain.pos:
        yield cut(chain, tail, last, f"{last.receiver} signed a receipt for it", last_pos)


def contradicted(connection: Connection, chain: Chain, ack: Ack, word: str) -> Iterator[Finding]:
    """What a signed statement about a frame says against the chain that is here; nothing if they agree."""
    query = select(_frame.c.pos, _frame.c.frame_hash).where(
        _frame.c.stream_id == chain.id, _frame.c.epoch == ack.epoch, _frame.c.frame_no == ack.durable
    )
    row = connection.execute(query).one_or_none()
    if (row is not None and bytes(row.frame_hash) == ack.head_hash) or is_evidence(connection, ack):
        return
    other = "for another frame than the one here" if row is not None else "for a frame that is not here"
    yield Finding(
        fault=Fault.REWRITTEN,
        stream=chain.key,
        epoch=ack.epoch,
        frame_no=ack.durable,
        pos=row.pos if row is not None else None,
        last_pos=row.pos if row is not None else None,
        reason=f"the chain was rewritten: {word} {other}",
    )


def cut(chain: Chain, tail: Tail, ack: Ack, word: str, last_pos: int | None = None) -> Finding:
    """A finding about frames that somebody else holds behind the last one here."""
    is_same = ack.epoch == tail.epoch
    return Finding(
        fault=Fault.CUT,
        stream=chain.key,
        epoch=ack.epoch,
        frame_no=tail.frame_no + 1 if is_same else 0,
        last_frame_no=ack.durable,
        seq=tail.next_seq if is_same else None,
        pos=tail.pos + 1,
        last_pos=last_pos,
        reason=f"the tail was cut: the last frame here is {tail.frame_no}, but {word}",
    )


def is_evidence(connection: Connection, ack: Ack) -> bool:
    """Whether the frame is kept as one of two that contradict each other: then it was not forgotten."""
    kept = tables.evidence.c
    query = select(kept.id).where(kept.frame_hash == ack.head_hash, kept.origin == ack.stream.origin)
    return connection.execute(query).first() is not None


def _opened(row: Row[*tuple[Any, ...]], chain: Chain, key_for: KeyFor) -> Ack | Finding:
    reason = ""
    try:
        ack = open_ack(wire.SignedAck(ack=bytes(row.ack), signature=bytes(row.signature)), key_for)
    except FrameInvalid as error:
        reason = error.reason
    else:
        if (ack.stream, ack.receiver, to_us(ack.received_at)) == (chain.key, row.receiver, row.received_at_us):
            return ack
        reason = "its row says something else than its signed bytes"
    place = f"a receipt of {row.receiver} does not hold: {reason}"
    return Finding(fault=Fault.RECEIPT, stream=chain.key, pos=row.pos, reason=place)
