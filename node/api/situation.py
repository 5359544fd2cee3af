"""The situation of a centre at a glance: figures with their age and coverage, centres, links, alarms.

Silence is unknown, never zero: a figure about the centres below counts only those that have spoken lately, says how
many of how many these are, and is null where nobody has spoken.
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
from node.api.incidents import areas_of, look_of
from node.api.links import links_view
from node.context import NodeContext
from node.incident.rows import incident, value_of
from node.incident.value import OFFER_LIMIT, OPEN_STATUSES, CustodyState, Incident, Severity, overdue_cause
from node.incident.view import Look, centre_title
from node.presence import Presence, PresenceState

router = APIRouter(prefix="/api/v1/situation", tags=["situation"])

MOST_ALARMS = 50
_SPEAKING = frozenset({PresenceState.LIVE, PresenceState.LATE})
ALARM_TITLES: Mapping[str, str] = {
    "BAD_ORIGIN_SIG": "Chữ ký của nơi gửi không hợp lệ",
    "ORIGIN_MISMATCH": "Bản ghi không đúng nơi gửi",
    "FORK": "Hai bản ghi khác nhau cùng một số",
    "GAP": "Thiếu bản ghi trong chuỗi",
    "PARKED": "Bản ghi chưa áp dụng được, đã giữ lại",
    "PEER_REFUSED": "Từ chối kết nối của trung tâm khác",
    "TLS_REFUSED": "Kết nối bị từ chối khi bắt tay",
    "PARENT_ROLLBACK": "Cấp trên mất dữ liệu đã xác nhận",
    "CHILD_ROLLBACK": "Cấp dưới mất dữ liệu đã xác nhận",
    "PARENT_AHEAD": "Cấp trên có dữ liệu mà trung tâm này không còn",
    "CHILD_AHEAD": "Cấp dưới có dữ liệu mà trung tâm này không còn",
    "GIVEN_BACK": "Đã nhận lại dữ liệu của mình từ trung tâm khác",
    "LATE_EPOCH": "Dữ liệu của phiên cũ đến muộn, đã giữ làm chứng cứ",
    "FENCED": "Một phiên khác mang tên trung tâm này đã chiếm kết nối",
    "BAD_GIVE_BACK": "Dữ liệu được trả lại không hợp lệ",
    "CHAIN_DAMAGED": "Dữ liệu đã lưu bị sửa hoặc hỏng",
    "CLOCK_SKEW": "Đồng hồ của hai trung tâm lệch nhau",
    "CLOCK_JUMP": "Đồng hồ máy chủ nhảy",
    "BAD_ACK": "Xác nhận không khớp với dữ liệu đã gửi",
    "BAD_ACK_SIG": "Chữ ký của xác nhận không hợp lệ",
    "BAD_HELLO": "Lời chào của trung tâm khác không hợp lệ",
    "BAD_REGISTRY": "Danh bạ trung tâm nhận được không hợp lệ",
    "FOREIGN_PEER": "Trung tâm không thuộc mạng này",
    "FORM": "Khung dữ liệu không đọc được",
    "SESSION_FENCED": "Hai phiên cùng mang tên một trung tâm",
    "SIZE": "Khung dữ liệu quá lớn",
    "STORAGE": "Không ghi được: kho dữ liệu có vấn đề",
    "UNKNOWN_LANE": "Luồng dữ liệu chưa biết",
    "VERSION": "Phiên bản giao thức không tương thích",
    "OFFER_UNANSWERED": "Đề nghị chuyển cấp chưa được trả lời",
}


@dataclass(frozen=True, slots=True)
class Facts:
    """What the database knows at one moment."""

    open_now: Sequence[Incident]
    latest: Mapping[str, Presence]


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
    facts = context.database.read(lambda session: _facts(session, scope))
    centre = context.centre
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
        "alarms": _alarms(context, facts, look),
    }


def _facts(session: Session, scope: Sequence[ColumnElement[bool]]) -> Facts:
    query = select(incident).where(incident.c.status.in_(OPEN_STATUSES), *scope)
    found = [value_of(row) for row in session.execute(query.order_by(incident.c.opened_at)).mappings()]
    return Facts(found, presence.latest(session))


# tiles -------------------------------------------------------------------------------------------------------------


def _tiles(facts: Facts, look: Look, context: NodeContext) -> list[dict[str, Any]]:
    me, open_now = look.centre.name, facts.open_now
    grave = sum(one.severity >= Severity.HIGH for one in open_now)
    late = sum(overdue_cause(one, me, look.now) is not None for one in open_now)
    offered = sum(_is_offered_to(one, me) for one in open_now)
    away = sum(one.custody.state is CustodyState.OFFERED and one.custody.holder == me for one in open_now)
    tiles = [
        _own_tile(look, "open", "Sự cố đang mở", len(open_now)),
        _own_tile(look, "grave", "Khẩn và rất khẩn", grave, "alarm"),
        _own_tile(look, "overdue", "Quá hạn", late, "watch"),
        _own_tile(look, "offered", "Cấp dưới chuyển lên, chờ nhận", offered, "watch"),
    ]
    if look.centre.parent is not None:
        tiles.append(_own_tile(look, "away", "Chờ cấp trên nhận", away))
    below = expected_below(look)
    if below:
        tiles += [_below_tile(facts, look, below), _centres_tile(facts, look, below)]
    return [*tiles, _links_tile(look, context)]


def _own_tile(look: Look, key: str, title: str, value: int, worst: str = "ok") -> dict[str, Any]:
    """A figure that this centre's own book answers."""
    return {
        "key": key,
        "title": title,
        "value": value,
        "unit": "sự cố",
        "state": worst if value else "ok",
        "as_of": look.now.isoformat(),
        "source": f"Sổ sự cố của {look.centre.title}",
        "coverage": {"received": 1, "expected": 1},
    }


