"""Every error leaves as an RFC 9457 problem document, and none tells how the inside looks."""

import logging
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection

from node.api.wording import REFUSALS, faults
from node.errors import Invalid, NodeError

log = logging.getLogger(__name__)

_SCHEMA = {
    "type": "object",
    "required": ["type", "title", "status", "detail", "code"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "code": {"type": "string"},
        "errors": {"type": "array", "items": {"type": "object"}},
    },
}
_DESCRIBED = {
    400: "The request cannot be read.",
    401: "Nobody is signed in, or the session has ended.",
    403: "This person may not, or the request came from another origin.",
    404: "There is no such thing here, or not in this person's area.",
    405: "The path does not take this method.",
    409: "It has changed meanwhile, or is not possible now.",
    413: "The body is larger than the route takes.",
    415: "The body is of a kind that the route does not take.",
    422: "Something in the request is not allowed; `errors` names the fields.",
    429: "Too many requests; Retry-After says when to try again.",
    502: "The process that serves this does not answer.",
    503: "Not possible at the moment; Retry-After says when to try again.",
    507: "Not recorded: the disk is full.",
}
DOCUMENTED: dict[int | str, dict[str, Any]] = {
    status: {"description": words, "content": {"application/problem+json": {"schema": _SCHEMA}}}
    for status, words in _DESCRIBED.items()
}
"""What every route may answer instead of what it promises, for the API's document."""

_LATER = {HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.INSUFFICIENT_STORAGE}


def install(app: FastAPI) -> None:
    """Answer every error of the app with a problem document."""
    app.add_exception_handler(NodeError, _node_error)
    app.add_exception_handler(RequestValidationError, _validation_error)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(Exception, _unforeseen)


def respond(error: NodeError, headers: Mapping[str, str] | None = None) -> JSONResponse:
    """Make the response of an operating error."""
    return JSONResponse(error.problem(), error.status, headers, "application/problem+json")


async def _node_error(_connection: HTTPConnection, error: Exception) -> JSONResponse:
    if not isinstance(error, NodeError):
        raise error
    return respond(error, {"Retry-After": "30"} if error.status in _LATER else None)


async def _validation_error(_request: Request, error: Exception) -> JSONResponse:
    if not isinstance(error, RequestValidationError):
        raise error
    detail, fields = faults(error.errors())
    return respond(Invalid(detail, errors=fields))


async def _http_error(_request: Request, error: Exception) -> JSONResponse:
    if not isinstance(error, HTTPException):
        raise error
    status = HTTPStatus(error.status_code)
    other = (status.phrase.lower().replace(" ", "_"), "Yêu cầu bị từ chối", "")
    code, title, detail = REFUSALS.get(status, other)
    body = {"type": f"urn:lienthong:problem:{code}", "title": title, "status": int(status), "detail": detail}
    return JSONResponse({**body, "code": code}, status, error.headers, "application/problem+json")


async def _unforeseen(request: Request, error: Exception) -> JSONResponse:
    """Log what happened; say only that it did. A database that cannot be reached is a state, not a secret."""
    log.error("unforeseen error", extra={"path": request.url.path, "error": type(error).__name__}, exc_info=error)
    return respond(NodeError("lỗi đã được ghi vào nhật ký của trung tâm"))
