"""One commune becomes a district: its settings file changes, nothing else, and a commune below it works."""

from node.demo.check.citizen import send
from node.demo.check.load import desks_at_work
from node.demo.check.office import Office
from node.demo.check.requests import Request
from node.demo.check.scene import DidNotHold, Scene
from node.demo.check.shell import run_python
from node.demo.children import REPOSITORY
from node.demo.ports import LOOPBACK
from node.demo.running import ensure_accounts
from node.demo.sites import Site, write_settings

_WITHIN_S = 300.0


async def promote(scene: Scene, code: str, request: Request) -> None:
    """Change the settings file, start again, enrol a newcomer below it, and follow one report up four tiers."""
    site, newcomer = scene.sites[code], scene.sites[scene.plan.newcomer.code]
    await scene.running.children.stop([code])
    changed = _change_settings(site)
    scene.running.start_node(site)
    await scene.running.ready(site)
    await scene.linked(code, scene.plan.centre(code).parent)
    await _join_below(scene, site, newcomer)
    scene.running.start_node(newcomer)
    await scene.running.ready(newcomer)
    person = scene.people[newcomer.centre.code, "operator"]
    await ensure_accounts(newcomer, [person])
    async with Office(newcomer, person) as office:
        scene.offices = {**scene.offices, newcomer.centre.code: office}
        receipt = await send(scene.http, newcomer.url, request, scene.clock, None)
        path = [newcomer.centre.code, code, scene.plan.centre(code).parent, scene.plan.root.code]

        async def arrived() -> bool:
            found = [one for one in await scene.province.incidents() if one["id"] == receipt.incident_id]
            return bool(found) and found[0]["verified"] and found[0]["origin"]["code"] == newcomer.centre.code

        async with desks_at_work(scene, path):
            await scene.until("a report from below the new district", arrived, within_s=_WITHIN_S)
        proofs = (await scene.province.incident(receipt.incident_id))["proofs"]
    if not any(proof["origin"] == office.name and proof["verified"] for proof in proofs):
        raise DidNotHold("the province did not verify the newcomer's own signature")
    tier = (await scene.offices[code].get("/api/v1/centre"))["tier"]
    if tier != "oc":
        raise DidNotHold(f"{site.centre.title} says that its tier is {tier}")
    scene.found["settings_only_oc"] = {
        "centre": site.centre.title,
        "changed": changed,
        "child": newcomer.centre.title,
        "tiers_travelled": len(path),
    }
    scene.tell(f"{site.centre.title} works as an OC; a report from {newcomer.centre.title} reached the province")


async def _join_below(scene: Scene, above: Site, newcomer: Site) -> None:
    """The commands of docs/first-node.md; the token comes from the top, which is two steps above the new district."""
    write_settings(scene.sites, newcomer)
    centre, token = newcomer.centre, scene.scratch("token") / f"{newcomer.centre.code}.token"
    top = scene.sites[scene.plan.root.code].settings
    planned = ("--title", centre.title, "--tier", centre.tier, "--parent", above.centre.code)
    await _node("pki", "plan", "--config", str(top), centre.code, *planned)
    await _node("pki", "token", "--config", str(top), centre.code, "--out", str(token))
    await _node("enrol", "--config", str(newcomer.settings), "--token-file", str(token))


async def _node(*arguments: str) -> None:
    await run_python(REPOSITORY, "-m", "node", *arguments)


def _change_settings(site: Site) -> list[str]:
    """The whole difference between a commune and a district."""
    text = site.settings.read_text(encoding="utf-8")
    changes = {
        'tier = "coc"': 'tier = "oc"',
        "[parent]": f'[link]\nlisten = "{LOOPBACK}:{site.link}"\nenrol_listen = "{LOOPBACK}:{site.enrol}"\n[parent]',
    }
    for old, new in changes.items():
        if text.count(old) != 1:
            raise DidNotHold(f"{site.settings} does not say {old} exactly once")
        text = text.replace(old, new)
    site.settings.write_text(text, encoding="utf-8")
    return ["node.tier", "link.listen", "link.enrol_listen"]
