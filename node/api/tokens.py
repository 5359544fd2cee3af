"""Who is planned and who has joined, and one-time tokens: for commands on this machine, through the node's socket."""

from typing import Any

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel, Field
from sqlalchemy.orm import Session
from starlette.concurrency import run_in_threadpool

from federation.enrolment.desk import EnrolmentDesk
from node import audit
from node.access import public
from node.context import NodeContext
from node.errors import Conflict, Forbidden, Invalid, NodeError, NotFound, Unavailable
from node.territory import Tier
from pki.errors import PkiError
from pki.registry import CentreEntry, Registry

local_router = APIRouter(prefix="/local/v1/centres", tags=["local"], dependencies=[Depends(public)])

_LOCAL = "local"  # whoever may open the node's socket is its owner
_ERRORS: dict[str, type[NodeError]] = {
    "NOT_PLANNED": NotFound,
    "UNKNOWN_CENTRE": NotFound,
    "PARENT_UNKNOWN": NotFound,
    "NOT_YOURS": Forbidden,
    "NO_AUTHORITY": Forbidden,
    "INCOMPLETE": Invalid,
    "PARENT_ABSENT": Invalid,
    "UNREACHABLE": Unavailable,
    "TOO_OFTEN": Unavailable,
}


class NewCentre(BaseModel):
    """A centre that shall join."""

    code: str = Field(min_length=1, max_length=16, pattern=r"^[0-9A-Za-z.-]+$")
    title: str = Field(min_length=1, max_length=200)
    tier: Tier
    parent_code: str | None = Field(default=None, max_length=16)


class TokenWish(BaseModel):
    """Whether a centre that has joined shall change its keys."""

    replace_keys: bool = False


def centre_view(entry: CentreEntry) -> dict[str, Any]:
    """Describe a line of the registry to a program."""
    return {
        "name": entry.name,
        "code": entry.code,
        "title": entry.title,
        "tier": entry.tier,
        "parent": entry.parent,
        "state": entry.state,
        "since": entry.since.isoformat(),
        "until": entry.until.isoformat() if entry.until else None,
        "keys": len(entry.sign_certificates),
    }


def registry_view(registry: Registry) -> dict[str, Any]:
    """Describe a registry to a program."""
    return {
        "version": registry.version,
        "tree_version": registry.tree_version,
        "issued_at": registry.issued_at.isoformat(),
        "expires_at": registry.expires_at.isoformat(),
        "denied": len(registry.contents.denied),
        "centres": [centre_view(one) for one in registry.centres],
    }


@local_router.get("", summary="The registry as this node knows it")
def everyone(request: Request) -> dict[str, Any]:
    """List every centre with its state, under the version of the registry."""
    context: NodeContext = request.app.state.node
    registry = context.registry.current
    return registry_view(registry)


@local_router.post("", status_code=201, summary="Plan a centre, at the node that has the authority")
async def plan(request: Request, body: NewCentre) -> dict[str, Any]:
    """Mint a registry name for a centre that shall join."""
    try:
        entry = await _desk(request).plan(body.code, body.title, body.tier.value, body.parent_code)
    except PkiError as error:
        raise _told(error) from error
    await _record(request, "centre.plan", entry.name, {"code": entry.code, "tier": entry.tier})
    return centre_view(entry)


@local_router.post("/{code}/token", status_code=201, summary="A one-time token for a planned centre")
async def token(request: Request, code: str, body: TokenWish) -> dict[str, str]:
    """Give the token's text, once; neither this node nor the authority can show it again."""
    try:
        text = await _desk(request).token(code, replace_keys=body.replace_keys)
    except PkiError as error:
        raise _told(error) from error
    await _record(request, "token.issue", code, {"replace_keys": body.replace_keys})
    return {"token": text}


@local_router.post("/{code}/revoke", summary="End a centre's membership, at the node that has the authority")
async def revoke(request: Request, code: str) -> dict[str, Any]:
    """Refuse the centre from now on; its past records still verify."""
    try:
        entry = await _desk(request).revoke(code)
    except PkiError as error:
        raise _told(error) from error
    await _record(request, "centre.revoke", entry.name, {"code": code})
    return centre_view(entry)


def _desk(request: Request) -> EnrolmentDesk:
    desk: EnrolmentDesk = request.app.state.enrolment
    return desk


def _told(error: PkiError) -> NodeError:
    return _ERRORS.get(error.code, Conflict)(str(error), extra={"reason_code": error.code})


async def _record(request: Request, act: str, subject: str, detail: dict[str, object]) -> None:
    context: NodeContext = request.app.state.node

    def step(session: Session) -> None:
        audit.record(session, actor=_LOCAL, act=act, subject=subject, detail=detail, now=context.clock.now())

    await run_in_threadpool(context.database.write, step)
