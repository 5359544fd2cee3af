"""How the links to the neighbours are doing."""

from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request

from federation.peer import PeerState
from node.access import Permission, Principal, require
from node.context import NodeContext
from node.incident.view import centre_title
from node.scope import AreaScope, scope_of
from pki.registry import Registry

router = APIRouter(prefix="/api/v1/links", tags=["links"])

Reader = Annotated[Principal, Depends(require(Permission.LINK_READ))]


@router.get("", summary="The links of this node")
def links(request: Request, principal: Reader) -> dict[str, Any]:
    """List each neighbour: connected or not, since when, what waits, what was set aside."""
    context: NodeContext = request.app.state.node
    scope = scope_of(context, principal)
    return {"items": links_view(context, scope), "area": scope.told()}


def links_view(context: NodeContext, scope: AreaScope) -> list[dict[str, Any]]:
    """The neighbours as a screen shows them."""
    registry = context.registry.current
    return [peer_view(peer, registry) for peer in peers_of(context.peers(), context, scope)]


def peers_of(peers: Sequence[PeerState], context: NodeContext, scope: AreaScope) -> list[PeerState]:
    """Those of the neighbours that an account may be told of: the one above, and those of its area."""
    seen = scope.centres(context.registry.current, context.centre)
    return [peer for peer in peers if not scope.is_limited or peer.name in seen]


def peer_view(peer: PeerState, registry: Registry) -> dict[str, Any]:
    """One neighbour; what waits is counted in records that are not acknowledged."""
    return {
        "peer": peer.name,
        "title": centre_title(registry, peer.name),
        "relation": peer.relation,
        "connected": peer.connected,
        "since": peer.since.isoformat() if peer.since else None,
        "last_heard_at": peer.last_heard_at.isoformat() if peer.last_heard_at else None,
        "waiting": {str(lane): count for lane, count in peer.waiting.items()},
        "peer_waiting": {str(lane): count for lane, count in peer.peer_waiting.items()},
        "in_flight": peer.in_flight,
        "parked": peer.parked,
        "last_error": peer.last_error or None,
        "error_code": peer.error_code or None,
        "next_attempt_at": peer.next_attempt_at.isoformat() if peer.next_attempt_at else None,
    }
