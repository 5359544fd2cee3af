"""The disk of a commune runs full while citizens report, and is emptied again."""

import asyncio
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from node.commands.verify import prove_at_rest
from node.drill.tiers import COMMUNE, DISTRICT, Tiers

DISK_MIB = 40
WAY = "tmpfs in a user namespace, so without any rights"
_MOST_REPORTS = 800
_ROOM_BYTES = 64 * 1024
_FULL = 507
_WORDS = "đường đầy rác, đề nghị dọn sớm " * 40
_UNSHARE = ("--user", "--map-root-user", "--mount")


def run(folder: Path) -> dict[str, Any] | None:
    """The drill in a namespace where a small disk can be mounted, which says its verdict itself; why not, else."""
    program = shutil.which("unshare")
    if program is None or subprocess.run([program, *_UNSHARE, "true"], capture_output=True, check=False).returncode:  # noqa: S603 - found by its name
        why = "this system lets nobody make a user namespace (unshare --user --mount), so no small disk can be mounted"
        return {"drill": "disk-full", "ok": False, "lost": None, "doubled": None, "why": why}
    inside = [sys.executable, "-m", "node", "drill", "disk-full", "--folder", str(folder), "--inside"]
    subprocess.run([program, *_UNSHARE, *inside], check=True)  # noqa: S603 - this program again
    return None


async def run_inside(folder: Path) -> dict[str, Any]:
    """The drill itself: before, full, and after."""
    tiers = Tiers(folder)
    disk = tiers.site(COMMUNE).folder
    disk.mkdir(mode=0o700, parents=True)
    mount = ["mount", "-t", "tmpfs", "-o", f"size={DISK_MIB}m,mode=0700", "tmpfs", str(disk)]
    subprocess.run(mount, check=True)  # noqa: ASYNC221, S603 - of our own namespace
    facts: dict[str, Any] = {"drill": "disk-full", "way": WAY, "disk_mib": DISK_MIB}
    try:
        await tiers.start()
        for _ in range(10):
            await tiers.report(is_grave=True)
            await tiers.report(is_grave=False)
        filler = await asyncio.to_thread(_fill, disk)
        facts |= await _while_full(tiers)
        facts["readable_while_full"] = await tiers.reads()
        filler.unlink()
        facts["recovered"] = await _recovers(tiers)
        await tiers.report(is_grave=True)
        facts["drained"] = await tiers.delivered(90.0)
        facts |= tiers.judge()
    finally:
        await tiers.stop()
    damages = [prove_at_rest(tiers.site(code).settings) for code in (COMMUNE, DISTRICT)]
    facts["damages"] = sum(len(one.findings) for one in damages)
    facts["ok"] = (
        not any(facts[name] for name in ("lost", "doubled", "refused_but_kept", "damages"))
        and all(facts[name] for name in ("refused_plainly", "readable_while_full", "recovered", "drained"))
        and facts["grave_while_full"] > 0
        and facts["ordinary_after_refusal"] == 0
    )
    return facts


def _fill(disk: Path) -> Path:
    """A file that leaves nearly no room."""
    filler = disk / "filler"
    left = os.statvfs(disk)
    with filler.open("wb") as file:
        file.write(b"\0" * (left.f_bavail * left.f_frsize - _ROOM_BYTES))
    return filler


async def _while_full(tiers: Tiers) -> dict[str, Any]:
    """Ordinary reports until one is refused, then grave ones, which still find room, and ordinary ones again."""
    status, count = 0, 0
    while status < 400 and count < _MOST_REPORTS:  # noqa: PLR2004 - HTTP's refusals
        status = await tiers.report(is_grave=False, words=_WORDS)
        count += 1
    is_plain = status == _FULL and "chưa ghi nhận" in tiers.told.last_refusal.lower()
    grave = [await tiers.report(is_grave=True) for _ in range(20)]
    ordinary = [await tiers.report(is_grave=False) for _ in range(5)]
    return {
        "reports_until_full": count,
        "refused_plainly": is_plain,
        "grave_while_full": sum(one < 300 for one in grave),  # noqa: PLR2004 - HTTP's successes
        "ordinary_after_refusal": sum(one < 300 for one in ordinary),  # noqa: PLR2004 - as above
    }


async def _recovers(tiers: Tiers) -> bool:
    """Whether ordinary reports are taken again without anybody's help."""
    deadline = tiers.clock.monotonic() + 60.0
    while await tiers.report(is_grave=False) >= 300:  # noqa: PLR2004 - HTTP's successes
        if tiers.clock.monotonic() > deadline:
            return False
        await tiers.clock.sleep(0.2)
    return True
