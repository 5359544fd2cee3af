"""What a person may ask about themselves: everything that is held of them, and to have it deleted."""

import hashlib
import io
import json
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import RowMapping, select
from sqlalchemy.orm import Session

from modules.citizen.erasing import Order, Part, erase_part
from modules.citizen.receipt import read_receipt
from modules.citizen.settings import settings_of
from modules.citizen.tables import photo as photo_table
from modules.citizen.tables import report as report_table
from modules.citizen.wording import tidy
from node import audit
from node.context import NodeContext
from node.errors import Invalid, NotFound
from node.incident import rows
from node.incident.act import timeline

MOST = 100  # reports at a time: a step of the writer is short, and a ZIP fits into memory
_REASON = (5, 500)
_LEAST_DIGITS = 8
_UNTOLD = frozenset({"key", "digest"})  # no content: what tells one sending from another
May = Callable[[RowMapping], bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """Whose data, by telephone or receipt, who asks at this centre, and why."""

    phone: str = ""
    code: str = ""
    reason: str
    actor: str


@dataclass(frozen=True, slots=True)
class Erased:
    """How many parts were deleted, and the receipts of cases that are still open, whose words stay until the end."""

    parts: dict[str, int]
    open_codes: tuple[str, ...]
    left: int


@dataclass(frozen=True, slots=True)
class Found:
    """The oldest reports of a person, and how many more there are than are dealt with at a time."""

    rows: Sequence[RowMapping]
    left: int


def find(session: Session, asked: Asked, may: May) -> Found:
    """The reports of a person; raises Invalid or NotFound."""
    reason = tidy(asked.reason)
    if not _REASON[0] <= len(reason) <= _REASON[1]:
        raise _fault("reason", "Hãy ghi lý do (5 đến 500 ký tự).")
    code = read_receipt(asked.code) if asked.code.strip() else None
    digits = subscriber(asked.phone)
    if code is None and len(digits) < _LEAST_DIGITS:
        raise _fault("phone", "Hãy ghi số điện thoại đầy đủ hoặc mã tiếp nhận đúng.")
    columns = report_table.c
    known = select(columns.incident_id, columns.area_code, columns.reporter_phone).order_by(columns.recorded_at)
    if code is not None:
        found = session.execute(known.where(columns.code == code)).mappings().all()
    else:
        with_phone = session.execute(known.where(columns.reporter_phone.is_not(None))).mappings()
        found = [row for row in with_phone if subscriber(row["reporter_phone"]) == digits]
    allowed = [row["incident_id"] for row in found if may(row)]
    if not allowed:
        raise NotFound("không có phản ánh nào của người này")
    query = select(report_table).where(columns.incident_id.in_(allowed[:MOST])).order_by(columns.recorded_at)
    return Found(session.execute(query).mappings().all(), max(0, len(allowed) - MOST))


def subscriber(phone: str) -> str:
    """The digits of a telephone number however it was typed; +84 and 0 before it are the same."""
    digits = "".join(sign for sign in phone if sign.isdecimal() and sign.isascii())
    return digits.removeprefix("84") if digits.startswith("84") else digits.removeprefix("0")


def pack(session: Session, context: NodeContext, found: Found) -> bytes:
    """Everything that is held of a person, as a ZIP of JSON and photographs."""
    now = context.clock.now()
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as packed:
        _put(packed, "about.json", _about(context, found, now), now)
        for row in found.rows:
            folder = row["code"]
            _put(packed, f"{folder}/report.json", _everything(session, row), now)
            jpeg = session.scalar(select(photo_table.c.jpeg).where(photo_table.c.incident_id == row["incident_id"]))
            if jpeg is not None:
                packed.writestr(zipfile.ZipInfo(f"{folder}/photo.jpg", now.timetuple()[:6]), bytes(jpeg))
    return out.getvalue()


def note_export(session: Session, context: NodeContext, asked: Asked, found: Found) -> None:
    """The line of the audit log that says who took what, and why; it is written before anything is handed out."""
    _write(session, context, asked, found, "report.exported")


def erase(session: Session, context: NodeContext, asked: Asked, may: May) -> Erased:
    """Delete what is held of a person; of a case that is still open the words stay, for whoever deals with it."""
    found = find(session, asked, may)
    order = Order(actor=asked.actor, cause="request", reason=tidy(asked.reason))
    parts = dict.fromkeys(Part, 0)
    open_codes = []
    for row in found.rows:
        is_open = rows.get(session, UUID(row["incident_id"])).status.is_open
        if is_open:
            open_codes.append(row["code"])
        for part in _left(session, row, is_open=is_open):
            erase_part(session, context, row, part, order)
            parts[part] += 1
    _write(session, context, asked, found, "report.erasure.requested")
    return Erased({part.value: count for part, count in parts.items()}, tuple(open_codes), found.left)


def _left(session: Session, row: RowMapping, *, is_open: bool) -> list[Part]:
    """The parts that can be deleted now."""
    has_photo = session.scalar(select(photo_table.c.width).where(photo_table.c.incident_id == row["incident_id"]))
    is_there = {
        Part.IDENTITY: row["reporter_name"] is not None or row["reporter_phone"] is not None,
        Part.PHOTO: has_photo is not None,
        Part.TEXT: row["text_erased_at"] is None and not is_open,
    }
    return [part for part, there in is_there.items() if there]


def _about(context: NodeContext, found: Found, now: datetime) -> dict[str, Any]:
    settings = settings_of(context)
    return {
        "centre": context.centre.title,
        "made_at": now.isoformat(),
        "reports": [row["code"] for row in found.rows],
        "left_out": found.left,
        "kept_days": {"identity": settings.identity_days, "photo": settings.photo_days, "text": settings.text_days},
        "purpose": "Tiếp nhận, xử lý và trả lời phản ánh hiện trường.",
    }


def _everything(session: Session, row: RowMapping) -> dict[str, Any]:
    """A report, its incident's timeline, and who was told who reported."""
    incident_id = UUID(row["incident_id"])
    incident = rows.get(session, incident_id)
    told = audit.recent(session, limit=1000, search=audit.Search(subject=row["incident_id"]))
    return {
        "report": {name: _plain(value) for name, value in row.items() if name not in _UNTOLD},
        "incident": {"number": incident.number, "title": incident.title, "description": incident.description},
        "rose_to_the_centre_above": incident.told_up > 0,
        "timeline": [
            {"at": _plain(one.at), "centre": one.centre, "actor": one.actor, "act": one.act, "note": one.note}
            for one in timeline(session, incident_id)
        ],
        "log": [{"at": _plain(one.at), "actor": one.actor, "act": one.act, **one.detail} for one in told],
    }


def _plain(value: object) -> object:
    return value.isoformat() if isinstance(value, datetime) else value


def _put(packed: zipfile.ZipFile, name: str, content: object, now: datetime) -> None:
    text = json.dumps(content, ensure_ascii=False, indent=1, default=str)
    packed.writestr(zipfile.ZipInfo(name, now.timetuple()[:6]), text.encode())


def _write(session: Session, context: NodeContext, asked: Asked, found: Found, act: str) -> None:
    """The act in the audit log: which receipts, why; not the telephone number that was asked for."""
    codes = [row["code"] for row in found.rows]
    detail = {"reason": tidy(asked.reason), "receipts": codes, "count": len(codes), "left": found.left}
    subject = hashlib.sha256("\n".join(codes).encode()).hexdigest()
    audit.record(session, actor=asked.actor, act=act, subject=subject, detail=detail, now=context.clock.now())


def _fault(field: str, words: str) -> Invalid:
    return Invalid(words, errors=[{"field": field, "message": words}])
