"""Sign in by a program, say who is signed in, sign out; and the sessions that somebody has open."""

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Form, Request, Response
from fastapi.responses import RedirectResponse
from pydantic import BaseModel, Field
from sqlalchemy.orm import Session

from node import account, audit, device, door, login
from node.access import Principal, check_origin, public, set_cookie, signed_in
from node.api.form import check_form, visit_of
from node.context import NodeContext
from node.errors import NotFound
from node.login import Sitting

router = APIRouter(tags=["session"])

Signed = Annotated[Principal, Depends(signed_in)]


class Credentials(BaseModel):
    """A name, a password, and what else the door may ask for."""

    username: str = Field(min_length=1, max_length=64)
    password: str = Field(min_length=1, max_length=account.LONGEST_PASSWORD)
    code: str = Field(default="", max_length=64)
    new_password: str = Field(default="", max_length=account.LONGEST_PASSWORD)


@router.post("/logout", response_model=None, summary="Sign out by the page's button")
def logout(request: Request, principal: Signed, form: Annotated[str, Form(max_length=128)] = "") -> Response:
    """Close the session, also for whoever copied its token."""
    check_form(request, principal.session_id, form)
    _close(request, principal)
    response = RedirectResponse("/login", 303)
    response.delete_cookie(request.app.state.node.tokens.cookie, path="/")
    return response


@router.post("/api/v1/session", dependencies=[Depends(public)], summary="Sign in by a program")
def open_session(request: Request, response: Response, body: Credentials) -> dict[str, Any]:
    """Open a session; the token is in the cookie only."""
    context: NodeContext = request.app.state.node
    check_origin(request)
    passage = door.open_by_program(
        context,
        body.username.strip().lower(),
        body.password,
        visit_of(request),
        code=body.code,
        new_password=body.new_password,
    )
    set_cookie(response, context, passage.token, passage.expires_at)
    return {
        "token_expires_at": passage.expires_at.isoformat(),
        "principal": view(passage.principal) if passage.principal else None,
    }


@router.delete("/api/v1/session", status_code=204, summary="Sign out by a program")
def close_session(request: Request, response: Response, principal: Signed) -> None:
    """Close the session that asks."""
    _close(request, principal)
    response.delete_cookie(request.app.state.node.tokens.cookie, path="/")


@router.get("/api/v1/session", summary="Who is signed in, and at which centre")
def who(request: Request, principal: Signed) -> dict[str, Any]:
    """Say who is asking and what that person may do."""
    context: NodeContext = request.app.state.node
    centre = context.centre
    place = {"name": centre.name, "code": centre.code, "title": centre.title, "tier": centre.tier.value}
    return {**view(principal), "centre": place, "form": context.tokens.form_token(principal.session_id)}


@router.get("/api/v1/sessions", summary="The sessions that one has open")
def own_sessions(request: Request, principal: Signed) -> dict[str, Any]:
    """List one's own sessions, the last used first."""
    return {"items": sessions_of(request.app.state.node, principal.username, principal.session_id)}


@router.delete("/api/v1/sessions", summary="End one's other sessions")
def end_others(request: Request, principal: Signed) -> dict[str, int]:
    """Close every session of one's own but the one that asks."""
    return {"ended": end_sessions(request.app.state.node, principal.username, principal.username, principal.session_id)}


@router.delete("/api/v1/sessions/{session_id}", summary="End one of one's own sessions")
def end_own(request: Request, session_id: str, principal: Signed) -> dict[str, int]:
    """Close one session of one's own."""
    return {"ended": end_one(request.app.state.node, principal.username, session_id, principal.username)}


def view(principal: Principal) -> dict[str, Any]:
    """Describe a principal to a program."""
    return {
        "username": principal.username,
        "display_name": principal.display_name,
        "role": principal.role.value,
        "area_code": principal.area_code,
        "permissions": sorted(permission.value for permission in principal.permissions),
    }


def sessions_of(context: NodeContext, username: str | None, current: str = "") -> list[dict[str, Any]]:
    """Describe the open sessions of one person, or of all."""
    now, idle = context.clock.now(), context.settings.accounts.idle
    found = context.database.read(lambda session: login.sittings(session, now, idle=idle, username=username))
    return [_sitting(one, current) for one in found]


def end_sessions(context: NodeContext, username: str, actor: str, but: str = "") -> int:
    """Close a person's sessions, with a line in the audit; say how many."""
    now = context.clock.now()

    def step(session: Session) -> int:
        account.get(session, username)
        ended = login.end_all(session, username, now, but=but)
        detail = {"ended": ended}
        audit.record(session, actor=actor, act="session.end_all", subject=username, detail=detail, now=now)
        return ended

    return context.database.write(step, urgent=True)


def end_one(context: NodeContext, username: str, jti: str, actor: str) -> int:
    """Close one session of a person, with a line in the audit; raise NotFound for one that is not that person's."""
    now = context.clock.now()

    def step(session: Session) -> int:
        if login.owner_of(session, jti) != username:
            raise NotFound("không có phiên này")
        ended = login.end(session, jti, now)
        audit.record(session, actor=actor, act="session.end", subject=username, now=now)
        return int(ended is not None)

    return context.database.write(step, urgent=True)


def _sitting(one: Sitting, current: str) -> dict[str, Any]:
    times: dict[str, datetime] = {"since": one.begun_at, "seen_at": one.seen_at, "expires_at": one.expires_at}
    return {
        "id": one.jti,
        "username": one.username,
        "address": one.address,
        "device": device.name_of(one.device),
        **{name: at.isoformat() for name, at in times.items()},
        "is_current": one.jti == current,
    }


def _close(request: Request, principal: Principal) -> None:
    context: NodeContext = request.app.state.node
    now = context.clock.now()

    def close(session: Session) -> None:
        login.end(session, principal.session_id, now)
        audit.record(session, actor=principal.username, act="login.end", subject=principal.username, now=now)

    context.database.write(close, urgent=True)
