"""What loading one page of the screens costs, in a browser where there is one, beside the least page of Streamlit."""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path
from typing import Any

import httpx

from bench import machine
from bench.arithmetic import ratio, spread
from bench.centres import PROVINCE, Centres, DidNotCome
from node.demo.check.latency import BROWSER_ARGUMENTS, browser_path
from node.demo.children import Program
from node.demo.ports import choose

_PATIENCE_S = 40.0
_SETTLE_S = 1.0
_BARE = "bare-page"

Load = Callable[[], Coroutine[Any, Any, None]]


async def measure_pages(made: Centres, pids: dict[str, int], pages: int) -> dict[str, Any] | None:
    """Open the situation so many times, each in a window of its own that stays open; None without a browser."""
    browser = browser_path()
    if browser is None or not pages:
        return None
    from playwright.async_api import async_playwright  # noqa: PLC0415 - an optional package

    async with async_playwright() as playwright:
        chromium = await playwright.chromium.launch(executable_path=browser, args=list(BROWSER_ARGUMENTS))
        try:
            site = made.sites[PROVINCE]

            async def ours() -> None:
                context = await chromium.new_context(locale="vi-VN")
                cookies = made.offices[PROVINCE].cookies.items()
                await context.add_cookies(
                    [{"name": name, "value": value, "url": site.screens_url} for name, value in cookies]
                )
                await _show(context, f"{site.screens_url}/dash/", site.centre.title)

            found = await _load(made, ours, list(pids.values()), pages)
            found["bare_page"] = await _bare(made, chromium, pages)
        finally:
            await chromium.close()
    found["ratio"] = ratio(found["server_cpu_s"], found["bare_page"]["server_cpu_s"])
    return found


async def _show(context: Any, url: str, words: str) -> None:
    page = await context.new_page()
    await page.goto(url, timeout=_PATIENCE_S * 1000)
    await page.get_by_text(words).first.wait_for(timeout=_PATIENCE_S * 1000)


async def _load(made: Centres, load: Load, pids: Sequence[int], pages: int) -> dict[str, Any]:
    """The first load warms up the servers; then what each further one costs them, and how long until it shows."""
    await load()
    await asyncio.sleep(_SETTLE_S)
    cpu_s, rss_mb = sum(map(machine.cpu_s, pids)), sum(map(machine.rss_mb, pids))
    took_s = []
    for _ in range(pages):
        begun_s = made.clock.monotonic()
        await load()
        took_s.append(made.clock.monotonic() - begun_s)
        await asyncio.sleep(_SETTLE_S)
    return {
        "pages": pages,
        "server_cpu_s": round((sum(map(machine.cpu_s, pids)) - cpu_s) / pages, 2),
        "server_mb": round((sum(map(machine.rss_mb, pids)) - rss_mb) / pages, 1),
        "shown": spread(took_s),
    }


async def _bare(made: Centres, chromium: Any, pages: int) -> dict[str, Any]:
    """The same browser, a Streamlit process that shows one line and has no proxy."""
    (port,) = choose([0])
    options = ("--server.address", "127.0.0.1", "--server.headless", "true", "--browser.gatherUsageStats", "false")
    program = ("-m", "streamlit", "run", str(Path(__file__).with_name("bare_page.py")), "--server.port", str(port))
    children, log = made.running.children, made.sites.folder / "logs" / "bare-page.log"
    pid = children.start(Program(name=_BARE, arguments=(*program, *options), log=log))
    try:
        await _answers(made, f"http://127.0.0.1:{port}/_stcore/health")

        async def bare() -> None:
            await _show(await chromium.new_context(), f"http://127.0.0.1:{port}/", "bare page")

        return await _load(made, bare, [pid], pages)
    finally:
        await children.stop([_BARE])


async def _answers(made: Centres, url: str) -> None:
    until_s = made.clock.monotonic() + _PATIENCE_S
    async with httpx.AsyncClient() as http:
        while made.clock.monotonic() < until_s:
            try:
                if (await http.get(url)).is_success:
                    return
            except httpx.HTTPError:
                pass
            await asyncio.sleep(0.1)
    raise DidNotCome(f"the least page did not come within {_PATIENCE_S:.0f} s")
