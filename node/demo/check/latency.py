"""How long until what a citizen was promised stands on each tier's screen.

Measured from the moment the citizen's program has its 201 to the moment the words stand in the page of the commune, the
district and the province. Without a browser on this machine, to the moment the province's (district's, commune's)
WebSocket message carries them; the answer says which it was.
"""

import asyncio
import contextlib
import json
import shutil
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from typing import Any

import websockets

from node.demo.check.citizen import send
from node.demo.check.requests import Request
from node.demo.check.scene import DidNotHold, Scene, percentile
from node.demo.sites import Site

# Wait until a mark is seen at one centre; gives the clock's seconds of that moment.
Seen = Callable[[str], Coroutine[Any, Any, float]]

_LIMIT_S = 60.0
_BROWSERS = ("chromium", "chromium-browser", "google-chrome")
BROWSER_ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


def browser_path() -> str | None:
    """The browser of this machine, if it and the package that drives it are here."""
    try:
        import playwright.async_api  # noqa: F401, PLC0415 - present in the environment for tests only
    except ImportError:
        return None
    return next((path for name in _BROWSERS if (path := shutil.which(name))), None)


async def measure(scene: Scene, commune: str, requests: Sequence[Request], browser: str | None) -> None:
    """Send grave reports one after the other and watch three tiers; p50 and p99 in milliseconds by tier."""
    path = _upwards(scene, commune)
    watching = _pages(scene, path, browser) if browser else _sockets(scene, path)
    took: dict[str, list[float]] = {code: [] for code in path}
    async with watching as seen:
        for request in requests:
            watches = {code: asyncio.create_task(seen[code](request.mark)) for code in path}
            receipt = await send(scene.http, scene.sites[commune].citizens_url, request, scene.clock, None)
            scene.receipts.append(receipt)
            for code, at_s in zip(watches, await asyncio.gather(*watches.values()), strict=True):
                took[code].append(max(0.0, at_s - receipt.promised_at_s) * 1000)
    scene.found["latency_ms"] = {
        "from": "the citizen's 201",
        "to": "the words in the page" if browser else "the WebSocket message",
        "samples": len(requests),
        **{
            scene.plan.centre(code).tier: {"p50": round(percentile(times, 0.5)), "p99": round(percentile(times, 0.99))}
            for code, times in took.items()
        },
    }


def _upwards(scene: Scene, commune: str) -> list[str]:
    path = [commune]
    while parent := scene.plan.centre(path[-1]).parent:
        path.append(parent)
    return path


@contextlib.asynccontextmanager
async def _sockets(scene: Scene, path: Sequence[str]) -> AsyncIterator[dict[str, Seen]]:
    """The live connection of a screen, without the screen."""
    watched = {code: _Socket(scene, scene.sites[code], scene.offices[code].cookies) for code in path}
    listening = [asyncio.create_task(one.listen()) for one in watched.values()]
    try:
        await asyncio.gather(*(one.connected.wait() for one in watched.values()))
        yield {code: one.seen for code, one in watched.items()}
    finally:
        for task in listening:
            task.cancel()
        await asyncio.gather(*listening, return_exceptions=True)


class _Socket:
    """Everything that one centre's live connection has said, and when each mark was first in it."""

    def __init__(self, scene: Scene, site: Site, cookies: Any) -> None:  # noqa: ANN401 - a mapping of cookies
        self._clock = scene.clock
        self._site = site
        self._headers = {"Cookie": "; ".join(f"{name}={value}" for name, value in cookies.items()), "Origin": site.url}
        self._first: dict[str, float] = {}
        self._news = asyncio.Event()
        self.connected = asyncio.Event()

    async def listen(self) -> None:
        address = f"ws://{self._site.url.removeprefix('http://')}/ws"
        async with websockets.connect(address, additional_headers=self._headers, max_size=None) as socket:
            async for message in socket:
                content = json.loads(message)
                if content["type"] == "incidents":
                    now_s = self._clock.monotonic()
                    for item in content["data"]["items"]:
                        self._first.setdefault(item["description"].partition(" ")[0], now_s)
                    self.connected.set()
                    news, self._news = self._news, asyncio.Event()
                    news.set()

    async def seen(self, mark: str) -> float:
        try:
            async with asyncio.timeout(_LIMIT_S):
                while mark not in self._first:
                    await self._news.wait()
        except TimeoutError:
            raise DidNotHold(f"{mark} did not come from {self._site.url} within {_LIMIT_S:g} s") from None
        return self._first[mark]


@contextlib.asynccontextmanager
async def _pages(scene: Scene, path: Sequence[str], browser: str) -> AsyncIterator[dict[str, Seen]]:
    """Three people with the situation open, each in a browser window of their own."""
    from playwright.async_api import async_playwright  # noqa: PLC0415 - see browser_path

    async with async_playwright() as playwright:
        chromium = await playwright.chromium.launch(executable_path=browser, args=list(BROWSER_ARGUMENTS))
        try:
            pages = await asyncio.gather(*(_open_page(scene, chromium, code) for code in path))
            yield {code: _watcher(scene, page) for code, page in zip(path, pages, strict=True)}
        finally:
            await chromium.close()


async def _open_page(scene: Scene, chromium: Any, code: str) -> Any:  # noqa: ANN401 - types of an optional package
    site = scene.sites[code]
    context = await chromium.new_context(viewport={"width": 1280, "height": 900}, locale="vi-VN")
    await context.add_cookies(
        [{"name": name, "value": value, "url": site.screens_url} for name, value in scene.offices[code].cookies.items()]
    )
    page = await context.new_page()
    await page.goto(f"{site.screens_url}/dash/")
    await page.get_by_text(site.centre.title).first.wait_for(timeout=_LIMIT_S * 1000)
    return page


def _watcher(scene: Scene, page: Any) -> Seen:  # noqa: ANN401 - as above
    async def seen(mark: str) -> float:
        try:
            await page.get_by_text(mark).filter(visible=True).first.wait_for(timeout=_LIMIT_S * 1000)
        except Exception as error:
            raise DidNotHold(f"{mark} did not appear in {page.url} within {_LIMIT_S:g} s") from error
        return scene.clock.monotonic()

    return seen
