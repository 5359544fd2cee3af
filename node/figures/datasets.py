"""How far the datasets of a period are approved: what this centre did, for whom it waits, what may be done."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from sqlalchemy.orm import Session

from node.figures import approval_rows
from node.figures.approval import Act
from node.figures.approval_rows import Approvals, Step
from node.figures.approving import LONGEST, Desk, desk_of
from node.figures.book import Book
from node.figures.gathering import Place
from node.figures.period import Period
from node.incident.view import centre_title

if TYPE_CHECKING:
    from node.context import NodeContext

Json = dict[str, Any]
_TITLES = {
    "incident": ("Sự cố", "Incidents"),
    "report": ("Phản ánh của người dân", "Citizens' reports"),
    "public_service": ("Dịch vụ công", "Public services"),
    "society": ("Xã hội", "Society"),
}
_OPEN, _CHANGED, _LONGER = "open", "changed", "longer"
_STATES = {
    _OPEN: "Chưa chuẩn bị",
    Act.PREPARE: "Đã chuẩn bị, chờ duyệt",
    Act.APPROVE: "Đã duyệt, khóa",
    Act.RETURN: "Đã trả lại",
    Act.UNLOCK: "Đã mở khóa",
    _CHANGED: "Số liệu đã đổi từ bước trước",
    _LONGER: "Đã duyệt theo kỳ dài hơn",
}


def title_of(dataset: str) -> tuple[str, str]:
    """What a dataset is called, in Vietnamese and in English."""
    return _TITLES.get(dataset, (dataset, dataset))


def datasets_view(session: Session, context: "NodeContext", book: Book, may: Callable[[Act], bool]) -> list[Json]:
    """Each dataset of a period with its steps; nothing for an area that is not this centre's own."""
    if book.place.area_code != context.centre.area_code or book.period.grain.order > LONGEST.order:
        return []
    subjects = dict.fromkeys(definition.subject for definition in book.definitions())
    return [_dataset(session, context, book, dataset, may) for dataset in subjects]


def _dataset(session: Session, context: "NodeContext", book: Book, dataset: str, may: Callable[[Act], bool]) -> Json:
    place, period = book.place, book.period
    desk = desk_of(session, context, place, dataset, period)
    last = desk.approvals.holds(desk.me, dataset, context.centre.area_code, period)
    steps = [
        step
        for step in approval_rows.steps_in(session, period.begin, period.end)
        if step.subject == (desk.me, dataset, context.centre.area_code, period)
    ]
    state = _state(desk, last, dataset, period)
    title, title_en = title_of(dataset)
    return {
        "dataset": dataset,
        "title": title,
        "title_en": title_en,
        "period": period.key,
        "area_code": context.centre.area_code,
        "number": last.approval.number if last else 0,
        "step": state,
        "step_title": _STATES[state],
        "states": len(desk.own),
        "states_approved": sum((one.centre, one.hash) in desk.approvals.approved for one in desk.own),
        "waiting_for": [centre_title(place.registry, name) for name in desk.waiting_for],
        "children": len(desk.children),
        "freezes_at": desk.freezes_at.isoformat(),
        "is_frozen": desk.is_frozen,
        "actions": [act.value for act in _acts(desk, last, state) if may(act)],
        "steps": [_step(place, step) for step in sorted(steps, key=lambda step: step.order)],
    }


def _state(desk: Desk, last: Step | None, dataset: str, period: Period) -> str:
    hashes = {one.hash for one in desk.own}
    is_open = last is None or last.approval.act in {Act.RETURN, Act.UNLOCK}
    if is_open and _is_in_longer(desk.approvals, desk.me, dataset, period):
        return _LONGER
    if last is None:
        return _OPEN
    is_binding = last.approval.act in {Act.PREPARE, Act.APPROVE}
    return _CHANGED if is_binding and set(last.approval.states) != hashes else last.approval.act.value


def _is_in_longer(approvals: Approvals, me: str, dataset: str, period: Period) -> bool:
    around = approvals.around(me, dataset, period)
    return any(step.approval.act is Act.APPROVE and step.approval.period != period for step in around)


def _acts(desk: Desk, last: Step | None, state: str) -> list[Act]:
    """What the state allows; whether this very person may is asked when it is done."""
    if not desk.own:
        return [Act.UNLOCK] if desk.is_frozen and last is None else []
    if desk.place.now < desk.period.end or state == _LONGER:
        return []
    act = last.approval.act if last else None
    if act is Act.APPROVE:
        return [Act.UNLOCK]
    if act is Act.PREPARE:
        return [Act.PREPARE, Act.RETURN] if state == _CHANGED else [Act.APPROVE, Act.RETURN]
    return [Act.PREPARE, Act.UNLOCK] if desk.is_frozen else [Act.PREPARE]


def _step(place: Place, step: Step) -> Json:
    said = step.approval
    return {
        "number": said.number,
        "act": said.act.value,
        "title": said.act.label,
        "actor": said.actor,
        "at": said.at.isoformat(),
        "states": len(said.states),
        "reason": said.reason,
        "is_exception": said.is_exception,
        "is_after_freeze": said.is_after_freeze,
        "without": [centre_title(place.registry, name) for name in said.without],
    }
