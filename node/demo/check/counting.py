"""Lost and doubled, counted from the province's own answers against the receipts that the citizens hold."""

from collections import Counter
from typing import Any

from node.demo.check.scene import DidNotHold, Scene


async def count(scene: Scene) -> None:
    """DidNotHold unless each receipt is one incident at the province, signed by its commune and verified there."""
    listed = await scene.province.incidents()
    ids = Counter(incident["id"] for incident in listed)
    texts = Counter(_mark(incident["description"]) for incident in listed)
    lost = [receipt for receipt in scene.receipts if ids[receipt.incident_id] == 0]
    doubled = [receipt for receipt in scene.receipts if ids[receipt.incident_id] > 1 or texts[receipt.mark] > 1]
    by_id = {incident["id"]: incident for incident in listed}
    unverified = [
        receipt
        for receipt in scene.receipts
        if receipt not in lost and not _is_true(by_id[receipt.incident_id], receipt.commune)
    ]
    scene.found |= {
        "promised": len(scene.receipts),
        "at_province": sum(ids[receipt.incident_id] > 0 for receipt in scene.receipts),
        "lost": len(lost),
        "doubled": len(doubled),
        "unverified": len(unverified),
        "with_photo": sum(receipt.with_photo for receipt in scene.receipts),
    }
    if lost or doubled or unverified:
        raise DidNotHold(
            f"lost {[one.mark for one in lost]}, doubled {[one.mark for one in doubled]}, "
            f"unverified {[one.mark for one in unverified]}"
        )
    await _check_photos(scene)


async def _check_photos(scene: Scene) -> None:
    """A small picture travelled with each report that had a photograph."""
    for receipt in (one for one in scene.receipts if one.with_photo):
        incident = await scene.province.incident(receipt.incident_id)
        if not incident["has_thumbnail"]:
            raise DidNotHold(f"report {receipt.mark} had a photograph; the province has no picture of it")
        if not any(proof["verified"] for proof in incident["proofs"]):
            raise DidNotHold(f"report {receipt.mark} has no verified proof at the province")


def _mark(text: str) -> str:
    """The check's own mark, with which every report begins."""
    return text.partition(" ")[0]


def _is_true(incident: dict[str, Any], commune: str) -> bool:
    return bool(incident["verified"]) and incident["origin"]["code"] == commune
