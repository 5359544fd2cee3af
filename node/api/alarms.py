"""Alarms as a person reads them: in titles of centres, from this centre's side, and no longer than they are true.

Every alarm stays a row in the database. What told of a state (a connection that was refused) is not shown any more once
the same neighbour is connected again; what told of an event (a bad signature) stays.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from federation.alarm import LinkAlarm
from node.context import NodeContext
from node.incident.value import OFFER_LIMIT, CustodyState, Incident
from node.incident.view import Look, centre_title
from node.scope import AreaScope

MOST_ALARMS = 50
ALARM_TITLES: Mapping[str, str] = {
    "BAD_ORIGIN_SIG": "Chữ ký của nơi gửi không hợp lệ",
    "ORIGIN_MISMATCH": "Bản ghi không đúng nơi gửi",
    "FORK": "Hai bản ghi khác nhau cùng một số",
    "GAP": "Thiếu bản ghi trong chuỗi",
    "PARKED": "Bản ghi chưa áp dụng được, đã giữ lại",
    "PARENT_ROLLBACK": "{peer} mất dữ liệu đã xác nhận với {me}",
    "CHILD_ROLLBACK": "{peer} mất dữ liệu đã xác nhận với {me}",
    "PRUNED": "{peer} thiếu dữ liệu đã báo là an toàn với {me}",
    "SAFE_LOST": "{peer} mất dữ liệu đã báo là an toàn với {me}",
    "RESTORED": "{me} đã khôi phục xong từ bản sao lưu; cần sao lưu lại ngay",
    "GIVEN_BACK": "Đã nhận lại dữ liệu của mình từ trung tâm khác",
    "LATE_EPOCH": "Dữ liệu của phiên cũ đến muộn, đã giữ làm chứng cứ",
    "FENCED": "Một phiên khác mang tên trung tâm này đã chiếm kết nối",
    "CHAIN_DAMAGED": "Dữ liệu đã lưu bị sửa hoặc hỏng",
    "CLOCK_SKEW": "Đồng hồ của hai trung tâm lệch nhau",
    "CLOCK_JUMP": "Đồng hồ máy chủ nhảy",
    "BAD_GIVE_BACK": "Dữ liệu được trả lại không hợp lệ",
    "BAD_ACK": "Xác nhận không khớp với dữ liệu đã gửi",
    "BAD_ACK_SIG": "Chữ ký của xác nhận không hợp lệ",
    "BAD_HELLO": "Lời chào của trung tâm khác không hợp lệ",
    "BAD_REGISTRY": "Danh bạ trung tâm nhận được không hợp lệ",
    "REGISTRY_STALE": "Danh bạ trung tâm đã quá hạn, chưa nhận được bản mới",
    "FOREIGN_PEER": "Trung tâm không thuộc mạng này",
    "FORM": "Khung dữ liệu không đọc được",
    "SESSION_FENCED": "Hai phiên cùng mang tên một trung tâm",
    "SIZE": "Khung dữ liệu quá lớn",
    "STORAGE": "Không ghi được: kho dữ liệu có vấn đề",
    "UNKNOWN_LANE": "Luồng dữ liệu chưa biết",
    "VERSION": "Phiên bản giao thức không tương thích",
    "OFFER_UNANSWERED": "Đề nghị chuyển cấp chưa được trả lời",
}
_OTHER = "Sự cố liên thông"
_OF_A_STATE = frozenset({"PEER_REFUSED", "TLS_REFUSED", "SILENT"})
_NOT_PROVED = ("WRONG_PEER", "FOREIGN_PEER")
_AHEAD = frozenset({"PARENT_AHEAD", "CHILD_AHEAD"})
_OF_A_REFUSAL = frozenset({"PEER_REFUSED", "TLS_REFUSED"})
_CASE_TITLES: Mapping[str, str] = {
    "unknown": "{me} từ chối một kết nối chưa rõ của ai",
    "child": "{me} từ chối kết nối của {peer}",
    "address": "{me} từ chối nơi trả lời ở địa chỉ của {peer}: không chứng minh được danh tính",
    "parent": "{peer} từ chối kết nối của {me}",
    "here": "{peer} có dữ liệu mà {me} không còn",
    "there": "{me} có dữ liệu mà {peer} không còn",
}


def alarms_view(
    context: NodeContext, open_now: Sequence[Incident], look: Look, scope: AreaScope
) -> list[dict[str, Any]]:
    """What a person has to know, the newest first; of links, a limited account is told what concerns its own area."""
    since = {peer.name: peer.since for peer in context.peers() if peer.connected}
    current = [alarm for alarm in context.alarms() if not _is_past(alarm, since)]
    seen = scope.centres(look.registry, look.centre)
    found = [
        _link_alarm(alarm, look) | ({"detail": ""} if scope.is_limited else {})  # a detail may name any incident
        for alarm in current
        if not scope.is_limited or {alarm.peer, alarm.origin} - {""} <= seen
    ]
    found += [_offer_alarm(one, look) for one in open_now if _is_unanswered(one, look)]
    return sorted(found, key=lambda alarm: str(alarm["at"]), reverse=True)[:MOST_ALARMS]


def _is_past(alarm: LinkAlarm, since: Mapping[str, datetime | None]) -> bool:
    """Whether it told of a state that ended: the neighbour has connected after it."""
    connected_at = since.get(alarm.peer)
    return alarm.code in _OF_A_STATE and connected_at is not None and connected_at >= alarm.at


def _link_alarm(alarm: LinkAlarm, look: Look) -> dict[str, Any]:
    case = _case(alarm, look)
    return {
        "at": alarm.at.isoformat(),
        "code": alarm.code,
        "case": case,
        "title": _title(alarm, case, look),
        "peer": centre_title(look.registry, alarm.peer) if alarm.peer else "",
        "origin": centre_title(look.registry, alarm.origin) if alarm.origin else "",
        "detail": _named(alarm.detail, look),
        "incident": None,
    }


def _case(alarm: LinkAlarm, look: Look) -> str:
    """Which of a code's two or more stories this is, seen from here; empty where a code has one."""
    has_parent = look.registry.parent_of(look.centre.name) == alarm.peer
    if alarm.code in _AHEAD:
        # a parent that is ahead of its child: the reader is the one that lost only where the parent is the neighbour
        return "here" if has_parent is (alarm.code == "PARENT_AHEAD") else "there"
    if alarm.code not in _OF_A_REFUSAL:
        return ""
    if not alarm.peer:
        return "unknown"
    if not has_parent:
        return "child"
    return "address" if alarm.detail.startswith(_NOT_PROVED) else "parent"


