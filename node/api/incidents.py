"""Incidents over HTTP: the queue, one incident with all that is known of it, and what may be done to it."""

from collections.abc import Callable, Collection, Mapping
from typing import Annotated, Any, TypeVar
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy.orm import Session

from federation.awaited import Standing, standing
from node import audit
from node.access import Permission, Principal, check_within, require
from node.context import NodeContext
from node.errors import Conflict, Forbidden, Invalid, NotFound
from node.incident import listing, rows
from node.incident.act import Desk, perform, timeline
from node.incident.listing import Filter
from node.incident.steps import ACTIONS, Who, possible
from node.incident.value import Event, Incident, Proof, Severity, Status
from node.incident.view import Look, actions_view, event_view, incident_view, proof_view, receipts_view
from node.scope import scope_of

router = APIRouter(prefix="/api/v1/incidents", tags=["incidents"])

T = TypeVar("T")

LIVE_ITEMS = 100
MOST_CHANGES = 20
_CURRENT = ("status", "status_title", "severity", "severity_title", "category", "custody", "unit", "updated_at")
_NEEDS = {Who.OPERATOR: Permission.INCIDENT_ACT, Who.SUPERVISOR: Permission.INCIDENT_APPROVE}
Reader = Annotated[Principal, Depends(require(Permission.INCIDENT_READ))]
Actor = Annotated[Principal, Depends(require(Permission.INCIDENT_ACT))]


class ListRequest(BaseModel):
    """Which incidents to list; severity and status take several values, separated by commas."""

    is_open: bool | None = Field(default=None, alias="open")
    q: str = Field(default="", max_length=200)
    severity: str = Field(default="", max_length=40)
    status: str = Field(default="", max_length=300)
    limit: int = Field(default=50, ge=1, le=listing.LONGEST_PAGE)
    cursor: str | None = Field(default=None, max_length=300)


class ActionRequest(BaseModel):
    """What to do, to which version of the incident; further members are the fields of the action."""

    model_config = ConfigDict(extra="allow")

    name: str = Field(max_length=32)
    version: int


@router.get("", summary="A page of the incidents that this person may see")
def incidents(request: Request, principal: Reader, asked: Annotated[ListRequest, Query()]) -> dict[str, Any]:
    """Open ones come by severity, then the longest waiting first; all others the newest first."""
    context: NodeContext = request.app.state.node
    known = [module.finds for module in context.modules if module.finds is not None] if asked.q.strip() else []
    named = context.database.read(lambda session: [one for find in known if (one := find(session, asked.q))])
    wanted = Filter(
        is_open=asked.is_open,
        named=named,
        text=asked.q,
        severities=_chosen(asked.severity, "severity", lambda word: Severity(int(word))),
        statuses=_chosen(asked.status, "status", Status),
        areas=areas_of(context, principal),
    )
    found = context.database.read(lambda session: listing.page(session, wanted, limit=asked.limit, cursor=asked.cursor))
    look = look_of(context)
    items = [incident_view(incident, look) for incident in found.items]
    area = scope_of(context, principal).told()
    return {"items": items, "next_cursor": found.next_cursor, "total": found.total, "area": area}


@router.get("/{incident_id}", summary="One incident with its timeline, proofs and possible actions")
def incident(request: Request, principal: Reader, incident_id: UUID) -> dict[str, Any]:
    """Tell all that this centre knows, and what this person may do now."""
    context: NodeContext = request.app.state.node
    found = visible(request, principal, incident_id)
    return _detail(context, principal, found)


@router.get("/{incident_id}/thumbnail", summary="The small picture of an incident")
def thumbnail(request: Request, principal: Reader, incident_id: UUID) -> Response:
    """Give the JPEG that travels with the incident."""
    context: NodeContext = request.app.state.node
    visible(request, principal, incident_id)
    picture = context.database.read(lambda session: rows.thumbnail(session, incident_id))
    if picture is None:
        raise NotFound("sự cố này không có ảnh")
    headers = {"Cache-Control": "private, max-age=86400", "X-Content-Type-Options": "nosniff"}
    return Response(picture, media_type="image/jpeg", headers=headers)


@router.post("/{incident_id}/actions", summary="Take a step on an incident")
def act(request: Request, principal: Actor, incident_id: UUID, asked: ActionRequest) -> dict[str, Any]:
    """Do it if the version is still the present one; 409 tells the present one otherwise, and what changed since."""
    context: NodeContext = request.app.state.node
    visible(request, principal, incident_id)
    action = ACTIONS.get(asked.name)
    if action is None:
        raise Invalid(f"không có thao tác “{asked.name}”")
    if not is_allowed(principal, action.who):
        raise Forbidden(f"vai trò {principal.role.title} không được “{action.title}”")
    desk = Desk(context.centre, principal.display_name, context.clock.now(), context.custody_locked())
    fields = dict(asked.model_extra or {})
    _check_named(context, principal, asked.name, fields)

    def step(session: Session) -> Incident:
        done = perform(session, desk, incident_id, asked.name, version=asked.version, fields=fields)
        audit.record(
            session,
            actor=principal.username,
            act=f"incident.{asked.name}",
            subject=str(incident_id),
            detail={"number": done.number, "version": done.version, "status": done.status.value},
            now=desk.now,
        )
        return done

    try:
        done = context.database.write(step, urgent=True)
    except Conflict as error:
        error.extra |= _changed(context, incident_id, asked.version)
        raise
    return _detail(context, principal, done)


