"""What anybody may ask of this centre without signing in: the form, where a position lies, and sending a report."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Annotated, Any

import anyio.to_thread
from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import JSONResponse, RedirectResponse, Response

from modules.citizen import intake, places, reading, rendering
from modules.citizen.asking import (
    PROBLEMS,
    counter_of,
    facts_of,
    take_turn_to_look,
    take_turn_to_report,
    wants_page,
)
from modules.citizen.counter import Said
from modules.citizen.kinds import CATEGORIES, EMERGENCY_NUMBERS, URGENCIES
from modules.citizen.rendering import BASE, page
from modules.citizen.settings import settings_of
from modules.citizen.texts import LANGUAGES, translator
from node.access import public
from node.errors import NodeError, Unavailable
from node.facts import Facts

router = APIRouter(dependencies=[Depends(public)], tags=["Phản ánh của người dân"])
log = logging.getLogger(__name__)

_TEXT_FIELDS = (
    *("key", "category", "urgency", "description", "lat", "lon", "accuracy_m"),
    *("area_code", "place", "name", "phone", "lang"),
)
_LATER = {429, 503, 507}
_FORM_SCHEMA = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["key", "category", "description"],
                    "properties": {
                        **{name: {"type": "string"} for name in _TEXT_FIELDS},
                        "category": {"type": "string", "enum": list(CATEGORIES)},
                        "urgency": {"type": "string", "enum": list(URGENCIES), "default": "normal"},
                        "photo": {"type": "string", "format": "binary"},
                    },
                }
            }
        },
    }
}


def _intake_of(request: Request) -> intake.Intake:
    state = request.app.state
    if not hasattr(state, "citizen_intake"):
        state.citizen_intake = intake.Intake.of(settings_of(facts_of(request)))
    counters: intake.Intake = state.citizen_intake
    return counters


def _form_page(
    context: Facts, language: str, *, values: Mapping[str, str] | None = None, refused: NodeError | None = None
) -> Response:
    say = translator(language)
    on = context.territory.local_date(context.clock.now())
    kept = dict.fromkeys(_TEXT_FIELDS, "") | dict(values or {})
    privacy = say(
        "Tên và số điện thoại chỉ được giữ tại trung tâm này, không chuyển lên cấp trên; cán bộ muốn xem phải ghi "
        "lý do và được lưu vết. Tự động xóa sau {days} ngày."
    ).format(days=settings_of(context).identity_days)
    shown = {
        "key": _key_again(kept, refused) or context.random(16).hex(),
        "emergency_numbers": EMERGENCY_NUMBERS,
        "categories": CATEGORIES.values(),
        "urgencies": URGENCIES.values(),
        "areas": places.choices(context.territory, context.centre, on),
        "own_area": context.centre.area_code,
        "privacy": privacy,
        "values": kept,
        "problem": _told(refused.problem(), say) if refused else None,
    }
    status = int(refused.status) if refused else 200
    answer = page("form.html", context, language, status=status, values=shown)
    if status in _LATER:
        answer.headers["Retry-After"] = "30"
    return answer


def _key_again(kept: Mapping[str, str], refused: NodeError | None) -> str:
    """The key of a submission that may have been recorded all the same: sent again, it is the same report."""
    is_unknown = isinstance(refused, Unavailable) and intake.KEY.fullmatch(kept["key"])
    return kept["key"] if is_unknown else ""


def _told(problem: Mapping[str, Any], say: Callable[[str], str]) -> dict[str, Any]:
    detail, errors = say(problem["detail"]), problem.get("errors", ())
    is_said_below = any(error["message"] == detail for error in errors)
    return {"title": say(problem["title"]), "detail": "" if is_said_below else detail, "errors": errors}


@router.get("/", response_class=Response)
def form(request: Request) -> Response:
    """The page on which a citizen reports."""
    return _form_page(facts_of(request), rendering.language_of(request))


@router.get("/static/{name}", response_class=Response)
def static(name: str) -> Response:
    """A style sheet, script or picture of the citizen's pages."""
    return rendering.static_file(name)


@router.get("/worker.js", response_class=Response)
def worker() -> Response:
    """The script that keeps the form openable without a network; its address is its scope."""
    return rendering.static_file("worker.js")


@router.get("/api/locate")
def locate(
    request: Request,
    lat: Annotated[float, Query(ge=-90, le=90)],
    lon: Annotated[float, Query(ge=-180, le=180)],
) -> dict[str, Any]:
    """In which commune a position lies, and whether this centre answers for it."""
    context = facts_of(request)
    take_turn_to_look(request)
    say = translator(rendering.language_of(request))
    on = context.territory.local_date(context.clock.now())
    found = places.locate(context.territory, context.centre, lat, lon, on)
    if found is None:
        own = places.own_area(context.territory, context.centre, on)
        words = places.outside_words(say, own.name if own else context.centre.title)
        return {"inside": False, "own": False, "area_code": None, "area_name": None, "message": words}
    words = say("Vị trí thuộc {area}.").format(area=found.area.name)
    if not found.is_own:
        words = places.elsewhere_words(say, found.area.name, context.centre.title)
    return {
        "inside": True,
        "own": found.is_own,
        "area_code": found.area.code,
        "area_name": found.area.name,
        "message": words,
    }


@router.post(
    "/api/reports",
    status_code=201,
    responses=PROBLEMS,
    openapi_extra=_FORM_SCHEMA,
    max_body_size=reading.DRAINED_BYTES,  # what is larger is cut off; intake refuses from 12 MiB on, in words
)
async def send(request: Request) -> Response:
    """Record a report; 201 says that it is committed. The same key again gives the same code (200)."""
    facts = facts_of(request)
    sent = reading.Sent({})
    try:
        take_turn_to_report(request)
        limits = _intake_of(request)
        async with limits.place():
            sent = await reading.read_in_time(request, settings_of(facts).upload_s)
            said = _noted(await _record(request, limits, sent))
    except NodeError as error:
        if not wants_page(request):
            raise
        language = rendering.language_of(request, sent.field("lang"))
        return _form_page(facts, language, values=sent.fields, refused=error)
    language = rendering.language_of(request, sent.field("lang"))
    if wants_page(request):
        english = "&lang=en" if language == "en" else ""
        return RedirectResponse(f"{BASE}/track/{said.code}?sent=1{english}", status_code=303)
    body = asdict(said)
    status = 200 if body.pop("again") else 201
    return JSONResponse(body, status_code=status, headers={"Cache-Control": "no-store"})


async def _record(request: Request, limits: intake.Intake, sent: reading.Sent) -> Said:
    """Check, develop the photograph and keep; what was kept before under the same key is found first."""
    counter = counter_of(request)
    language = sent.field("lang") if sent.field("lang") in LANGUAGES else LANGUAGES[0]
    say = translator(language)
    intake.check(sent, facts_of(request), say)
    if sent.photo is None:
        return await counter.keep(sent, None, language)
    known = await counter.known(sent, language)
    if known is not None:
        return known
    photo = await anyio.to_thread.run_sync(
        intake.develop, limits, sent.photo, say, limiter=limits.photo_places, abandon_on_cancel=False
    )
    return await counter.keep(sent, photo, language)


def _noted(said: Said) -> Said:
    """Leave the incident's id in this process's log: the same stands in the logs of all centres that hear of it."""
    log.info("report recorded", extra={"trace_id": said.incident_id, "again": said.again})
    return said
