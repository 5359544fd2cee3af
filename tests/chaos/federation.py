"""Four real nodes on three tiers, with a proxy on each link: brought up, killed, brought up again."""

import asyncio
import sqlite3
from dataclasses import replace
from pathlib import Path

import httpx

from node.clock import SystemClock
from node.demo.founding import enrol, lay
from node.demo.people import Person, people
from node.demo.plan import DemoPlan
from node.demo.running import NotReady, Running, ensure_accounts, tail
from node.demo.sites import Site, place, write_settings
from tests.chaos import duty_export
from tests.chaos.export import export
from tests.chaos.flight import owed
from tests.chaos.proxy import Proxy

CENTRES = ("75", "731", "26374", "26377")
_READY_WITHIN_S = 60.0
_AGAIN_S = 0.02


class Federation:
    """Everything that runs, and what can be seen of it from outside."""

    def __init__(self, folder: Path) -> None:
        plan = DemoPlan.load()
        plan = replace(plan, centres=tuple(centre for centre in plan.centres if centre.code in CENTRES))
        self.clock = SystemClock()
        self.sites = place(folder, plan, habit=False)
        self.running = Running(self.sites, self.clock, lambda text: None)
        self.links = {centre.code: Proxy(self.sites[centre.parent].link) for centre in plan.centres if centre.parent}
        self.names: dict[str, str] = {}
        everybody = people(self.sites.accounts, plan.centres)
        self.operators: dict[str, Person] = {code: everybody[code, "operator"] for code in CENTRES}

    @property
    def communes(self) -> list[Site]:
        return [self.sites[centre.code] for centre in self.sites.plan.leaves()]

    def parent(self, code: str) -> str:
        return self.sites.plan.centre(code).parent

    def children(self, code: str) -> list[str]:
        return [centre.code for centre in self.sites.plan.children(code)]

    async def start(self) -> None:
        """Keys for everybody, and every node up, its parent first."""
        authority = await asyncio.to_thread(lay, self.sites, self.clock)
        for centre in self.sites.plan.centres:
            site = self.sites[centre.code]
            write_settings(self.sites, site, citizen={"reports_per_minute": 6000})
            if centre.parent:
                proxy = await self.links[centre.code].start()
                settings = site.settings.read_text("utf-8")
                straight = f'address = "127.0.0.1:{self.sites[centre.parent].link}"'
                site.settings.write_text(settings.replace(straight, f'address = "127.0.0.1:{proxy.port}"', 1), "utf-8")
            await enrol(self.sites, site, authority, self.clock)
            if not await self.bring_up(centre.code):
                raise NotReady(f"{centre.code} did not come up:\n{tail(site.log)}")
            await ensure_accounts(site, [self.operators[centre.code]])
        registry = authority.registry
        self.names = {code: entry.name for code in CENTRES if (entry := registry.by_code(code))}

    async def stop(self) -> None:
        await self.running.children.stop(patience_s=8.0)
        for proxy in self.links.values():
            await proxy.stop()

    # processes -------------------------------------------------------------------------------------------------------

    async def bring_up(self, code: str, failpoint: str = "") -> bool:
        """Start one node and wait until it answers; False if it died on the way, as an armed one may."""
        site = self.sites[code]
        self.running.start_node(site, {"LIENTHONG_FAILPOINT": failpoint} if failpoint else None)
        deadline = self.clock.monotonic() + _READY_WITHIN_S
        async with httpx.AsyncClient(timeout=2.0) as http:
            while self.is_alive(code):
                try:
                    if (await http.get(f"{site.url}/healthz")).is_success:
                        return True
                except httpx.HTTPError:
                    pass
                if self.clock.monotonic() > deadline:
                    raise NotReady(f"{code} does not answer:\n{tail(site.log)}")
                await asyncio.sleep(_AGAIN_S * 2)
        return False

    def is_alive(self, code: str) -> bool:
        return self.running.children.pid(code) is not None

    async def died(self, code: str, within_s: float) -> bool:
        """Wait for a node to die by itself."""
        deadline = self.clock.monotonic() + within_s
        while self.is_alive(code):
            if self.clock.monotonic() > deadline:
                return False
            await asyncio.sleep(_AGAIN_S)
        return True

    def bury(self, code: str) -> int | None:
        """The exit status of a node that died by itself."""
        return next((one.code for one in self.running.children.take_exits() if one.program.name == code), None)

    # what can be seen ------------------------------------------------------------------------------------------------

    def under_way(self, code: str) -> int:
        """Urgent records and frames that this centre, or a child towards it, has not had acknowledged."""
        edges = [(code, self.parent(code))] if self.parent(code) else []
        edges += [(child, code) for child in self.children(code)]
        return sum(owed(self._database(child), self.names[child], self.names[parent]) for child, parent in edges)

    async def drained(self, within_s: float) -> bool:
        """Wait until nobody owes anything."""
        deadline = self.clock.monotonic() + within_s
        while self._is_owed():
            if self.clock.monotonic() > deadline:
                return False
            await asyncio.sleep(0.1)
        return True

    def _is_owed(self) -> bool:
        """Upwards what is urgent, downwards all but the audit lane."""
        if any(owed(self._database(one), self.names[one], self.names[self.parent(one)]) for one in self.links):
            return True
        return any(duty_export.owed_down(self._database(one), self.names[one]) for one in CENTRES)

    def give_out(self, folder: Path) -> None:
        """What each centre holds, for the checker; when all have ended."""
        for code in CENTRES:
            export(self._database(code), folder / f"export-{code}.jsonl")
            duty_export.export(self._database(code), folder / f"duty-{code}.jsonl")

    def alarms(self) -> dict[str, int]:
        """How often what rang, over all centres."""
        found: dict[str, int] = {}
        for code in CENTRES:
            database = sqlite3.connect(f"{self._database(code).as_uri()}?mode=ro", uri=True)
            for name, count in database.execute("SELECT code, count(*) FROM federation_alarm GROUP BY code"):
                found[name] = found.get(name, 0) + count
            database.close()
        return found

    def _database(self, code: str) -> Path:
        return self.sites[code].folder / "node.db"
