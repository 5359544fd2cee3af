"""From a drill on three centres to its verdict: what did not come is told in words, and no process is left behind."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from node.clock import Clock
from node.demo.running import NotReady
from node.drill.row import DrillFailed, Stage, stage

Drill = Callable[[Stage, int], Awaitable[dict[str, Any]]]


async def verdict(name: str, drill: Drill, folder: Path, records: int, clock: Clock) -> dict[str, Any]:
    """The facts of a drill, or why it did not come to its end."""
    told: list[str] = []
    with stage(folder, clock, told.append) as made:
        try:
            return await drill(made, records)
        except (DrillFailed, NotReady) as error:
            return {"drill": name, "ok": False, "lost": None, "doubled": None, "failed": str(error), "told": told}