def _title(alarm: LinkAlarm, case: str, look: Look) -> str:
    """What happened, told by titles and from this centre's side."""
    peer = centre_title(look.registry, alarm.peer) if alarm.peer else "Trung tâm khác"
    words = _CASE_TITLES[case] if case else ALARM_TITLES.get(alarm.code, _OTHER)
    return words.format(me=look.centre.title, peer=peer)


def _named(detail: str, look: Look) -> str:
    """The words with the titles of centres where their registry names stood."""
    for entry in look.registry.centres:
        detail = detail.replace(entry.name, entry.title)
    return detail


def is_offered_to(one: Incident, name: str) -> bool:
    """Whether an incident waits for that centre's answer."""
    return one.custody.state is CustodyState.OFFERED and one.custody.offered_to == name


def _is_unanswered(one: Incident, look: Look) -> bool:
    """An offer from or to this centre that nobody answered in time; it never returns by itself."""
    is_mine = is_offered_to(one, look.centre.name) or one.custody.holder == look.centre.name
    return is_mine and one.custody.state is CustodyState.OFFERED and look.now - one.custody.since > OFFER_LIMIT


def _offer_alarm(one: Incident, look: Look) -> dict[str, Any]:
    return {
        "at": (one.custody.since + OFFER_LIMIT).isoformat(),
        "code": "OFFER_UNANSWERED",
        "case": "",
        "title": ALARM_TITLES["OFFER_UNANSWERED"],
        "peer": centre_title(look.registry, str(one.custody.offered_to)),
        "origin": centre_title(look.registry, one.custody.holder),
        "detail": f"Sự cố {one.number}: {one.title}",
        "incident": {"id": str(one.id), "number": one.number, "title": one.title},
    }
