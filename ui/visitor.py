"""Who is asking: the proxy's question to the node, remembered for a few seconds."""

import asyncio
import hashlib
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

import aiohttp

from ui.settings import USER_HEADERS

_REMEMBERED = 2048
_OWN_PREFIX_LENGTH = 8


class NodeSilentError(Exception):
    """The node did not answer, so nothing can be said about the visitor."""


@dataclass(frozen=True, slots=True)
class Visitor:
    """A person whom the node recognised."""

    username: str
    display_name: str
    role: str

    def headers(self) -> dict[str, str]:
        """The identity headers that Streamlit trusts, percent-encoded because names have diacritics."""
        return {header: quote(str(getattr(self, field)), safe="@.-_ ") for header, field in USER_HEADERS.items()}


class Visitors:
    """Asks `GET /api/v1/session` once per cookie and few seconds; requests that arrive together share one question."""

    def __init__(self, http: aiohttp.ClientSession, node: str, *, keep_s: float) -> None:
        self._http = http
        self._node = node
        self._keep_s = keep_s
        self._known: OrderedDict[bytes, tuple[float, asyncio.Task[Visitor | None]]] = OrderedDict()
        self._prefix: str | None = None

    async def session_cookies(self, cookies: Mapping[str, str]) -> dict[str, str]:
        """Those of the visitor's cookies that belong to this node; cookies ignore ports, so others come along."""
        if self._prefix is None:
            name = str((await self._ask("/api/v1/centre", {})).get("name", ""))
            self._prefix = "lt_" + name.removeprefix("n-")[:_OWN_PREFIX_LENGTH]
        return {name: value for name, value in cookies.items() if name == self._prefix}

    async def who(self, cookies: Mapping[str, str]) -> Visitor | None:
        """The visitor behind these cookies, or None where the node says that nobody is logged in.

        Raises:
            NodeSilentError: the node is down or answers nonsense.

        """
        own = await self.session_cookies(cookies)
        if not own:
            return None
        now = asyncio.get_running_loop().time()
        key = hashlib.sha256(repr(sorted(own.items())).encode()).digest()
        remembered = self._known.get(key)
        if remembered is None or now - remembered[0] > self._keep_s:
            remembered = (now, asyncio.create_task(self._identify(own)))
            self._known[key] = remembered
            self._known.move_to_end(key)
            while len(self._known) > _REMEMBERED:
                self._known.popitem(last=False)
        try:
            return await asyncio.shield(remembered[1])
        except NodeSilentError:
            if self._known.get(key) is remembered:
                del self._known[key]
            raise

    def forget(self) -> None:
        """Ask anew from now on: somebody logged in or out."""
        self._known.clear()

    async def _identify(self, cookies: Mapping[str, str]) -> Visitor | None:
        answer = await self._ask("/api/v1/session", cookies)
        if not answer.get("username"):
            return None
        username = str(answer["username"])
        return Visitor(
            username=username,
            display_name=str(answer.get("display_name") or username),
            role=str(answer.get("role") or ""),
        )

    async def _ask(self, path: str, cookies: Mapping[str, str]) -> dict[str, Any]:
        # asked because a screen stands open, not because somebody touched it: the node keeps no session alive for that
        headers = {"Accept": "application/json", "Accept-Encoding": "identity", "Lt-Unattended": "proxy"}
        if cookies:
            headers["Cookie"] = cookie_header(cookies)
        limit = aiohttp.ClientTimeout(total=10)
        try:
            async with self._http.get(self._node + path, headers=headers, timeout=limit) as answer:
                if answer.status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
                    return {}
                if answer.status != HTTPStatus.OK:
                    raise NodeSilentError(f"{path} answered {answer.status}")
                body = await answer.json()
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            raise NodeSilentError(str(error)) from error
        if not isinstance(body, dict):
            raise NodeSilentError(f"{path} answered no object")
        return body


def cookie_header(cookies: Mapping[str, str]) -> str:
    """The value of a `Cookie` header."""
    return "; ".join(f"{name}={value}" for name, value in cookies.items())
