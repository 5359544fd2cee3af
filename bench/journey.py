"""How long a citizen's report travels to the district and the province, and how fast figures pass two hops.

The clock begins when the citizen has the commune's 201. It ends when the province's API knows the incident (asked every
five milliseconds), or when the live connection of a screen at the district or the province has brought it.
"""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import websockets.asyncio.client as ws

from bench import machine
from bench.actor import Actor
from bench.arithmetic import ratio, spread
from bench.centres import COMMUNE, DISTRICT, PROVINCE, TIERS, Centres, DidNotCome
from bench.stage import stream_options

_ASK_AGAIN_S = 0.005
_APART_S = 0.3  # a screen gets five pictures a second at most; at rest the next report finds it waiting
_PATIENCE_S = 20.0
_WARM_UP = 2


@dataclass(frozen=True, slots=True)
class Size:
    """How much is measured."""

    samples: int
    figures: int
    singles: int
    many: int


class Screen:
    """The live connection of a screen at one centre: when each incident was first in it."""

    def __init__(self, made: Centres, code: str) -> None:
        """Not connected yet."""
        self._made = made
        self._code = code
        self._first_s: dict[str, float] = {}
        self._news = asyncio.Event()
        self.connected = asyncio.Event()

    async def watch(self) -> None:
        """Read whatever the centre pushes."""
        site = self._made.sites[self._code]
        headers = {"Cookie": self._made.cookie(self._code), "Origin": site.url}
        address = f"ws://{site.url.removeprefix('http://')}/ws"
        async with ws.connect(address, additional_headers=headers, max_size=None) as socket:
            async for message in socket:
                content = json.loads(message)
                if content["type"] == "incidents":
                    now_s = self._made.clock.monotonic()
                    for item in content["data"]["items"]:
                        self._first_s.setdefault(item["id"], now_s)
                    self.connected.set()
                    news, self._news = self._news, asyncio.Event()
                    news.set()

    async def seen_s(self, incident: str) -> float:
        """When the incident was there; waits for it."""
        async with asyncio.timeout(_PATIENCE_S):
            while incident not in self._first_s:
                await self._news.wait()
        return self._first_s[incident]


@contextlib.asynccontextmanager
async def screens(made: Centres) -> AsyncIterator[dict[str, Screen]]:
    """Somebody watches at the district and at the province."""
    watched = {tier: Screen(made, code) for tier, code in TIERS.items() if tier != "commune"}
    tasks = [asyncio.create_task(one.watch()) for one in watched.values()]
    try:
        async with asyncio.timeout(_PATIENCE_S):
            await asyncio.gather(*(one.connected.wait() for one in watched.values()))
        yield watched
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def known_s(made: Centres, http: httpx.AsyncClient, incident: str) -> float:
    """When the province's API knew the incident."""
    until_s = made.clock.monotonic() + _PATIENCE_S
    while (await http.get(f"/api/v1/incidents/{incident}")).status_code != httpx.codes.OK:
        if made.clock.monotonic() > until_s:
            raise DidNotCome(f"the province did not know an incident within {_PATIENCE_S:.0f} s")
        await asyncio.sleep(_ASK_AGAIN_S)
    return made.clock.monotonic()


async def sample(made: Centres, samples: int, *, figures: int = 0) -> dict[str, Any]:
    """One report after the other, in turn watched on screens and asked for; with figures, only while they drain."""
    took: dict[str, list[float]] = {"province_api": [], "district_screen": [], "province_screen": []}
    headers = {"Cookie": made.cookie(PROVINCE)}
    async with screens(made) as watched, httpx.AsyncClient(base_url=made.sites[PROVINCE].url, headers=headers) as http:
        for number in range(samples + _WARM_UP):
            if figures and made.held() >= figures:
                break
            receipt = await made.report()
            begun_s = receipt.promised_at_s
            if number % 2:
                found = {"province_api": await known_s(made, http, receipt.incident_id)}
            else:
                found = {f"{tier}_screen": await one.seen_s(receipt.incident_id) for tier, one in watched.items()}
            if number >= _WARM_UP or figures:
                for name, at_s in found.items():
                    took[name].append(max(0.0, at_s - begun_s))
            await asyncio.sleep(0.0 if figures else _APART_S)
    return {name: spread(times) for name, times in took.items()}


