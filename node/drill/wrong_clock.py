"""The clocks of a commune and of its district jump by an hour and by ten years, both ways, while citizens report."""

from pathlib import Path
from typing import Any

from node.commands.verify import prove_at_rest
from node.drill.tiers import COMMUNE, DISTRICT, Tiers
from node.timekeeping import JUMP, SKEW

WAY = "LIENTHONG_CLOCK sets the node's own clock; TLS itself still goes by the machine's"
_HOUR_S, _YEARS_S = 3600, 3652 * 86400
_COMMUNE_JUMPS = (_HOUR_S, -_HOUR_S, _YEARS_S, -_YEARS_S, 0)
_DISTRICT_JUMPS = (_HOUR_S, _YEARS_S, 0)
_RINGS_WITHIN_S = 40.0
_EACH = 5
_ORDER = """
    SELECT hex(f.raw) FROM federation_frame f JOIN federation_stream s ON s.id = f.stream_id
    WHERE s.origin = ? AND s.lane = 'urgent' AND s.audience = 'parent' ORDER BY f.pos
"""


async def run(folder: Path) -> dict[str, Any]:
    """Every jump with reports before and after it, then the verdict."""
    tiers = Tiers(folder)
    files = {code: folder / f"clock-{code}" for code in (COMMUNE, DISTRICT)}
    facts: dict[str, Any] = {"drill": "clock-skew", "way": WAY}
    rang: dict[str, bool] = {}
    refused: dict[str, str] = {}  # to be told no is no loss; a clock before the territory's first day places nobody
    try:
        await tiers.start({code: {"LIENTHONG_CLOCK": str(file)} for code, file in files.items()})
        await _reports(tiers)
        for code, jumps in ((COMMUNE, _COMMUNE_JUMPS), (DISTRICT, _DISTRICT_JUMPS)):
            for offset_s in jumps:
                rang[f"{code} {offset_s:+d} s"] = await _jump(tiers, code, files[code], offset_s)
                before = len(tiers.told.refused)
                await _reports(tiers)
                if len(tiers.told.refused) > before:
                    refused[f"{code} {offset_s:+d} s"] = tiers.told.last_refusal[:300]
        facts["drained"] = await tiers.delivered(120.0)
        facts |= tiers.judge()
        facts["order_kept"] = _order(tiers, COMMUNE) == _order(tiers, DISTRICT)
        facts["skew_alarms"] = tiers.alarms(COMMUNE, SKEW)
    finally:
        await tiers.stop()
    facts |= {"rang": rang, "refused_when": refused}
    damages = [prove_at_rest(tiers.site(code).settings) for code in (COMMUNE, DISTRICT)]
    facts["damages"] = sum(len(one.findings) for one in damages)
    facts["ok"] = (
        not any(facts[name] for name in ("lost", "doubled", "refused_but_kept", "damages"))
        and not refused.keys() - {f"{COMMUNE} {-_YEARS_S:+d} s"}
        and facts["drained"]
        and facts["order_kept"]
        and all(rang.values())
    )
    return facts


async def _reports(tiers: Tiers) -> None:
    for _ in range(_EACH):
        await tiers.report(is_grave=True)


async def _jump(tiers: Tiers, code: str, file: Path, offset_s: int) -> bool:
    """Set a clock wrong and wait for its node to notice."""
    before = tiers.alarms(code, JUMP)
    spare = file.with_suffix(".part")
    spare.write_text(str(offset_s), "ascii")
    spare.replace(file)
    deadline = tiers.clock.monotonic() + _RINGS_WITHIN_S
    while tiers.alarms(code, JUMP) == before:
        if tiers.clock.monotonic() > deadline:
            return False
        await tiers.clock.sleep(0.2)
    return True


def _order(tiers: Tiers, code: str) -> list[str]:
    """The commune's urgent frames as a centre keeps them, in the order it gave them."""
    query = "SELECT origin FROM federation_stream WHERE lane = 'urgent' AND audience = 'parent' ORDER BY id"
    origins = [row[0] for row in tiers.ask(COMMUNE, query)]
    return [row[0] for row in tiers.ask(code, _ORDER, origins[0])] if origins else []
