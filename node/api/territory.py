"""The dated tree of areas over HTTP."""

from typing import Any

from fastapi import APIRouter, Depends, Request

from node.access import signed_in
from node.context import NodeContext

router = APIRouter(prefix="/api/v1/territory", tags=["territory"], dependencies=[Depends(signed_in)])


@router.get("", summary="The areas of this centre's territory with their points")
def areas(request: Request) -> dict[str, Any]:
    """List the units of the tree that is in force here; a point without outline stands for a circle."""
    context: NodeContext = request.app.state.node
    territory = context.territory
    on = territory.local_date(context.clock.now())
    found = []
    for area in territory.all_areas(on):
        place = territory.place_of(area.code, on)
        found.append(
            {
                "code": area.code,
                "name": area.name,
                "kind": area.kind,
                "parent_code": area.parent_code,
                "point": {"lat": place.lat, "lon": place.lon} if place else None,
                "radius_m": round(area.radius_m) if area.radius_m else None,
                "has_outline": area.polygon is not None,
                "approximate": area.approximate,
                "valid_from": area.valid_from.isoformat(),
                "valid_to": area.valid_to.isoformat() if area.valid_to else None,
            }
        )
    return {"tree_label": territory.tree_label, "on": territory.day(on).isoformat(), "areas": found}
