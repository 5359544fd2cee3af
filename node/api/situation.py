"""The situation of a centre at a glance: figures with their age and coverage, centres, links, alarms.

Silence is unknown, never zero: a sum over the centres below is null while one of them is not heard, so that no number
becomes smaller by silence; what the others said stands beside it as partial, with the names of those that are missing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from sqlalchemy import select
from sqlalchemy.orm import Session

from node import presence
from node.access import Permission, Principal, require
from node.api.alarms import alarms_view, is_offered_to
from node.api.incidents import look_of
from node.api.links import links_view, peers_of
from node.context import NodeContext
from node.incident.rows import incident, value_of
from node.incident.value import OPEN_STATUSES, CustodyState, Incident, Severity, overdue_cause
from node.incident.view import Look, centre_title
from node.presence import Presence, PresenceState
from node.reachability import SPEAKING, Reach, reach_of
from node.scope import AreaScope, scope_of
from pki.registry import Registry

router = APIRouter(prefix="/api/v1/situation", tags=["situation"])

_AREA_BOOK = ": sự cố của địa bàn này mà trung tâm biết, kể cả sự cố do nơi khác chịu trách nhiệm"
_BOOK = ": mọi sự cố mà trung tâm biết, kể cả sự cố do nơi khác chịu trách nhiệm (bản đồ chỉ đếm việc của từng nơi)"


@dataclass(frozen=True, slots=True)
class Facts:
    """What the database knows at one moment."""

    open_now: Sequence[Incident]
    latest: Mapping[str, Presence]
    cut: frozenset[str]  # the neighbours whose line is down
    answered_for: int  # open incidents of the area that this centre has the duty of care for


@router.get("", summary="The situation of this centre")
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
        "tiles": _tiles(facts, look, context, scope),
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


# tiles -------------------------------------------------------------------------------------------------------------


def _tiles(facts: Facts, look: Look, context: NodeContext, scope: AreaScope) -> list[dict[str, Any]]:
    """The figures; what a limited account gets bears the name of its area instead of the whole book's."""
    me, open_now = look.centre.name, facts.open_now
    grave = sum(one.severity >= Severity.HIGH for one in open_now)
    late = sum(overdue_cause(one, me, look.now) is not None for one in open_now)
    away = sum(one.custody.state is CustodyState.OFFERED and one.custody.holder == me for one in open_now)
    book = _AREA_BOOK if scope.is_limited else _BOOK
    tiles = [
        _own_tile(look, scope, "open", "Sự cố trong sổ của trung tâm, đang mở", len(open_now), note=book),
        _own_tile(look, scope, "grave", "Khẩn và rất khẩn", grave, "alarm"),
        _own_tile(look, scope, "overdue", "Quá hạn", late, "watch"),
    ]
    below = expected_below(look, scope)
    offered = sum(is_offered_to(one, me) for one in open_now)
    if below or offered:
        tiles.append(_own_tile(look, scope, "offered", "Cấp dưới chuyển lên, chờ nhận", offered, "watch"))
    if look.centre.parent is not None:
        tiles.append(_own_tile(look, scope, "away", "Chờ cấp trên nhận", away))
    if below:
        tiles += [_below_tile(facts, look, below), _centres_tile(facts, look, below)]
    tiles.append(_links_tile(look, context, scope))
    return [{**tile, "area_name": scope.name} for tile in tiles] if scope.is_limited else tiles


def _own_tile(  # noqa: PLR0917 - what a tile says, in the order in which it is read
    look: Look, scope: AreaScope, key: str, title: str, value: int, worst: str = "ok", *, note: str = ""
) -> dict[str, Any]:
    """A figure that this centre's own book answers."""
    where = f", địa bàn {scope.name}" if scope.is_limited else ""
    return {
        "key": key,
        "title": f"{title} ({scope.name})" if scope.is_limited else title,
        "value": value,
        "unit": "sự cố",
        "state": worst if value else "ok",
        "as_of": look.now.isoformat(),
        "source": f"Sổ sự cố của {look.centre.title}{where}{note}",
        "coverage": {"received": 1, "expected": 1},
        "partial": None,
    }


