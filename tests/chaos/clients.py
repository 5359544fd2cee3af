"""Citizens who report without a pause, and write down each call before it is made and after it has ended."""

import asyncio
import itertools
import json
from collections import Counter
from pathlib import Path
from random import Random
from typing import Any

import httpx

from node.demo.sites import Site

# Each commune's middle.
PLACES = {"26374": (10.8813, 106.958), "26377": (10.9137, 106.946)}
_CATEGORIES = ("flood", "fire", "accident", "health", "road")
_LETTERS = "abcdeghiklmnopqrstuvxy"
_NOT_TAKEN_PAUSE_S = 0.25
_PATIENCE_S = 8.0


def mark_of(number: int) -> str:
    """A word that finds a report again everywhere, and looks like nobody's telephone number."""
    letters = []
    for _ in range(5):
        number, rest = divmod(number, len(_LETTERS))
        letters.append(_LETTERS[rest])
    return f"dau{''.join(letters)}z"


class History:
    """The lines of all calls; `at` counts the lines, so that one can tell what was before what."""

    def __init__(self, file: Path) -> None:
        self._file = file.open("w", encoding="utf-8")
        self._at = itertools.count(1)
        self._calls = itertools.count(1)
        self.open: dict[int, str] = {}  # call -> centre
        self.unknown: Counter[str] = Counter()  # centre -> calls that ended so

    def write(self, what: str, **facts: Any) -> None:
        self._file.write(json.dumps({"what": what, "at": next(self._at), **facts}) + "\n")
        self._file.flush()

    def begin(self, centre: str, mark: str) -> int:
        call = next(self._calls)
        self.open[call] = centre
        self.write("begin", call=call, centre=centre, mark=mark)
        return call

    def end(self, call: int, outcome: str, **facts: Any) -> None:
        centre = self.open.pop(call)
        self.unknown[centre] += outcome == "unknown"
        self.write("end", call=call, outcome=outcome, **facts)

    def close(self) -> None:
        self._file.close()


class Clients:
    """A few citizens per commune."""

    def __init__(self, sites: list[Site], history: History, random: Random) -> None:
        self._sites, self._history, self._random = sites, history, random
        self._numbers = itertools.count(random.randrange(1000))
        self._going = True
        self._tasks: list[asyncio.Task[None]] = []

    def start(self, each: int) -> None:
        self._tasks = [asyncio.create_task(self._citizen(site)) for site in self._sites for _ in range(each)]

    async def stop(self) -> None:
        """Let everybody finish what they began."""
        self._going = False
        await asyncio.gather(*self._tasks)

    async def _citizen(self, site: Site) -> None:
        """Report; where nobody knows whether it was recorded, every second one sends the same again."""
        async with httpx.AsyncClient(timeout=_PATIENCE_S, limits=httpx.Limits(max_keepalive_connections=0)) as http:
            while self._going:
                mark = mark_of(next(self._numbers))
                fields = self._fields(site, mark)
                outcome = await self._call(http, site, mark, fields)
                while outcome == "unknown" and self._going and self._random.random() < 0.5:
                    await asyncio.sleep(_NOT_TAKEN_PAUSE_S)
                    outcome = await self._call(http, site, mark, fields)
                await asyncio.sleep(0.05 + 0.3 * self._random.random() if outcome == "ok" else _NOT_TAKEN_PAUSE_S)

    def _fields(self, site: Site, mark: str) -> dict[str, str]:
        lat, lon = PLACES[site.centre.code]
        return {
            "key": f"khoa-{mark}-cua-nguoi-bao",
            "category": self._random.choice(_CATEGORIES),
            "urgency": "danger",  # its news rise to the top by rule
            "description": f"{mark} cần hỗ trợ ngay",
            "lat": str(lat),
            "lon": str(lon),
        }

    async def _call(self, http: httpx.AsyncClient, site: Site, mark: str, fields: dict[str, str]) -> str:
        call = self._history.begin(site.centre.code, mark)
        outcome, facts = "unknown", {}
        try:
            answer = await http.post(
                f"{site.url}/modules/citizen/api/reports",
                data=fields,
                files={"photo": ("", b"", "application/octet-stream")},
                headers={"Accept": "application/json"},
            )
        except httpx.ConnectError:
            outcome = "failed"  # nothing was sent
        except httpx.TransportError as error:
            facts = {"why": type(error).__name__}
        else:
            facts = {"status": answer.status_code}
            if answer.is_success:
                outcome, facts = "ok", {"incident": answer.json()["incident_id"]}
            elif answer.is_client_error:
                outcome = "failed"
        self._history.end(call, outcome, **facts)
        return outcome
