"""What a node costs while nothing happens: memory, processor and wake-ups of each tier, with the default settings.

Nobody is signed in, no screen is open. Beside it, in the same seconds, a process that only has the libraries in memory.
"""

import asyncio
from pathlib import Path
from typing import Any

from bench import machine
from bench.actor import Actor
from bench.arithmetic import core_percent, ratio
from bench.centres import TIERS, Centres


async def measure(made: Centres, seconds: float, quiet_s: float) -> dict[str, Any]:
    """Wait until the start has died down, then look at each process for so many seconds."""
    bare = Actor(str(Path(__file__).with_name("bare_idle.py")))
    try:
        await asyncio.to_thread(bare.hear)
        pids = {tier: made.pid(code) for tier, code in TIERS.items()} | {"bare": bare.pid}
        await asyncio.sleep(quiet_s)
        before = {name: (machine.cpu_s(pid), machine.wakeups(pid)) for name, pid in pids.items()}
        begun_s = made.clock.monotonic()
        await asyncio.sleep(seconds)
        took_s = made.clock.monotonic() - begun_s
        found = {
            name: {
                "rss_mb": round(machine.rss_mb(pid)),
                "cpu_percent": core_percent(machine.cpu_s(pid) - before[name][0], took_s),
                "wakeups_per_s": round((machine.wakeups(pid) - before[name][1]) / took_s, 1),
            }
            for name, pid in pids.items()
        }
    finally:
        bare.end()
    limit = found.pop("bare")
    for row in found.values():
        row["ratio_rss"] = ratio(row["rss_mb"], limit["rss_mb"])
    return {"seconds": round(took_s), "load": round(machine.load(), 2), "tiers": found, "bare_idle": limit}
