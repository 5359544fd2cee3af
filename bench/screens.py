"""What a dashboard costs for each who looks at it: the push of the live connection, and the load of a page.

The province has its screens as a real centre has them: a proxy and a Streamlit process in front of the node. Clients
come to the proxy with a session, as browsers do, and read what is pushed, while a citizen reports every two seconds.
"""

import asyncio
import contextlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench import machine
from bench.actor import Actor
from bench.arithmetic import core_percent, per_client, ratio
from bench.centres import PROVINCE, Centres, DidNotCome
from bench.page import measure_pages

_REPORT_EVERY_S = 2.0
_LEAST_APART_S = 0.002
_MORE_OFTEN = 20  # processor time is counted in hundredths of a second: so little must be done many times to be seen


async def measure(made: Centres, clients: Sequence[int], window_s: float, pages: int) -> dict[str, Any]:
    """Start the screens of the province, let clients come, look; then open pages in a browser where there is one."""
    site = made.sites[PROVINCE]
    made.running.start_screens(site)
    await made.running.screens_ready(site)
    proxy = made.running.children.pid(f"{PROVINCE}-ui")
    if proxy is None:
        raise DidNotCome("the screens of the province have ended")
    (streamlit,) = machine.children_of(proxy)
    pids = {"node": made.pid(PROVINCE), "proxy": proxy, "streamlit": streamlit}
    load = machine.load()
    watchers = Actor("-m", "bench.watchers", do="connect", clients=0, url="", headers={})
    try:
        await asyncio.to_thread(watchers.hear)
        alone = await _look(made, pids, watchers, window_s)
        rows = []
        for count in clients:
            headers = {"Cookie": made.cookie(PROVINCE), "Origin": site.screens_url}
            url = f"ws://{site.screens_url.removeprefix('http://')}/ws"
            await asyncio.to_thread(watchers.ask, do="connect", clients=count, url=url, headers=headers)
            seen = await _look(made, pids, watchers, window_s)
            rows.append(_row(count, alone, seen, await asyncio.to_thread(_bare, count, seen, window_s)))
    finally:
        watchers.end()
    return {
        "load": round(load, 2),
        "window_s": window_s,
        "report_every_s": _REPORT_EVERY_S,
        "without_clients": {"cpu_percent": alone["cpu_percent"], "rss_mb": alone["rss_mb"]},
        "push": rows,
        "page": await measure_pages(made, pids, pages),
    }


async def _look(made: Centres, pids: dict[str, int], watchers: Actor, window_s: float) -> dict[str, Any]:
    """What the processes of the screens used in a window, and what the clients heard meanwhile."""
    await asyncio.to_thread(watchers.ask, do="count")
    before_s = {name: machine.cpu_s(pid) for name, pid in pids.items()}
    begun_s = made.clock.monotonic()
    reporting = asyncio.create_task(_report(made))
    await asyncio.sleep(window_s)
    took_s = made.clock.monotonic() - begun_s
    cpu = {name: core_percent(machine.cpu_s(pid) - before_s[name], took_s) for name, pid in pids.items()}
    heard = await asyncio.to_thread(watchers.ask, do="count")
    reporting.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await reporting
    rss = {name: round(machine.rss_mb(pid), 1) for name, pid in pids.items()}
    return {"cpu_percent": cpu, "rss_mb": rss, "heard": heard, "took_s": took_s}


async def _report(made: Centres) -> None:
    while True:
        await made.report()
        await asyncio.sleep(_REPORT_EVERY_S)


def _row(count: int, alone: dict[str, Any], seen: dict[str, Any], bare: dict[str, float]) -> dict[str, Any]:
    cpu = per_client(sum(seen["cpu_percent"].values()), sum(alone["cpu_percent"].values()), count)
    heard = seen["heard"]
    return {
        "clients": count,
        "connected": heard["connected"],
        "cpu_percent_per_client": cpu,
        "mb_per_client": per_client(sum(seen["rss_mb"].values()), sum(alone["rss_mb"].values()), count),
        "messages_per_client_s": round(heard["messages"] / count / seen["took_s"], 2),
        "kb_per_client_s": round(heard["bytes"] / count / seen["took_s"] / 1024, 2),
        "bare_cpu_percent_per_client": bare["cpu_percent"],
        "bare_mb_per_client": bare["mb"],
        "ratio": ratio(cpu, bare["cpu_percent"]),
    }


def _bare(count: int, seen: dict[str, Any], window_s: float) -> dict[str, float]:
    """Texts of the same size, pushed to as many clients by a server that does nothing else."""
    heard, took_s = seen["heard"], seen["took_s"]
    texts = _MORE_OFTEN * max(1, round(heard["messages"] / count * window_s / took_s))
    size = max(1, round(heard["bytes"] / max(1, heard["messages"])))
    server = Actor(str(Path(__file__).with_name("bare_broadcast.py")))
    watchers = None
    try:
        url = f"ws://127.0.0.1:{server.hear()['port']}/"
        rss_mb = machine.rss_mb(server.pid)
        watchers = Actor("-m", "bench.watchers", do="connect", clients=count, url=url, headers={})
        watchers.hear()
        before_s = server.cpu_s
        server.ask(texts=texts, size=size, apart_s=max(_LEAST_APART_S, window_s / texts))
        cpu_s, more_mb = server.cpu_s - before_s, machine.rss_mb(server.pid) - rss_mb
    finally:
        for actor in (server, watchers):
            if actor is not None:
                actor.kill()
    return {
        "cpu_percent": per_client(core_percent(cpu_s / _MORE_OFTEN, window_s), 0.0, count),
        "mb": per_client(more_mb, 0.0, count),
    }
