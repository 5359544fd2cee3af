"""The situation of a centre at a glance: figures with their age and coverage, centres, links, alarms.

Silence is unknown, never zero: a sum over the centres below is null while one of them is not heard, so that no number
becomes smaller by silence; what the others said stands beside it as partial, with the names of those that are missing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from node import presence
from node.access import Permission, Principal, require
from node.api.alarms import alarms_view, is_offered_to
from node.api.incidents import areas_of, look_of
from node.api.links import links_view
from node.context import NodeContext
from node.incident.rows import incident, value_of
from node.incident.value import OPEN_STATUSES, CustodyState, Incident, Severity, overdue_cause
from node.incident.view import Look, centre_title
from node.presence import Presence, PresenceState

router = APIRouter(prefix="/api/v1/situation", tags=["situation"])

_SPEAKING = frozenset({PresenceState.LIVE, PresenceState.LATE})
_BOOK = ": mọi sự cố mà trung tâm biết, kể cả sự cố do nơi khác chịu trách nhiệm (bản đồ chỉ đếm việc của từng nơi)"


@dataclass(frozen=True, slots=True)
class Facts:
    """What the database knows at one moment."""

    open_now: Sequence[Incident]
    latest: Mapping[str, Presence]
    answered_for: int  # open incidents that this centre has the duty of care for: what it says of itself upwards


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
    areas = areas_of(context, principal)
    scope = [] if areas is None else [incident.c.area_code.in_(sorted(areas))]
    centre = context.centre
    facts = context.database.read(lambda session: _facts(session, centre.name, scope))
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
        "tiles": _tiles(facts, look, context),
        "centres": _centres(facts, look),
        "links": links_view(context) if may_see_links else [],
        "alarms": alarms_view(context, facts.open_now, look),
    }


def _facts(session: Session, me: str, scope: Sequence[ColumnElement[bool]]) -> Facts:
    query = select(incident).where(incident.c.status.in_(OPEN_STATUSES), *scope)
    found = [value_of(row) for row in session.execute(query.order_by(incident.c.opened_at)).mappings()]
    return Facts(found, presence.latest(session), presence.count_open(session, me))


# tiles -------------------------------------------------------------------------------------------------------------


def _tiles(facts: Facts, look: Look, context: NodeContext) -> list[dict[str, Any]]:
    me, open_now = look.centre.name, facts.open_now
    grave = sum(one.severity >= Severity.HIGH for one in open_now)
    late = sum(overdue_cause(one, me, look.now) is not None for one in open_now)
    away = sum(one.custody.state is CustodyState.OFFERED and one.custody.holder == me for one in open_now)
    tiles = [
        _own_tile(look, "open", "Sự cố trong sổ của trung tâm, đang mở", len(open_now), note=_BOOK),
        _own_tile(look, "grave", "Khẩn và rất khẩn", grave, "alarm"),
        _own_tile(look, "overdue", "Quá hạn", late, "watch"),
    ]
    below = expected_below(look)
    offered = sum(is_offered_to(one, me) for one in open_now)
    if below or offered:
        tiles.append(_own_tile(look, "offered", "Cấp dưới chuyển lên, chờ nhận", offered, "watch"))
    if look.centre.parent is not None:
        tiles.append(_own_tile(look, "away", "Chờ cấp trên nhận", away))
    if below:
        tiles += [_below_tile(facts, look, below), _centres_tile(facts, look, below)]
    return [*tiles, _links_tile(look, context)]


def _own_tile(look: Look, key: str, title: str, value: int, worst: str = "ok", *, note: str = "") -> dict[str, Any]:
    """A figure that this centre's own book answers."""
    return {
        "key": key,
        "title": title,
        "value": value,
        "unit": "sự cố",
        "state": worst if value else "ok",
        "as_of": look.now.isoformat(),
        "source": f"Sổ sự cố của {look.centre.title}{note}",
        "coverage": {"received": 1, "expected": 1},
        "partial": None,
    }


def _below_tile(facts: Facts, look: Look, below: Sequence[str]) -> dict[str, Any]:
    """The open incidents that the centres below answer for, from their own signed statements."""
    spoken: dict[str, Presence] = {}
    for name in below:
        said = facts.latest.get(name)
        if said and said.state(look.now) in _SPEAKING and said.open_incidents is not None:
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
    states = [_state_of(facts.latest.get(name), look.now) for name in below]
    heard = sum(state in _SPEAKING for state in states)
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


def _links_tile(look: Look, context: NodeContext) -> dict[str, Any]:
    """What waits here to be sent."""
    peers = context.peers()
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


def expected_below(look: Look) -> list[str]:
    """The centres from which a word is due: every active one below this, by the registry."""
    me = look.centre.name
    return [
        entry.name
        for entry in look.registry.centres
        if entry.state == "active" and entry.name != me and look.registry.is_descendant(entry.name, me)
    ]


def _centres(facts: Facts, look: Look) -> list[dict[str, Any]]:
    names = [look.centre.name, *expected_below(look)]
    return [_centre(name, facts, look) for name in names]


def _centre(name: str, facts: Facts, look: Look) -> dict[str, Any]:
    """A centre on the map; of itself this centre says now what it would state upwards, without waiting for the time."""
    entry, said = look.registry.centre(name), facts.latest.get(name)
    is_me = name == look.centre.name
    state = PresenceState.LIVE if is_me else _state_of(said, look.now)
    is_heard = said is not None and state in _SPEAKING
    place = look.territory.place_of(entry.code, look.on) if entry else None
    return {
        "name": name,
        "code": entry.code if entry else "",
        "title": centre_title(look.registry, name),
        "tier": entry.tier if entry else "",
        "parent": look.registry.parent_of(name),
        "state": state.value,
        "as_of": said.as_of.isoformat() if said else None,
        "received_at": said.received_at.isoformat() if said else None,
        "open_incidents": facts.answered_for if is_me else said.open_incidents if said and is_heard else None,
        "waiting": said.waiting if said and is_heard else None,
        "version": said.version if said else None,
        "point": {"lat": place.lat, "lon": place.lon} if place else None,
    }


def _state_of(said: Presence | None, now: datetime) -> PresenceState:
    return said.state(now) if said is not None else PresenceState.UNKNOWN
