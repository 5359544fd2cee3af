"""A backup of a district is made, tried and relied upon: a commune forgets, and the district is put back to it."""

import json
from pathlib import Path
from typing import Any

from federation.verify.proof import prove
from node.commands.verify import prove_at_rest
from node.drill.row import LOW, MIDDLE, TOP, DrillFailed, Stage

_MONTH_S = 31 * 86400
_FLOORS = "SELECT coalesce(sum(floor), 0) FROM federation_stream"
_SAFE = "SELECT coalesce(max(safe_pos), 0) FROM federation_cursor"


async def forgetting(made: Stage, records: int) -> dict[str, Any]:
    """Records, a backup that counts, a month later; then more records, and the district's disk is lost."""
    await made.raise_all()
    promised = await made.report("before", 3)
    await made.stop(LOW)
    made.write_at_rest(LOW, records)
    await made.start(LOW)
    await made.until(lambda: made.is_linked(MIDDLE) and made.is_linked(TOP), "the records did not arrive")
    backup, key = _back_up(made)
    await made.until(lambda: made.ask(LOW, _SAFE)[0][0] > 0, "the commune did not hear that they are safe")
    await _a_month_later(made)
    await made.until(lambda: made.ask(LOW, _FLOORS)[0][0] > 0, "the commune gave nothing up")
    promised += await made.report("after", 3)
    await made.until(lambda: set(promised) <= made.incidents(MIDDLE), "the reports did not arrive")
    name = made.name(LOW)
    owed = made.rids(MIDDLE, name)
    made.kill(MIDDLE)
    promised += await made.report("while-down", 3)
    site = made.sites[MIDDLE]
    made.command("restore", "from", str(backup), "--key", str(key), "--into", str(site.folder))
    forgotten = len(owed - made.rids(MIDDLE, name))
    begun_s = made.clock.monotonic()
    await made.start(MIDDLE)
    await made.until(lambda: made.unsettled(MIDDLE) == 0, "the restored centre did not settle")
    await made.until(lambda: owed <= made.rids(MIDDLE, name), "what came after the backup was not sent again")
    await made.until(lambda: set(promised) <= made.incidents(MIDDLE), "a report was lost")
    seconds = made.clock.monotonic() - begun_s
    await made.until(lambda: bool(_reports(made)), "the restored centre wrote no report")
    lost = len(owed - made.rids(MIDDLE, name)) + len(set(promised) - made.incidents(MIDDLE))
    doubled = sum(made.doubled(code) for code in (TOP, MIDDLE, LOW))
    damages = sum(len(prove_at_rest(made.sites[code].settings).findings) for code in (TOP, MIDDLE, LOW))
    faults = _evidence(made)
    alarms = made.alarms(LOW)
    return {
        "drill": "forgetting",
        "ok": lost == doubled == damages == faults == 0 and not alarms.get("PRUNED") and not alarms.get("SAFE_LOST"),
        "lost": lost,
        "doubled": doubled,
        "damages": damages,
        "faults": faults,
        "records": len(owed),
        "given_up": int(made.ask(LOW, _FLOORS)[0][0]),
        "sent_again": forgotten,
        "reports": len(promised),
        "seconds": round(seconds, 2),
        "report": _reports(made)[-1],
        "alarms": alarms,
    }


def _back_up(made: Stage) -> tuple[Path, Path]:
    """Make a backup of the district while it serves, and let it count."""
    site, key = made.sites[MIDDLE], made.sites.folder / "backup.key"
    section = made.command("backup", "key", "--out", str(key))
    site.settings.write_text(f"{site.settings.read_text(encoding='utf-8')}\n{section}", encoding="utf-8")
    backup = made.sites.folder / "district.backup"
    made.command("backup", "make", "--to", str(backup), "--config", str(site.settings))
    made.command("backup", "verify", str(backup), "--key", str(key), "--config", str(site.settings))
    return backup, key


async def _a_month_later(made: Stage) -> None:
    """The commune starts again with a clock that is a month ahead."""
    site, file = made.sites[LOW], made.sites.folder / "clock"
    file.write_text(str(_MONTH_S), "ascii")
    await made.stop(LOW)
    made.running.start_node(site, {"LIENTHONG_CLOCK": str(file)})
    await made.running.ready(site)


def _evidence(made: Stage) -> int:
    """What does not hold in the commune's bundle, proved with the root alone; a beginning must have been given up."""
    site, out = made.sites[LOW], made.sites.folder / "commune.zip"
    made.command("evidence", "frames", "--out", str(out), "--config", str(site.settings))
    verdict = prove(out.read_bytes(), (site.keys / "root.pem").read_bytes())
    if not verdict.beginnings:
        raise DrillFailed("the bundle does not say that its beginning was given up")
    return len(verdict.faults)


def _reports(made: Stage) -> list[dict[str, Any]]:
    said = made.command("restore", "show", "--config", str(made.sites[MIDDLE].settings))
    found: list[dict[str, Any]] = json.loads(said.strip().splitlines()[-1])["reports"]
    return found
