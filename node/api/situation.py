"""The situation of a centre at a glance: figures with their age and coverage, centres, links, alarms.

Silence is unknown, never zero: a sum over the centres below is null while one of them is not heard, so that no number
becomes smaller by silence; what the others said stands beside it as partial, with the names of those that are missing.
"""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from sqlalchemy import select
from sqlalchemy.orm import Session

from node import presence
from node.access import Permission, Principal, require
from node.api.alarms import alarms_view
from node.api.figure_models import SituationAnswer
from node.api.incidents import look_of
from node.api.links import links_view
from node.api.tiles import Facts, expected_below, how_reached, tiles_view
from node.context import NodeContext
from node.incident.rows import incident, value_of
from node.incident.value import OPEN_STATUSES
from node.incident.view import Look, centre_title
from node.presence import PresenceState
from node.reachability import Reach
from node.scope import AreaScope, scope_of
from pki.registry import Registry

router = APIRouter(prefix="/api/v1/situation", tags=["situation"])


@router.get("", responses={200: {"model": SituationAnswer}}, summary="The situation of this centre")
def situation(
    request: Request, principal: Annotated[Principal, Depends(require(Permission.INCIDENT_READ))]
) -> dict[str, Any]:
    """Tell the figures with age and coverage, the centres, the links and the alarms."""
    return situation_message(request.app.state.node, principal)


def situation_message(context: NodeContext, principal: Principal, delivery: object = None) -> dict[str, Any]:
    """The situation as the page and the live connection get it, within the person's area."""
    _ = delivery
    look = look_of(context)
    scope, centre = scope_of(context, principal), context.centre
    cut = frozenset(peer.name for peer in context.peers() if not peer.connected)
    facts = context.database.read(lambda session: _facts(session, centre.name, scope, cut))
    may_see_links = Permission.LINK_READ in principal.permissions
    return {
        "centre": {
            "name": centre.name,
            "code": centre.code,
            "title": centre.title,
            "tier": centre.tier.value,
            "tree_label": context.territory.tree_label,
        },
        "at": look.now.isoformat(),
        "area": scope.told(),
        "tiles": tiles_view(facts, look, context, scope),
        "centres": _centres(facts, look, scope),
        "links": links_view(context, scope) if may_see_links else [],
        "alarms": alarms_view(context, facts.open_now, look, scope),
    }


def _facts(session: Session, me: str, scope: AreaScope, cut: frozenset[str]) -> Facts:
    query = select(incident).where(incident.c.status.in_(OPEN_STATUSES))
    if scope.codes is not None:
        query = query.where(incident.c.area_code.in_(sorted(scope.codes)))
    found = [value_of(row) for row in session.execute(query.order_by(incident.c.opened_at)).mappings()]
    held = sum(one.custody.is_responsible(me) for one in found)
    return Facts(found, presence.latest(session), cut, held if scope.is_limited else presence.count_open(session, me))


# centres -----------------------------------------------------------------------------------------------------------


def _centres(facts: Facts, look: Look, scope: AreaScope) -> list[dict[str, Any]]:
    names = [look.centre.name, *expected_below(look, scope)]
    return [_centre(name, facts, look) for name in names]


def _centre(name: str, facts: Facts, look: Look) -> dict[str, Any]:
    """A centre on the map; of itself this centre says now what it would state upwards, without waiting for the time."""
    entry, said = look.registry.centre(name), facts.latest.get(name)
    is_me = name == look.centre.name
    reach = Reach(PresenceState.LIVE) if is_me else how_reached(name, facts, look)
    is_heard = said is not None and reach.is_heard
    place = look.territory.place_of(entry.code, look.on) if entry else None
    return {
        "name": name,
        "code": entry.code if entry else "",
        "title": centre_title(look.registry, name),
        "tier": entry.tier if entry else "",
        "parent": look.registry.parent_of(name),
        **reach_view(reach, look.registry),
        "as_of": said.as_of.isoformat() if said else None,
        "received_at": said.received_at.isoformat() if said else None,
        "open_incidents": facts.answered_for if is_me else said.open_incidents if said and is_heard else None,
        "waiting": said.waiting if said and is_heard else None,
        "version": said.version if said else None,
        "point": {"lat": place.lat, "lon": place.lon} if place else None,
    }


def reach_view(reach: Reach, registry: Registry) -> dict[str, Any]:
    """The state of a centre as a screen is told it: why nothing is heard, and behind which silent centre."""
    relay = {"name": reach.relay, "title": centre_title(registry, reach.relay)} if reach.relay else None
    return {"state": reach.state.value, "reason": reach.reason, "relay": relay}
