"""A district is put back to an old backup: both neighbours give it what it forgot."""

from typing import Any

from node.drill.row import LOW, MIDDLE, TOP, Stage

AFTER = 10


async def restore(made: Stage, records: int) -> dict[str, Any]:
    """Half of the records before the backup, half after it, some after the restore; reports from below throughout."""
    await made.raise_all()
    promised = await made.report("before", 3)
    await made.stop(MIDDLE)
    made.write_at_rest(MIDDLE, records // 2)
    await made.start(MIDDLE)
    await made.until(lambda: made.is_linked(TOP), "the first half did not arrive")
    backup = made.back_up(MIDDLE)
    promised += await made.report("backed-up", 3)
    await made.stop(MIDDLE)
    made.write_at_rest(MIDDLE, records - records // 2)
    await made.start(MIDDLE)
    await made.until(lambda: made.is_linked(TOP) and made.is_linked(MIDDLE), "the second half did not arrive")
    await made.until(lambda: set(promised) <= made.incidents(TOP), "the reports did not arrive")
    name = made.name(MIDDLE)
    owed = made.rids(MIDDLE, name)
    made.kill(MIDDLE)
    promised += await made.report("while-down", 3)
    made.put_back(MIDDLE, backup)
    made.write_at_rest(MIDDLE, AFTER)
    owed |= made.rids(MIDDLE, name)
    begun_s = made.clock.monotonic()
    await made.start(MIDDLE)
    await made.until(lambda: made.unsettled(MIDDLE) == 0, "the restored centre did not settle")
    await made.until(lambda: owed <= made.rids(TOP, name), "the centre above does not hold everything")
    seconds = made.clock.monotonic() - begun_s
    await made.until(lambda: set(promised) <= made.incidents(TOP), "a report was lost")
    here, above = made.rids(MIDDLE, name), made.rids(TOP, name)
    lost = len(owed - (here & above)) + len(set(promised) - (made.incidents(MIDDLE) & made.incidents(TOP)))
    doubled = sum(made.doubled(code) for code in (TOP, MIDDLE, LOW))
    alarms = made.alarms(MIDDLE)
    return {
        "drill": "restore",
        "ok": lost == doubled == 0 and _given_back(made, name) > 0 and bool(alarms.get("PARENT_AHEAD")),
        "lost": lost,
        "doubled": doubled,
        "records": len(owed),
        "given_back": _given_back(made, name),
        "reports": len(promised),
        "parked": _parked(made),
        "seconds": round(seconds, 2),
        "alarms": alarms,
    }


def _given_back(made: Stage, name: str) -> int:
    """Records in own frames that a neighbour brought."""
    query = (
        "SELECT f.stream_id, f.pos FROM federation_frame f JOIN federation_stream s ON s.id = f.stream_id "
        "WHERE s.origin = ? AND f.sender <> ''"
    )
    frames = made.ask(MIDDLE, query, name)
    held = "SELECT count(*) FROM federation_record WHERE stream_id = ? AND pos = ?"
    return sum(int(made.ask(MIDDLE, held, stream, pos)[0][0]) for stream, pos in frames)


def _parked(made: Stage) -> int:
    query = "SELECT count(*) FROM federation_parked WHERE applied_at_us IS NULL"
    return sum(int(made.ask(code, query)[0][0]) for code in (TOP, MIDDLE, LOW))