async def drain(made: Centres, figures: int) -> dict[str, Any]:
    """Let a commune come back with figures that nobody above has: how many a second the province gets."""
    before = made.held()
    await made.fill(figures)
    cpu_before_s = {code: machine.cpu_s(made.pid(code)) for code in (DISTRICT, PROVINCE)}
    await made.start_commune()
    begun_s = await made.until_held(before + 1)
    early = made.held()
    ended_s = await made.until_held(before + figures)
    cpu = {code: machine.cpu_s(made.pid(code)) - was_s for code, was_s in cpu_before_s.items()}
    late = max(1, before + figures - early)
    return {
        "records": figures,
        "records_per_s": round(late / max(0.001, ended_s - begun_s)),
        "district_cpu_us": round(1e6 * cpu[DISTRICT] / figures, 1),
        "province_cpu_us": round(1e6 * cpu[PROVINCE] / figures, 1),
        "commune_cpu_us": round(1e6 * machine.cpu_s(made.pid(COMMUNE)) / figures, 1),
    }


async def under_load(made: Centres, size: Size) -> dict[str, Any]:
    """Reports while the figures of a commune that came back pass upwards."""
    before = made.held()
    await made.fill(size.figures)
    await made.start_commune()
    await made.until_held(before + 1)
    found = await sample(made, size.samples * 2, figures=before + size.figures)
    left = before + size.figures - made.held()
    await made.until_held(before + size.figures)
    return found | {"figures": size.figures, "figures_left": left}


def bare(made: Centres, size: Size, folder: Path, frame_bytes: int) -> dict[str, Any]:
    """The limit: as many bytes over two hops of gRPC, synced twice, by processes that do nothing else."""
    program = str(Path(__file__).with_name("bare_hops.py"))
    server, client = stream_options()
    common = {"server": server, "client": client, "next_port": 0, "next_name": ""}
    actors: list[Actor] = []
    try:
        for code in (PROVINCE, DISTRICT):
            keys, file = str(made.sites[code].keys), str(folder / f"bare{code}")
            actors.append(Actor(program, do="serve", keys=keys, file=file, **common))
            common |= {"next_port": actors[-1].hear()["port"], "next_name": made.name(code)}
        counts = {"size": 700, "singles": size.singles, "many": size.many, "big": max(1000, frame_bytes)}
        actors.append(Actor(program, do="send", keys=str(made.sites[COMMUNE].keys), **counts, **common))
        said = actors[-1].hear()
    finally:
        for actor in actors:
            actor.kill()
    return {"one": spread(said["took_s"]), "frames_per_s": round(size.many / said["many_s"], 1)}


async def measure(made: Centres, size: Size, folder: Path) -> dict[str, Any]:
    """Everything about the journey, each figure beside its limit."""
    load = machine.load()
    at_rest = await sample(made, size.samples * 2)
    hops = await drain(made, size.figures)
    frames, frame_bytes = made.frames()
    per_frame = hops["records"] / max(1, frames)
    loaded = await under_load(made, size)
    limit = await asyncio.to_thread(bare, made, size, folder, round(frame_bytes))
    limit_per_s = round(limit["frames_per_s"] * per_frame)
    return {
        "load": round(load, 2),
        "at_rest": at_rest,
        "with_backlog": loaded,
        "bare_hops": limit["one"],
        "ratio_p50": ratio(at_rest["province_api"]["p50_ms"], limit["one"]["p50_ms"]),
        "two_hops": hops
        | {
            "records_per_frame": round(per_frame, 1),
            "frame_bytes": round(frame_bytes),
            "bare_records_per_s": limit_per_s,
            "ratio": ratio(hops["records_per_s"], limit_per_s),
        },
    }
