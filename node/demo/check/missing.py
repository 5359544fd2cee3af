"""A commune is down for a whole period: the province says so, and late data is a further revision of that period."""

from typing import Any

from node.demo.check.citizen import send
from node.demo.check.requests import Request
from node.demo.check.scene import DidNotHold, Scene
from node.figures.period import Period

PERIOD_S = 5
_WITHIN_S = 60.0
_INDICATOR = "citizen.reports"


async def miss_a_period(scene: Scene, code: str, request: Request) -> None:
    """Three of four and unknown; then four of four, in a second revision, and the first one still verifies."""
    await scene.running.children.stop([code])
    period = Period.of(scene.clock.now(), PERIOD_S).after()
    await scene.clock.sleep((period.begin - scene.clock.now()).total_seconds() + 0.5)
    await send(scene.http, scene.sites[request.commune].citizens_url, request, scene.clock, None)
    before = await _until(scene, period, lambda one: one["coverage"]["silent"] == 1 and one["revision"] == 1)
    _expect(before["value"] is None and before["partial"] is not None, "a figure with a silent centre has a value")
    _expect(_covers(before) == "3/4", f"the province counts {_covers(before)} instead of 3/4")
    _expect(before["missing"] == [scene.plan.centre(code).title], f"missing are {before['missing']}")
    scene.running.start_node(scene.sites[code])
    await scene.running.ready(scene.sites[code])
    after = await _until(scene, period, lambda one: one["coverage"]["received"] == one["coverage"]["expected"])
    after = await _until(scene, period, lambda one: one["revision"] > 1)
    _expect(_covers(after) == "4/4", f"the province counts {_covers(after)} instead of 4/4")
    _expect(after["value"] == before["partial"], f"the figure is {after['value']} instead of {before['partial']}")
    detail = await _proved(scene, period)
    first, second = detail["revisions"]
    _expect((_covers(first), _covers(second)) == ("3/4", "4/4"), "the two revisions do not say 3/4 and 4/4")
    _expect(second["supersedes"] == first["hash"], "revision 2 does not name what it takes the place of")
    late = next(one for one in detail["centres"] if one["code"] == code)
    _expect(late["state"] == "late", f"the centre that came late is shown as {late['state']}")
    scene.found["figures"] = {
        "period": period.key,
        "revisions": [f"{_covers(one)}: {one['value'] or 'unknown'}" for one in (first, second)],
        "verified": [first["verified"], second["verified"]],
        "late": late["title"],
    }
    scene.tell(f"figures: {scene.found['figures']['revisions']}; revision 1 is still there and verifies")
    await scene.linked(code)


async def _until(scene: Scene, period: Period, is_so: Any) -> dict[str, Any]:  # noqa: ANN401 - a question to JSON
    """The figure of the period at the province, once it is so."""
    found: dict[str, Any] = {}

    async def ask() -> bool:
        answer = await scene.province.get("/api/v1/figures", indicator=_INDICATOR, period=period.key)
        found.update(answer["items"][0])
        return bool(is_so(found))

    def what() -> str:
        return f"the province's figure of {period.key} (now {_covers(found)}, revision {found['revision']})"

    await scene.until(what, ask, within_s=_WITHIN_S)
    return dict(found)


async def _proved(scene: Scene, period: Period) -> dict[str, Any]:
    """The figure looked into, once the signed frames of both revisions lie in the province's store."""
    found: dict[str, Any] = {}

    async def ask() -> bool:
        found.update(await scene.province.get(f"/api/v1/figures/{_INDICATOR}", period=period.key))
        spoken = [*found["revisions"], *(one for centre in found["centres"] for one in centre["revisions"])]
        return len(found["revisions"]) > 1 and all(one["verified"] for one in spoken)

    await scene.until("every revision verifies", ask, within_s=_WITHIN_S)
    return found


def _covers(one: dict[str, Any]) -> str:
    return f"{one['coverage']['received']}/{one['coverage']['expected']}"


def _expect(condition: object, otherwise: str) -> None:
    if not condition:
        raise DidNotHold(otherwise)
