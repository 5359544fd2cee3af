"""What proves one incident here: the records about it, and the keys of its words where they are asked for."""

from collections.abc import Iterator
from datetime import datetime
from uuid import UUID

from google.protobuf.message import DecodeError
from sqlalchemy import select
from sqlalchemy.orm import Session

from federation import tables
from federation.evidence_pack import Spot, export_pack
from federation.frame import FrameInvalid, Record, Signer, decode_record, parse_frame
from federation.ledger import PAST_PARENT
from federation.v1 import frame_pb2, ledger_pb2
from federation.verify.pack import KEYS
from node.errors import NotFound
from node.incident import rows, wire
from node.incident.sealing import Part, keys_of
from node.v1 import incident_pb2
from pki.registry import Registry


def incident_of(session: Session, asked: str) -> UUID:
    """The incident with that number or identity; raises NotFound."""
    try:
        return rows.get(session, UUID(asked)).id
    except ValueError:
        found = rows.find_number(session, asked)
    if found is None:
        raise NotFound(f"{asked}: không có sự cố này")
    return found


def spots_of(session: Session, incident_id: UUID) -> Iterator[Spot]:
    """Every stored record about an incident, own and received, also those that came past a parent."""
    frame = tables.frame.c
    query = select(frame.stream_id, frame.pos, frame.raw).join(tables.stream, frame.stream_id == tables.stream.c.id)
    query = query.where(frame.pos > tables.stream.c.floor).order_by(frame.stream_id, frame.pos)
    for row in session.execute(query.execution_options(yield_per=200)):
        if incident_id.bytes in row.raw:
            for index, raw in enumerate(parse_frame(row.raw).records):
                if _is_about(decode_record(raw), incident_id):
                    yield Spot(row.stream_id, row.pos, index)


def pack_of(
    session: Session, registry: Registry, signer: Signer, now: datetime, incident_id: UUID, *, has_words: bool = False
) -> bytes:
    """The pack of an incident; with words, its keys are in a member of their own."""
    extra = {f"{KEYS}{incident_id.hex}": keys_member(session, incident_id)} if has_words else {}
    spots = list(spots_of(session, incident_id))
    return export_pack(session, registry, signer, now, {"incident": incident_id.hex}, spots, extra)


def _is_about(record: Record, incident_id: UUID) -> bool:
    try:
        if record.kind == PAST_PARENT:
            enclosed = ledger_pb2.BypassedRecord.FromString(record.payload).enclosed
            record = decode_record(frame_pb2.EnclosedRecord.FromString(enclosed).record)
        if record.kind not in wire.KINDS:
            return False
        return bytes(incident_pb2.IncidentNews.FromString(record.payload).incident_id) == incident_id.bytes
    except (DecodeError, FrameInvalid):
        return False


def keys_member(session: Session, incident_id: UUID) -> bytes:
    """The keys of an incident as a pack carries them; NotFound once they were erased, or where none ever came."""
    found = {part.value: (keys_of(session.connection(), incident_id, part) or [b""])[0] for part in Part}
    if not any(found.values()):
        raise NotFound("khóa của sự cố này không có ở đây hoặc đã bị xóa")
    return incident_pb2.IncidentKeys(incident_id=incident_id.bytes, **found).SerializeToString()