def _below_tile(facts: Facts, look: Look, below: Sequence[str]) -> dict[str, Any]:
    """The open incidents that the centres below answer for, from their own signed statements."""
    spoken = [
        said
        for name in below
        if (said := facts.latest.get(name)) and said.state(look.now) in _SPEAKING and said.open_incidents is not None
    ]
    value = sum(said.open_incidents or 0 for said in spoken) if spoken else None
    complete = len(spoken) == len(below)
    return {
        "key": "below",
        "title": "Đang mở ở các trung tâm cấp dưới",
        "value": value,
        "unit": "sự cố",
        "state": "unknown" if value is None else "ok" if complete else "watch",
        "as_of": min(said.as_of for said in spoken).isoformat() if spoken else None,
        "source": "Báo cáo có chữ ký của các trung tâm cấp dưới",
        "coverage": {"received": len(spoken), "expected": len(below)},
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
    return [_centre(name, facts.latest.get(name), look) for name in names]


def _centre(name: str, said: Presence | None, look: Look) -> dict[str, Any]:
    entry = look.registry.centre(name)
    state = PresenceState.LIVE if name == look.centre.name else _state_of(said, look.now)
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
        "open_incidents": said.open_incidents if said and is_heard else None,
        "waiting": said.waiting if said and is_heard else None,
        "version": said.version if said else None,
        "point": {"lat": place.lat, "lon": place.lon} if place else None,
    }


def _state_of(said: Presence | None, now: datetime) -> PresenceState:
    return said.state(now) if said is not None else PresenceState.UNKNOWN


# alarms ------------------------------------------------------------------------------------------------------------


def _alarms(context: NodeContext, facts: Facts, look: Look) -> list[dict[str, Any]]:
    found = [
        {
            "at": alarm.at.isoformat(),
            "code": alarm.code,
            "title": ALARM_TITLES.get(alarm.code, "Sự cố liên thông"),
            "peer": centre_title(look.registry, alarm.peer) if alarm.peer else "",
            "origin": centre_title(look.registry, alarm.origin) if alarm.origin else "",
            "detail": alarm.detail,
        }
        for alarm in context.alarms()
    ]
    found += [_offer_alarm(one, look) for one in facts.open_now if _is_unanswered(one, look)]
    return sorted(found, key=lambda alarm: str(alarm["at"]), reverse=True)[:MOST_ALARMS]


def _is_offered_to(one: Incident, name: str) -> bool:
    return one.custody.state is CustodyState.OFFERED and one.custody.offered_to == name


def _is_unanswered(one: Incident, look: Look) -> bool:
    """An offer from or to this centre that nobody answered in time; it never returns by itself."""
    is_mine = _is_offered_to(one, look.centre.name) or one.custody.holder == look.centre.name
    return is_mine and one.custody.state is CustodyState.OFFERED and look.now - one.custody.since > OFFER_LIMIT


def _offer_alarm(one: Incident, look: Look) -> dict[str, Any]:
    return {
        "at": (one.custody.since + OFFER_LIMIT).isoformat(),
        "code": "OFFER_UNANSWERED",
        "title": ALARM_TITLES["OFFER_UNANSWERED"],
        "peer": centre_title(look.registry, str(one.custody.offered_to)),
        "origin": centre_title(look.registry, one.custody.holder),
        "detail": f"Sự cố {one.number}: {one.title}",
    }
