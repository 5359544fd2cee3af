"""What is kept of a person is deleted in three parts, each with a record that proves it and holds nothing of it.

The record is a line of the audit log, which nobody can change: which part, why, when it had been recorded, and a
fingerprint. The fingerprint is taken over what was deleted together with the sender's key, 128 random bits, and the key
is then replaced by its own hash. So whoever still has the key, the sender's device, can prove that this very report was
deleted, and nobody can find a telephone number in a fingerprint by trying all of them.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import RowMapping, delete, select, update
from sqlalchemy.orm import Session

from modules.citizen.tables import photo as photo_table
from modules.citizen.tables import report as report_table
from node import audit
from node.context import NodeContext
from node.incident.erase import CONTENT, PICTURES, erase

ERASED = "[đã xóa]"
_DIGEST_BYTES = 32


class Part(StrEnum):
    """What is deleted at one time."""

    IDENTITY = "identity"
    PHOTO = "photo"
    TEXT = "text"


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """Who has something deleted, and why: the law's period, or the person's wish with the reason given."""

    actor: str
    cause: str
    reason: str = ""
    kept_days: int | None = None


_IDENTITY = ("reporter_name", "reporter_phone")
_TEXT = ("description", "place", "lat", "lon", "accuracy_m", "rating_comment", "public_text")
_ABOVE = {Part.PHOTO: PICTURES, Part.TEXT: CONTENT}
_WORDS = {"period": "Hết thời hạn lưu giữ", "request": "Theo yêu cầu của người phản ánh"}


def erase_part(session: Session, context: NodeContext, row: RowMapping, part: Part, order: Order) -> str:
    """Delete one part of a report and write the record; the fingerprint of what was deleted."""
    now = context.clock.now()
    row = _row(session, row["incident_id"])  # its key as it is now: another part may have gone a moment ago
    proof = fingerprint(row["key"], _kept(session, row, part))
    values: dict[str, object] = {"key": next_key(row["key"]), "digest": context.random(_DIGEST_BYTES)}
    if part is Part.IDENTITY:
        values |= dict.fromkeys(_IDENTITY) | {"reporter_erased_at": now}
    elif part is Part.PHOTO:
        session.execute(delete(photo_table).where(photo_table.c.incident_id == row["incident_id"]))
        values |= {"photo_erased_at": now}
    else:
        values |= dict.fromkeys(_TEXT) | {"description": ERASED, "place": "", "published_at": None}
        values |= {"text_erased_at": now}
    session.execute(update(report_table).where(report_table.c.incident_id == row["incident_id"]).values(**values))
    if part in _ABOVE:  # the incident, here and wherever it rose to
        note = f"{_WORDS[order.cause]}. SHA-256 {proof}"
        erase(session, context.centre, UUID(row["incident_id"]), _ABOVE[part], note=note, actor="", now=now)
    _write(session, row, part, order, proof=proof, now=now)
    return proof


def _row(session: Session, incident_id: str) -> RowMapping:
    return session.execute(select(report_table).where(report_table.c.incident_id == incident_id)).mappings().one()


def _kept(session: Session, row: RowMapping, part: Part) -> dict[str, object]:
    """What is about to be deleted, as it is spelled for the fingerprint."""
    if part is Part.PHOTO:
        jpeg = session.scalar(select(photo_table.c.jpeg).where(photo_table.c.incident_id == row["incident_id"]))
        return {"photo": hashlib.sha256(bytes(jpeg or b"")).hexdigest()}
    return {name: row[name] for name in (_IDENTITY if part is Part.IDENTITY else _TEXT)}


def fingerprint(key: str, deleted: Mapping[str, object]) -> str:
    """SHA-256 over the sender's key and what is deleted, as JSON with sorted names."""
    spelled = json.dumps({"key": key, **deleted}, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(spelled.encode()).hexdigest()


def next_key(key: str) -> str:
    """What stands in a key's place once it has made a fingerprint."""
    return hashlib.sha256(key.encode()).hexdigest()


def _write(session: Session, row: RowMapping, part: Part, order: Order, *, proof: str, now: datetime) -> None:
    recorded_at: datetime = row["recorded_at"]
    detail: dict[str, object] = {"recorded_at": recorded_at.isoformat(), "cause": order.cause, "fingerprint": proof}
    detail |= {"kept_days": order.kept_days} if order.kept_days is not None else {}
    detail |= {"reason": order.reason} if order.reason else {}
    act = f"report.{part}.erased"
    audit.record(session, actor=order.actor, act=act, subject=row["incident_id"], detail=detail, now=now)
