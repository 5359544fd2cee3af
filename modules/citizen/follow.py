"""What whoever holds a receipt may ask: where the report stands; to rate it and to have it opened again."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse, Response

from modules.citizen import reading, rendering
from modules.citizen.asking import PROBLEMS, counter_of, facts_of, take_turn_to_look, wants_page
from modules.citizen.receipt import read_receipt
from modules.citizen.rendering import BASE, page
from modules.citizen.settings import settings_of
from modules.citizen.texts import translator
from node.access import public
from node.errors import Conflict, NodeError, NotFound, TooMany, Unavailable
from node.incident.steps import RATINGS

router = APIRouter(dependencies=[Depends(public)], tags=["Phản ánh của người dân"])


@router.get("/api/reports/{code}", responses={404: {"description": "Không có mã này"}})
async def followed(request: Request, code: str) -> JSONResponse:
    """Where a report stands, for whoever holds its receipt."""
    found = await _view(request, code, rendering.language_of(request))
    return JSONResponse(found, headers={"Cache-Control": "no-store"})


async def _view(request: Request, typed: str, language: str) -> dict[str, Any]:
    take_turn_to_look(request)
    return await counter_of(request).view(_known_form(typed), language)


def _known_form(typed: str) -> str:
    code = read_receipt(typed)
    if code is None:
        raise NotFound("Không có phản ánh với mã này")
    return code


def _ask_page(request: Request, typed: str, error: NodeError | None = None) -> Response:
    language = rendering.language_of(request)
    say = translator(language)
    problem = None
    if isinstance(error, NotFound) and read_receipt(typed):  # a real code, which carries no commune: of another one?
        problem = {"title": say(NOT_HERE), "detail": say(NOT_HERE_MORE)}
    elif isinstance(error, NotFound):
        problem = {
            "title": say("Không có phản ánh với mã này"),
            "detail": say(
                "Hãy xem lại từng ký tự. Mã có 12 ký tự, không phân biệt chữ hoa, chữ thường; "
                "chữ O đọc là số 0, chữ I đọc là số 1."
            ),
        }
    elif isinstance(error, Unavailable):
        problem = {"title": say(NOT_NOW), "detail": say(NOT_NOW_MORE)}
    elif error is not None:
        problem = {"title": say(error.title), "detail": say(error.detail)}
    status = int(error.status) if error else 200
    return page("track.html", facts_of(request), language, status=status, values={"problem": problem, "typed": typed})


NOT_HERE = "Không có phản ánh với mã này ở đây"
NOT_HERE_MORE = (
    "Mã viết đúng, nhưng phản ánh có thể đã được gửi tới xã, phường khác. Mỗi nơi chỉ tra cứu được phản ánh gửi tới "
    "chính nơi đó: hãy mở trang của xã, phường nơi bạn đã gửi."
)
NOT_NOW = "Chưa xem được"
NOT_NOW_MORE = "Máy chủ của trung tâm đang tạm dừng. Phản ánh đã ghi nhận vẫn được giữ; hãy thử lại sau ít phút."


@router.get("/track", response_class=HTMLResponse)
def ask(request: Request, code: str = "") -> Response:
    """The page that asks for a receipt code."""
    if not code.strip():
        return _ask_page(request, "")
    known = read_receipt(code)
    if known is None:
        return _ask_page(request, code[:40], NotFound())
    english = "?lang=en" if rendering.language_of(request) == "en" else ""
    return RedirectResponse(f"{BASE}/track/{known}{english}", status_code=303)


@router.get("/track/{code}", response_class=HTMLResponse)
async def track(request: Request, code: str, sent: bool = False) -> Response:
    """The page that shows where a report stands."""
    language = rendering.language_of(request)
    try:
        found = await _view(request, code, language)
    except (NotFound, TooMany, Unavailable) as error:
        return _ask_page(request, code[:40], error)
    values = {"report": found, "sent": sent, "ratings": RATINGS}
    return page("report.html", facts_of(request), language, values=values)


@router.post("/api/reports/{code}/rating", responses=PROBLEMS)
async def rating(request: Request, code: str) -> Response:
    """The reporter's word on the result: satisfied, accepted, unsatisfied."""
    sent, counter = await _small_form(request), counter_of(request)
    return await _after(
        request,
        sent,
        code,
        lambda known, language: counter.rate(known, language, sent.field("rating"), sent.field("comment")),
    )


@router.post("/api/reports/{code}/reopening", responses=PROBLEMS)
async def reopening(request: Request, code: str) -> Response:
    """Open a report again that is not solved, with the reason."""
    sent, counter = await _small_form(request), counter_of(request)
    return await _after(
        request, sent, code, lambda known, language: counter.reopen(known, language, sent.field("reason"))
    )


async def _small_form(request: Request) -> reading.Sent:
    take_turn_to_look(request)
    within_s = settings_of(facts_of(request)).upload_s
    return replace(await reading.read_in_time(request, within_s), photo=None)


async def _after(
    request: Request, sent: reading.Sent, typed: str, step: Callable[[str, str], Awaitable[None]]
) -> Response:
    language = rendering.language_of(request, sent.field("lang"))
    code = _known_form(typed)
    english = "?lang=en" if language == "en" else ""
    try:
        await step(code, language)
    except Conflict:
        if not wants_page(request):
            raise
    if wants_page(request):
        return RedirectResponse(f"{BASE}/track/{code}{english}", status_code=303)
    found = await counter_of(request).view(code, language)
    return JSONResponse(found, headers={"Cache-Control": "no-store"})


@router.get("/published", response_class=Response)
async def published(request: Request) -> Response:
    """The page of the reports that were published, without anybody's identity."""
    language = rendering.language_of(request)
    take_turn_to_look(request)
    listed = await counter_of(request).published(language)
    return page("published.html", facts_of(request), language, values={"reports": listed})
