"""What the centre's staff may ask: reports of their area, photographs, and, with a reason, who reported."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import RowMapping, select
from sqlalchemy.orm import Session

from modules.citizen import publication, rendering
from modules.citizen.kinds import CATEGORIES, URGENCIES
from modules.citizen.receipt import read_receipt
from modules.citizen.tables import photo as photo_table
from modules.citizen.tables import report as report_table
from modules.citizen.wording import tidy
from node import audit
from node.access import Permission, Principal, check_within, require
from node.context import NodeContext
from node.errors import Invalid, NotFound
from node.incident import rows
from node.incident.value import overdue_cause
from node.scope import scope_of

router = APIRouter(prefix="/api/desk", tags=["Phản ánh của người dân: cán bộ"])

MostReports = Annotated[int, Query(ge=1, le=200)]
Reader = Annotated[Principal, Depends(require(Permission.REPORT_READ))]
Discloser = Annotated[Principal, Depends(require(Permission.REPORT_IDENTITY))]
Actor = Annotated[Principal, Depends(require(Permission.INCIDENT_ACT))]
Approver = Annotated[Principal, Depends(require(Permission.INCIDENT_APPROVE))]
_REASON_LENGTH = (5, 500)


class Disclosure(BaseModel):
    """Why somebody needs to know who reported."""

    model_config = ConfigDict(extra="forbid")

    reason: str = Field(max_length=2000, description="Stands in the audit log beside the name of who asked.")


class Publication(BaseModel):
    """The text to make public; empty for the text as it stands."""

    model_config = ConfigDict(extra="forbid")

    text: str = Field(default="", max_length=4000, description="Contact details in it are removed.")


def _node(request: Request) -> NodeContext:
    node: NodeContext = request.app.state.node
    return node


def _row(session: Session, incident_id: UUID) -> RowMapping:
    query = select(report_table).where(report_table.c.incident_id == str(incident_id))
    row = session.execute(query).mappings().first()
    if row is None:
        raise NotFound("không có phản ánh này")
    return row


def _in_scope(request: Request, principal: Principal, incident_id: UUID) -> RowMapping:
    """The report, if it lies in the area that the person's account is for; raises NotFound."""
    row = _node(request).database.read(lambda session: _row(session, incident_id))
    check_within(request, principal, row["area_code"])
    return row


def _view(session: Session, context: NodeContext, row: RowMapping) -> dict[str, Any]:
    """A report as the staff sees it: what, where, how it stands; whether a name is kept, but not which."""
    incident = rows.get(session, UUID(row["incident_id"]))
    now = context.clock.now()
    area = context.territory.area(row["place_area_code"], context.territory.local_date(now))
    has_photo = session.scalar(select(photo_table.c.width).where(photo_table.c.incident_id == row["incident_id"]))
    return {
        "incident_id": row["incident_id"],
        "number": incident.number,
        "version": incident.version,
        "code": row["code"],
        "category": row["category"],
        "category_title": CATEGORIES[row["category"]].title,
        "urgency": row["urgency"],
        "urgency_title": URGENCIES[row["urgency"]].title,
        "severity": int(incident.severity),
        "severity_title": incident.severity.label,
        "status": incident.status.value,
        "status_title": incident.status.label,
        "overdue": overdue_cause(incident, context.centre.name, now) is not None,
        "description": row["description"],
        "place": row["place"],
        "area_code": row["area_code"],
        "place_area_code": row["place_area_code"],
        "place_area_name": area.name if area else row["place_area_code"],
        "is_elsewhere": row["place_area_code"] != row["area_code"],
        "position": {"lat": row["lat"], "lon": row["lon"]} if row["lat"] is not None else None,
        "accuracy_m": row["accuracy_m"],
        "has_personal_data": row["personal_data"],
        "is_complaint": row["complaint"],
        "has_photo": has_photo is not None,
        "has_identity": row["reporter_name"] is not None or row["reporter_phone"] is not None,
        "identity_erased_at": _iso(row["reporter_erased_at"]),
        "rating": row["rating"],
        "rating_comment": row["rating_comment"],
        "public_text": row["public_text"],
        "published_at": _iso(row["published_at"]),
        "recorded_at": _iso(row["recorded_at"]),
    }


