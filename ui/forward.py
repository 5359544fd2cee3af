"""Hand a request or a WebSocket on, byte for byte and without keeping it in memory."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass

import aiohttp
from aiohttp import WSMsgType, web
from multidict import CIMultiDict
from yarl import URL

_HOP_BY_HOP = frozenset(
    {
        "connection",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)
_IDENTITY_PREFIXES = ("x-lt-", "x-forwarded-", "x-real-", "x-remote-", "x-auth-", "x-user")
_IDENTITY = frozenset({"forwarded", "remote-user", "x-original-url", "x-rewrite-url"})
_HEARTBEAT_S = 30.0
_PIECE = 64 * 1024


@dataclass(frozen=True, slots=True)
class Guard:
    """Asks again and again whether an open WebSocket may stay open."""

    allows: Callable[[], Awaitable[bool]]
    period_s: float

    async def until_refused(self) -> None:
        """Return once the visitor is no longer welcome."""
        while await self.allows():  # noqa: ASYNC110 - the node is asked, no event of this process ends the wait
            await asyncio.sleep(self.period_s)


class BodyTooLargeError(Exception):
    """A visitor sent more than the proxy hands on."""


def outward_headers(request: web.BaseRequest, extra: Mapping[str, str]) -> CIMultiDict[str]:
    """The visitor's headers without those that claim an identity, plus what the proxy itself knows."""
    headers: CIMultiDict[str] = CIMultiDict()
    named_by_connection = {part.strip().lower() for part in request.headers.get("Connection", "").split(",")}
    for name, value in request.headers.items():
        lower = name.lower()
        if lower in _HOP_BY_HOP or lower in _IDENTITY or lower.startswith(_IDENTITY_PREFIXES):
            continue
        if lower in named_by_connection or lower.startswith("sec-websocket"):
            continue
        if "_" in lower:  # some servers read X_Lt_User as X-Lt-User
            continue
        headers.add(name, value)
    headers["X-Forwarded-For"] = request.remote or ""
    headers["X-Forwarded-Proto"] = request.scheme
    headers["X-Forwarded-Host"] = request.host
    for name, value in extra.items():
        headers[name] = value
    return headers


class LimitedBody:
    """A body handed on piece by piece, which stops at a limit and when its sender falls silent."""

    def __init__(self, request: web.BaseRequest, limit: int, silence_s: float) -> None:
        self._request = request
        self._limit = limit
        self._silence_s = silence_s
        self.is_over = False

    async def __aiter__(self) -> AsyncIterator[bytes]:
        seen = 0
        while piece := await asyncio.wait_for(self._request.content.read(_PIECE), self._silence_s):
            seen += len(piece)
            if seen > self._limit:
                self.is_over = True  # the HTTP client reports what ends here as a lost connection
                raise BodyTooLargeError
            yield piece


def copy_headers(answer: aiohttp.ClientResponse, response: web.StreamResponse) -> None:
    """Everything the inner server said that a browser should hear."""
    for name, value in answer.headers.items():
        lower = name.lower()
        if lower not in _HOP_BY_HOP and lower not in {"server", "date"}:
            response.headers.add(name, value)


async def forward_request(
    request: web.Request,
    http: aiohttp.ClientSession,
    url: URL,
    headers: CIMultiDict[str],
    *,
    limit: int,
    silence_s: float,
) -> web.StreamResponse:
    """Send the request to `url` and stream the answer back.

    Raises:
        BodyTooLargeError: the declared or the real length passes `limit`.
        aiohttp.ClientError: the inner server cannot be reached.

    """
    if (request.content_length or 0) > limit:
        raise BodyTooLargeError
    body = LimitedBody(request, limit, silence_s) if request.can_read_body else None
    response: web.StreamResponse | None = None
    try:
        async with http.request(request.method, url, headers=headers, data=body, allow_redirects=False) as answer:
            response = web.StreamResponse(status=answer.status, reason=answer.reason)
            copy_headers(answer, response)
            await response.prepare(request)
            async for piece in answer.content.iter_any():
                await response.write(piece)
            await response.write_eof()
            return response
    except aiohttp.ClientError as error:
        if body is not None and body.is_over:
            raise BodyTooLargeError from error
        if response is None or not response.prepared:
            raise
        if request.transport is not None:  # half an answer is out: the visitor must not take it for a whole one
            request.transport.abort()
        return response


async def forward_socket(
    request: web.Request,
    http: aiohttp.ClientSession,
    url: URL,
    headers: CIMultiDict[str],
    *,
    max_message: int,
    guard: Guard | None = None,
) -> web.WebSocketResponse:
    """Join the visitor's WebSocket with one at `url`, sub-protocols included; either end closes both.

    Raises:
        aiohttp.ClientError: the inner server refuses or cannot be reached; nothing was answered yet.

    """
    offered = [part.strip() for part in request.headers.get("Sec-WebSocket-Protocol", "").split(",") if part.strip()]
    async with http.ws_connect(
        url, protocols=offered, headers=headers, max_msg_size=max_message, heartbeat=_HEARTBEAT_S
    ) as inner:
        chosen = (inner.protocol,) if inner.protocol else ()
        outer = web.WebSocketResponse(
            protocols=chosen, max_msg_size=max_message, heartbeat=_HEARTBEAT_S, compress=False
        )
        await outer.prepare(request)
        jobs = {asyncio.create_task(_pump(outer, inner)), asyncio.create_task(_pump(inner, outer))}
        if guard:
            jobs.add(asyncio.create_task(guard.until_refused()))
        try:
            await asyncio.wait(jobs, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for job in jobs:
                job.cancel()
            await asyncio.gather(*jobs, return_exceptions=True)
            await outer.close(code=_passable(inner.close_code))
        return outer


_Socket = web.WebSocketResponse | aiohttp.ClientWebSocketResponse


async def _pump(source: _Socket, target: _Socket) -> None:
    async for message in source:
        if message.type is WSMsgType.TEXT:
            await target.send_str(message.data)
        elif message.type is WSMsgType.BINARY:
            await target.send_bytes(message.data)


def _passable(code: int | None) -> int:
    """A close code that may be sent; 1005, 1006 and 1015 only describe a lost connection."""
    return code if code is not None and code not in {1005, 1006, 1015} else 1001
