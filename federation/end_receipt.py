"""Receipts for single records that reached a centre above the parent enclosed in somebody else's record.

Who applies such a record says so in a record of its own, on the way down to the origin. A relay passes the holder's
signed record on, enclosed; the origin believes it for the holder's key, for its own record's hash, and because the
holder stands above it. So a relay can keep a receipt back, and can neither make one nor use one for another record.
"""

from datetime import datetime
from uuid import UUID

from google.protobuf.message import DecodeError
from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from federation import chain, tables
from federation.alarm import about, raise_alarm
from federation.effects import Unacceptable
from federation.failpoint import failpoint
from federation.frame import (
    EnclosedPlace,
    FrameInvalid,
    Inbound,
    StreamKey,
    from_us,
    open_enclosure,
    parse_frame,
    place_of_enclosure,
    to_us,
)
from federation.ledger import Lane, append, child_of, down, enclosure
from federation.merkle import leaf_hash
from federation.rights import step_towards
from federation.settlement import unsettled
from federation.v1 import ledger_pb2 as wire
from pki.registry import Registry

KIND = "ledger.receipt"
_lifted, _end_receipt = tables.lifted, tables.end_receipt


# who applied an enclosed record -------------------------------------------------------------------------------------


def give(session: Session, enclosed: bytes, *, name: str, peer: str, registry: Registry, now: datetime) -> bool:
    """Note that a verified enclosed record of a centre below is applied here, and tell its origin; once per record.

    `peer` is the neighbour that brought it. A record of a child of this node needs none: its frames are acknowledged.
    """
    place = place_of_enclosure(enclosed)
    origin = place.header.stream.origin
    child = step_towards(registry, name, origin)
    if child is None or child == origin or not note_lifted(session, place, peer=peer, now=now):
        return False
    tell(session, place, child=child, now=now)
    return True


def note_lifted(session: Session, place: EnclosedPlace, *, peer: str, now: datetime, raw: bytes = b"") -> bool:
    """Keep the place of a record that was taken out of an enclosure; False if it is known. Rings for a fork."""
    connection, header = session.connection(), place.header
    stream = header.stream
    if is_lifted(session, stream.origin, place.rid):
        return False
    _look_for_fork(session, place, peer, now)
    frame = {"epoch": header.epoch, "frame_no": header.frame_no, "frame_hash": place.frame_hash}
    values = {"origin": stream.origin, "rid": place.rid.bytes, "lane": stream.lane, "audience": stream.audience}
    rest = {"leaf": place.leaf, "at_us": to_us(now), "raw": raw}
    connection.execute(insert(_lifted).values(values | frame | rest))
    return True


def is_lifted(session: Session, origin: str, rid: UUID) -> bool:
    """Whether that record was taken out of an enclosure and applied here."""
    known = select(_lifted.c.rid).where(_lifted.c.origin == origin, _lifted.c.rid == rid.bytes)
    return session.execute(known).first() is not None


def tell(session: Session, place: EnclosedPlace, *, child: str, now: datetime) -> None:
    """Say to the origin, by way of that child, that its record is applied here."""
    said = wire.EndReceipt(
        origin=place.header.stream.origin, rid=place.rid.bytes, leaf=place.leaf, received_at_us=to_us(now)
    )
    _append(session, said, child, now)
    failpoint("end_receipt.after_give")


def _append(session: Session, said: wire.EndReceipt, child: str, now: datetime) -> None:
    payload = said.SerializeToString(deterministic=True)
    append(session, lane=Lane.AUDIT, audience=down(child), kind=KIND, payload=payload, now=now)


def seen_hash(session: Session, key: StreamKey, epoch: bytes, frame_no: int) -> bytes | None:
    """The hash of that frame as it is held here, or as an enclosure from it showed it; None if it was never seen."""
    connection = session.connection()
    held = chain.load(connection, key)
    place = None if held is None else chain.find(connection, held, epoch, frame_no)
    if place is not None:
        return place.frame_hash
    same = (_lifted.c.origin == key.origin) & (_lifted.c.lane == key.lane) & (_lifted.c.audience == key.audience)
    same &= (_lifted.c.epoch == epoch) & (_lifted.c.frame_no == frame_no)
    found = connection.execute(select(_lifted.c.frame_hash).where(same).limit(1)).scalar_one_or_none()
    return None if found is None else bytes(found)


