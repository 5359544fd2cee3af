"""One origin for a centre: `/dash/*` is Streamlit, everything else is the node; nobody says who they are.

Meant for development, the demo and a single centre; behind nginx or Caddy the same rules apply there.
"""

import logging
from collections.abc import AsyncIterator
from http import HTTPStatus
from urllib.parse import quote, urlsplit

import aiohttp
from aiohttp import web
from multidict import CIMultiDict
from yarl import URL

from ui import shell
from ui.forward import BodyTooLargeError, Guard, forward_request, forward_socket, outward_headers
from ui.settings import DASH, ORIGIN_HEADER, SECRET_HEADER, AppSettings, ProxySettings
from ui.streamlit_child import StreamlitChild
from ui.texts.words import Language, language_of, say
from ui.visitor import NodeSilentError, Visitor, Visitors, cookie_header

_LOG = logging.getLogger("ui.proxy")
_STREAMLIT_COOKIES = ("_streamlit_xsrf",)
_HTML = "text/html"
OPEN = "/modules/citizen/"
STAFF = "/modules/citizen/api/desk/"  # what the centre's staff asks stays with the node
_SESSIONS = ("/login", "/logout", "/account", "/api/v1/session", "/api/v1/accounts")
_CLOSED = frozenset({"agent", "metrics"})


