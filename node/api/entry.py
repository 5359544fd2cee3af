"""The pages by which a person signs in: a password, and the steps that an account may need before the door opens."""

from typing import Annotated, Any
from urllib.parse import quote

from fastapi import APIRouter, Depends, Form, Query, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse

from node import door
from node.access import Claims, public, set_cookie
from node.api.form import check_form, remember, visit_of, visitor_of
from node.api.health import entrance_of
from node.api.telephone import picture, spaced
from node.context import NodeContext
from node.door import Passage
from node.errors import Forbidden, Invalid, NodeError, TooMany, Unauthenticated
from node.login import Stage
from node.page import Language, language_of, render

router = APIRouter(tags=["session"], dependencies=[Depends(public)])

_EXPECTED = (Unauthenticated, Forbidden, TooMany, Invalid)

Goal = Annotated[str, Query(alias="next", max_length=2000)]
Lang = Annotated[str, Query(max_length=8)]
FormGoal = Annotated[str, Form(alias="next", max_length=2000)]
FormLang = Annotated[str, Form(max_length=8)]
FormToken = Annotated[str, Form(max_length=128)]
Code = Annotated[str, Form(max_length=64)]


@router.get("/login", response_class=HTMLResponse, summary="The page to sign in on")
def login_page(request: Request, goal: Goal = "", lang: Lang = "") -> HTMLResponse:
    """Show the form."""
    return _page(request, goal, language_of(request, lang))


@router.post("/login", response_class=HTMLResponse, summary="Sign in by the page's form")
def login_form(
    request: Request,
    *,
    username: Annotated[str, Form(max_length=64)] = "",
    password: Annotated[str, Form(max_length=2000)] = "",
    form: FormToken = "",
    goal: FormGoal = "",
    lang: FormLang = "",
) -> Response:
    """Open a session, or begin the step before it; show the form again if that is refused."""
    context: NodeContext = request.app.state.node
    try:
        check_form(request, visitor_of(request), form)
        passage = door.knock(context, username.strip().lower(), password, visit_of(request))
    except _EXPECTED as error:
        return _page(request, goal, language_of(request, lang), error=error, username=username)
    return _onward(context, passage, goal)


@router.get("/login/code", response_class=HTMLResponse, summary="The page that asks for the telephone's code")
def code_page(request: Request, goal: Goal = "", lang: Lang = "") -> Response:
    """Show the form."""
    return _step(request, Stage.CODE, goal, language_of(request, lang))


@router.post("/login/code", response_class=HTMLResponse, summary="Give the telephone's code")
def code_form(
    request: Request, code: Code = "", form: FormToken = "", goal: FormGoal = "", lang: FormLang = ""
) -> Response:
    """Take a code of the telephone, or one on paper."""
    context: NodeContext = request.app.state.node
    language = language_of(request, lang)
    try:
        claims = _claims(request, Stage.CODE, form)
        passage = door.give_code(context, claims, code, visit_of(request))
    except _EXPECTED as error:
        return _step(request, Stage.CODE, goal, language, error=error)
    return _onward(context, passage, goal)


@router.get("/login/password", response_class=HTMLResponse, summary="The page that asks for a password of one's own")
def password_page(request: Request, goal: Goal = "", lang: Lang = "") -> Response:
    """Show the form."""
    return _step(request, Stage.PASSWORD, goal, language_of(request, lang))


@router.post("/login/password", response_class=HTMLResponse, summary="Replace the one-time password")
def password_form(
    request: Request,
    *,
    password: Annotated[str, Form(max_length=2000)] = "",
    again: Annotated[str, Form(max_length=2000)] = "",
    form: FormToken = "",
    goal: FormGoal = "",
    lang: FormLang = "",
) -> Response:
    """Take a password of one's own."""
    context: NodeContext = request.app.state.node
    try:
        claims = _claims(request, Stage.PASSWORD, form)
        check_same(password, again)
        passage = door.replace_password(context, claims, password, visit_of(request))
    except _EXPECTED as error:
        return _step(request, Stage.PASSWORD, goal, language_of(request, lang), error=error)
    return _onward(context, passage, goal)


