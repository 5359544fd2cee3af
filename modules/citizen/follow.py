"""What whoever holds a receipt may ask: where the report stands; to rate it and to have it opened again."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse, RedirectResponse, Response
from sqlalchemy.orm import Session
from starlette.concurrency import run_in_threadpool

from modules.citizen import intake, publication, rendering, tracking
from modules.citizen.asking import PROBLEMS, node_of, settings_of, slow_down, wants_page
from modules.citizen.receipt import read_receipt
from modules.citizen.rendering import BASE, page
from modules.citizen.texts import translator
from node.access import public
from node.errors import Conflict, NodeError, NotFound, TooMany
from node.incident.steps import RATINGS

router = APIRouter(dependencies=[Depends(public)], tags=["Phản ánh của người dân"])


@router.get("/api/reports/{code}", responses={404: {"description": "Không có mã này"}})
def followed(request: Request, code: str) -> JSONResponse:
    """Where a report stands, for whoever holds its receipt."""
    found = _view(request, code, rendering.language_of(request))
    return JSONResponse(found, headers={"Cache-Control": "no-store"})


def _view(request: Request, typed: str, language: str) -> dict[str, Any]:
    context = node_of(request)
    slow_down(request, "lookup", settings_of(context).lookups_per_minute)
    viewer = tracking.Viewer(context, translator(language))
    code = _known_form(typed)
    return context.database.read(lambda session: tracking.view(session, viewer, code))


def _known_form(typed: str) -> str:
    code = read_receipt(typed)
    if code is None:
        raise NotFound("Không có phản ánh với mã này")
    return code


def _ask_page(request: Request, typed: str, error: NodeError | None = None) -> Response:
    language = rendering.language_of(request)
    say = translator(language)
    problem = None
    if isinstance(error, NotFound):
        problem = {
            "title": say("Không có phản ánh với mã này"),
            "detail": say(
                "Hãy xem lại từng ký tự. Mã có 12 ký tự, không phân biệt chữ hoa, chữ thường; "
                "chữ O đọc là số 0, chữ I đọc là số 1."
            ),
        }
    elif error is not None:
        problem = {"title": say(error.title), "detail": say(error.detail)}
    status = int(error.status) if error else 200
    return page("track.html", node_of(request), language, status=status, values={"problem": problem, "typed": typed})


@router.get("/track", response_class=Response)
def ask(request: Request, code: str = "") -> Response:
    """The page that asks for a receipt code."""
    if not code.strip():
        return _ask_page(request, "")
    known = read_receipt(code)
    if known is None:
        return _ask_page(request, code[:40], NotFound())
    english = "?lang=en" if rendering.language_of(request) == "en" else ""
    return RedirectResponse(f"{BASE}/track/{known}{english}", status_code=303)


@router.get("/track/{code}", response_class=Response)
def track(request: Request, code: str, sent: bool = False) -> Response:
    """The page that shows where a report stands."""
    language = rendering.language_of(request)
    try:
        found = _view(request, code, language)
    except (NotFound, TooMany) as error:
        return _ask_page(request, code[:40], error)
    values = {"report": found, "sent": sent, "ratings": RATINGS}
    return page("report.html", node_of(request), language, values=values)


@router.post("/api/reports/{code}/rating", responses=PROBLEMS)
async def rating(request: Request, code: str) -> Response:
    """The reporter's word on the result: satisfied, accepted, unsatisfied."""
    sent = await _small_form(request)
    context = node_of(request)
    return await _after(
        request,
        sent,
        code,
        lambda session, known: tracking.rate(session, context, known, sent.field("rating"), sent.field("comment")),
    )


@router.post("/api/reports/{code}/reopening", responses=PROBLEMS)
async def reopening(request: Request, code: str) -> Response:
    """Open a report again that is not solved, with the reason."""
    sent = await _small_form(request)
    context = node_of(request)
    return await _after(
        request, sent, code, lambda session, known: tracking.reopen(session, context, known, sent.field("reason"))
    )


async def _small_form(request: Request) -> intake.Sent:
    slow_down(request, "lookup", settings_of(node_of(request)).lookups_per_minute)
    return replace(await intake.read_form(request), photo=None)


async def _after(request: Request, sent: intake.Sent, typed: str, step: Callable[[Session, str], None]) -> Response:
    context = node_of(request)
    language = rendering.language_of(request, sent.field("lang"))
    code = _known_form(typed)
    english = "?lang=en" if language == "en" else ""
    try:
        await run_in_threadpool(context.database.write, lambda session: step(session, code))
    except Conflict:
        if not wants_page(request):
            raise
    if wants_page(request):
        return RedirectResponse(f"{BASE}/track/{code}{english}", status_code=303)
    viewer = tracking.Viewer(context, translator(language))
    found = await run_in_threadpool(context.database.read, lambda session: tracking.view(session, viewer, code))
    return JSONResponse(found, headers={"Cache-Control": "no-store"})


@router.get("/published", response_class=Response)
def published(request: Request) -> Response:
    """The page of the reports that were published, without anybody's identity."""
    context = node_of(request)
    language = rendering.language_of(request)
    slow_down(request, "lookup", settings_of(context).lookups_per_minute)
    listed = context.database.read(lambda session: publication.published(session, context, translator(language)))
    return page("published.html", context, language, values={"reports": listed})
