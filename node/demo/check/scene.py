"""What every step of the check works with."""

import math
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from node.clock import Clock
from node.demo.check.citizen import Receipt
from node.demo.check.office import Office
from node.demo.people import Person
from node.demo.plan import DemoPlan
from node.demo.running import Running
from node.demo.sites import Sites
from pki.authority import Authority


class DidNotHold(Exception):  # noqa: N818 - it says how the check ended
    """Something that was promised did not happen; the message says what."""


@dataclass(slots=True, kw_only=True)
class Scene:
    """The running federation, its people, and what the citizens were promised."""

    clock: Clock
    sites: Sites
    running: Running
    authority: Authority
    people: Mapping[tuple[str, str], Person]
    offices: Mapping[str, Office]
    http: httpx.AsyncClient
    tell: Callable[[str], None]
    receipts: list[Receipt] = field(default_factory=list)
    found: dict[str, Any] = field(default_factory=dict)

    @property
    def plan(self) -> DemoPlan:
        """The centres and their tree."""
        return self.sites.plan

    @property
    def province(self) -> Office:
        """The centre at the top."""
        return self.offices[self.plan.root.code]

    def district_of(self, commune: str) -> Office:
        """The centre above a commune."""
        return self.offices[self.plan.centre(commune).parent]

    def scratch(self, name: str) -> Path:
        """A folder of its own for one step."""
        folder = self.sites.folder / "scratch" / name
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return folder

    async def until(
        self, what: str, ask: Callable[[], Awaitable[bool]], *, within_s: float, again_s: float = 0.1
    ) -> None:
        """Ask until the answer is yes; DidNotHold after the limit. A centre that is down answers no."""
        deadline = self.clock.monotonic() + within_s
        while True:
            try:
                if await ask():
                    return
            except httpx.TransportError:
                pass
            if self.clock.monotonic() > deadline:
                raise DidNotHold(f"{what}: not within {within_s:g} s")
            await self.clock.sleep(again_s)


def percentile(values: Sequence[float], share: float) -> float:
    """The value below which that share of the values lies (nearest rank)."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]
