"""Act on an incident: its id and the version that was read, a reason where one is asked for, never a row number.

Where somebody else was faster the node answers 409. Then nothing was done; the visitor is told what changed and by
whom, and decides again on the new version. What was typed stays: nobody writes a reason twice.
"""

from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Literal

import streamlit as st

from ui import session
from ui.client import Json, NodeDownError, RefusedError
from ui.widgets.plain import named, plain

STATUS_WORDS = {
    "new": "Mới gửi",
    "received": "Đã tiếp nhận",
    "refused": "Từ chối",
    "duplicate": "Trùng lặp",
    "triaged": "Đã phân loại",
    "assigned": "Đã chuyển xử lý",
    "in_progress": "Đang xử lý",
    "extension_asked": "Xin gia hạn",
    "extension_granted": "Đã gia hạn",
    "escalated": "Chuyển cấp trên",
    "resolved": "Đã xử lý",
    "publishing": "Chờ duyệt",
    "published": "Đã công khai",
    "rated": "Đã đánh giá",
    "reopen_asked": "Xin mở lại",
    "reopened": "Mở lại",
    "closed": "Đã đóng",
}
_PENDING = "pending_action"
_NOTICE = "notice"
_LONG = {"reason", "note", "detail", "description", "comment", "longtext", "textarea"}


@dataclass(frozen=True, slots=True)
class Pending:
    """An action that a visitor began, with the incident exactly as it was on the page."""

    view: Json
    action: Json
    told: str = ""  # what changed since it was begun

    @property
    def is_asked(self) -> bool:
        """Whether a dialog stands open for it."""
        return bool(self.action.get("fields") or self.action.get("danger"))

    @property
    def incident_id(self) -> str:
        """The incident's id."""
        return str(self.view["id"])


@dataclass(frozen=True, slots=True)
class Notice:
    """What to tell after an action."""

    incident_id: str
    kind: Literal["done", "changed", "failed"]
    words: str


def action_title(action: Json) -> str:
    """The node's own title, or its English."""
    return _coded("action", str(action.get("name")), str(action.get("title") or action.get("name")))


def begin(view: Json, action: Json) -> None:
    """Carry out at once what needs no words and destroys nothing; ask first otherwise."""
    pending = Pending(view, action)
    if pending.is_asked:
        st.session_state[_PENDING] = pending
    else:
        _carry_out(pending, {})


def show_notice(incident_id: str) -> None:
    """Tell what the last action did, once."""
    notice = st.session_state.pop(_NOTICE, None)
    if notice is None or notice.incident_id != incident_id:
        return
    {"done": st.success, "changed": st.warning, "failed": st.error}[notice.kind](notice.words)


def show_pending(incident_id: str) -> None:
    """Open the question that a begun action still needs answered."""
    pending: Pending | None = st.session_state.get(_PENDING)
    if pending is None:
        return
    if pending.incident_id != incident_id:
        _forget()
        return
    ask = st.dialog(action_title(pending.action), on_dismiss=_forget)(_ask)
    ask(pending)


def _ask(pending: Pending) -> None:
    t = session.words()
    number, title = pending.view.get("number"), pending.view.get("title")
    st.markdown(f"**{plain(f'#{number}')}** {plain(title)}")
    if pending.told:
        st.warning(pending.told)
    if pending.action.get("danger"):
        st.warning(t("Việc này khó hoàn tác. Hãy kiểm tra đúng sự cố trước khi xác nhận."))
    with st.form("action", border=False, enter_to_submit=False):
        values = {str(field["name"]): _field(field, pending.view) for field in pending.action.get("fields") or []}
        with st.container(horizontal=True):
            go = st.form_submit_button(action_title(pending.action), type="primary", key="confirm")
            leave = st.form_submit_button(t("Hủy"), key="cancel")
    if leave:
        _forget()
        st.rerun()
    if not go:
        return
    missing = [_label(one) for one in pending.action.get("fields") or [] if _is_missing(one, values)]
    if missing:
        st.error(t("Còn thiếu: {what}", what=plain(", ".join(missing))))
        return
    if (problem := _carry_out(pending, values)) is not None:
        st.error(problem)
        return
    st.rerun()


def _carry_out(pending: Pending, values: dict[str, Any]) -> str | None:
    """Do it; the words of what is wrong where the dialog stays open with what was typed, or None when it is over."""
    t = session.words()
    answers = {name: value for name, value in values.items() if value not in {None, ""}}
    name, version = str(pending.action["name"]), int(pending.view["version"])
    try:
        session.client().act(pending.incident_id, name, version, answers)
    except RefusedError as refusal:
        return _refused(pending, answers, refusal)
    except NodeDownError:
        words = t("Máy chủ không trả lời nên chưa biết việc này đã xong chưa; hãy xem lại rồi làm lại.")
        return _fail(pending, words)
    _tell(pending, "done", t("Đã ghi: {action}.", action=plain(action_title(pending.action))))
    return None


def _refused(pending: Pending, answers: dict[str, Any], refusal: RefusedError) -> str | None:
    t = session.words()
    if refusal.status == HTTPStatus.UNPROCESSABLE_ENTITY and pending.action.get("fields"):
        return plain("; ".join(str(one.get("message")) for one in refusal.errors) or refusal.detail or refusal.title)
    if refusal.status != HTTPStatus.CONFLICT:
        return _fail(pending, _refusal(refusal))
    try:
        now = session.client().incident(pending.incident_id)
    except (RefusedError, NodeDownError):
        return _fail(pending, t("Sự cố đã thay đổi; chưa có gì được ghi. Hãy tải lại trang."))
    if now.get("version") == pending.view.get("version"):
        return _fail(pending, _refusal(refusal))
    _decide_again(pending, answers, now)
    return None


