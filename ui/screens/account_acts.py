"""What an administrator does with an account: asked for once more in a dialog, then told, with what shows only once."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import streamlit as st

from ui import session
from ui.client import Json, NodeDownError, RefusedError
from ui.widgets.plain import plain

_PENDING = "pending-account"
_NOTICE = "account-notice"
_ROLES = ("operator", "leader", "admin", "citizen")


@dataclass(frozen=True, slots=True)
class Notice:
    """What to tell after an act; a one-time password lives here until it was shown, and nowhere else."""

    words: str
    is_good: bool
    username: str = ""
    one_time: str = ""


def begin(act: str, username: str | None) -> None:
    """Ask before anything is done."""
    st.session_state[_PENDING] = (act, username)


def end_session(username: str, session_id: str) -> None:
    """End one session at once; signing in again is no loss."""
    t = session.words()
    _do(
        lambda: session.client().end_session(username, session_id),
        t("Đã kết thúc phiên của {who}.", who=plain(username)),
    )
    st.rerun()


def show_notice() -> None:
    """Tell what the last act did, once."""
    t = session.words()
    notice: Notice | None = st.session_state.pop(_NOTICE, None)
    if notice is None:
        return
    (st.success if notice.is_good else st.error)(notice.words)
    if notice.one_time:
        with st.container(key="one-time", border=True):
            st.markdown(t("Mật khẩu dùng một lần của **{who}**, chỉ hiện lúc này:", who=plain(notice.username)))
            st.code(notice.one_time, language=None)
            st.caption(t("Đọc cho người đó; lần đăng nhập đầu tiên sẽ phải đặt mật khẩu riêng."))


def show_pending(everybody: list[Json], areas: Mapping[str, str]) -> None:
    """Open the question that a begun act still needs answered."""
    pending = st.session_state.get(_PENDING)
    if pending is None:
        return
    act, username = pending
    one = next((one for one in everybody if one["username"] == username), None)
    if one is None and act != "add":
        _forget()
        return
    st.dialog(_titles()[act], on_dismiss=_forget)(_ask)(act, one, areas)


def _titles() -> dict[str, str]:
    t = session.words()
    return {
        "add": t("Thêm tài khoản"),
        "scope": t("Sửa vai trò và phạm vi"),
        "reset": t("Đặt lại mật khẩu"),
        "unlock": t("Gỡ khóa tạm"),
        "end": t("Kết thúc mọi phiên"),
        "telephone": t("Bỏ điện thoại đã mất"),
        "disable": t("Khóa tài khoản"),
        "enable": t("Mở lại tài khoản"),
    }


def _warnings() -> dict[str, str]:
    t = session.words()
    return {
        "reset": t("Mật khẩu đang dùng hết hiệu lực, mọi phiên của người này kết thúc."),
        "end": t("Người này phải đăng nhập lại ở mọi nơi."),
        "telephone": t("Chỉ làm khi chắc chắn đang nói chuyện với đúng người. Mã dự phòng cũng hết hiệu lực."),
        "disable": t("Người này bị đưa ra ngay và không đăng nhập được nữa; có thể mở lại sau."),
        "scope": t("Khi vai trò hoặc phạm vi đổi, mọi phiên của người này kết thúc."),
    }


def _ask(act: str, one: Json | None, areas: Mapping[str, str]) -> None:
    t = session.words()
    if one:
        st.markdown(f"**{plain(one['username'])}** · {plain(one['display_name'])}")
    if words := _warnings().get(act):
        st.caption(words)
    with st.form("account", border=False, enter_to_submit=False):
        body = _fields(act, one, areas) if act in {"add", "scope"} else {}
        with st.container(horizontal=True):
            go = st.form_submit_button(_titles()[act], type="primary", key="account-confirm")
            leave = st.form_submit_button(t("Hủy"), key="account-cancel")
    if leave:
        _forget()
        st.rerun()
    if not go:
        return
    problem = _carry_out(act, one, body)
    if problem:
        st.error(problem)
        return
    st.rerun()


def _fields(act: str, one: Json | None, areas: Mapping[str, str]) -> Json:
    t = session.words()
    before = one or {}
    username = st.text_input(t("Tên đăng nhập"), key="new-username", max_chars=64) if act == "add" else ""
    name = st.text_input(t("Họ tên"), value=str(before.get("display_name", "")), key="new-name", max_chars=200)
    titles = {"operator": t("Cán bộ trực"), "leader": t("Lãnh đạo"), "admin": t("Quản trị"), "citizen": t("Người dân")}
    role = st.selectbox(
        t("Vai trò"),
        _ROLES,
        index=_ROLES.index(str(before.get("role", "operator"))),
        format_func=lambda one: titles[one],
        key="new-role",
    )
    codes = ["", *areas]
    here = str(before.get("area_code") or "")
    area = st.selectbox(
        t("Phạm vi"),
        codes,
        index=codes.index(here) if here in codes else 0,
        format_func=lambda code: f"{areas[code]} ({code})" if code else t("Toàn địa bàn"),
        key="new-area",
    )
    body: Json = {"role": role, "area_code": area or None, "display_name": (name or "").strip()}
    return body | ({"username": (username or "").strip().lower()} if act == "add" else {})


def _carry_out(act: str, one: Json | None, body: Json) -> str:
    """Do it and leave a notice; the words of what is wrong where the dialog stays open."""
    t, client = session.words(), session.client()
    name = str(one["username"]) if one else str(body.get("username", ""))
    who = plain(name)
    ways: dict[str, tuple[Callable[[], Any], str]] = {
        "add": (lambda: client.add_account(body), t("Đã thêm tài khoản {who}.", who=who)),
        "scope": (lambda: client.account_put(name, "scope", body), t("Đã sửa tài khoản {who}.", who=who)),
        "reset": (lambda: client.account_put(name, "password", {}), t("Đã đặt lại mật khẩu của {who}.", who=who)),
        "unlock": (lambda: client.account_delete(name, "lock"), t("Đã gỡ khóa tạm của {who}.", who=who)),
        "end": (lambda: client.account_delete(name, "sessions"), t("Đã kết thúc mọi phiên của {who}.", who=who)),
        "telephone": (lambda: client.account_delete(name, "second-factor"), t("Đã bỏ điện thoại của {who}.", who=who)),
        "disable": (lambda: client.account_put(name, "access", {"disabled": True}), t("Đã khóa {who}.", who=who)),
        "enable": (lambda: client.account_put(name, "access", {"disabled": False}), t("Đã mở lại {who}.", who=who)),
    }
    do, words = ways[act]
    problem = _do(do, words, name)
    if not problem:
        _forget()
    return problem


def _do(do: Callable[[], Any], words: str, username: str = "") -> str:
    t = session.words()
    try:
        answer = do()
    except RefusedError as refusal:
        if refusal.status == 401:  # noqa: PLR2004 - HTTP's own number
            raise
        return plain(refusal.detail or refusal.title) or t("Máy chủ từ chối yêu cầu.")
    except NodeDownError:
        return t("Máy chủ không trả lời nên chưa biết việc này đã xong chưa; hãy xem lại rồi làm lại.")
    one_time = str(answer.get("one_time_password") or "") if isinstance(answer, dict) else ""
    st.session_state[_NOTICE] = Notice(words, True, username, one_time)
    return ""


def _forget() -> None:
    st.session_state.pop(_PENDING, None)