def _iso(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment is not None else None


@router.get("/reports")
def reports(
    request: Request,
    principal: Reader,
    limit: MostReports = 50,
    before: datetime | None = None,
    code: Annotated[str, Query(max_length=48)] = "",
) -> dict[str, Any]:
    """The reports of the person's area, newest first; `before` continues from the last one's recorded_at.

    With `code`, the one report of that receipt, as forgiving as the citizen's own page; none if there is no such one.
    """
    context = _node(request)
    query = select(report_table).order_by(report_table.c.recorded_at.desc(), report_table.c.incident_id).limit(limit)
    scope = scope_of(context, principal)
    if scope.codes is not None:
        query = query.where(report_table.c.area_code.in_(scope.codes))
    if code.strip():
        query = query.where(report_table.c.code == (read_receipt(code) or ""))
    if before is not None:
        if before.tzinfo is None:
            raise Invalid("thời điểm phải có múi giờ", errors=[{"field": "before", "message": "thiếu múi giờ"}])
        query = query.where(report_table.c.recorded_at < before)

    def step(session: Session) -> list[dict[str, Any]]:
        return [_view(session, context, row) for row in session.execute(query).mappings().all()]

    items = context.database.read(step)
    onward = items[-1]["recorded_at"] if len(items) == limit else None
    return {"items": items, "next_before": onward, "area": scope.told()}


@router.get("/reports/{incident_id}")
def report(request: Request, principal: Reader, incident_id: UUID) -> dict[str, Any]:
    """One report."""
    context = _node(request)
    row = _in_scope(request, principal, incident_id)
    return context.database.read(lambda session: _view(session, context, row))


@router.get("/reports/{incident_id}/photo", response_class=Response)
def photo(request: Request, principal: Reader, incident_id: UUID) -> Response:
    """The photograph of a report, as it was encoded here."""
    _in_scope(request, principal, incident_id)
    query = select(photo_table.c.jpeg).where(photo_table.c.incident_id == str(incident_id))
    jpeg = _node(request).database.read(lambda session: session.scalar(query))
    if jpeg is None:
        raise NotFound("phản ánh này không có ảnh")
    return rendering.photo_response(jpeg)


@router.post("/reports/{incident_id}/identity")
def identity(request: Request, principal: Discloser, incident_id: UUID, asked: Disclosure) -> dict[str, Any]:
    """Who reported; the reason is kept in the audit log before the answer is given."""
    context = _node(request)
    reason = tidy(asked.reason)
    if not _REASON_LENGTH[0] <= len(reason) <= _REASON_LENGTH[1]:
        words = "Hãy ghi lý do cần biết người phản ánh (5 đến 500 ký tự)."
        raise Invalid(words, errors=[{"field": "reason", "message": words}])
    _in_scope(request, principal, incident_id)

    def step(session: Session) -> dict[str, Any]:
        row = _row(session, incident_id)
        audit.record(
            session,
            actor=principal.username,
            act="report.identity.disclosed",
            subject=str(incident_id),
            detail={"reason": reason, "number": row["code"]},
            now=context.clock.now(),
        )
        return {
            "incident_id": row["incident_id"],
            "name": row["reporter_name"],
            "phone": row["reporter_phone"],
            "erased_at": _iso(row["reporter_erased_at"]),
        }

    return context.database.write(step)


@router.post("/reports/{incident_id}/proposal")
def propose(request: Request, principal: Actor, incident_id: UUID, asked: Publication) -> dict[str, Any]:
    """Propose a resolved report: it is then awaiting approval (chờ duyệt)."""
    context = _node(request)
    _in_scope(request, principal, incident_id)
    text = context.database.write(
        lambda session: publication.propose(
            session, context, _row(session, incident_id), principal.username, asked.text
        )
    )
    return {"incident_id": str(incident_id), "public_text": text}


@router.post("/reports/{incident_id}/publication")
def publish(request: Request, principal: Approver, incident_id: UUID, asked: Publication) -> dict[str, Any]:
    """Approve the publication of a report (công khai)."""
    context = _node(request)
    _in_scope(request, principal, incident_id)
    text = context.database.write(
        lambda session: publication.publish(
            session, context, _row(session, incident_id), principal.username, asked.text
        )
    )
    return {"incident_id": str(incident_id), "public_text": text}
