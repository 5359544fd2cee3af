"""Read the record of who did and who read what."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request

from node import audit
from node.access import Permission, require
from node.context import NodeContext

router = APIRouter(prefix="/api/v1/audit", tags=["audit"], dependencies=[Depends(require(Permission.AUDIT_READ))])


@router.get("", summary="The newest lines of the audit")
def lines(
    request: Request,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
    before: Annotated[int | None, Query(ge=1)] = None,
) -> dict[str, Any]:
    """Give lines newest first; `next_before` continues with older ones."""
    context: NodeContext = request.app.state.node
    entries = context.database.read(lambda session: audit.recent(session, limit=limit, before=before))
    items = [
        {
            "position": entry.position,
            "at": entry.at.isoformat(),
            "actor": entry.actor,
            "act": entry.act,
            "subject": entry.subject,
            "detail": entry.detail,
        }
        for entry in entries
    ]
    return {"items": items, "next_before": entries[-1].position if len(entries) == limit else None}