@router.get("/login/telephone", response_class=HTMLResponse, summary="The page to set a telephone up on")
def enrol_page(request: Request, goal: Goal = "", lang: Lang = "") -> Response:
    """Show the picture for the telephone, and the form."""
    return _step(request, Stage.ENROL, goal, language_of(request, lang))


@router.post("/login/telephone", response_class=HTMLResponse, summary="Show that the telephone is set up")
def enrol_form(
    request: Request,
    *,
    code: Code = "",
    sealed: Annotated[str, Form(max_length=400)] = "",
    form: FormToken = "",
    goal: FormGoal = "",
    lang: FormLang = "",
) -> Response:
    """Take the first code; show the codes for paper."""
    context: NodeContext = request.app.state.node
    language = language_of(request, lang)
    try:
        claims = _claims(request, Stage.ENROL, form)
        passage, codes = door.enrol(context, claims, sealed, code, visit_of(request))
    except _EXPECTED as error:
        return _step(request, Stage.ENROL, goal, language, error=error, sealed=sealed)
    page = render(request, "paper.html", language, codes=codes, onward=_inside(goal) or _home(context))
    set_cookie(page, context, passage.token, passage.expires_at)
    return page


def check_same(password: str, again: str) -> None:
    """Raise Invalid where a new password was typed in two ways."""
    if password != again:
        raise Invalid("hai lần nhập mật khẩu mới không giống nhau", errors=[{"field": "again"}])


def _claims(request: Request, stage: Stage, form: str) -> Claims:
    context: NodeContext = request.app.state.node
    claims = door.step_claims(context, request.cookies.get(context.tokens.cookie), stage)
    check_form(request, claims.jti, form)
    return claims


def _onward(context: NodeContext, passage: Passage, goal: str) -> Response:
    """Lead to the next step, or to where the person wanted to go, with the token that belongs there."""
    pages = {Stage.CODE: "/login/code", Stage.PASSWORD: "/login/password", Stage.ENROL: "/login/telephone"}
    inside = _inside(goal)
    suffix = f"?next={quote(inside, safe='')}" if inside else ""
    where = pages[passage.stage] + suffix if passage.stage in pages else inside or _home(context)
    response = RedirectResponse(where, 303)
    set_cookie(response, context, passage.token, passage.expires_at)
    return response


def _step(
    request: Request, stage: Stage, goal: str, language: Language, *, error: NodeError | None = None, sealed: str = ""
) -> Response:
    """Show the page of a step; where the step is over, the first page with the reason."""
    context: NodeContext = request.app.state.node
    try:
        claims = door.step_claims(context, request.cookies.get(context.tokens.cookie), stage)
    except Unauthenticated as over:
        return _page(request, goal, language, error=error or over)
    words: dict[str, Any] = {
        "stage": stage.value,
        "username": claims.username,
        "form": context.tokens.form_token(claims.jti),
        "error": error.detail if error else "",
        "next": _inside(goal),
        "shortest": context.settings.accounts.shortest_password,
    }
    if stage is Stage.ENROL:
        secret = door.shown_secret(context, claims.username, claims.jti, sealed) if sealed else None
        if secret is None:
            secret, sealed = door.new_secret(context, claims.username, claims.jti)
        words |= {"sealed": sealed, "picture": picture(context, claims.username, secret), "secret": spaced(secret)}
    return render(request, "step.html", language, status=error.status if error else 200, **words)


def _page(
    request: Request, goal: str, language: Language, *, error: NodeError | None = None, username: str = ""
) -> HTMLResponse:
    context: NodeContext = request.app.state.node
    visitor = visitor_of(request)
    words = {
        "error": error.detail if error else "",
        "username": username[:64],
        "next": _inside(goal),
        "form": context.tokens.form_token(visitor),
        "has_entrance": bool(entrance_of(context)),
    }
    page = render(request, "login.html", language, status=error.status if error else 200, **words)
    remember(request, page, visitor)
    return page


def _inside(goal: str) -> str:
    """Keep a path of our own; anything that a browser could read as another site is dropped."""
    is_path = goal.startswith("/") and not goal.startswith("//") and "\\" not in goal and goal.isprintable()
    return goal if is_path else ""


def _home(context: NodeContext) -> str:
    return "/dash/" if context.settings.http.public_url else "/docs"
