"""Sign in, say who is signed in, sign out."""

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Form, Query, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse
from pydantic import BaseModel, Field
from sqlalchemy.orm import Session

from node import account, audit, login
from node.access import Principal, check_origin, public, set_cookie, signed_in
from node.api.health import entrance_of
from node.context import NodeContext
from node.errors import Forbidden, NodeError, TooMany, Unauthenticated
from node.page import Language, language_of, render

router = APIRouter(tags=["session"])

_REFUSED = "Sai tên đăng nhập hoặc mật khẩu, hoặc tài khoản đang tạm khóa."
_A_MINUTE = 60.0
_PER_ADDRESS, _PER_ACCOUNT = 300, 30
# Wrong passwords of one address for one name: what it may try, and how much of that may count against the account. So
# nobody closes another's account from one place: that takes six, and each only so much a day.
_WRONG, _WRONG_S = 5, 15 * _A_MINUTE
_COUNTED, _COUNTED_S = 5, 24 * 60 * _A_MINUTE


class Credentials(BaseModel):
    """A name and a password."""

    username: str = Field(min_length=1, max_length=64)
    password: str = Field(min_length=1, max_length=account.LONGEST_PASSWORD)


@router.get("/login", response_class=HTMLResponse, dependencies=[Depends(public)], summary="The page to sign in on")
def login_page(
    request: Request,
    goal: Annotated[str, Query(alias="next", max_length=2000)] = "",
    lang: Annotated[str, Query(max_length=8)] = "",
) -> HTMLResponse:
    """Show the form."""
    return _page(request, goal, language_of(request, lang))


@router.post("/login", dependencies=[Depends(public)], response_model=None, summary="Sign in by the page's form")
def login_form(
    request: Request,
    username: Annotated[str, Form(max_length=64)] = "",
    password: Annotated[str, Form(max_length=2000)] = "",
    goal: Annotated[str, Form(alias="next", max_length=2000)] = "",
    lang: Annotated[str, Form(max_length=8)] = "",
) -> Response:
    """Open a session and go where the person wanted to; show the form again if that is refused."""
    context: NodeContext = request.app.state.node
    language = language_of(request, lang)
    try:
        check_origin(request)
        _, token, expires_at = _sign_in(context, username.strip().lower(), password, _address(request))
    except (Unauthenticated, Forbidden, TooMany) as error:
        return _page(request, goal, language, error=error, username=username)
    response = RedirectResponse(_inside(goal) or _home(context), 303)
    set_cookie(response, context, token, expires_at)
    return response


@router.post("/logout", response_model=None, summary="Sign out by the page's button")
def logout(request: Request, principal: Annotated[Principal, Depends(signed_in)]) -> Response:
    """Close the session, also for whoever copied its token."""
    context: NodeContext = request.app.state.node
    now = context.clock.now()

    def close(session: Session) -> None:
        login.end(session, principal.session_id, now)
        audit.record(session, actor=principal.username, act="login.end", subject=principal.username, now=now)

    context.database.write(close, urgent=True)
    response = RedirectResponse("/login", 303)
    response.delete_cookie(context.tokens.cookie, path="/")
    return response


@router.post("/api/v1/session", dependencies=[Depends(public)], summary="Sign in by a program")
def open_session(request: Request, response: Response, body: Credentials) -> dict[str, Any]:
    """Open a session; the token is in the cookie only."""
    context: NodeContext = request.app.state.node
    check_origin(request)
    principal, token, expires_at = _sign_in(context, body.username.strip().lower(), body.password, _address(request))
    set_cookie(response, context, token, expires_at)
    return {"token_expires_at": expires_at.isoformat(), "principal": view(principal)}


@router.get("/api/v1/session", summary="Who is signed in, and at which centre")
def who(request: Request, principal: Annotated[Principal, Depends(signed_in)]) -> dict[str, Any]:
    """Say who is asking and what that person may do."""
    centre = request.app.state.node.centre
    place = {"name": centre.name, "code": centre.code, "title": centre.title, "tier": centre.tier.value}
    return {**view(principal), "centre": place}


def view(principal: Principal) -> dict[str, Any]:
    """Describe a principal to a program."""
    return {
        "username": principal.username,
        "display_name": principal.display_name,
        "role": principal.role.value,
        "area_code": principal.area_code,
        "permissions": sorted(permission.value for permission in principal.permissions),
    }


def _sign_in(context: NodeContext, username: str, password: str, address: str) -> tuple[Principal, str, datetime]:
    """Compare outside the writer, decide inside it; the answer does not tell whether the name exists."""
    if not (
        context.pace.allow(f"login:{address}", _PER_ADDRESS, _A_MINUTE)
        and context.pace.allow(f"login:{address}:{username}", _PER_ACCOUNT, _A_MINUTE)
    ):
        raise TooMany("quá nhiều lần đăng nhập, hãy thử lại sau một phút")
    wrong, counted = f"wrong:{address}:{username}", f"counted:{address}:{username}"
    may_try = context.pace.allow(wrong, _WRONG, _WRONG_S)  # taken first: a hundred tries at once are no way around
    stored = context.database.read(lambda session: account.password_hash_of(session, username))
    is_right = may_try and account.is_password(stored, password)
    now, jti = context.clock.now(), context.random(16).hex()

    def decide(session: Session) -> tuple[Principal, datetime] | None:
        if not is_right or not login.is_open(session, username=username, now=now):
            counts = may_try and not is_right and context.pace.allow(counted, _COUNTED, _COUNTED_S)
            account.note_failure(session, username, now, address, counts=counts)
            return None
        if account.password_hash_of(session, username) != stored:
            return None  # changed while it was compared
        account.note_success(session, username)
        expires_at = login.begin(session, jti=jti, username=username, now=now)
        audit.record(session, actor=username, act="login.begin", subject=username, detail={"address": address}, now=now)
        principal = login.principal(session, jti=jti, username=username, now=now)
        return (principal, expires_at) if principal else None

    opened = context.database.write(decide, urgent=True)
    if opened is None:
        raise Unauthenticated(_REFUSED)
    context.pace.forget(wrong)
    principal, expires_at = opened
    return principal, context.tokens.sign(username=username, jti=jti, expires_at=expires_at), expires_at


def _page(
    request: Request, goal: str, language: Language, *, error: NodeError | None = None, username: str = ""
) -> HTMLResponse:
    words = {
        "error": error.detail if error else "",
        "username": username[:64],
        "next": _inside(goal),
        "has_entrance": bool(entrance_of(request.app.state.node)),
    }
    return render(request, "login.html", language, status=error.status if error else 200, **words)


def _inside(goal: str) -> str:
    """Keep a path of our own; anything that a browser could read as another site is dropped."""
    is_path = goal.startswith("/") and not goal.startswith("//") and "\\" not in goal and goal.isprintable()
    return goal if is_path else ""


def _home(context: NodeContext) -> str:
    return "/dash/" if context.settings.http.public_url else "/docs"


def _address(request: Request) -> str:
    return request.client.host if request.client else "-"
