"""Every error leaves as an RFC 9457 problem document, and none tells how the inside looks."""

import logging
from collections.abc import Mapping
from http import HTTPStatus

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection
from starlette.websockets import WebSocket

from node.errors import Invalid, NodeError

log = logging.getLogger(__name__)

_LATER = {HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.INSUFFICIENT_STORAGE}

_TITLES = {
    HTTPStatus.BAD_REQUEST: ("bad_request", "Yêu cầu không đọc được"),
    HTTPStatus.UNAUTHORIZED: ("unauthenticated", "Chưa đăng nhập"),
    HTTPStatus.FORBIDDEN: ("forbidden", "Không có quyền"),
    HTTPStatus.NOT_FOUND: ("not_found", "Không tìm thấy"),
    HTTPStatus.METHOD_NOT_ALLOWED: ("method_not_allowed", "Phương thức không được hỗ trợ"),
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: ("too_large", "Dữ liệu quá lớn"),
    HTTPStatus.TOO_MANY_REQUESTS: ("too_many", "Quá nhiều yêu cầu"),
}


def install(app: FastAPI) -> None:
    """Answer every error of the app with a problem document."""
    app.add_exception_handler(NodeError, _node_error)
    app.add_exception_handler(RequestValidationError, _validation_error)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(Exception, _unforeseen)


def respond(error: NodeError, headers: Mapping[str, str] | None = None) -> JSONResponse:
    """Make the response of an operating error."""
    return JSONResponse(error.problem(), error.status, headers, "application/problem+json")


async def _node_error(connection: HTTPConnection, error: Exception) -> JSONResponse:
    if not isinstance(error, NodeError):
        raise error
    response = respond(error, {"Retry-After": "30"} if error.status in _LATER else None)
    if isinstance(connection, WebSocket):
        await connection.send_denial_response(response)
    return response


async def _validation_error(_request: Request, error: Exception) -> JSONResponse:
    if not isinstance(error, RequestValidationError):
        raise error
    fields = [
        {"field": ".".join(str(part) for part in one["loc"] if part != "body"), "message": str(one["msg"])}
        for one in error.errors()
    ]
    names = ", ".join(dict.fromkeys(field["field"] for field in fields))
    return respond(Invalid(f"dữ liệu chưa hợp lệ ở: {names}", errors=fields))


async def _http_error(_request: Request, error: Exception) -> JSONResponse:
    if not isinstance(error, HTTPException):
        raise error
    status = HTTPStatus(error.status_code)
    code, title = _TITLES.get(status, (status.phrase.lower().replace(" ", "_"), status.phrase))
    detail = "" if error.detail == status.phrase else str(error.detail)
    body = {"type": f"urn:lienthong:problem:{code}", "title": title, "status": int(status), "detail": detail}
    return JSONResponse({**body, "code": code}, status, error.headers, "application/problem+json")


async def _unforeseen(request: Request, error: Exception) -> JSONResponse:
    """Log what happened; say only that it did. A database that cannot be reached is a state, not a secret."""
    log.error("unforeseen error", extra={"path": request.url.path, "error": type(error).__name__}, exc_info=error)
    return respond(NodeError("lỗi đã được ghi vào nhật ký của trung tâm"))
