"""A district's disk and keys run a second time: the older is fenced, what it had not delivered waits for a person."""

import json
from typing import Any

from node.drill.row import LOW, MIDDLE, TOP, Stage, clone_of


async def clone(made: Stage, records: int) -> dict[str, Any]:
    """Both write; the newer delivers, the older is fenced; then the newer is stopped and a person decides."""
    await made.raise_all()
    promised = await made.report("before", 3)
    await made.until(lambda: set(promised) <= made.incidents(TOP), "the first reports did not arrive")
    spare = made.sites.plan.newcomer.code
    twin = clone_of(made, MIDDLE, made.sites[spare])
    begun_s = made.clock.monotonic()
    made.running.start_node(twin)
    await made.running.ready(twin)
    await made.until(lambda: "SESSION_FENCED" in made.alarms(TOP), "the centre above did not notice the clone")
    await made.until(lambda: "FENCED" in made.alarms(MIDDLE), "the older was not fenced")
    seconds = made.clock.monotonic() - begun_s
    promised += await made.report("fenced", 3)
    await made.until(lambda: set(promised) <= made.incidents(MIDDLE), "the fenced centre does not work on by itself")
    await made.stop(MIDDLE)
    made.write_at_rest(MIDDLE, records)
    await made.start(MIDDLE)
    mixed = len(set(promised[3:]) & made.incidents(TOP))
    shown = json.loads(made.command("restore", "show", "--config", str(made.sites[MIDDLE].settings)))
    await made.running.children.stop(["clone"])
    owed = made.rids(MIDDLE, made.name(MIDDLE))
    decided = json.loads(made.command("quarantine", "decide", "send", "--config", str(made.sites[MIDDLE].settings)))
    await made.until(lambda: owed <= made.rids(TOP, made.name(MIDDLE)), "what was put aside did not arrive")
    await made.until(lambda: set(promised) <= made.incidents(TOP), "a report was lost")
    lost = len(owed - made.rids(TOP, made.name(MIDDLE))) + len(set(promised) - made.incidents(TOP))
    doubled = sum(made.doubled(code) for code in (TOP, MIDDLE, LOW))
    return {
        "drill": "clone",
        "ok": lost == doubled == mixed == 0 and bool(shown["fences"]) and decided["records"] > 0,
        "lost": lost,
        "doubled": doubled,
        "mixed": mixed,
        "records": len(owed),
        "quarantined": decided["records"],
        "seconds": round(seconds, 2),
        "alarms": made.alarms(MIDDLE),
    }
