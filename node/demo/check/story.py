"""The order of the check, and its one line of JSON at the end."""

import asyncio
import contextlib
import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx
from rich.console import Console

from node.clock import Clock
from node.demo.check import counting, kills, latency, lie, missing, promotion, proving, stranger, tracking
from node.demo.check.load import desks_at_work, everything_is_above, report
from node.demo.check.office import Office
from node.demo.check.requests import Request, Spot, load
from node.demo.check.scene import DidNotHold, Scene
from node.demo.founding import lay
from node.demo.people import people
from node.demo.plan import DemoPlan
from node.demo.running import Running
from node.demo.sites import Sites, place, write_settings
from node.territory import Territory

_ABOVE_WITHIN_S = 300.0
_ANSWER_WITHIN_S = 60.0
_REPORTS_A_KILL = 6
_TO_BE_PROMOTED = "26179"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """What the check is to do."""

    folder: Path
    data: Path | None
    reports: int
    latency_samples: int
    with_browser: bool = True


async def check(wishes: Wishes, clock: Clock, console: Console) -> dict[str, Any]:
    """Run all of it; the verdict, whatever happened. The folder stays if something did not hold."""
    begun_s = clock.monotonic()
    verdict: dict[str, Any] = {"ok": False}
    found: dict[str, Any] = {}

    def tell(text: str) -> None:
        console.print(f"[dim]{clock.monotonic() - begun_s:6.1f} s[/]  {text}", soft_wrap=True, highlight=False)

    try:
        await _run(wishes, clock, tell, found)
        verdict["ok"] = True
    except (Exception, asyncio.CancelledError) as error:  # noqa: BLE001 - whatever it was, it is the verdict
        first = _first(error)
        verdict["problem"] = str(first) if isinstance(first, DidNotHold) else f"{type(first).__name__}: {first}"
        if not isinstance(first, DidNotHold):
            console.print_exception(max_frames=12)
    verdict |= found | {"took_s": round(clock.monotonic() - begun_s, 1)}
    if verdict["ok"]:
        shutil.rmtree(wishes.folder, ignore_errors=True)
    else:
        verdict["kept"] = str(wishes.folder)
    return verdict


