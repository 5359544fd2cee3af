"""Who may do what to an incident, from which status, and what must be filled in: the table of the trade."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from node.errors import Invalid
from node.incident.value import (
    CATEGORY_LIMIT,
    LONGEST_EXTENSION_DAYS,
    NAME_LIMIT,
    NOTE_LIMIT,
    Custody,
    CustodyState,
    Incident,
    Severity,
    Status,
    text_problem,
)


class Need(StrEnum):
    """What an action asks of this centre's custody."""

    CARE = "care"  # the duty of care, also while it is offered to another
    END = "end"  # the right to end it: held, and not offered
    OFFERED_HERE = "offered_here"  # another centre offers it to this one
    OFFERED_AWAY = "offered_away"  # this centre has offered it and not yet asked for it back
    ELSEWHERE = "elsewhere"  # another centre answers for it
    NONE = "none"


class Who(StrEnum):
    """Whose act it is; the API maps this to a permission."""

    OPERATOR = "operator"
    SUPERVISOR = "supervisor"
    CITIZEN = "citizen"


@dataclass(frozen=True, slots=True)
class Field:
    """Something to fill in; ``kind`` is text, longtext, integer or choice."""

    name: str
    title: str
    kind: str = "text"
    required: bool = False
    options: tuple[tuple[str, str], ...] = ()
    limit: int = NOTE_LIMIT


@dataclass(frozen=True, slots=True)
class Action:
    """One thing that may be done: from where, to where, by whom, needing what."""

    name: str
    title: str
    since: frozenset[Status]
    becomes: Status | None
    need: Need = Need.CARE
    who: Who = Who.OPERATOR
    fields: tuple[Field, ...] = ()
    danger: bool = False


_NOTE = Field("note", "Ghi chú", "longtext")
_REASON = Field("note", "Lý do", "longtext", required=True)
_SEVERITIES = tuple((str(int(severity)), severity.label) for severity in Severity)
_DAYS = Field("days", f"Số ngày (1-{LONGEST_EXTENSION_DAYS})", "integer", required=True)
ESCALATION_REASONS = (
    ("authority", "Vượt thẩm quyền"),
    ("capacity", "Vượt khả năng xử lý"),
    ("disputed", "Tranh chấp trách nhiệm"),
    ("no_answer", "Đơn vị không trả lời"),
)
RATINGS = (("satisfied", "Hài lòng"), ("accepted", "Chấp nhận"), ("unsatisfied", "Không hài lòng"))

_WORKING = frozenset({Status.ASSIGNED, Status.IN_PROGRESS, Status.EXTENSION_GRANTED})
_FRESH = frozenset({Status.NEW, Status.RECEIVED, Status.TRIAGED, Status.REOPENED})
_OPEN = frozenset(status for status in Status if status.is_open)
_BEFORE_ESCALATION = _OPEN - {Status.ESCALATED, Status.REOPEN_ASKED}
_HANDLED = frozenset({Status.RESOLVED, Status.PUBLISHED, Status.RATED})
_ENDED = _HANDLED | {Status.CLOSED, Status.REFUSED, Status.DUPLICATE}

