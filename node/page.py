"""The node's own few pages: Vietnamese first, English on request; the text in the code is the Vietnamese one."""

from pathlib import Path
from typing import Any, Literal

from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined

Language = Literal["vi", "en"]

HERE = Path(__file__).resolve().parent
STATIC = HERE / "static"
_COOKIE = "lt_lang"

ENGLISH = {
    "Đăng nhập": "Sign in",
    "Tên đăng nhập": "User name",
    "Mật khẩu": "Password",
    "Sai tên đăng nhập hoặc mật khẩu, hoặc tài khoản đang tạm khóa.": (
        "Wrong user name or password, or the account is locked for a while."
    ),
    "quá nhiều lần đăng nhập, hãy thử lại sau một phút": "too many attempts; try again in a minute",
    "yêu cầu đến từ một trang khác": "the request came from another site",
    "Chỉ dành cho cán bộ của trung tâm. Người dân gửi phản ánh không cần đăng nhập.": (
        "For the centre's staff only. Citizens report without signing in."
    ),
    "Gửi phản ánh hiện trường": "Send a field report",
    "Tài liệu API": "API reference",
    "Mọi đường dẫn của trung tâm, và quyền mà mỗi đường dẫn đòi hỏi.": (
        "Every route of the centre, and the permission that each one asks for."
    ),
    "Quyền": "Permission",
    "công khai": "public",
    "đã đăng nhập": "signed in",
    "Tham số": "Parameters",
    "Bản máy đọc": "For programs",
}

_environment = Environment(
    loader=FileSystemLoader(HERE / "templates"), autoescape=True, undefined=StrictUndefined, auto_reload=False
)


def language_of(request: Request, asked: str = "") -> Language:
    """Choose: what was asked for now, else what this browser asked for earlier, else Vietnamese."""
    return "en" if (asked or request.cookies.get(_COOKIE, "")) == "en" else "vi"


def say(msgid: str, language: Language) -> str:
    """Give the text in a language; what has no translation stays Vietnamese."""
    return ENGLISH.get(msgid, msgid) if language == "en" else msgid


def render(request: Request, template: str, language: Language, *, status: int = 200, **words: Any) -> HTMLResponse:  # noqa: ANN401 - what the template names
    """Fill a template in and remember the language."""
    centre = request.app.state.node.centre
    page = _environment.get_template(template).render(
        t=lambda msgid: say(msgid, language), lang=language, centre=centre, path=request.url.path, **words
    )
    response = HTMLResponse(page, status)
    response.set_cookie(_COOKIE, language, max_age=31_536_000, path="/", httponly=True, samesite="lax")
    return response
