"""A commune, a district and a province as real processes with data of their own, founded as the demo founds seven."""

import asyncio
import contextlib
import json
import sqlite3
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal
from functools import partial
from pathlib import Path

import httpx
from sqlalchemy.orm import Session

from federation.ledger import UP, Lane, append
from node.clock import SystemClock
from node.commands.account import at_rest
from node.demo.check.citizen import Receipt, send
from node.demo.check.office import Office
from node.demo.check.requests import Request
from node.demo.founding import lay
from node.demo.people import people
from node.demo.plan import DemoPlan
from node.demo.running import Running
from node.demo.sites import Site, Sites, place, write_settings
from node.figures import catalogue
from node.figures.figure import Status
from node.figures.period import Period
from node.figures.state import Cell
from node.figures.wire import KIND, Statement, encode_sheet, encode_state
from node.settings import Settings

PROVINCE, DISTRICT, COMMUNE = "75", "731", "26374"
TIERS = {"commune": COMMUNE, "district": DISTRICT, "province": PROVINCE}
LIMIT_S = 60.0
_AGAIN_S = 0.1
_CHUNK = 1000
_BUCKET_S = 60
_FIGURE = "incident.open"
# What the demo sets shorter so that somebody who watches sees something; a centre that is measured has the defaults.
_SHORTER = ("[presence]\nperiod_s = 5\n", "[figures]\nperiod_s = 60\n")


class DidNotCome(Exception):  # noqa: N818 - what is the case
    """Something did not happen within its time; the message says what."""


@dataclass(slots=True)
class Centres:
    """The three processes, somebody who is signed in at each, and a citizen."""

    sites: Sites
    running: Running
    clock: SystemClock
    offices: dict[str, Office]
    citizen: httpx.AsyncClient
    sent: int = 0
    figures: int = 0

    def pid(self, code: str) -> int:
        """The process of a centre."""
        found = self.running.children.pid(code)
        if found is None:
            raise DidNotCome(f"the process of {code} has ended")
        return found

    def cookie(self, code: str) -> str:
        """What the browser of somebody who is signed in there sends."""
        return "; ".join(f"{name}={value}" for name, value in self.offices[code].cookies.items())

    async def report(self) -> Receipt:
        """A citizen reports a fire at the commune; news of it rise by rule."""
        self.sent += 1
        mark = f"do{self.sent:04d}"
        asked = Request(
            number=mark,
            mark=mark,
            text="Cháy lớn, cần hỗ trợ ngay (phép đo độ trễ)",
            subject="fire",
            grave=True,
            commune=COMMUNE,
            lat=10.8813,
            lon=106.958,
        )
        return await send(self.citizen, self.sites[COMMUNE].url, asked, self.clock, None)

    async def fill(self, count: int) -> None:
        """Stop the commune and let it have recorded so many figures that nobody above has."""
        await self.running.children.stop([COMMUNE])
        await asyncio.to_thread(self._write_at_rest, count)
        self.figures += count

    def _write_at_rest(self, count: int) -> None:
        now = self.clock.now()
        definition = next(one for one in catalogue.load().valid(now.date()) if one.code == _FIGURE)

        def step(session: Session, first: int, some: int) -> None:
            for number in range(first, first + some):
                period = Period.of(now - timedelta(seconds=_BUCKET_S * number), _BUCKET_S)
                said = Statement(
                    indicator=definition.code,
                    version=definition.version,
                    definition_hash=definition.hash,
                    area_code=COMMUNE,
                    period=period,
                    revision=1,
                    status=Status.FINAL,
                    kind=definition.state,
                    cells={(): Cell(value=Decimal(number))},
                )
                payload = encode_sheet(now, [encode_state(said)])
                append(session, lane=Lane.REGULAR, audience=UP, kind=KIND, payload=payload, now=now)

        with at_rest(Settings.load(self.sites[COMMUNE].settings)) as database:
            for begun in range(0, count, _CHUNK):
                first = self.figures + begun + 1
                database.write(partial(step, first=first, some=min(_CHUNK, count - begun)))

    async def start_commune(self) -> None:
        """Start the commune again and wait until it answers."""
        self.running.start_node(self.sites[COMMUNE])
        await self.running.ready(self.sites[COMMUNE])

    def held(self) -> int:
        """The figures of the commune that the province holds, each of them verified there and at the district."""
        query = f"SELECT count(*) FROM figure_state WHERE seconds = {_BUCKET_S} AND area_code = '{COMMUNE}'"
        return int(self._ask(PROVINCE, query)[0])

    def frames(self) -> tuple[int, float]:
        """How many frames of figures the commune has signed, and the bytes of one on average."""
        query = (
            "SELECT count(*), coalesce(avg(length(f.raw)), 0) FROM federation_frame f "
            "JOIN federation_stream s ON s.id = f.stream_id WHERE f.sender = '' AND s.lane = 'regular' "
            "AND s.audience = 'up' AND length(f.raw) > 4000"
        )
        count, size = self._ask(COMMUNE, query)
        return int(count), float(size)

    def _ask(self, code: str, query: str) -> tuple[float, ...]:
        file = self.sites[code].folder / "node.db"
        with contextlib.closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True, timeout=30)) as connection:
            row: tuple[float, ...] = connection.execute(query).fetchone()
            return row

    async def until_held(self, count: int) -> float:
        """Wait until the province holds so many figures; the clock's seconds of that moment."""
        until_s = self.clock.monotonic() + LIMIT_S
        while self.held() < count:
            if self.clock.monotonic() > until_s:
                raise DidNotCome(f"{self.held()} of {count} figures reached the province within {LIMIT_S:.0f} s")
            await asyncio.sleep(_AGAIN_S)
        return self.clock.monotonic()

    def name(self, code: str) -> str:
        """The registry name of a centre."""
        identity: dict[str, str] = json.loads((self.sites[code].keys / "identity.json").read_text(encoding="utf-8"))
        return identity["name"]

    async def linked(self) -> None:
        """Wait until both links are up, as the upper centres say it themselves."""
        until_s = self.clock.monotonic() + LIMIT_S
        for upper in (PROVINCE, DISTRICT):
            while not any(link["connected"] for link in await self._links_down(upper)):
                if self.clock.monotonic() > until_s:
                    raise DidNotCome(f"no child of {upper} connected within {LIMIT_S:.0f} s")
                await asyncio.sleep(_AGAIN_S)

    async def _links_down(self, code: str) -> list[dict[str, object]]:
        below = {PROVINCE: DISTRICT, DISTRICT: COMMUNE}[code]
        return [link for link in await self.offices[code].links() if link["peer"] == self.name(below)]


