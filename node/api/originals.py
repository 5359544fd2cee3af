"""Originals over HTTP: what an incident has, fetching one from below, and its bytes once they are here."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Path, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from node import originals
from node.api.incidents import Actor, Reader, visible
from node.bulk import BulkLane
from node.context import NodeContext

router = APIRouter(prefix="/api/v1/incidents/{incident_id}/originals", tags=["originals"])

Digest = Annotated[str, Path(pattern="^[0-9a-f]{64}$", description="SHA-256 of the bytes, in hexadecimal.")]
_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "private, no-store",
    "Content-Security-Policy": "default-src 'none'; sandbox",
    "Cross-Origin-Resource-Policy": "same-origin",
}


class FetchRequest(BaseModel):
    """Why the original is needed."""

    model_config = ConfigDict(extra="forbid")

    reason: str = Field(max_length=2000, description="Stands in the audit log of every centre on the way.")


def _parts(request: Request) -> tuple[NodeContext, BulkLane]:
    return request.app.state.node, request.app.state.bulk


@router.get("", summary="The photographs and files of an incident, and where they are")
def listed(request: Request, principal: Reader, incident_id: UUID) -> dict[str, Any]:
    """Tell of each how large it is, where it is kept, and how it stands with fetching it."""
    context, lane = _parts(request)
    incident = visible(request, principal, incident_id)
    return {"items": context.database.read(lambda session: originals.view(session, context, lane.desk, incident))}


@router.post("/{digest}/fetch", summary="Fetch an original from the centre below")
def fetch(request: Request, principal: Actor, incident_id: UUID, digest: Digest, asked: FetchRequest) -> dict[str, Any]:
    """Want it; it comes when the line is there and nothing more urgent waits."""
    context, lane = _parts(request)
    incident, named = visible(request, principal, incident_id), bytes.fromhex(digest)
    context.database.write(lambda session: originals.ask(session, context, incident, named, principal, asked.reason))
    return {"items": context.database.read(lambda session: originals.view(session, context, lane.desk, incident))}


@router.post("/{digest}/cancel", summary="Stop fetching an original")
def cancel(request: Request, principal: Actor, incident_id: UUID, digest: Digest) -> dict[str, Any]:
    """It is not wanted any more."""
    context, lane = _parts(request)
    incident, named = visible(request, principal, incident_id), bytes.fromhex(digest)
    context.database.write(lambda session: originals.cancel(session, context, incident, named, principal))
    return {"items": context.database.read(lambda session: originals.view(session, context, lane.desk, incident))}


@router.get("/{digest}/content", summary="The bytes of an original that is here")
def content(request: Request, principal: Reader, incident_id: UUID, digest: Digest) -> Response:
    """Give them as what they are; what does not begin like its media type can only be saved."""
    context, lane = _parts(request)
    incident = visible(request, principal, incident_id)
    one, data = originals.content(context, lane.desk, incident, bytes.fromhex(digest))
    name = f"{incident.number}-{digest[:8]}"
    if originals.is_picture(one, data):
        disposition = f'inline; filename="{name}.jpg"'
        return Response(data, media_type=one.media_type, headers=_HEADERS | {"Content-Disposition": disposition})
    headers = _HEADERS | {"Content-Disposition": f'attachment; filename="{name}.bin"'}
    return Response(data, media_type="application/octet-stream", headers=headers)