_ACTIONS = (
    Action("receive", "Tiếp nhận", frozenset({Status.NEW, Status.REOPENED}), Status.RECEIVED, fields=(_NOTE,)),
    Action(
        "triage",
        "Phân loại",
        _FRESH,
        Status.TRIAGED,
        fields=(
            Field("severity", "Mức độ", "choice", required=True, options=_SEVERITIES),
            Field("category", "Lĩnh vực", limit=CATEGORY_LIMIT),
            _NOTE,
        ),
    ),
    Action(
        "assign",
        "Chuyển xử lý",
        frozenset({Status.RECEIVED, Status.TRIAGED}) | _WORKING,
        Status.ASSIGNED,
        fields=(Field("unit", "Đơn vị xử lý", required=True, limit=NAME_LIMIT), _NOTE),
    ),
    Action("start", "Bắt đầu xử lý", frozenset({Status.ASSIGNED}), Status.IN_PROGRESS, fields=(_NOTE,)),
    Action("ask_extension", "Xin gia hạn", _WORKING, Status.EXTENSION_ASKED, fields=(_DAYS, _REASON)),
    Action(
        "grant_extension",
        "Đồng ý gia hạn",
        frozenset({Status.EXTENSION_ASKED}),
        Status.EXTENSION_GRANTED,
        who=Who.SUPERVISOR,
        fields=(_DAYS, _NOTE),
    ),
    Action(
        "deny_extension",
        "Không đồng ý gia hạn",
        frozenset({Status.EXTENSION_ASKED}),
        Status.IN_PROGRESS,
        who=Who.SUPERVISOR,
        fields=(_REASON,),
    ),
    Action(
        "escalate",
        "Chuyển cấp trên",
        _BEFORE_ESCALATION,
        Status.ESCALATED,
        Need.END,
        fields=(Field("cause", "Nguyên nhân", "choice", required=True, options=ESCALATION_REASONS), _REASON),
    ),
    Action("withdraw", "Xin rút lại", frozenset({Status.ESCALATED}), None, Need.OFFERED_AWAY, fields=(_NOTE,)),
    Action("accept", "Nhận xử lý", _OPEN, Status.RECEIVED, Need.OFFERED_HERE, fields=(_NOTE,)),
    Action("decline", "Không nhận, trả lại", _OPEN, None, Need.OFFERED_HERE, fields=(_REASON,), danger=True),
    Action(
        "resolve",
        "Đã xử lý xong",
        _BEFORE_ESCALATION - {Status.NEW, Status.REOPENED},
        Status.RESOLVED,
        Need.END,
        fields=(Field("note", "Kết quả xử lý", "longtext", required=True),),
    ),
    Action("propose", "Trình công khai", frozenset({Status.RESOLVED}), Status.PUBLISHING, Need.END, fields=(_NOTE,)),
    Action(
        "publish",
        "Duyệt công khai",
        frozenset({Status.PUBLISHING}),
        Status.PUBLISHED,
        Need.END,
        Who.SUPERVISOR,
        fields=(_NOTE,),
    ),
    Action(
        "rate",
        "Đánh giá",
        frozenset({Status.RESOLVED, Status.PUBLISHED}),
        Status.RATED,
        Need.NONE,
        Who.CITIZEN,
        fields=(Field("rating", "Mức hài lòng", "choice", required=True, options=RATINGS), _NOTE),
    ),
    Action("refuse", "Từ chối", _FRESH, Status.REFUSED, Need.END, fields=(_REASON,), danger=True),
    Action(
        "duplicate",
        "Trùng lặp",
        _FRESH,
        Status.DUPLICATE,
        Need.END,
        fields=(Field("of", "Số của sự cố đã có", required=True, limit=40), _REASON),
        danger=True,
    ),
    Action("ask_reopen", "Xin mở lại", _ENDED, None, Need.ELSEWHERE, Who.CITIZEN, fields=(_REASON,)),
    Action("reopen", "Mở lại", _ENDED | {Status.REOPEN_ASKED}, Status.REOPENED, Need.END, fields=(_REASON,)),
    Action("keep", "Giữ kết quả", frozenset({Status.REOPEN_ASKED}), Status.CLOSED, Need.END, fields=(_REASON,)),
    Action("close", "Đóng", _HANDLED, Status.CLOSED, Need.END, fields=(_NOTE,), danger=True),
    Action("note", "Ghi chú diễn biến", _OPEN, None, fields=(Field("note", "Nội dung", "longtext", required=True),)),
)
ACTIONS: Mapping[str, Action] = {action.name: action for action in _ACTIONS}
CUSTODY_ACTIONS = frozenset({"escalate", "withdraw", "accept", "decline"})

