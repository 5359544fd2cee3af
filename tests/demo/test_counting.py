"""The check's own judgement: what is missing, double or unproved at the province makes it fail."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest

from node.demo.check.citizen import Receipt
from node.demo.check.counting import count
from node.demo.check.scene import DidNotHold


def receipt(number, *, photo=False):
    return Receipt(
        mark=f"kt{number:03}",
        commune="26374",
        code=f"CODE-{number}",
        incident_id=f"id-{number}",
        with_photo=photo,
        promised_at=datetime(2025, 6, 1, tzinfo=UTC),
        promised_at_s=0.0,
    )


def incident(number, *, mark=None, verified=True, origin="26374", thumbnail=False):
    return {
        "id": f"id-{number}",
        "description": f"{mark or f'kt{number:03}'} Đường ngập",
        "verified": verified,
        "origin": {"code": origin},
        "has_thumbnail": thumbnail,
        "proofs": [{"verified": True}],
    }


@dataclass
class Province:
    listed: list[dict[str, Any]]

    async def incidents(self):
        return self.listed

    async def incident(self, incident_id):
        return next(one for one in self.listed if one["id"] == incident_id)


@dataclass
class Scene:
    province: Province
    receipts: list[Receipt]
    found: dict[str, Any] = field(default_factory=dict)


async def test_what_is_promised_and_there_once_holds():
    scene = Scene(
        Province([incident(1), incident(2, thumbnail=True), incident(9)]), [receipt(1), receipt(2, photo=True)]
    )
    await count(scene)
    assert (scene.found["promised"], scene.found["lost"], scene.found["doubled"]) == (2, 0, 0)


@pytest.mark.parametrize(
    ("listed", "what"),
    [
        ([incident(1)], "lost"),
        ([incident(1), incident(2), incident(2)], "doubled"),
        ([incident(1), incident(2), incident(7, mark="kt002")], "doubled"),
        ([incident(1), incident(2, verified=False)], "unverified"),
        ([incident(1), incident(2, origin="26377")], "unverified"),
    ],
)
async def test_what_is_lost_doubled_or_unverified_does_not(listed, what):
    scene = Scene(Province(listed), [receipt(1), receipt(2)])
    with pytest.raises(DidNotHold):
        await count(scene)
    assert {name: scene.found[name] for name in ("lost", "doubled", "unverified")} == {
        "lost": 0,
        "doubled": 0,
        "unverified": 0,
    } | {what: 1}


async def test_a_photograph_that_did_not_travel_does_not():
    with pytest.raises(DidNotHold, match="no picture"):
        await count(Scene(Province([incident(1)]), [receipt(1, photo=True)]))
