"""Pages the proxy shows by itself, and what it changes in Streamlit's own page."""

import html
import json
import re
import secrets
from pathlib import Path

from ui.texts.words import Language, say

_STATIC = Path(__file__).parent / "static"
_POLICY = (
    "default-src 'self'; script-src 'self' 'nonce-{nonce}' blob:; style-src 'self' 'nonce-{nonce}'; "
    "img-src 'self' data: blob:; font-src 'self' data:; connect-src 'self'; worker-src 'self' blob:; "
    "media-src 'self' blob:; frame-src 'self'; object-src 'none'; base-uri 'self'; form-action 'self'; "
    "frame-ancestors 'self'"
)
# What every answer carries that says nothing stricter itself: scripts and styles from files of this origin only.
SAFE_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'self'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; connect-src 'self'; "
        "object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'self'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "SAMEORIGIN",
    "Referrer-Policy": "same-origin",
    "Permissions-Policy": "geolocation=(self), camera=(self), microphone=()",
    "Cross-Origin-Opener-Policy": "same-origin",
}
_NOSCRIPT = re.compile(r"<noscript>.*?</noscript>", re.DOTALL | re.IGNORECASE)  # Streamlit's own words for programs
STREAMLIT_TEXTS = "/_ui/streamlit-texts.js"
FIRST = "/_ui/first.js"
SCREENS_STYLE = "/_ui/screens.css"
NOTICE_STYLE = "/_ui/notice.css"


def static_file(name: str) -> bytes | None:
    """One of the few files that the proxy itself serves, by its full path."""
    files = {
        STREAMLIT_TEXTS: "streamlit-texts.js",
        FIRST: "first.js",
        NOTICE_STYLE: "notice.css",
        SCREENS_STYLE: "screens.css",
    }
    return (_STATIC / files[name]).read_bytes() if name in files else None


def dress(page: str, language: Language) -> tuple[str, str]:
    """Streamlit's page in the visitor's language, and the content policy that goes with it.

    The policy names every source that a page may use, all of them this origin: a screen works with the outside
    network cut, and an injected script has nowhere to send anything.
    """
    nonce = secrets.token_urlsafe(16)
    title = say("Liên Thông", language)
    page = page.replace('<html lang="en">', f'<html lang="{language}">', 1)
    page = page.replace("<title>Streamlit</title>", f"<title>{html.escape(title)}</title>", 1)
    page = page.replace("<script>", f'<script nonce="{nonce}">').replace("<style>", f'<style nonce="{nonce}">')
    words = html.escape(say("Trang này cần JavaScript để hiển thị số liệu trực tiếp.", language))
    page = _NOSCRIPT.sub(f"<noscript><p>{words}</p></noscript>", page)
    first = f'<script nonce="{nonce}" src="{FIRST}"></script>'
    page = page.replace("<head>", f"<head>{first}", 1)
    translator = f'<script nonce="{nonce}" src="{STREAMLIT_TEXTS}" defer></script>'
    page = page.replace("</head>", f"{translator}</head>", 1)
    # in the body, so that it comes after what Streamlit puts into the head
    page = page.replace("</body>", f'<link rel="stylesheet" href="{SCREENS_STYLE}"></body>', 1)
    return page, _POLICY.format(nonce=nonce)


def waiting_page(language: Language) -> str:
    """What a person sees until Streamlit answers; tries again by itself."""
    return _notice(
        say("Màn hình điều hành đang khởi động", language),
        say("Thường mất vài giây. Trang sẽ tự mở khi sẵn sàng.", language),
        language,
        retry_s=2,
    )


def silent_node_page(language: Language) -> str:
    """What a person sees while the node does not answer; tries again by itself."""
    return _notice(
        say("Máy chủ của trung tâm tạm thời không trả lời", language),
        say("Không có dữ liệu nào bị mất. Trang sẽ tự thử lại và mở lại khi máy chủ hoạt động.", language),
        language,
        retry_s=3,
    )


def problem(status: int, code: str, title: str, detail: str) -> bytes:
    """An RFC 9457 body."""
    body = {"type": "about:blank", "title": title, "status": status, "detail": detail, "code": code}
    return json.dumps(body, ensure_ascii=False).encode()


def _notice(title: str, words: str, language: Language, *, retry_s: int) -> str:
    return (
        f'<!doctype html><html lang="{language}"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<meta http-equiv="refresh" content="{retry_s}"><link rel="stylesheet" href="{NOTICE_STYLE}">'
        f"<title>{html.escape(title)}</title></head><body><main>"
        '<svg viewBox="0 0 24 24" aria-hidden="true"><circle cx="12" cy="12" r="9"/><path d="M12 7v5l3 2"/></svg>'
        f"<h1>{html.escape(title)}</h1><p role=status>{html.escape(words)}</p></main></body></html>"
    )
