"""Newcomers that wait for somebody here to compare their fingerprint: for the screen, and for local commands."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel
from sqlalchemy.orm import Session
from starlette.concurrency import run_in_threadpool

from federation.enrolment.desk import EnrolmentDesk
from federation.enrolment.waiting import Newcomer
from node import audit
from node.access import Permission, Principal, public, require
from node.context import NodeContext
from node.errors import NotFound
from pki.errors import PkiError

router = APIRouter(prefix="/api/v1/enrolments", tags=["enrolments"])
local_router = APIRouter(prefix="/local/v1/enrolments", tags=["local"], dependencies=[Depends(public)])

Registrar = Annotated[Principal, Depends(require(Permission.TOKEN_ISSUE))]
_LOCAL = "local"


class Decision(BaseModel):
    """What somebody decided who has compared the fingerprints."""

    decision: Literal["approved", "refused"]


@router.get("", summary="Newcomers that wait for their fingerprint to be compared")
async def waiting(request: Request, principal: Registrar) -> dict[str, Any]:
    """List who waits, and whether this node asks for that at all."""
    _ = principal
    return _listed(request)


@router.post("/{fingerprint}", summary="Approve or refuse a newcomer")
async def decide(request: Request, fingerprint: str, body: Decision, principal: Registrar) -> dict[str, Any]:
    """Let exactly this request go on to the authority, or refuse it; remembered with the name of who decided."""
    return await _decided(request, fingerprint, body.decision, principal.username)


@local_router.get("", summary="Newcomers that wait, for a command on this machine")
async def waiting_here(request: Request) -> dict[str, Any]:
    """List who waits, and whether this node asks for that at all."""
    return _listed(request)


@local_router.post("/{fingerprint}", summary="Approve or refuse a newcomer, for a command on this machine")
async def decide_here(request: Request, fingerprint: str, body: Decision) -> dict[str, Any]:
    """Let exactly this request go on to the authority, or refuse it."""
    return await _decided(request, fingerprint, body.decision, _LOCAL)


def _listed(request: Request) -> dict[str, Any]:
    desk, context = _desk(request), _context(request)
    return {
        "asked": desk.waiting_room is not None,
        "items": [_view(one) for one in desk.newcomers(context.clock.now())],
    }


async def _decided(request: Request, fingerprint: str, decision: str, actor: str) -> dict[str, Any]:
    context = _context(request)
    now = context.clock.now()
    try:
        decided = _desk(request).decide(fingerprint, decision, actor, now)
    except PkiError as error:
        raise NotFound(error.reason, extra={"reason_code": error.code}) from error

    def step(session: Session) -> None:
        detail: dict[str, object] = {"address": decided.address}
        act = "enrolment.approve" if decision == "approved" else "enrolment.refuse"
        audit.record(session, actor=actor, act=act, subject=decided.fingerprint, detail=detail, now=now)

    await run_in_threadpool(context.database.write, step)
    return _view(decided)


def _view(one: Newcomer) -> dict[str, Any]:
    return {
        "fingerprint": one.fingerprint,
        "address": one.address,
        "since": one.since.isoformat(),
        "last_at": one.last_at.isoformat(),
        "decision": one.decision,
    }


def _desk(request: Request) -> EnrolmentDesk:
    desk: EnrolmentDesk = request.app.state.enrolment
    return desk


def _context(request: Request) -> NodeContext:
    context: NodeContext = request.app.state.node
    return context
