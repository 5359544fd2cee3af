"""What an incident says of people is enciphered in every signed record, under keys that can be forgotten.

The centre that opened the incident makes one key for its words and one for its picture, when it first tells of it. The
cipher text is signed and kept for ever; a key travels beside the frames (`federation/companion.py`) and lies in a row
at each centre that holds the incident. The opener's signed step `erase` deletes those rows everywhere: what then is
left in frames, evidence and exports proves who signed what, and can be read by nobody.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from google.protobuf.message import DecodeError
from sqlalchemy import Column, Connection, LargeBinary, String, Table, Uuid, delete, insert, select
from sqlalchemy.orm import Session

from federation.frame import FrameInvalid, Record, StreamKey, decode_record, parse_frame
from federation.ledger import PAST_PARENT, UP, Lane, NotSealed, enclosure
from federation.storage import random_of
from federation.v1 import frame_pb2, ledger_pb2
from node.incident import rows, wire
from node.incident.value import Incident
from node.incident.wire import Content, News, Step
from node.tables import UtcTime, metadata
from node.v1 import incident_pb2

KEY_BYTES = 32
_PLAIN_ACTS = frozenset({"erase", "erase_pictures"})  # they say why, and the fingerprint of what was deleted
_NONCE_BYTES = 12
OWN = ""  # whose key it is: the one that fits, or what that neighbour brought and nothing has fitted yet
UNREADABLE = "Nội dung được mã hóa; khóa chưa đến hoặc đã bị xóa."

incident_key = Table(
    "incident_key",
    metadata,
    Column("incident_id", Uuid, primary_key=True),
    Column("part", String(8), primary_key=True),
    Column("peer", String(64), primary_key=True),
    Column("key", LargeBinary, nullable=False),
    Column("erased_at", UtcTime, nullable=True),
)
_key = incident_key.c


class Part(StrEnum):
    """What is erased at one time, and so has a key of its own."""

    WORDS = "words"
    PICTURE = "picture"


# what is told --------------------------------------------------------------------------------------------------------


def sealed(session: Session, incident: Incident, news: News) -> News:
    """The opener's news as it is signed: nothing of people in the clear; once erased there is no key, and no words."""
    if news.content is not None:
        news = replace(news, content=_sealed_content(session, incident, news.content))
    step = news.step
    if step is None or not step.note or step.act in _PLAIN_ACTS:
        return news
    cipher = _seal(session, incident.id, Part.WORDS, f"note {step.act}", step.note.encode())
    return news if cipher is None else replace(news, step=replace(step, note="", sealed_note=cipher))


def _sealed_content(session: Session, incident: Incident, content: Content) -> Content:
    words = wire.words_of(content)
    cipher = _seal(session, incident.id, Part.WORDS, "content", words)
    if cipher is None:
        return content
    picture = content.thumbnail
    shown = _seal(session, incident.id, Part.PICTURE, "picture", picture) if picture else None
    bare = replace(content, title="", description="", place=None, thumbnail=None if shown else picture)
    return replace(bare, sealed=cipher, sealed_picture=shown or b"")


def _seal(session: Session, incident_id: UUID, part: Part, label: str, plain: bytes) -> bytes | None:
    key = _key_for(session, incident_id, part)
    if key is None:
        return None
    nonce = random_of(session)(_NONCE_BYTES)
    return nonce + AESGCM(key).encrypt(nonce, plain, _bound(incident_id, label))


def _bound(incident_id: UUID, label: str) -> bytes:
    """What the cipher text is bound to, so that none can stand in another's place."""
    return incident_id.bytes + label.encode()


def _key_for(session: Session, incident_id: UUID, part: Part) -> bytes | None:
    """The key of a part, made where there is none; None once it was erased."""
    found = keys_of(session.connection(), incident_id, part)
    if found is None or found:
        return found[0] if found else None
    key = random_of(session)(KEY_BYTES)
    session.execute(insert(incident_key).values(incident_id=incident_id, part=part.value, peer=OWN, key=key))
    return key


def keys_of(connection: Connection, incident_id: UUID, part: Part) -> Sequence[bytes] | None:
    """The keys that are known, one's own first; None once they were erased here."""
    query = select(_key.key, _key.erased_at).where(_key.incident_id == incident_id, _key.part == part.value)
    found = connection.execute(query.order_by(_key.peer)).all()
    return None if any(row.erased_at for row in found) else [bytes(row.key) for row in found]


# what is heard -------------------------------------------------------------------------------------------------------


def opened(session: Session, news: News) -> News:
    """The news in words, as far as its keys are here; what cannot be read says so."""
    if news.content is not None and news.content.sealed:
        news = replace(news, content=_opened_content(session, news.incident_id, news.content))
    if news.step is not None and news.step.sealed_note:
        news = replace(news, step=_opened_step(session, news.incident_id, news.step))
    return news


def _opened_content(session: Session, incident_id: UUID, content: Content) -> Content:
    picture = None
    if content.sealed_picture:
        picture = _open(session, incident_id, Part.PICTURE, "picture", content.sealed_picture)
    words = _open(session, incident_id, Part.WORDS, "content", content.sealed)
    if words is None:
        return replace(content, title=content.kind_title, description=UNREADABLE, thumbnail=picture)
    return wire.with_words(content, words, picture or content.thumbnail)


