"""What every response carries, so that a browser helps to keep foreign code out; and the limit on what comes in."""

import json

from fastapi import FastAPI
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from node.errors import TooLarge

LARGEST_BODY = 1024 * 1024  # a route that takes more says so with max_body_size

SECURITY_HEADERS = {
    "content-security-policy": (
        "default-src 'self'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; connect-src 'self'; "
        "object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'self'"
    ),
    "x-content-type-options": "nosniff",
    "x-frame-options": "SAMEORIGIN",
    "referrer-policy": "same-origin",
    "permissions-policy": "geolocation=(self), camera=(self), microphone=()",
    "cross-origin-opener-policy": "same-origin",
}

_TOO_LARGE = json.dumps(TooLarge("yêu cầu lớn hơn mức cho phép").problem(), ensure_ascii=False).encode()


class GuardedApplication(FastAPI):
    """An application whose every answer is guarded, also one that was made outside of its routes."""

    def build_middleware_stack(self) -> ASGIApp:
        """Put the guard around everything else."""
        return Guard(super().build_middleware_stack())


class Guard:
    """Adds the headers; what no route said about caching is kept by no cache; a refused body is a problem document."""

    def __init__(self, app: ASGIApp) -> None:
        """Take the application to guard."""
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve, with the headers on the first message of each response."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        is_replaced, is_head = False, scope["method"] == "HEAD"
        if is_head:  # what a HEAD is told is what a GET would be told, without the body
            scope = {**scope, "method": "GET"}

        async def send_guarded(message: Message) -> None:
            nonlocal is_replaced
            if message["type"] == "http.response.start":
                is_replaced = _is_limit(message)
                headers = _problem_headers(message) if is_replaced else MutableHeaders(scope=message)
                for name, value in SECURITY_HEADERS.items():
                    headers.setdefault(name, value)
                if not scope["path"].startswith(("/static/", "/modules/")):
                    headers.setdefault("cache-control", "no-store")
            elif is_replaced and message["type"] == "http.response.body":
                message = {"type": "http.response.body", "body": _TOO_LARGE}
            if is_head and message["type"] == "http.response.body":
                message = {**message, "body": b""}
            await send(message)

        await self._app(scope, receive, send_guarded)


def _is_limit(message: Message) -> bool:
    """Say whether this is the framework's own plain answer to a body over the limit."""
    kind = Headers(raw=message["headers"]).get("content-type", "")
    return bool(message["status"] == TooLarge.status and kind.startswith("text/plain"))


def _problem_headers(message: Message) -> MutableHeaders:
    message["headers"] = [
        (b"content-type", b"application/problem+json"),
        (b"content-length", str(len(_TOO_LARGE)).encode()),
    ]
    return MutableHeaders(scope=message)
