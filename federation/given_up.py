"""A centre's signed word on which of its own frames' bytes it gave up, so that their places stay provable.

A step that gives up bytes leaves one row: from where to where, who held them safely, and this centre's signature over
what stays of these frames. Nobody without the centre's key can then change a number or a hash down there, or raise the
floor. That it was allowed is proved by the neighbour's signed receipt, which must call the last of them safe.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from cryptography.exceptions import InvalidSignature
from sqlalchemy import Connection, Row, insert, select

from federation import chain, tables
from federation.frame import FrameInvalid, KeyFor, Signer, StreamKey, to_us
from federation.receipt import Ack, open_ack
from federation.v1 import frame_pb2 as wire

_DOMAIN = b"lienthong.federation.given-up.v1\x00"
_frame, _given_up, _receipt = tables.frame, tables.given_up, tables.receipt


@dataclass(frozen=True, slots=True)
class Span:
    """Frames whose bytes were given up in one step, because that peer held them safely."""

    first: int
    last: int
    at_us: int
    peer: str
    key_id: bytes
    signature: bytes


def note(  # noqa: PLR0917 - a span, and who signs it when
    connection: Connection,
    held: chain.Chain,
    rows: Sequence[Row[*tuple[Any, ...]]],
    peer: str,
    signer: Signer,
    now: datetime,
) -> None:
    """Write down under this centre's signature that the bytes of these frames are given up now."""
    first, last, at_us = rows[0].pos, rows[-1].pos, to_us(now)
    digest = _digest(held.key, Span(first, last, at_us, peer, signer.key_id, b""), rows)
    values = {"stream_id": held.id, "first_pos": first, "last_pos": last, "at_us": at_us, "peer": peer}
    values |= {"key_id": signer.key_id, "signature": signer.sign(digest)}
    connection.execute(insert(_given_up).values(values))


def spans(connection: Connection, held: chain.Chain) -> list[Span]:
    """What was given up of a stream, as far as it is without a gap from the first frame on."""
    query = select(_given_up).where(_given_up.c.stream_id == held.id).order_by(_given_up.c.first_pos)
    found: list[Span] = []
    for row in connection.execute(query):
        if row.first_pos != (found[-1].last + 1 if found else 1) or row.last_pos < row.first_pos:
            break
        found.append(Span(row.first_pos, row.last_pos, row.at_us, row.peer, bytes(row.key_id), bytes(row.signature)))
    return found


def holds(key: StreamKey, span: Span, rows: Sequence[Row[*tuple[Any, ...]]], key_for: KeyFor) -> bool:
    """Whether what is kept of the frames of a span is what this centre signed when it gave up their bytes."""
    public_key = key_for(key.origin, span.key_id)
    if public_key is None or [row.pos for row in rows] != list(range(span.first, span.last + 1)):
        return False
    try:
        public_key.verify(span.signature, _digest(key, span, rows))
    except (InvalidSignature, OverflowError, TypeError, ValueError, AttributeError):
        return False
    return True


def lawful_floor(connection: Connection, held: chain.Chain, key_for: KeyFor) -> tuple[int, str]:
    """Up to where bytes may be missing, and if that is below the floor, why."""
    if not held.floor:
        return 0, ""
    known = [span for span in spans(connection, held) if span.last <= held.floor]
    needed: Mapping[str, int] = {span.peer: span.last for span in known}
    safe = {peer: called_safe(connection, held, peer, last, key_for) for peer, last in needed.items()}
    lawful = 0
    for span in known:
        if span.last > safe[span.peer]:
            return lawful, f"no kept receipt of {span.peer} calls the frame at position {span.last} safe"
        lawful = span.last
    if lawful < held.floor:
        return lawful, f"this centre signed that bytes were given up to position {lawful}, not to {held.floor}"
    return lawful, ""


def called_safe(connection: Connection, held: chain.Chain, peer: str, needed: int, key_for: KeyFor) -> int:
    """The place up to which kept receipts of a neighbour call a stream safe; looks no further than what is needed."""
    best = 0
    for ack, _ in safe_receipts(connection, held, peer, key_for):
        place = chain.find(connection, held, ack.safe_epoch, ack.safe)
        best = max(best, place.pos if place else 0)
        if best >= needed:
            break
    return best


def safe_receipts(
    connection: Connection, held: chain.Chain, peer: str, key_for: KeyFor
) -> Iterable[tuple[Ack, wire.SignedAck]]:
    """The receipts of a neighbour that call something of the stream safe and fit the chain here, newest first."""
    query = select(_receipt).where(_receipt.c.stream_id == held.id, _receipt.c.receiver == peer)
    for row in connection.execute(query.order_by(_receipt.c.id.desc())):
        signed = wire.SignedAck(ack=bytes(row.ack), signature=bytes(row.signature))
        try:
            ack = open_ack(signed, key_for)
        except FrameInvalid:
            continue
        if ack.stream != held.key or ack.receiver != peer or not ack.safe_epoch:
            continue
        durable = chain.find(connection, held, ack.epoch, ack.durable)
        safe = chain.find(connection, held, ack.safe_epoch, ack.safe)
        if durable is not None and durable.frame_hash == ack.head_hash and safe is not None and safe.pos <= durable.pos:
            yield ack, signed


def _digest(key: StreamKey, span: Span, rows: Sequence[Row[*tuple[Any, ...]]]) -> bytes:
    """What is signed: see "Safe, and what may be forgotten" in docs/protocol.md."""
    hashed = hashlib.sha256(_DOMAIN)
    for text in (key.origin, key.lane, key.audience, span.peer):
        hashed.update(_field(text.encode()))
    for number in (span.first, span.last, span.at_us):
        hashed.update(_number(number))
    for row in rows:
        hashed.update(_number(row.pos) + _field(bytes(row.epoch)) + _number(row.frame_no))
        hashed.update(_field(bytes(row.frame_hash)) + _field(bytes(row.key_id)))
        hashed.update(_number(row.size) + _number(row.end_count))
    return hashed.digest()


def _field(content: bytes) -> bytes:
    return len(content).to_bytes(4, "big") + content


def _number(value: int) -> bytes:
    return value.to_bytes(8, "big", signed=True)