# What a timeline calls things that nobody chooses from the list of actions.
ACT_TITLES: Mapping[str, str] = {action.name: action.title for action in _ACTIONS} | {
    "open": "Ghi nhận",
    "returned": "Được trả lại",
    "reopen_asked": "Đã nhận đề nghị mở lại",
    "rated": "Đã nhận đánh giá",
    "bypass": "Nhận qua đường vòng",
    "restate": "Nhắc lại sau khôi phục",
    "erase": "Xóa nội dung",
    "erase_pictures": "Xóa ảnh",
    "erased": "Đã xóa nội dung và khóa theo yêu cầu",
    "pictures_erased": "Đã xóa ảnh và khóa theo yêu cầu",
}


def is_met(need: Need, custody: Custody, me: str) -> bool:
    """Whether this centre's custody allows what an action needs."""
    match need:
        case Need.CARE:
            return custody.is_responsible(me)
        case Need.END:
            return custody.may_end(me)
        case Need.OFFERED_HERE:
            return custody.state is CustodyState.OFFERED and custody.offered_to == me
        case Need.OFFERED_AWAY:
            return custody.state is CustodyState.OFFERED and custody.holder == me and not custody.asked_back
        case Need.ELSEWHERE:
            return not custody.is_responsible(me)
        case Need.NONE:
            return True


def hindrance(
    incident: Incident, action: Action, me: str, parent: str | None, *, is_locked: bool = False
) -> str | None:
    """Why an action is not possible now, in Vietnamese; None if it is."""
    if is_locked and action.need not in {Need.CARE, Need.ELSEWHERE, Need.NONE}:
        return "trung tâm vừa được khôi phục và đang chờ các trung tâm lân cận gửi lại dữ liệu"
    if incident.status not in action.since:
        return f"không thể “{action.title}” khi đang ở trạng thái “{incident.status.label}”"
    if not is_met(action.need, incident.custody, me):
        return f"trung tâm này hiện không có quyền “{action.title}” đối với sự cố"
    if action.name == "escalate" and parent is None:
        return "trung tâm này không có cấp trên để chuyển"
    return None


def possible(incident: Incident, me: str, parent: str | None, *, is_locked: bool = False) -> tuple[Action, ...]:
    """What may be done now at this centre, whoever asks."""
    return tuple(action for action in _ACTIONS if hindrance(incident, action, me, parent, is_locked=is_locked) is None)


def clean(action: Action, given: Mapping[str, object]) -> dict[str, str]:
    """The fields of an action as checked texts; raises Invalid that names every field at fault."""
    known = {field.name for field in action.fields}
    errors = [{"field": name, "message": "không có mục này"} for name in given if name not in known]
    values: dict[str, str] = {}
    for field in action.fields:
        raw = given.get(field.name)
        value = str(raw if raw is not None else "").strip()
        problem = (
            _type_problem(field, raw)
            or text_problem(value, field.limit, required=field.required)
            or _kind_problem(field, value)
        )
        if problem:
            errors.append({"field": field.name, "message": f"{field.title}: {problem}"})
        values[field.name] = value
    if errors:
        raise Invalid("; ".join(error["message"] for error in errors), errors=errors)
    return values


def _type_problem(field: Field, raw: object) -> str | None:
    """Words are words: a list or an object is not written down as Python would spell it; numbers may choose."""
    is_number = isinstance(raw, int) and not isinstance(raw, bool) and (field.kind in {"integer", "choice"})
    return None if raw is None or isinstance(raw, str) or is_number else "phải là chữ"


def _kind_problem(field: Field, value: str) -> str | None:
    if field.options and value and value not in {key for key, _ in field.options}:
        return "giá trị không có trong danh sách"
    if field.kind == "integer" and value:
        is_number = value.isascii() and value.isdigit() and len(value) < 4  # noqa: PLR2004 - more digits than any limit
        if not is_number or not 1 <= int(value) <= LONGEST_EXTENSION_DAYS:
            return f"phải là số từ 1 đến {LONGEST_EXTENSION_DAYS}"
    return None
