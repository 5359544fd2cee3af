"""What belongs to an incident beside its words: photographs and files, by the hash of their bytes, which stay home."""

import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import BigInteger, Column, Integer, LargeBinary, String, Table, Uuid, func, insert, select
from sqlalchemy.orm import Session

from federation.bulk.manifest import manifest_of
from node.tables import metadata
from node.v1 import incident_pb2

MOST = 8
HASH_BYTES = 32
LARGEST = 64 * 1024 * 1024
MEDIA_TYPE = re.compile(r"[a-z]{1,32}/[a-z0-9][a-z0-9.+-]{0,80}")

# The manifest is kept where the attachment was made, so that it is told the same for ever; elsewhere it is empty.
incident_attachment = Table(
    "incident_attachment",
    metadata,
    Column("incident_id", Uuid, primary_key=True),
    Column("digest", LargeBinary(32), primary_key=True),
    Column("place", Integer, nullable=False),
    Column("manifest_hash", LargeBinary(32), nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("media_type", String(120), nullable=False),
    Column("manifest", LargeBinary, nullable=False),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Attachment:
    """One photograph or file, as the signed record of its incident names it."""

    digest: bytes
    manifest_hash: bytes
    size: int
    media_type: str
    manifest: bytes = b""

    def told(self) -> incident_pb2.IncidentAttachment:
        """What travels of it."""
        return incident_pb2.IncidentAttachment(
            digest=self.digest, manifest_hash=self.manifest_hash, size=self.size, media_type=self.media_type
        )

    def problem(self) -> str | None:
        """What is wrong with it; None if nothing."""
        if len(self.digest) != HASH_BYTES or len(self.manifest_hash) != HASH_BYTES:
            return "a hash has 32 bytes"
        if not 0 < self.size <= LARGEST:
            return "size: out of bounds"
        if not MEDIA_TYPE.fullmatch(self.media_type):
            return "media_type: not one"
        return None


def heard(messages: Sequence[incident_pb2.IncidentAttachment]) -> tuple[Attachment, ...]:
    """What another centre says of its attachments; raises ValueError."""
    found = tuple(
        Attachment(digest=one.digest, manifest_hash=one.manifest_hash, size=one.size, media_type=one.media_type)
        for one in messages[: MOST + 1]
    )
    if len(found) > MOST or len({one.digest for one in found}) != len(found):
        raise ValueError("attachments: too many, or one twice")
    for one in found:
        if problem := one.problem():
            raise ValueError(f"attachments: {problem}")
    return found


def attachment_of(data: bytes, media_type: str) -> Attachment:
    """What an incident's record says of these bytes, which whoever made them keeps."""
    manifest = manifest_of(data, media_type)
    return Attachment(
        digest=manifest.digest,
        manifest_hash=manifest.hash,
        size=manifest.size,
        media_type=media_type,
        manifest=manifest.raw,
    )


def is_of(digest: bytes, data: bytes) -> bool:
    """Whether these are the bytes that a hash names."""
    return hashlib.sha256(data).digest() == digest


def attach(session: Session, incident_id: UUID, attachments: Iterable[Attachment]) -> None:
    """Write down what belongs to an incident; what is known changes nothing."""
    known = {one.digest for one in attached(session, incident_id)}
    last = session.scalar(
        select(func.max(incident_attachment.c.place)).where(incident_attachment.c.incident_id == incident_id)
    )
    place = last or 0
    for one in attachments:
        if one.digest in known:
            continue
        known.add(one.digest)
        place += 1
        values = {
            "incident_id": incident_id,
            "digest": one.digest,
            "place": place,
            "manifest_hash": one.manifest_hash,
            "size": one.size,
            "media_type": one.media_type,
            "manifest": one.manifest,
        }
        session.execute(insert(incident_attachment).values(values))


def attached(session: Session, incident_id: UUID) -> tuple[Attachment, ...]:
    """What belongs to an incident, in order."""
    query = select(incident_attachment).where(incident_attachment.c.incident_id == incident_id)
    return tuple(
        Attachment(
            digest=bytes(row["digest"]),
            manifest_hash=bytes(row["manifest_hash"]),
            size=row["size"],
            media_type=row["media_type"],
            manifest=bytes(row["manifest"]),
        )
        for row in session.execute(query.order_by(incident_attachment.c.place)).mappings()
    )


def find(session: Session, incident_id: UUID, digest: bytes) -> Attachment | None:
    """One attachment of an incident."""
    return next((one for one in attached(session, incident_id) if one.digest == digest), None)