def _decide_again(pending: Pending, answers: dict[str, Any], now: Json) -> None:
    """The same question on the new version with what was typed; or, where it is no longer asked, those words back."""
    t = session.words()
    told = _what_changed(pending, now)
    action = next((one for one in now.get("actions") or [] if one.get("name") == pending.action.get("name")), None)
    if action and pending.is_asked:
        kept = t("Nội dung bạn đã nhập vẫn còn dưới đây.") if answers else ""
        st.session_state[_PENDING] = Pending(now, action, f"{told} {kept}".strip())
        return
    typed = "; ".join(str(one) for one in answers.values() if isinstance(one, str))
    kept = t("Bạn đã nhập: “{words}”", words=plain(typed)) if typed else ""
    _tell(pending, "changed", f"{told} {kept}".strip())


def _fail(pending: Pending, words: str) -> str | None:
    if pending.is_asked:
        return words
    _tell(pending, "failed", words)
    return None


def _tell(pending: Pending, kind: Literal["done", "changed", "failed"], words: str) -> None:
    st.session_state[_NOTICE] = Notice(pending.incident_id, kind, words)
    _forget()


def _forget() -> None:
    st.session_state.pop(_PENDING, None)


def _refusal(refusal: RefusedError) -> str:
    t = session.words()
    return plain(". ".join(part for part in (refusal.title, refusal.detail) if part)) or t("Máy chủ từ chối yêu cầu.")


def _what_changed(pending: Pending, now: Json) -> str:
    """Compare the page that was read with the incident as it is now."""
    t = session.words()
    before, after = _facts(pending.view), _facts(now)
    changes = [f"{name}: {plain(before[name])} → {plain(after[name])}" for name in after if before[name] != after[name]]
    last = (now.get("timeline") or [{}])[-1]
    who = t(" bởi {who}", who=plain(last["actor"])) if isinstance(last.get("actor"), str) and last["actor"] else ""
    return t(
        "Sự cố vừa được thay đổi{who}, nên chưa có gì được ghi. {changes} (bản {old} → {new}). "
        "Trang đã hiện bản mới: hãy xem lại rồi quyết định.",
        who=who,
        changes="; ".join(changes) or t("Nội dung đã cập nhật"),
        old=pending.view.get("version"),
        new=now.get("version"),
    )


def _facts(view: Json) -> dict[str, str]:
    t = session.words()
    custody = view.get("custody") or {}
    return {
        t("Trạng thái"): _coded("status", str(view.get("status")), str(view.get("status_title"))),
        t("Mức độ"): _coded("severity", str(view.get("severity")), str(view.get("severity_title"))),
        t("Tiêu đề"): str(view.get("title")),
        t("Đang giữ"): str((custody.get("holder") or {}).get("title") or "–"),
        t("Đề nghị chuyển đến"): str((custody.get("offered_to") or {}).get("title") or "–"),
    }


def _coded(group: str, code: str, title: str) -> str:
    """The node's title in Vietnamese; in English our word for the code, where there is one."""
    if session.language() != "en":
        return title
    key = f"{group}:{code}"
    words = session.words()(key)
    return title if words == key else words


def _label(field: Json) -> str:
    name = str(field["name"])
    return _coded("field", name, str(field.get("title") or _FIELD_TITLES.get(name, name)))


_FIELD_TITLES = {
    "reason": "Lý do",
    "note": "Ghi chú",
    "severity": "Mức độ",
    "category": "Lĩnh vực",
    "duplicate_of": "Trùng với sự cố",
    "assignee": "Giao cho",
    "unit": "Đơn vị xử lý",
    "area_code": "Địa bàn",
    "deadline": "Thời hạn",
}


def _is_missing(field: Json, values: dict[str, Any]) -> bool:
    return bool(field.get("required")) and values.get(str(field["name"])) in {None, ""}


def _field(field: Json, view: Json) -> Any:  # noqa: ANN401 - what a person may answer depends on the field
    """The question for one field of an action, by its kind; a choice begins with what the incident has now."""
    name, kind = str(field["name"]), str(field.get("kind") or "text")
    t = session.words()
    label = named(_label(field)) + (t(" (bắt buộc)") if field.get("required") else "")
    key = f"field-{name}"
    limit = int(field.get("limit") or 2000)
    if options := field.get("options"):
        titles = dict(_option(one) for one in options)
        values = [str(value) for value in titles]
        present = values.index(str(view.get(name))) if str(view.get(name)) in values else None
        return st.selectbox(
            label, list(titles), index=present, key=key, format_func=lambda one: titles[one], placeholder="–"
        )
    if kind in {"int", "integer", "number"}:
        return st.number_input(label, value=None, step=1, key=key)
    if kind in {"bool", "boolean", "flag"}:
        return st.checkbox(label, key=key)
    if kind in _LONG or name in _LONG:
        text = st.text_area(label, key=key, max_chars=limit, height=110)
    else:
        present_words = str(view.get(name) or "") if name == "category" else ""
        text = st.text_input(label, value=present_words[:limit], key=key, max_chars=limit)
    return (text or "").strip()


def _option(one: object) -> tuple[Any, str]:
    if isinstance(one, dict):
        value = one.get("value", one.get("name", one.get("code")))
        return value, str(one.get("title") or value)
    if isinstance(one, (list, tuple)) and len(one) == 2:  # noqa: PLR2004 - a pair
        return one[0], str(one[1])
    return one, str(one)
