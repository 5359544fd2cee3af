"""The live connection of a screen: the situation and the incidents when they change, and a tick every two seconds.

A screen tells a dead link from a quiet centre by the tick. Changes are gathered: at most five pictures a second leave,
and screens of people with the same rights share the making of one. A screen that does not read is dropped, so that it
cannot hold back the others.
"""

import asyncio
import contextlib
import json
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Depends, WebSocket
from starlette.concurrency import run_in_threadpool
from starlette.websockets import WebSocketDisconnect, WebSocketState

from node.access import Permission, Principal, principal_of, require
from node.clock import Clock
from node.errors import NodeError
from node.login import TOPIC

router = APIRouter(tags=["live"])
log = logging.getLogger(__name__)

TICK_S = 2.0
APART_S = 0.2
CHECK_S = 30.0
SEND_LIMIT_S = 5.0
MOST_SCREENS = 200
_TRY_LATER, _POLICY = 1013, 1008

Picture = Callable[[Principal], Mapping[str, Any]]


class Live:
    """The screens of one node: who is connected, and whether something changed."""

    def __init__(self, pictures: Mapping[str, Picture], clock: Clock) -> None:
        """Take what is shown, by message type; each is made for a principal, outside of the event loop."""
        self._pictures = dict(pictures)
        self._clock = clock
        self._loop: asyncio.AbstractEventLoop | None = None
        self._changed, self._rights = asyncio.Event(), asyncio.Event()
        self._version = 0
        self._made: dict[object, tuple[int, asyncio.Task[dict[str, Any]]]] = {}
        self.screens = 0

    def touch(self, topics: frozenset[str] = frozenset()) -> None:
        """Note that something changed; may be called from any thread."""
        loop = self._loop
        if loop is not None and not loop.is_closed():
            with contextlib.suppress(RuntimeError):  # the loop ended between the question and the call
                loop.call_soon_threadsafe(self._note, topics)

    def _note(self, topics: frozenset[str]) -> None:
        if TOPIC in topics:
            rights, self._rights = self._rights, asyncio.Event()
            rights.set()
        if topics != {TOPIC}:
            self._version += 1
            changed, self._changed = self._changed, asyncio.Event()
            changed.set()

    async def rights_in_doubt(self) -> None:
        """Return when some session ended, or after a while: whether it is one's own is to be asked."""
        await self._wait(self._rights, CHECK_S)

    async def serve(self, principal: Principal, send: Callable[[dict[str, Any]], Awaitable[None]]) -> None:
        """Send pictures and ticks until the caller cancels; `send` raises when the screen is gone or too slow."""
        self._loop = asyncio.get_running_loop()
        seq, shown = 0, -1
        last: dict[str, Any] = {}
        tick_at = self._clock.monotonic() + TICK_S
        while True:
            version, changed = self._version, self._changed
            messages: list[dict[str, Any]] = []
            if version != shown:
                fresh = await self._picture(principal, version)
                messages = [
                    {"type": kind, "data": data}
                    for kind, data in fresh.items()
                    if shown < 0 or kind == "situation" or data != last.get(kind)
                ]
                shown, last = version, fresh
            if self._clock.monotonic() >= tick_at:
                messages.append({"type": "tick"})
                tick_at = self._clock.monotonic() + TICK_S
            for message in messages:
                await send({**message, "seq": seq, "at": self._clock.now().isoformat()})
                seq += 1
            await self._clock.sleep(APART_S)
            await self._wait(changed, max(0.0, tick_at - self._clock.monotonic()))

    async def _wait(self, changed: asyncio.Event, tick_s: float) -> None:
        """Wait for a change, or until it is time for a tick."""
        tick = asyncio.ensure_future(self._clock.sleep(tick_s))
        news = asyncio.ensure_future(changed.wait())
        try:
            await asyncio.wait({tick, news}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            tick.cancel()
            news.cancel()

    async def _picture(self, principal: Principal, version: int) -> dict[str, Any]:
        """Make the pictures of a version once for all who may see the same."""
        scope = (principal.role, principal.area_code)
        made = self._made.get(scope)
        if made is None or made[0] != version or _failed(made[1]):
            made = (version, asyncio.create_task(run_in_threadpool(self._make, principal)))
            self._made[scope] = made
        return await asyncio.shield(made[1])

    def _make(self, principal: Principal) -> dict[str, Any]:
        return {kind: picture(principal) for kind, picture in self._pictures.items()}


@router.websocket("/ws")
async def live(
    websocket: WebSocket, principal: Annotated[Principal, Depends(require(Permission.INCIDENT_READ))]
) -> None:
    """Connect a screen; the cookie and the origin were checked by then."""
    hub: Live = websocket.app.state.live
    await websocket.accept()
    if hub.screens >= MOST_SCREENS:
        await websocket.close(_TRY_LATER, "too many screens")
        return
    hub.screens += 1

    async def send(message: dict[str, Any]) -> None:
        async with asyncio.timeout(SEND_LIMIT_S):
            await websocket.send_text(json.dumps(message, ensure_ascii=False, separators=(",", ":"), default=str))

    tasks = {
        asyncio.create_task(hub.serve(principal, send), name="screen: send"),
        asyncio.create_task(_until_gone(websocket), name="screen: listen"),
        asyncio.create_task(_until_ended(websocket, hub), name="screen: rights"),
    }
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        hub.screens -= 1
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        for task in tasks:
            _report(None if task.cancelled() else task.exception())
        if websocket.application_state is WebSocketState.CONNECTED:
            with contextlib.suppress(RuntimeError, WebSocketDisconnect, TimeoutError):
                async with asyncio.timeout(1.0):
                    await websocket.close(_POLICY)


def _failed(task: asyncio.Task[dict[str, Any]]) -> bool:
    return task.done() and (task.cancelled() or task.exception() is not None)


def _report(error: BaseException | None) -> None:
    """A screen that went away or was too slow is daily life; anything else is a fault of ours."""
    if isinstance(error, TimeoutError):
        log.warning("a screen did not read and was dropped")
    elif error is not None and not isinstance(error, WebSocketDisconnect | NodeError | RuntimeError):
        log.error("a live connection failed", exc_info=error)


async def _until_gone(websocket: WebSocket) -> None:
    """Read, and ignore, what a screen says; ends when it leaves."""
    while True:
        message = await websocket.receive()
        if message["type"] == "websocket.disconnect":
            return


async def _until_ended(websocket: WebSocket, hub: Live) -> None:
    """End with the session: signed out, closed, given other rights, unused for too long, or expired."""
    while True:
        await hub.rights_in_doubt()
        try:
            await run_in_threadpool(principal_of, websocket)
        except NodeError:
            return
