"""From a drill on three centres to its verdict: what did not come is told in words, and no process is left behind."""

import logging
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from node.clock import Clock
from node.demo.running import NotReady
from node.drill.row import DrillFailed, Stage, stage

log = logging.getLogger(__name__)

Drill = Callable[[Stage, int], Awaitable[dict[str, Any]]]


async def verdict(name: str, drill: Drill, folder: Path, records: int, clock: Clock) -> dict[str, Any]:
    """The facts of a drill, or why it did not come to its end."""
    told: list[str] = []
    with stage(folder, clock, told.append) as made:
        facts = await to_its_end(name, drill(made, records))
    return facts | {"told": told} if "failed" in facts else facts


async def to_its_end(name: str, drill: Awaitable[dict[str, Any]]) -> dict[str, Any]:
    """The facts of a drill, or what stood in its way: whatever that was, the last line says it."""
    try:
        return await drill
    except (DrillFailed, NotReady) as error:
        return broken(name, str(error))
    except Exception as error:
        log.exception("the drill %s broke off", name)
        return broken(name, f"{type(error).__name__}: {error}")


def broken(name: str, why: str) -> dict[str, Any]:
    """The verdict of a drill that did not come to its end; nobody knows what was lost."""
    return {"drill": name, "ok": False, "lost": None, "doubled": None, "failed": why}
