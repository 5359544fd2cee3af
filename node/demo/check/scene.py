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

# A centre that was down is dialled again after a pause of up to a minute, and a busy machine takes its time on top.
LINKED_WITHIN_S = 180.0


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

    async def linked(self, *codes: str) -> None:
        """Wait until each of these centres says itself that its parent and every child is connected.

        A node answers over HTTP before that: only from here on is something that happens to it seen by its neighbours.
        """
        missing: list[str] = []

        async def all_connected() -> bool:
            missing[:] = [pair for code in codes for pair in await self._not_connected(code)]
            return not missing

        def what() -> str:
            return f"links connected (missing: {', '.join(missing) or 'no answer'})"

        await self.until(what, all_connected, within_s=LINKED_WITHIN_S)

    async def _not_connected(self, code: str) -> list[str]:
        there = {link["peer"] for link in await self.offices[code].links() if link["connected"]}
        above = self.plan.centre(code).parent
        wanted = [*([above] if above else []), *(centre.code for centre in self.plan.children(code))]
        return [f"{code}-{other}" for other in wanted if self.offices[other].name not in there]

    async def until(
        self,
        what: str | Callable[[], str],
        ask: Callable[[], Awaitable[bool]],
        *,
        within_s: float,
        again_s: float = 0.1,
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
                said = what if isinstance(what, str) else what()
                raise DidNotHold(f"{said}: not within {within_s:g} s")
            await self.clock.sleep(again_s)


def percentile(values: Sequence[float], share: float) -> float:
    """The value below which that share of the values lies (nearest rank)."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]
