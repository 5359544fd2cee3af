"""A district with real keys alters one byte of what its communes signed: the province refuses it and names whom."""

from typing import Any

from node.demo.check.scene import LINKED_WITHIN_S, DidNotHold, Scene
from node.demo.children import Program

_REFUSED = "BAD_ORIGIN_SIG"


async def tell_a_lie(scene: Scene, district: str) -> None:
    """Let the dishonest relay stand in for the district until the province has refused; then the real one returns."""
    site = scene.sites[district]
    communes = {centre.title for centre in scene.plan.children(district)}
    before = {_identity(alarm) for alarm in await scene.province.alarms()}
    await scene.running.children.stop([district])
    liar = f"{district}-relay"
    scene.running.children.start(
        Program(
            name=liar,
            arguments=("-m", "node.demo.relay", "--config", str(site.settings)),
            log=site.log.with_name(f"{liar}.log"),
        )
    )
    caught: list[dict[str, Any]] = []

    async def is_caught() -> bool:
        if scene.running.children.pid(liar) is None:
            raise DidNotHold(f"the lying relay ended by itself; its log is {site.log.with_name(f'{liar}.log')}")
        caught[:] = [
            alarm
            for alarm in await scene.province.alarms()
            if alarm["code"] == _REFUSED and _identity(alarm) not in before and alarm["origin"] in communes
        ]
        return bool(caught)

    try:
        await scene.until("the province refuses what the relay altered", is_caught, within_s=LINKED_WITHIN_S)
    finally:
        await scene.running.children.stop([liar])
    named = caught[0]["origin"]
    scene.found["relay"] = {"refused": True, "code": _REFUSED, "named": named, "lied": site.centre.title}
    scene.tell(f"altered byte refused; the province names {named}")
    scene.running.start_node(site)
    await scene.running.ready(site)
    await scene.linked(district)


def _identity(alarm: dict[str, Any]) -> tuple[str, str, str]:
    return (str(alarm["at"]), str(alarm["code"]), str(alarm["origin"]))