@contextlib.asynccontextmanager
async def centres(folder: Path) -> AsyncIterator[Centres]:
    """Found and start the three; their processes end with it, whatever happens."""
    clock = SystemClock()
    plan = DemoPlan.load()
    three = replace(plan, centres=tuple(plan.centre(code) for code in (PROVINCE, DISTRICT, COMMUNE)))
    sites = place(folder, three, habit=False)
    running = Running(sites, clock, lambda _text: None)
    try:
        for centre in three.centres:
            _write_settings(sites, sites[centre.code])
        everybody = people(sites.accounts, three.centres)
        authority = await asyncio.to_thread(lay, sites, clock)
        await running.start_along_the_tree(authority, everybody.values(), lambda _what: None)
        async with contextlib.AsyncExitStack() as stack:
            offices = {
                centre.code: await stack.enter_async_context(
                    Office(sites[centre.code], everybody[centre.code, "operator"])
                )
                for centre in three.centres
            }
            citizen = await stack.enter_async_context(httpx.AsyncClient(timeout=LIMIT_S))
            made = Centres(sites, running, clock, offices, citizen)
            await made.linked()
            yield made
    finally:
        running.children.end_now()


def _write_settings(sites: Sites, site: Site) -> None:
    limits = {"reports_per_minute": 6000, "all_reports_per_s": 1000}
    write_settings(sites, site, has_screens=site.centre.code == PROVINCE, citizen=limits)
    text = site.settings.read_text(encoding="utf-8")
    for shorter in _SHORTER:
        if shorter not in text:
            raise DidNotCome("the demo writes other settings than this measurement knows")
        text = text.replace(shorter, "")
    site.settings.write_text(text, encoding="utf-8")
