"""The citizen's own page tells what was done above."""

from node.demo.check.citizen import Receipt, look_up
from node.demo.check.scene import DidNotHold, Scene

_WITHIN_S = 120.0
_RESULT = "Đã xử lý xong: kiểm tra tự động của bản trình diễn"


async def follow(scene: Scene) -> None:
    """The province resolves one report; the citizen sees acceptance, resolution and the words owed to the reporter."""
    receipt = scene.receipts[0]

    async def resolved() -> bool:
        incident = await scene.province.incident(receipt.incident_id)  # a step of somebody else's may come in between
        return await scene.province.act(incident, "resolve", note=_RESULT)

    await scene.until(f"the province resolves {receipt.mark}", resolved, within_s=_WITHIN_S)
    url = scene.sites[receipt.commune].citizens_url
    seen: list[dict[str, str]] = []

    async def told() -> bool:
        view = await look_up(scene.http, url, receipt.code)
        seen[:] = view["timeline"]
        return bool(view["status"] == "resolved")

    await scene.until("the citizen sees the province's resolution", told, within_s=_WITHIN_S)
    _check_line(receipt, seen, scene.plan.root.title, "resolve")
    _check_line(receipt, seen, scene.plan.root.title, "accept")
    _check_line(receipt, seen, scene.plan.centre(scene.plan.centre(receipt.commune).parent).title, "accept")
    scene.found["tracking"] = {"status": "resolved", "by": scene.plan.root.title, "lines": len(seen)}
    scene.tell(f"the citizen's page shows {len(seen)} steps, up to the province's resolution")


def _check_line(receipt: Receipt, seen: list[dict[str, str]], centre: str, act: str) -> None:
    if not any(line["centre"] == centre and line["act"] == act for line in seen):
        raise DidNotHold(f"the citizen of {receipt.mark} does not see {act!r} of {centre}")