def _first(error: BaseException) -> BaseException:
    """What happened; of several at once, the first."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


async def _run(wishes: Wishes, clock: Clock, tell: Callable[[str], None], found: dict[str, Any]) -> None:
    plan = DemoPlan.load()
    plan = replace(plan, newcomer=replace(plan.newcomer, parent=_TO_BE_PROMOTED))
    sites = place(wishes.folder, plan, habit=False, with_intake=True, period_s=missing.PERIOD_S)
    running = Running(sites, clock, tell)
    browser = latency.browser_path() if wishes.with_browser else None
    screens = tuple(centre.code for centre in plan.centres if centre.dashboard) if browser else ()
    try:
        authority = await asyncio.to_thread(lay, sites, clock)
        everybody = people(sites.accounts, (*plan.centres, plan.newcomer))
        for site in sites.by_code.values():
            write_settings(sites, site, has_screens=site.centre.code in screens)
        await asyncio.gather(
            running.start_along_the_tree(authority, everybody.values(), lambda what: tell(f"up: {what}")),
            *(running.bring_up_screens(sites[code], lambda what: tell(f"up: {what}")) for code in screens),
        )
        async with contextlib.AsyncExitStack() as stack:
            offices = {
                centre.code: await stack.enter_async_context(
                    Office(sites[centre.code], everybody[centre.code, "operator"])
                )
                for centre in plan.centres
            }
            http = await stack.enter_async_context(httpx.AsyncClient(timeout=_ANSWER_WITHIN_S))
            scene = Scene(
                clock=clock,
                sites=sites,
                running=running,
                authority=authority,
                people=everybody,
                offices=offices,
                http=http,
                tell=tell,
                found=found,
            )
            await _story(scene, wishes, browser)
    finally:
        await running.children.stop(patience_s=6.0)


async def _story(scene: Scene, wishes: Wishes, browser: str | None) -> None:
    plan = scene.plan
    watched = next(centre for centre in plan.leaves() if centre.dashboard)
    district = watched.parent
    other = next(centre.code for centre in plan.children(plan.root.code) if centre.code != district)
    source, requests = load(wishes.data, _spots(scene.sites), wishes.reports)
    scene.found |= {"source": source, "centres": len(plan.centres)}
    scene.tell(f"{len(requests)} reports from: {source}")
    await scene.linked(*scene.offices)

    await latency.measure(scene, watched.code, _grave(scene, watched.code, wishes.latency_samples), browser)
    scene.tell(f"latency: {scene.found['latency_ms']}")

    theirs = [one for one in requests if plan.centre(one.commune).parent == district]
    batches = [theirs[at : at + _REPORTS_A_KILL] for at in range(0, 3 * _REPORTS_A_KILL, _REPORTS_A_KILL)]
    rest = [one for one in requests if one not in [*batches[0], *batches[1], *batches[2]]]
    async with desks_at_work(scene):
        await report(scene, rest)
        scene.tell(f"{len(scene.receipts)} reports promised to citizens")
        await kills.kill_the_receiver(scene, district, _all_grave(batches[0]))
        await kills.kill_the_sender(scene, district, _all_grave(batches[1]))
        await kills.kill_in_a_commit(scene, district, _all_grave(batches[2]))
        await everything_is_above(scene, within_s=_ABOVE_WITHIN_S)
    await counting.count(scene)
    scene.tell(f"lost {scene.found['lost']}, doubled {scene.found['doubled']} of {scene.found['promised']}")
    await tracking.follow(scene)
    async with asyncio.TaskGroup() as group:  # the one waits for time to pass, the other for a handshake to fail
        group.create_task(missing.miss_a_period(scene, _a_leaf_without_screens(plan), _spoken(scene, watched.code)))
        group.create_task(stranger.knock(scene))
    await lie.tell_a_lie(scene, other)
    await promotion.promote(scene, _TO_BE_PROMOTED, _below(scene))
    await proving.prove(scene)
    scene.tell(f"proved in a fresh process with root.pem only: {scene.found['verified']}")


def _spots(sites: Sites) -> list[Spot]:
    return [_spot(sites, centre.code) for centre in sites.plan.leaves()]


def _spot(sites: Sites, code: str) -> Spot:
    area = Territory.load(sites.plan.territory).area(code, sites.plan.valid_on)
    if area is None or area.point is None or area.radius_m is None:
        raise DidNotHold(f"the territory knows no place for {code}")
    return Spot(code, area.point.lat, area.point.lon, area.radius_m)


def _grave(scene: Scene, commune: str, count: int) -> list[Request]:
    spot = _spot(scene.sites, commune)
    return [
        Request(
            number=f"grave{index}",
            mark=f"do{index:03}",
            text="Cháy lớn, cần hỗ trợ ngay (phép đo độ trễ)",
            subject="fire",
            grave=True,
            commune=commune,
            lat=spot.lat,
            lon=spot.lon,
        )
        for index in range(count)
    ]


def _all_grave(requests: Sequence[Request]) -> list[Request]:
    """The same requests as matters of life: their news rise by rule, without waiting for a person."""
    return [replace(one, grave=True) for one in requests]


def _a_leaf_without_screens(plan: DemoPlan) -> str:
    return next(centre.code for centre in plan.leaves() if not centre.dashboard and centre.code != _TO_BE_PROMOTED)


def _spoken(scene: Scene, commune: str) -> Request:
    """A report to another commune, while the one is down."""
    spot = _spot(scene.sites, commune)
    return Request(
        number="spoken0",
        mark="noi0000",
        text="Đèn đường hỏng đoạn trước trạm y tế",
        subject="light",
        grave=False,
        commune=commune,
        lat=spot.lat,
        lon=spot.lon,
    )


def _below(scene: Scene) -> Request:
    """A report from the commune below the promoted one."""
    spot = _spot(scene.sites, scene.plan.newcomer.code)
    return Request(
        number="below0",
        mark="duoi000",
        text="Nước ngập ngang gối trên đường vào trường học",
        subject="flood",
        grave=False,
        commune=scene.plan.newcomer.code,
        lat=spot.lat,
        lon=spot.lon,
    )


def as_line(verdict: dict[str, Any]) -> str:
    """The verdict as one line of JSON, `ok` first."""
    return json.dumps(verdict, ensure_ascii=False)
