"""The node's own few pages: Vietnamese first, English on request; the text in the code is the Vietnamese one."""

import json
import re
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any, Literal

from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined

Language = Literal["vi", "en"]

HERE = Path(__file__).resolve().parent
STATIC = HERE / "static"
_COOKIE = "lt_lang"

_TRANSLATED: dict[str, str] = json.loads((HERE / "templates" / "en.json").read_text("utf-8"))
_HERE_ABOUTS = timezone(timedelta(hours=7))
_LENGTHS = re.compile(r"Mật khẩu cần từ (\d+) đến (\d+) ký tự")

_environment = Environment(
    loader=FileSystemLoader(HERE / "templates"), autoescape=True, undefined=StrictUndefined, auto_reload=False
)


def language_of(request: Request, asked: str = "") -> Language:
    """Choose: what was asked for now, else what this browser asked for earlier, else Vietnamese."""
    return "en" if (asked or request.cookies.get(_COOKIE, "")) == "en" else "vi"


def say(msgid: str, language: Language) -> str:
    """Give the text in a language; what has no translation stays Vietnamese."""
    if language == "vi":
        return msgid
    lengths = _LENGTHS.fullmatch(msgid)
    return f"A password needs {lengths[1]} to {lengths[2]} characters" if lengths else _TRANSLATED.get(msgid, msgid)


def moment(at: datetime | str) -> str:
    """Write a moment as a person in Vietnam reads it."""
    when = datetime.fromisoformat(at) if isinstance(at, str) else at
    return when.astimezone(_HERE_ABOUTS).strftime("%H:%M %d/%m/%Y")


def render(request: Request, template: str, language: Language, *, status: int = 200, **words: Any) -> HTMLResponse:  # noqa: ANN401 - what the template names
    """Fill a template in and remember the language."""
    centre = request.app.state.node.centre
    page = _environment.get_template(template).render(
        t=lambda msgid: say(msgid, language), lang=language, centre=centre, path=request.url.path, **words
    )
    response = HTMLResponse(page, status)
    response.set_cookie(_COOKIE, language, max_age=31_536_000, path="/", httponly=True, samesite="lax")
    return response
