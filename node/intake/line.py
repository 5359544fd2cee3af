"""The one way from the intake process to its node: questions over a Unix socket, a bounded number, with a bounded wait.

An answer is the node's own; no answer is said in words that are true: before the question was out, nothing was
recorded; after that, nobody knows, and the same key may be sent again.
"""

from collections.abc import Mapping
from contextlib import ExitStack
from http import HTTPStatus
from pathlib import Path
from typing import Any, Self

import anyio
import httpx

from node.errors import (
    Conflict,
    Invalid,
    NodeError,
    NotFound,
    Stale,
    StorageFull,
    TooLarge,
    TooMany,
    Unavailable,
)
from node.local import short

BUSY = "Chưa ghi nhận: đang có quá nhiều người gửi cùng lúc. Hãy thử lại sau ít phút."
SILENT = "Chưa ghi nhận: máy chủ của trung tâm đang tạm dừng. Hãy thử lại sau ít phút; nội dung bạn nhập vẫn còn."
UNKNOWN = (
    "Chưa rõ đã ghi nhận hay chưa: máy chủ của trung tâm không kịp trả lời. Hãy gửi lại; cùng một phản ánh gửi lại "
    "không bị ghi hai lần."
)
_ANSWER_WITHIN_S = 30.0
_KNOWN: Mapping[str, type[NodeError]] = {
    kind.code: kind for kind in (NotFound, Conflict, Stale, Invalid, TooLarge, TooMany, StorageFull, Unavailable)
}
_OWN_MEMBERS = {"type", "title", "status", "detail", "code", "errors"}


class Line:
    """Asks the node; open inside a `with`."""

    def __init__(self, socket: Path, *, at_once: int, waiting: int, wait_s: float) -> None:
        """Take the node's socket, how many questions may be out and may wait, and for how long one waits."""
        self._stack = ExitStack()
        name = self._stack.enter_context(short(socket))
        limits = httpx.Limits(max_connections=at_once, max_keepalive_connections=at_once)
        self._http = httpx.AsyncClient(
            transport=httpx.AsyncHTTPTransport(uds=name, limits=limits),
            base_url="http://node",
            timeout=httpx.Timeout(_ANSWER_WITHIN_S, pool=wait_s),
            trust_env=False,
        )
        self._places = anyio.CapacityLimiter(at_once)
        self._waiting = waiting
        self._wait_s = wait_s

    def __enter__(self) -> Self:
        """Keep the socket's name valid."""
        return self

    def __exit__(self, *_: object) -> None:
        """Let go of the socket's name."""
        self._stack.close()

    async def ask(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: bytes | None = None,
        data: object = None,
    ) -> Any:  # noqa: ANN401 - JSON
        """Give the node's answer; raises the node's own error, or Unavailable."""
        if self._places.statistics().tasks_waiting >= self._waiting:
            raise Unavailable(BUSY)
        try:
            with anyio.fail_after(self._wait_s):
                await self._places.acquire()
        except TimeoutError:
            raise Unavailable(BUSY) from None
        try:
            answer = await self._http.request(method, path, params=query, content=body, json=data)
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
            raise Unavailable(SILENT) from error
        except httpx.TransportError as error:
            raise Unavailable(UNKNOWN if method == "POST" else SILENT) from error
        finally:
            self._places.release()
        return _read(answer)

    async def is_answered(self) -> bool:
        """Say whether the node answers at all."""
        try:
            return (await self._http.get("/healthz", timeout=2.0)).status_code == HTTPStatus.OK
        except httpx.TransportError:
            return False


def _read(answer: httpx.Response) -> Any:  # noqa: ANN401 - JSON
    try:
        told = answer.json()
    except ValueError:
        told = None
    if answer.is_success:
        return told
    if not isinstance(told, dict):
        raise Unavailable(UNKNOWN)
    kind = _KNOWN.get(str(told.get("code")))
    if kind is None:
        raise Unavailable(UNKNOWN)
    extra = {name: value for name, value in told.items() if name not in _OWN_MEMBERS}
    raise kind(str(told.get("detail", "")), errors=told.get("errors", ()), extra=extra)
