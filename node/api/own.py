"""The page of one's own account: another password, the telephone, codes on paper, and where one is signed in."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Form, Query, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse
from sqlalchemy.orm import Session

from node import account, door, second_factor
from node.access import Principal, signed_in
from node.api.entry import check_same
from node.api.form import check_form, visit_of
from node.api.session import end_one, end_sessions, sessions_of
from node.api.telephone import picture, spaced
from node.context import NodeContext
from node.errors import Conflict, NodeError
from node.page import Language, language_of, moment, render, say
from node.password import hash_password
from node.role import ROLE_TITLES

router = APIRouter(prefix="/account", tags=["own account"])

Signed = Annotated[Principal, Depends(signed_in)]
Lang = Annotated[str, Query(max_length=8)]
FormToken = Annotated[str, Form(max_length=128)]
Secret = Annotated[str, Form(max_length=2000)]

_DONE = {
    "password": "Đã đổi mật khẩu. Các phiên khác đã kết thúc.",
    "telephone": "Đã bỏ mã điện thoại của tài khoản này.",
    "sessions": "Đã kết thúc phiên.",
}


@router.get("", response_class=HTMLResponse, summary="The page of one's own account")
def page(
    request: Request, principal: Signed, done: Annotated[str, Query(max_length=16)] = "", lang: Lang = ""
) -> Response:
    """Show the account, its telephone and its sessions."""
    return _account(request, principal, language_of(request, lang), done=done)


@router.post("/password", response_model=None, summary="Replace one's own password")
def change_password(
    request: Request,
    principal: Signed,
    *,
    current: Secret = "",
    password: Secret = "",
    again: Secret = "",
    form: FormToken = "",
) -> Response:
    """Replace the password; every other session ends."""
    context: NodeContext = request.app.state.node
    try:
        check_form(request, principal.session_id, form)
        door.check_password(context, principal, current, visit_of(request))
        check_same(password, again)
        door.refuse_same(context, principal.username, password)
        shortest = context.settings.accounts.shortest_password
        hashed, now = hash_password(principal.username, password, shortest=shortest), context.clock.now()
    except NodeError as error:
        return _account(request, principal, language_of(request), error=error, at="password")
    name, keep = principal.username, principal.session_id
    context.database.write(
        lambda session: account.set_password(session, name, hashed, actor=name, now=now, but=keep), urgent=True
    )
    return RedirectResponse("/account?done=password", 303)


@router.post("/telephone", response_class=HTMLResponse, summary="Begin to set a telephone up")
def begin_telephone(request: Request, principal: Signed, current: Secret = "", form: FormToken = "") -> Response:
    """Ask for the password, then show the picture."""
    context: NodeContext = request.app.state.node
    try:
        check_form(request, principal.session_id, form)
        door.check_password(context, principal, current, visit_of(request))
    except NodeError as error:
        return _account(request, principal, language_of(request), error=error, at="telephone")
    secret, sealed = door.new_secret(context, principal.username, principal.session_id)
    return _telephone(request, principal, secret, sealed)


@router.post("/telephone/code", response_class=HTMLResponse, summary="Show that the telephone is set up")
def finish_telephone(
    request: Request,
    principal: Signed,
    code: Annotated[str, Form(max_length=64)] = "",
    sealed: Annotated[str, Form(max_length=400)] = "",
    form: FormToken = "",
) -> Response:
    """Take the first code; show the codes for paper."""
    context: NodeContext = request.app.state.node
    name, jti = principal.username, principal.session_id
    try:
        check_form(request, jti, form)
        codes = door.set_telephone(context, name, jti, sealed, code)
    except NodeError as error:
        secret = door.shown_secret(context, name, jti, sealed)
        if secret is None:
            return _account(request, principal, language_of(request), error=error, at="telephone")
        return _telephone(request, principal, secret, sealed, error=error)
    return render(request, "paper.html", language_of(request), codes=codes, onward="/account")


@router.post("/telephone/remove", response_model=None, summary="Sign in without a telephone again")
def remove_telephone(request: Request, principal: Signed, current: Secret = "", form: FormToken = "") -> Response:
    """Remove the second factor, where the role may be without."""
    context: NodeContext = request.app.state.node
    now, name = context.clock.now(), principal.username
    try:
        check_form(request, principal.session_id, form)
        if principal.role in context.settings.accounts.second_factor:
            raise Conflict("vai trò này phải có mã điện thoại")
        door.check_password(context, principal, current, visit_of(request))
    except NodeError as error:
        return _account(request, principal, language_of(request), error=error, at="telephone")
    context.database.write(lambda session: second_factor.remove(session, name, actor=name, now=now))
    return RedirectResponse("/account?done=telephone", 303)


@router.post("/paper", response_class=HTMLResponse, summary="New codes for paper")
def renew_paper(request: Request, principal: Signed, current: Secret = "", form: FormToken = "") -> Response:
    """Replace the codes on paper and show the new ones, this once."""
    context: NodeContext = request.app.state.node
    now, name = context.clock.now(), principal.username
    codes = second_factor.new_codes(context.random)

    def step(session: Session) -> None:
        if second_factor.of(session, name) is None:
            raise Conflict("tài khoản này chưa cài đặt điện thoại")
        second_factor.renew_paper(session, context.factor_key, name, codes, now)

    try:
        check_form(request, principal.session_id, form)
        door.check_password(context, principal, current, visit_of(request))
        context.database.write(step)
    except NodeError as error:
        return _account(request, principal, language_of(request), error=error, at="telephone")
    return render(request, "paper.html", language_of(request), codes=codes, onward="/account")


@router.post("/sessions", response_model=None, summary="End one of one's own sessions, or all others")
def end_session(
    request: Request,
    principal: Signed,
    session_id: Annotated[str, Form(alias="session", max_length=64)] = "",
    form: FormToken = "",
) -> Response:
    """End the session that is named; without a name, all but this one."""
    context: NodeContext = request.app.state.node
    try:
        check_form(request, principal.session_id, form)
        if session_id:
            end_one(context, principal.username, session_id, principal.username)
        else:
            end_sessions(context, principal.username, principal.username, principal.session_id)
    except NodeError as error:
        return _account(request, principal, language_of(request), error=error, at="sessions")
    return RedirectResponse("/account?done=sessions", 303)


def _telephone(
    request: Request, principal: Principal, secret: bytes, sealed: str, *, error: NodeError | None = None
) -> HTMLResponse:
    context: NodeContext = request.app.state.node
    words = {
        "form": context.tokens.form_token(principal.session_id),
        "sealed": sealed,
        "picture": picture(context, principal.username, secret),
        "secret": spaced(secret),
        "error": error.detail if error else "",
    }
    status = error.status if error else 200
    return render(request, "telephone_page.html", language_of(request), status=status, **words)


def _account(
    request: Request,
    principal: Principal,
    language: Language,
    *,
    done: str = "",
    error: NodeError | None = None,
    at: str = "",
) -> HTMLResponse:
    context: NodeContext = request.app.state.node
    factor = context.database.read(lambda session: second_factor.of(session, principal.username))
    on = context.territory.local_date(context.clock.now())
    area = context.territory.area(principal.area_code, on) if principal.area_code else None
    words: dict[str, Any] = {
        "who": principal,
        "role": say(ROLE_TITLES[principal.role], language),
        "area": area.name if area else principal.area_code or "",
        "factor": factor,
        "is_required": principal.role in context.settings.accounts.second_factor,
        "sessions": [_shown(one) for one in sessions_of(context, principal.username, principal.session_id)],
        "form": context.tokens.form_token(principal.session_id),
        "shortest": context.settings.accounts.shortest_password,
        "done": _DONE.get(done, ""),
        "error": error.detail if error else "",
        "at": at,
        "home": "/dash/" if context.settings.http.public_url else "/docs",
        "since": moment(factor.since) if factor else "",
    }
    return render(request, "account.html", language, status=error.status if error else 200, **words)


def _shown(one: dict[str, Any]) -> dict[str, Any]:
    return {**one, "since": moment(one["since"]), "seen_at": moment(one["seen_at"])}