def _check_named(context: NodeContext, principal: Principal, name: str, fields: Mapping[str, object]) -> None:
    """Raise Invalid where a step names an incident outside of the person's area, in the words for one that is none."""
    areas = areas_of(context, principal)
    if name != "duplicate" or areas is None:
        return
    number = str(fields.get("of") or "").strip()
    known = context.database.read(lambda session: rows.find_number(session, number))
    if known is not None and context.database.read(lambda session: rows.get(session, known)).area_code not in areas:
        words = f"không có sự cố nào khác mang số {number}"
        raise Invalid(words, errors=[{"field": "of", "message": "không tìm thấy sự cố này"}])


def _changed(context: NodeContext, incident_id: UUID, seen: int) -> dict[str, object]:
    """What happened since the version that somebody saw: how it stands now, and the last lines, the newest last."""
    look = look_of(context)
    found, events = context.database.read(
        lambda session: (rows.get(session, incident_id), timeline(session, incident_id))
    )
    newer = min(max(found.version - seen, 0), MOST_CHANGES)
    view = incident_view(found, look)
    return {
        "version": found.version,
        "current": {name: view[name] for name in _CURRENT},
        "changes": [event_view(event, look) for event in events[len(events) - newer :]],
    }


def open_items(context: NodeContext, principal: Principal) -> dict[str, Any]:
    """The head of the queue for the live connection, in working order, and how many there are in all."""
    wanted = Filter(is_open=True, areas=areas_of(context, principal))
    found = context.database.read(lambda session: listing.page(session, wanted, limit=LIVE_ITEMS, cursor=None))
    look = look_of(context)
    area = scope_of(context, principal).told()
    return {"items": [incident_view(one, look) for one in found.items], "total": found.total, "area": area}


def areas_of(context: NodeContext, principal: Principal) -> Collection[str] | None:
    """The units whose incidents this person may see; None for everything that the centre knows."""
    return scope_of(context, principal).codes


def look_of(context: NodeContext) -> Look:
    """How this centre looks at things now."""
    return Look(context.centre, context.registry.current, context.territory, context.clock.now())


def is_allowed(principal: Principal, who: Who) -> bool:
    """Whether a person may take the acts of an operator, a supervisor or a citizen."""
    needed = _NEEDS.get(who)
    return needed is not None and needed in principal.permissions


def visible(request: Request, principal: Principal, incident_id: UUID) -> Incident:
    """The incident, if it lies in this person's area; raises NotFound otherwise."""
    context: NodeContext = request.app.state.node
    found = context.database.read(lambda session: rows.get(session, incident_id))
    areas = areas_of(context, principal)
    if areas is not None and found.area_code not in areas:
        check_within(request, principal, found.area_code)
    return found


def _detail(context: NodeContext, principal: Principal, found: Incident) -> dict[str, Any]:
    look = look_of(context)
    events, proofs, receipts = context.database.read(lambda session: _known_of(session, found, look))
    able = possible(found, context.centre.name, context.centre.parent, is_locked=context.custody_locked())
    may_act = Permission.INCIDENT_ACT in principal.permissions
    return incident_view(found, look) | {
        "timeline": [event_view(event, look) for event in events],
        "actions": actions_view(able, lambda who: may_act and is_allowed(principal, who)),
        "proofs": [proof_view(proof, look) for proof in proofs],
        "receipts": receipts_view(receipts, look) if receipts else None,
    }


def _known_of(session: Session, found: Incident, look: Look) -> tuple[list[Event], list[Proof], Standing | None]:
    """The timeline, the verified records, and who above has confirmed its own first word."""
    is_own = found.origin == look.centre.name and found.content_rid is not None
    receipts = None
    if is_own and found.content_rid is not None:
        receipts = standing(session, found.content_rid, name=look.centre.name, registry=look.registry)
    return timeline(session, found.id), rows.proofs(session, found.id), receipts


def _chosen(text: str, field: str, read: Callable[[str], T]) -> tuple[T, ...]:
    """The values of a filter written with commas; raises Invalid for an unknown one."""
    try:
        return tuple(read(word) for word in text.split(",") if word)
    except ValueError as error:
        raise Invalid("bộ lọc không hợp lệ", errors=[{"field": field, "message": "giá trị không có"}]) from error
