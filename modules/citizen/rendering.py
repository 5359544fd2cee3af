"""The citizen's pages as HTML: no script and no style stands in them, and the browser is told to run no other."""

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

from fastapi import Request
from fastapi.responses import HTMLResponse, Response
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from modules.citizen.texts import LANGUAGES, translator
from node.errors import NotFound
from node.facts import Facts
from node.territory import LOCAL_ZONE

BASE = "/modules/citizen"
SECURITY_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; connect-src 'self'; "
        "worker-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Permissions-Policy": "geolocation=(self), camera=(self), microphone=()",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
PHOTO_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; sandbox",
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Content-Disposition": 'attachment; filename="anh.jpg"',
    "Cache-Control": "private, no-store",
}
_FOLDER = Path(__file__).parent
_TYPES = {".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml"}
_STATIC = {
    file.name: (file.read_bytes(), _TYPES[file.suffix])
    for file in sorted((_FOLDER / "static").iterdir())
    if file.suffix in _TYPES
}


def vietnam(moment: str | datetime) -> str:
    """A moment as people in Viet Nam read it: `14:05 24/11/2026`."""
    when = datetime.fromisoformat(moment) if isinstance(moment, str) else moment
    return when.astimezone(LOCAL_ZONE).strftime("%H:%M %d/%m/%Y")


_pages = Environment(
    loader=FileSystemLoader(_FOLDER / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_pages.filters["vietnam"] = vietnam


def language_of(request: Request, sent: str = "") -> str:
    """Which language the person asked for: Vietnamese unless English is named in the form or the address."""
    asked = sent or request.query_params.get("lang", "")
    return asked if asked in LANGUAGES else LANGUAGES[0]


def page(name: str, context: Facts, language: str, *, status: int = 200, values: Mapping[str, object]) -> HTMLResponse:
    """One page, with the headers that every page has."""
    body = _pages.get_template(name).render(
        _=translator(language),
        language=language,
        suffix="?lang=en" if language == "en" else "",
        base=BASE,
        centre_title=context.centre.title,
        **values,
    )
    return HTMLResponse(body, status_code=status, headers={**SECURITY_HEADERS, "Cache-Control": "no-store"})


def static_file(name: str) -> Response:
    """A file that stands beside the pages; raises NotFound for every other name."""
    known = _STATIC.get(name)
    if known is None:
        raise NotFound("không có tệp này")
    body, media_type = known
    headers = {**SECURITY_HEADERS, "Cache-Control": "public, max-age=300"}
    return Response(body, media_type=media_type, headers=headers)


def photo_response(jpeg: bytes) -> Response:
    """A photograph that was encoded here, shown in a sandbox of its own."""
    return Response(jpeg, media_type="image/jpeg", headers=PHOTO_HEADERS)
