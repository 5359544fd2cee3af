"""Operators who pass incidents up and down the tiers without a pause, each step written down before it and after it."""

import asyncio
import contextlib
import itertools
from collections.abc import Mapping
from random import Random
from typing import Any

import httpx

from node.demo.people import Person
from node.demo.sites import Site
from tests.chaos.clients import History

ACTS = ("escalate", "withdraw", "accept", "decline", "note")
_DUTY = frozenset(ACTS) - {"note"}
_FIELDS = {"escalate": {"cause": "capacity"}}
_PAUSE_S = 0.3
_PATIENCE_S = 8.0
_NEWEST = 8


class Operators:
    """One operator per centre, who prefers what changes who answers for an incident."""

    def __init__(self, sites: Mapping[str, Site], people: Mapping[str, Person], history: History, seed: int) -> None:
        self._sites, self._people, self._history = sites, people, history
        self._random = Random(f"operators {seed}")  # noqa: S311 - chance, no secret
        self._numbers = itertools.count(1)
        self._going = True
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        self._tasks = [asyncio.create_task(self._work(code)) for code in sorted(self._sites)]

    async def stop(self) -> None:
        """Let everybody finish what they began."""
        self._going = False
        await asyncio.gather(*self._tasks)

    async def _work(self, code: str) -> None:
        limits = httpx.Limits(max_keepalive_connections=0)
        base = self._sites[code].url
        async with httpx.AsyncClient(base_url=base, timeout=_PATIENCE_S, limits=limits) as http:
            is_in = False
            while self._going:
                with contextlib.suppress(httpx.HTTPError):  # it is down just now; what was written is in `_act`
                    is_in = is_in or await self._sign_in(http, code)
                    await self._act(http, code)
                await asyncio.sleep(_PAUSE_S * (0.5 + self._random.random()))

    async def _sign_in(self, http: httpx.AsyncClient, code: str) -> bool:
        person = self._people[code]
        answer = await http.post("/api/v1/session", json={"username": person.username, "password": person.password})
        return answer.raise_for_status().is_success

    async def _act(self, http: httpx.AsyncClient, code: str) -> None:
        """Take one of the steps that the screen offers for one of the newest incidents."""
        page = (await http.get("/api/v1/incidents", params={"limit": _NEWEST})).raise_for_status().json()
        if not page["items"]:
            return
        one = self._random.choice(page["items"])
        found = (await http.get(f"/api/v1/incidents/{one['id']}")).raise_for_status().json()
        able = [action["name"] for action in found["actions"] if action["name"] in ACTS]
        names = [name for name in able if name in _DUTY] or able
        if not names:
            return
        name, mark = self._random.choice(names), f"viec-{code}-{next(self._numbers)}"
        step = {"call": mark, "centre": code, "act": name, "incident": str(found["id"]).replace("-", "")}
        self._history.write("step begins", **step)
        outcome, facts = "unknown", {}
        body = {"name": name, "version": found["version"], "note": mark, **_FIELDS.get(name, {})}
        try:
            answer = await http.post(f"/api/v1/incidents/{found['id']}/actions", json=body)
        except httpx.ConnectError:
            outcome = "failed"  # nothing was sent
        except httpx.TransportError as error:
            facts = {"why": type(error).__name__}
        else:
            outcome, facts = _outcome(answer)
        self._history.write("step ends", call=mark, outcome=outcome, **facts)


def _outcome(answer: httpx.Response) -> tuple[str, dict[str, Any]]:
    if answer.is_success:
        return "ok", {}
    return ("failed" if answer.is_client_error else "unknown"), {"status": answer.status_code}
