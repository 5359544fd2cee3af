"""The centre above is put back to an old backup: the one below sends again what had been acknowledged."""

from typing import Any

from node.drill.row import LOW, MIDDLE, TOP, Stage


async def parent_rollback(made: Stage, records: int) -> dict[str, Any]:
    """All but a few records arrive after the backup of the province, which then forgets them."""
    await made.raise_all()
    promised = await made.report("before", 3)
    await made.until(lambda: set(promised) <= made.incidents(TOP), "the first reports did not arrive")
    backup = made.back_up(TOP)
    await made.stop(MIDDLE)
    made.write_at_rest(MIDDLE, records)
    await made.start(MIDDLE)
    promised += await made.report("backed-up", 3)
    await made.until(lambda: set(promised) <= made.incidents(TOP), "the reports did not arrive")
    await made.until(lambda: made.is_linked(TOP), "the records did not arrive")
    name = made.name(MIDDLE)
    owed = made.rids(TOP, name)
    made.kill(TOP)
    promised += await made.report("while-down", 3)
    made.put_back(TOP, backup)
    forgotten = len(owed - made.rids(TOP, name))
    begun_s = made.clock.monotonic()
    await made.start(TOP)
    await made.until(lambda: made.unsettled(TOP) == 0, "the restored centre did not settle")
    await made.until(lambda: owed <= made.rids(TOP, name), "what had been acknowledged was not sent again")
    seconds = made.clock.monotonic() - begun_s
    await made.until(lambda: set(promised) <= made.incidents(TOP), "a report was lost")
    lost = len(owed - made.rids(TOP, name)) + len(set(promised) - made.incidents(TOP))
    doubled = sum(made.doubled(code) for code in (TOP, MIDDLE, LOW))
    alarms = made.alarms(MIDDLE)
    return {
        "drill": "parent-rollback",
        "ok": lost == doubled == 0 and forgotten > 0 and bool(alarms.get("PARENT_ROLLBACK")),
        "lost": lost,
        "doubled": doubled,
        "records": len(owed),
        "sent_again": forgotten,
        "reports": len(promised),
        "seconds": round(seconds, 2),
        "alarms": alarms,
    }