def _below_tile(facts: Facts, look: Look, below: Sequence[str]) -> dict[str, Any]:
    """The open incidents that the centres below answer for, from their own signed statements."""
    spoken: dict[str, Presence] = {}
    for name in below:
        said = facts.latest.get(name)
        if said and said.state(look.now) in SPEAKING and said.open_incidents is not None:
            spoken[name] = said
    heard = sum(said.open_incidents or 0 for said in spoken.values()) if spoken else None
    missing = [centre_title(look.registry, name) for name in below if name not in spoken]
    return {
        "key": "below",
        "title": "Đang mở ở các trung tâm cấp dưới",
        "value": None if missing else heard,
        "unit": "sự cố",
        "state": "unknown" if missing else "ok",
        "as_of": min(said.as_of for said in spoken.values()).isoformat() if spoken else None,
        "source": "Báo cáo có chữ ký của các trung tâm cấp dưới: sự cố mà từng nơi đang chịu trách nhiệm",
        "coverage": {"received": len(spoken), "expected": len(below)},
        "partial": {"value": heard, "missing": missing} if missing else None,
    }


def _centres_tile(facts: Facts, look: Look, below: Sequence[str]) -> dict[str, Any]:
    """How many centres below are heard, of how many."""
    states = [_reach_of(name, facts, look).state for name in below]
    heard = sum(state in SPEAKING for state in states)
    live = sum(state is PresenceState.LIVE for state in states)
    as_of = max((said.received_at for name in below if (said := facts.latest.get(name))), default=None)
    return {
        "key": "centres",
        "title": "Trung tâm cấp dưới đang trực tuyến",
        "value": live if as_of else None,
        "unit": "trung tâm",
        "state": "unknown" if as_of is None else "ok" if live == len(below) else "watch",
        "as_of": as_of.isoformat() if as_of else None,
        "source": "Báo cáo có chữ ký của các trung tâm cấp dưới",
        "coverage": {"received": heard, "expected": len(below)},
        "partial": None,
    }


def _links_tile(look: Look, context: NodeContext, scope: AreaScope) -> dict[str, Any]:
    """What waits here to be sent."""
    peers = peers_of(context.peers(), context, scope)
    waiting = sum(sum(peer.waiting.values()) for peer in peers)
    is_cut = any(not peer.connected for peer in peers)
    return {
        "key": "waiting",
        "title": "Bản ghi chờ gửi",
        "value": waiting if peers else None,
        "unit": "bản ghi",
        "state": "unknown" if not peers else "watch" if is_cut else "ok",
        "as_of": look.now.isoformat(),
        "source": f"Hàng chờ của {look.centre.title}",
        "coverage": {"received": sum(peer.connected for peer in peers), "expected": len(peers)},
        "partial": None,
    }


# centres -----------------------------------------------------------------------------------------------------------


def expected_below(look: Look, scope: AreaScope) -> list[str]:
    """The centres from which a word is due: every active one below this and in the area, by the registry."""
    me = look.centre.name
    return [
        entry.name
        for entry in look.registry.centres
        if entry.state == "active"
        and entry.name != me
        and look.registry.is_descendant(entry.name, me)
        and scope.covers(entry.code)
    ]


def _centres(facts: Facts, look: Look, scope: AreaScope) -> list[dict[str, Any]]:
    names = [look.centre.name, *expected_below(look, scope)]
    return [_centre(name, facts, look) for name in names]


def _centre(name: str, facts: Facts, look: Look) -> dict[str, Any]:
    """A centre on the map; of itself this centre says now what it would state upwards, without waiting for the time."""
    entry, said = look.registry.centre(name), facts.latest.get(name)
    is_me = name == look.centre.name
    reach = Reach(PresenceState.LIVE) if is_me else _reach_of(name, facts, look)
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


def _reach_of(name: str, facts: Facts, look: Look) -> Reach:
    return reach_of(name, facts.latest, look.registry, look.centre.name, look.now, cut=facts.cut)


def reach_view(reach: Reach, registry: Registry) -> dict[str, Any]:
    """The state of a centre as a screen is told it: why nothing is heard, and behind which silent centre."""
    relay = {"name": reach.relay, "title": centre_title(registry, reach.relay)} if reach.relay else None
    return {"state": reach.state.value, "reason": reach.reason, "relay": relay}