def _opened_step(session: Session, incident_id: UUID, step: Step) -> Step:
    note = _open(session, incident_id, Part.WORDS, f"note {step.act}", step.sealed_note)
    return replace(step, note=wire.note_in(note) if note is not None else "")


def _open(session: Session, incident_id: UUID, part: Part, label: str, cipher: bytes) -> bytes | None:
    connection = session.connection()
    for key in keys_of(connection, incident_id, part) or ():
        try:
            plain = AESGCM(key).decrypt(cipher[:_NONCE_BYTES], cipher[_NONCE_BYTES:], _bound(incident_id, label))
        except (InvalidTag, ValueError):
            continue
        _prefer(connection, incident_id, part, key)
        return plain
    return None


def _prefer(connection: Connection, incident_id: UUID, part: Part, key: bytes) -> None:
    """Keep the key that fitted, as one's own, and no other: it alone is passed on."""
    mine = (_key.incident_id == incident_id) & (_key.part == part.value)
    if connection.scalar(select(_key.key).where(mine, _key.peer == OWN)) is None:
        connection.execute(delete(incident_key).where(mine))
        values = {"incident_id": incident_id, "part": part.value, "peer": OWN, "key": key}
        connection.execute(insert(incident_key), values)


def read_late(session: Session, incident: Incident) -> Incident:
    """Read now what could not be read before its key came; the caller saves."""
    if incident.description != UNREADABLE or incident.content_rid is None:
        return incident
    try:
        raw = enclosure(session, incident.content_rid, incident.source)
    except NotSealed:
        return incident
    content = next((one for one in _contents(_record_in(raw).payload) if one.sealed), None)
    if content is None:
        return incident
    read = _opened_content(session, incident.id, content)
    if read.thumbnail and not incident.has_thumbnail:
        session.execute(insert(rows.incident_thumbnail).values(incident_id=incident.id, picture=read.thumbnail))
    has_picture = incident.has_thumbnail or read.thumbnail is not None
    return replace(
        incident, title=read.title, description=read.description, place=read.place, has_thumbnail=has_picture
    )


def _contents(payload: bytes) -> Iterator[Content]:
    """The content of a message that was verified when it came, also where it encloses it."""
    news = wire.decode(payload)
    if news.content is not None:
        yield news.content
    for raw in news.enclosed:
        yield from _contents(_record_in(raw).payload)


def _record_in(enclosed: bytes) -> Record:
    return decode_record(frame_pb2.EnclosedRecord.FromString(enclosed).record)


# what is forgotten ---------------------------------------------------------------------------------------------------


def forget(session: Session, incident_id: UUID, parts: Collection[Part], now: datetime) -> None:
    """Delete the keys of these parts for ever: one that comes later is not kept."""
    for part in parts:
        session.execute(delete(incident_key).where(_key.incident_id == incident_id, _key.part == part.value))
        gone = {"incident_id": incident_id, "part": part.value, "peer": OWN, "key": b"", "erased_at": now}
        session.execute(insert(incident_key).values(**gone))


# what goes beside the frames -----------------------------------------------------------------------------------------


class IncidentKeys:
    """Puts the keys of an incident beside every frame that is about it, and keeps those that come."""

    def beside(self, connection: Connection, stream: StreamKey, raw: bytes) -> bytes:
        """The keys that are known of the incident that a frame is about; none of other frames."""
        if stream.lane != Lane.URGENT.value or stream.audience == UP:
            return b""
        incident_id = _incident_in(raw)
        if incident_id is None:
            return b""
        found = {part.value: (keys_of(connection, incident_id, part) or [b""])[0] for part in Part}
        if not any(found.values()):
            return b""
        return incident_pb2.IncidentKeys(incident_id=incident_id.bytes, **found).SerializeToString()

    def arrived(self, connection: Connection, peer: str, given: bytes) -> None:
        """Keep a neighbour's key beside those of others: which one fits, the cipher text says."""
        try:
            message = incident_pb2.IncidentKeys.FromString(given)
            incident_id = UUID(bytes=message.incident_id)
        except (DecodeError, ValueError):
            return
        for part, key in ((Part.WORDS, message.words), (Part.PICTURE, message.picture)):
            of_part = (_key.incident_id == incident_id) & (_key.part == part.value)
            if len(key) != KEY_BYTES or connection.scalar(select(_key.part).where(of_part, _key.peer == OWN)):
                continue  # the one that fits is known, or was erased
            connection.execute(delete(incident_key).where(of_part, _key.peer == peer))
            values = {"incident_id": incident_id, "part": part.value, "peer": peer, "key": key}
            connection.execute(insert(incident_key), values)


def _incident_in(raw: bytes) -> UUID | None:
    """The incident that the first record of a frame is about; an urgent frame has one record."""
    try:
        records = parse_frame(raw).records
        record = decode_record(records[0]) if records else None
        if record is not None and record.kind == PAST_PARENT:
            record = _record_in(ledger_pb2.BypassedRecord.FromString(record.payload).enclosed)
        if record is None or record.kind not in wire.KINDS:
            return None
        return UUID(bytes=incident_pb2.IncidentNews.FromString(record.payload).incident_id)
    except (DecodeError, FrameInvalid, ValueError):
        return None
