"""Where a person's request about their own data is carried out: by the staff, or by a command of this machine."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import RowMapping

from modules.citizen import subject
from modules.citizen.subject import Asked, May
from node.access import Permission, Principal, check_within, require
from node.context import NodeContext
from node.errors import NodeError

router = APIRouter(prefix="/api/desk/subject", tags=["Phản ánh của người dân: cán bộ"])
local_router = APIRouter(prefix="/subject", include_in_schema=False)

Discloser = Annotated[Principal, Depends(require(Permission.REPORT_IDENTITY))]
Approver = Annotated[Principal, Depends(require(Permission.INCIDENT_APPROVE))]
LOCAL = "lệnh trên máy chủ"


class Wish(BaseModel):
    """Whose data, and why."""

    model_config = ConfigDict(extra="forbid")

    phone: str = Field(default="", max_length=40, description="The telephone that reports were sent with.")
    code: str = Field(default="", max_length=48, description="The receipt of one report.")
    reason: str = Field(max_length=2000, description="Stands in the audit log beside the name of who asked.")


def _context(request: Request) -> NodeContext:
    context: NodeContext = request.app.state.node
    return context


def _asked(wish: Wish, actor: str) -> Asked:
    return Asked(phone=wish.phone, code=wish.code, reason=wish.reason, actor=actor)


def _within(request: Request, principal: Principal) -> May:
    """Whether a report lies in the area that the person's account is for."""

    def may(row: RowMapping) -> bool:
        try:
            check_within(request, principal, row["area_code"])
        except NodeError:
            return False
        return True

    return may


def _packed(content: bytes) -> Response:
    headers = {"Content-Disposition": 'attachment; filename="du-lieu-ca-nhan.zip"', "Cache-Control": "no-store"}
    return Response(content, media_type="application/zip", headers=headers)


def _export(context: NodeContext, asked: Asked, may: May) -> Response:
    found = context.database.read(lambda session: subject.find(session, asked, may))
    packed = context.database.read(lambda session: subject.pack(session, context, found))
    context.database.write(lambda session: subject.note_export(session, context, asked, found))
    return _packed(packed)


def _erase(context: NodeContext, asked: Asked, may: May) -> dict[str, Any]:
    erased = context.database.write(lambda session: subject.erase(session, context, asked, may))
    return {"erased": erased.parts, "open": list(erased.open_codes), "left": erased.left}


@router.post("/export", response_class=Response)
def exported(request: Request, principal: Discloser, wish: Wish) -> Response:
    """Everything that is held of a person, as a ZIP; the reason is kept in the audit log."""
    return _export(_context(request), _asked(wish, principal.username), _within(request, principal))


@router.post("/erasure")
def erasure(request: Request, principal: Approver, wish: Wish) -> dict[str, Any]:
    """Delete what is held of a person; `open`: cases whose words stay until they are over, `left`: ask again."""
    return _erase(_context(request), _asked(wish, principal.username), _within(request, principal))


@local_router.post("/export", response_class=Response)
def exported_here(request: Request, wish: Wish) -> Response:
    """The same for a command on this machine."""
    return _export(_context(request), _asked(wish, LOCAL), lambda _row: True)


@local_router.post("/erasure")
def erased_here(request: Request, wish: Wish) -> dict[str, Any]:
    """The same for a command on this machine."""
    return _erase(_context(request), _asked(wish, LOCAL), lambda _row: True)
