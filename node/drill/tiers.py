"""Three centres on three tiers as processes of their own, and what a citizen and an inspector see of them."""

import asyncio
import sqlite3
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import httpx

from node.clock import SystemClock
from node.demo.founding import enrol, lay
from node.demo.plan import DemoPlan
from node.demo.running import Running
from node.demo.sites import Site, place, write_settings

PROVINCE, DISTRICT, COMMUNE = "75", "731", "26374"
_PLACE = {"lat": "10.8813", "lon": "106.958"}
_AGAIN_S = 0.1
_PATIENCE_S = 15.0
_INCIDENTS = "SELECT description FROM incident"


@dataclass(slots=True)
class Told:
    """What was said to citizens: marks of reports that were acknowledged, and of those that were refused."""

    grave: list[str] = field(default_factory=list)
    ordinary: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    last_refusal: str = ""


class Tiers:
    """The centres of one drill, in a folder of their own."""

    def __init__(self, folder: Path) -> None:
        """Give each its place; nothing runs yet."""
        plan = DemoPlan.load()
        wanted = (PROVINCE, DISTRICT, COMMUNE)
        plan = replace(plan, centres=tuple(one for one in plan.centres if one.code in wanted))
        self.clock = SystemClock()
        self.sites = place(folder, plan, habit=False)
        self.running = Running(self.sites, self.clock, lambda _text: None)
        self.told = Told()
        self._count = 0

    def site(self, code: str) -> Site:
        """Where a centre lives."""
        return self.sites[code]

    async def start(self, environment: dict[str, dict[str, str]] | None = None) -> None:
        """Keys for everybody, and every node up, its parent first."""
        authority = await asyncio.to_thread(lay, self.sites, self.clock)
        for centre in self.sites.plan.centres:
            site = self.sites[centre.code]
            write_settings(self.sites, site, citizen={"reports_per_minute": 6000})
            await enrol(self.sites, site, authority, self.clock)
            self.running.start_node(site, (environment or {}).get(centre.code))
            await self.running.ready(site)

    async def stop(self) -> None:
        """End every process."""
        await self.running.children.stop()

    async def report(self, *, is_grave: bool, words: str = "cần xử lý") -> int:
        """One citizen's report at the commune: the HTTP status; what was said is remembered."""
        self._count += 1
        mark = f"dau{_letters(self._count)}z"
        fields = {
            "key": f"khoa-{mark}-cua-nguoi-bao",
            "category": "flood" if is_grave else "environment",
            "urgency": "danger" if is_grave else "normal",
            "description": f"{mark} {words}",
            **_PLACE,
        }
        async with httpx.AsyncClient(timeout=_PATIENCE_S) as http:
            answer = await http.post(
                f"{self.sites[COMMUNE].url}/modules/citizen/api/reports",
                data=fields,
                files={"photo": ("", b"", "application/octet-stream")},
                headers={"Accept": "application/json"},
            )
        if answer.is_success:
            (self.told.grave if is_grave else self.told.ordinary).append(mark)
        else:
            self.told.refused.append(mark)
            self.told.last_refusal = answer.text
        return answer.status_code

    async def reads(self) -> bool:
        """Whether the commune still answers questions from its database."""
        async with httpx.AsyncClient(timeout=_PATIENCE_S) as http:
            answer = await http.get(f"{self.sites[COMMUNE].url}/modules/citizen/api/reports/no-such-code")
        return answer.status_code == httpx.codes.NOT_FOUND

    def ask(self, code: str, query: str, *values: object) -> list[tuple[Any, ...]]:
        """A question to a centre's database, beside its owner."""
        file = self.sites[code].folder / "node.db"
        with closing(sqlite3.connect(f"{file.as_uri()}?mode=ro", uri=True, timeout=20.0)) as database:
            return list(database.execute(query, values))

    def marks(self, code: str) -> list[str]:
        """The mark of every incident that a centre knows."""
        return [str(row[0]).split(" ", 1)[0] for row in self.ask(code, _INCIDENTS)]

    async def delivered(self, within_s: float) -> bool:
        """Wait until the district knows every grave report that was acknowledged."""
        deadline = self.clock.monotonic() + within_s
        while not set(self.told.grave) <= set(self.marks(DISTRICT)):
            if self.clock.monotonic() > deadline:
                return False
            await self.clock.sleep(_AGAIN_S)
        return True

    def judge(self) -> dict[str, Any]:
        """What was acknowledged and is nowhere, what is there twice, and what was refused and is there all the same."""
        below, above = self.marks(COMMUNE), self.marks(DISTRICT)
        promised = {*self.told.grave, *self.told.ordinary}
        lost = (promised - set(below)) | (set(self.told.grave) - set(above))
        doubled = [mark for marks in (below, above) for mark in set(marks) if marks.count(mark) > 1]
        return {
            "lost": len(lost),
            "doubled": len(doubled),
            "acknowledged": len(promised),
            "refused": len(self.told.refused),
            "refused_but_kept": len(set(self.told.refused) & set(below)),
        }

    def alarms(self, code: str, name: str) -> int:
        """How often something rang at a centre."""
        query = "SELECT count(*) FROM federation_alarm WHERE code = ?"
        return int(self.ask(code, query, name)[0][0])


def _letters(number: int) -> str:
    """A number in letters, which looks like nobody's telephone number."""
    letters = "abcdeghiklmnopqrstux"
    found = ""
    for _ in range(5):
        number, rest = divmod(number, len(letters))
        found += letters[rest]
    return found