def _look_for_fork(session: Session, place: EnclosedPlace, peer: str, now: datetime) -> None:
    header = place.header
    seen = seen_hash(session, header.stream, header.epoch, header.frame_no)
    if seen is not None and seen != place.frame_hash:
        detail = f"a record came enclosed from another frame {header.frame_no} than the one seen here before"
        subject, origin = about(header.stream, header.frame_no), header.stream.origin
        raise_alarm(session.connection(), "FORK", at=now, peer=peer, origin=origin, subject=subject, detail=detail)


# what a receipt does on its way, and at its end ---------------------------------------------------------------------


def hear(session: Session, inbound: Inbound, *, name: str, registry: Registry) -> None:
    """Pass a receipt of a centre above on towards its origin, or keep it there; raises Unacceptable."""
    said = _decode(inbound.payload, inbound)
    proof = said.enclosed or enclosure(session, inbound.rid, inbound.origin)
    try:
        holder = open_enclosure(proof, registry.public_key)
    except FrameInvalid as error:
        raise Unacceptable("BAD_RECEIPT", error.reason, origin=error.origin or inbound.sender) from error
    receipt = _decode(holder.payload, inbound) if said.enclosed else said
    if holder.kind != KIND or receipt.enclosed or child_of(holder.audience) is None:
        raise _bad(inbound, f"what {holder.origin} signed is no receipt of its own")
    origin = receipt.origin
    if not registry.is_descendant(origin, holder.origin) or not registry.is_descendant(name, holder.origin):
        raise _bad(inbound, f"{holder.origin} does not stand above {origin or 'nobody'} and this centre")
    if origin == name:
        _keep(session, inbound, holder, receipt, proof)
        return
    child = step_towards(registry, name, origin)
    if child is None:
        raise _bad(inbound, f"a receipt for {origin}, which is not below this centre")
    _append(session, wire.EndReceipt(enclosed=proof), child, inbound.received_at)


def _keep(session: Session, inbound: Inbound, holder: Inbound, receipt: wire.EndReceipt, proof: bytes) -> None:
    """The origin's part: is it for a record of this centre, in these bytes? The same receipt again changes nothing."""
    rid, leaf = receipt.rid, own_leaf(session, receipt.rid, receipt.origin)
    if leaf is None and unsettled(session):
        raise Unacceptable("UNKNOWN_RECORD", f"record {rid.hex()} is not given back yet to this restored centre")
    if leaf != receipt.leaf:
        raise _bad(inbound, f"{holder.origin} confirms a record {rid.hex()} that this centre did not sign so")
    mine = (_end_receipt.c.rid == rid) & (_end_receipt.c.holder == holder.origin)
    if session.execute(select(_end_receipt.c.rid).where(mine)).first() is not None:
        return
    failpoint("end_receipt.before_keep")
    values = {"rid": rid, "holder": holder.origin, "received_at_us": receipt.received_at_us, "proof": proof}
    session.execute(insert(_end_receipt).values(values | {"heard_at_us": to_us(inbound.received_at)}))


def own_leaf(session: Session, rid: bytes, name: str) -> bytes | None:
    """The leaf of one of this node's own sealed records; None if there is no such record."""
    frame, record, stream = tables.frame, tables.record, tables.stream
    query = (
        select(frame.c.raw, record.c.position)
        .join(frame, (frame.c.stream_id == record.c.stream_id) & (frame.c.pos == record.c.pos))
        .join(stream, stream.c.id == record.c.stream_id)
        .where(record.c.rid == rid, stream.c.origin == name)
    )
    row = session.execute(query).first()
    if row is None:
        return None
    if row.raw:
        return leaf_hash(parse_frame(bytes(row.raw)).records[row.position])
    kept = session.execute(select(tables.awaited.c.leaf).where(tables.awaited.c.rid == rid)).scalar_one_or_none()
    return None if kept is None else bytes(kept)


def _decode(payload: bytes, inbound: Inbound) -> wire.EndReceipt:
    try:
        said = wire.EndReceipt.FromString(payload)
        from_us(said.received_at_us)
    except (DecodeError, OverflowError) as error:
        raise _bad(inbound, "what should be a receipt cannot be read") from error
    return said


def _bad(inbound: Inbound, reason: str) -> Unacceptable:
    """Whoever brings it is named; validly signed or not, it proves nothing of what it was brought for."""
    return Unacceptable("BAD_RECEIPT", reason, origin=inbound.sender)