class Proxy:
    """The request handler and what it holds: the HTTP client, the visitors, the Streamlit process."""

    def __init__(self, settings: ProxySettings, app: AppSettings) -> None:
        self._settings = settings
        self._app = app
        self._http: aiohttp.ClientSession
        self._visitors: Visitors
        self.child: StreamlitChild | None = None

    def application(self) -> web.Application:
        """The aiohttp application, not yet listening."""
        application = web.Application(handler_args={"max_line_size": 16384, "max_field_size": 16384})
        application.cleanup_ctx.append(self._running)
        application.on_response_prepare.append(_guard)
        application.router.add_route("*", "/{path:.*}", self.handle)
        return application

    async def _running(self, _application: web.Application) -> AsyncIterator[None]:
        limits = aiohttp.ClientTimeout(
            total=None, sock_connect=self._settings.connect_timeout_s, sock_read=self._settings.silence_timeout_s
        )
        self._http = aiohttp.ClientSession(
            timeout=limits,
            auto_decompress=False,
            cookie_jar=aiohttp.DummyCookieJar(),
            connector=aiohttp.TCPConnector(limit=512, force_close=False),
            skip_auto_headers=("User-Agent", "Content-Type", "Accept", "Accept-Encoding"),
            trust_env=False,
        )
        self._visitors = Visitors(self._http, self._settings.node, keep_s=self._settings.session_cache_s)
        if self._settings.streamlit:
            self.child = StreamlitChild(self._app, self._http)
            self.child.start()
        yield
        if self.child:
            await self.child.stop()
        await self._http.close()

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Route one request, and answer calmly where something behind the proxy is missing."""
        path = request.path
        try:
            if (content := shell.static_file(path)) is not None:
                kind = "text/css" if path.endswith(".css") else "text/javascript"
                return web.Response(body=content, content_type=kind, headers={"Cache-Control": "no-cache"})
            if path == DASH or path.startswith(f"{DASH}/"):
                return web.Response(status=404) if _is_closed(path) else await self._dash(request)
            is_for_intake = self._settings.intake and _is_for_strangers(path)
            return await (self._strangers(request) if is_for_intake else self._node(request))
        except BodyTooLargeError:
            language = _language(request)
            return _problem(
                HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
                "too_large",
                say("Tệp gửi lên quá lớn", language),
                say("Quá giới hạn của máy chủ.", language),
            )
        except (aiohttp.ClientConnectionError, aiohttp.ClientPayloadError, NodeSilentError, TimeoutError) as error:
            _LOG.info("nothing behind %s: %s", path, error)
            if request.headers.get("Upgrade"):
                return web.Response(status=HTTPStatus.BAD_GATEWAY)
            return _silent(request)

    # -- the intake process -----------------------------------------------------------------------

    async def _strangers(self, request: web.Request) -> web.StreamResponse:
        """Hand on what anybody may ask, without what would tell who is signed in."""
        headers = outward_headers(request, {})
        for name in ("Cookie", "Authorization"):
            headers.popall(name, None)
        return await self._forward(request, _target(self._settings.intake, request), headers)

    # -- the node ---------------------------------------------------------------------------------

    async def _node(self, request: web.Request) -> web.StreamResponse:
        url = _target(self._settings.node, request)
        headers = outward_headers(request, {})
        if _is_upgrade(request):
            try:
                return await forward_socket(request, self._http, url, headers, max_message=self._settings.max_message)
            except aiohttp.WSServerHandshakeError as error:
                return web.Response(status=error.status)
        if request.method != "GET" and request.path.startswith(_SESSIONS):
            self._visitors.forget()
        return await self._forward(request, url, headers)

    # -- the screens ------------------------------------------------------------------------------

    async def _dash(self, request: web.Request) -> web.StreamResponse:
        if (
            request.path == f"{DASH}/_stcore/health"
        ):  # tells nothing but whether the screens run; asked before any login
            ready = self.child is not None and self.child.ready
            return web.Response(text="ok" if ready else "", status=200 if ready else HTTPStatus.SERVICE_UNAVAILABLE)
        visitor = await self._visitors.who(request.cookies)
        if visitor is None:
            return _stranger(request)
        if self.child is None or not self.child.ready:
            return _not_ready(request)
        if request.path == DASH and not _is_upgrade(request):
            raise web.HTTPTemporaryRedirect(f"{DASH}/" + (f"?{request.query_string}" if request.query_string else ""))
        url = _target(self.child.address, request)
        headers = await self._screen_headers(request, visitor)
        if _is_upgrade(request):
            return await self._dash_socket(request, url, headers)
        if _wants_page(request):
            return await self._dash_page(url, headers, _language(request))
        return await self._forward(request, url, headers)

    async def _forward(self, request: web.Request, url: URL, headers: CIMultiDict[str]) -> web.StreamResponse:
        limit, silence_s = self._settings.max_body, self._settings.silence_timeout_s
        return await forward_request(request, self._http, url, headers, limit=limit, silence_s=silence_s)

    async def _screen_headers(self, request: web.Request, visitor: Visitor) -> CIMultiDict[str]:
        own = await self._visitors.session_cookies(request.cookies)
        kept = {name: request.cookies[name] for name in _STREAMLIT_COOKIES if name in request.cookies}
        secret = {SECRET_HEADER: self._app.secret, ORIGIN_HEADER: f"{request.scheme}://{request.host}"}
        headers = outward_headers(request, {**visitor.headers(), **secret})
        headers["Cookie"] = cookie_header({**kept, **own})
        return headers

    async def _dash_socket(self, request: web.Request, url: URL, headers: CIMultiDict[str]) -> web.StreamResponse:
        origin = request.headers.get("Origin")
        if origin is not None and urlsplit(origin).netloc != request.host:
            return web.Response(status=HTTPStatus.FORBIDDEN)

        async def still_welcome() -> bool:
            try:
                return await self._visitors.who(request.cookies) is not None
            except NodeSilentError:
                return True

        guard = Guard(still_welcome, self._settings.session_recheck_s)
        try:
            return await forward_socket(
                request, self._http, url, headers, max_message=self._settings.max_message, guard=guard
            )
        except aiohttp.WSServerHandshakeError as error:
            return web.Response(status=error.status)

    async def _dash_page(self, url: URL, headers: CIMultiDict[str], language: Language) -> web.StreamResponse:
        headers["Accept-Encoding"] = "identity"
        for conditional in ("If-None-Match", "If-Modified-Since", "Range"):
            headers.popall(conditional, None)
        async with self._http.get(url, headers=headers, allow_redirects=False) as answer:
            body = await answer.read()
            if answer.status != HTTPStatus.OK or answer.content_type != _HTML:
                response = web.Response(status=answer.status, body=body, content_type=answer.content_type)
                if "Location" in answer.headers:
                    response.headers["Location"] = answer.headers["Location"]
                return response
        page, policy = shell.dress(body.decode(), language)
        response = _page(page, HTTPStatus.OK)
        response.headers["Content-Security-Policy"] = policy
        return response


def _is_for_strangers(path: str) -> bool:
    """Whether a path is one of those that need no sign-in and that the intake process serves."""
    return path.startswith(OPEN) and not path.startswith(STAFF)


async def _guard(_request: web.Request, response: web.StreamResponse) -> None:
    """Every answer helps the browser to keep foreign code out, whichever server behind the proxy made it."""
    for name, value in shell.SAFE_HEADERS.items():
        response.headers.setdefault(name, value)


def _is_closed(path: str) -> bool:
    """Whether a path is one of Streamlit's own doors for programs; ours is the node's API."""
    parts = set(path.split("/"))
    return "_stcore" in parts and not parts.isdisjoint(_CLOSED)


def _silent(request: web.Request) -> web.Response:
    if _wants_page(request):
        return _page(shell.silent_node_page(_language(request)), HTTPStatus.BAD_GATEWAY)
    return _problem(
        HTTPStatus.BAD_GATEWAY,
        "node_silent",
        say("Máy chủ của trung tâm tạm thời không trả lời", _language(request)),
        say("Không có dữ liệu nào bị mất; hãy thử lại sau giây lát.", _language(request)),
    )


def _language(request: web.Request) -> Language:
    return language_of(request.query.get("lang"))


def _stranger(request: web.Request) -> web.Response:
    """The answer to somebody whom the node does not know: a way to log in where a person can take it."""
    if _is_upgrade(request):
        return web.Response(status=HTTPStatus.UNAUTHORIZED)
    if _wants_page(request):
        where = f"/login?next={quote(request.raw_path, safe='')}"  # set by hand: aiohttp would decode it again
        where += "&lang=en" if _language(request) == "en" else ""
        return web.Response(status=HTTPStatus.SEE_OTHER, headers={"Location": where, "Cache-Control": "no-store"})
    if "/_stcore/" in request.path:  # Streamlit's own script shows the words of a refusal in a dialog: it gets none
        return web.Response(status=HTTPStatus.UNAUTHORIZED)
    language = _language(request)
    detail = say("Hãy đăng nhập rồi thử lại.", language)
    return _problem(HTTPStatus.UNAUTHORIZED, "unauthenticated", say("Chưa đăng nhập", language), detail)


def _not_ready(request: web.Request) -> web.Response:
    if _wants_page(request):
        return _page(shell.waiting_page(_language(request)), HTTPStatus.SERVICE_UNAVAILABLE)
    return web.Response(status=HTTPStatus.SERVICE_UNAVAILABLE, headers={"Retry-After": "2"})


def _wants_page(request: web.Request) -> bool:
    return request.method in {"GET", "HEAD"} and _HTML in request.headers.get("Accept", "")


def _is_upgrade(request: web.Request) -> bool:
    return request.headers.get("Upgrade", "").lower() == "websocket"


def _target(base: str, request: web.Request) -> URL:
    """The same path and query at another address, not decoded and encoded again on the way."""
    return URL(base + request.raw_path, encoded=True)


def _page(text: str, status: HTTPStatus) -> web.Response:
    safe = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff", "Referrer-Policy": "same-origin"}
    return web.Response(text=text, status=status, content_type=_HTML, charset="utf-8", headers=safe)


def _problem(status: HTTPStatus, code: str, title: str, detail: str) -> web.Response:
    body = shell.problem(status, code, title, detail)
    return web.Response(status=status, body=body, content_type="application/problem+json", charset="utf-8")
