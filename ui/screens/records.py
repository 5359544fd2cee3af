"""*Nhật ký*: who did and who read what; it is read here, and changed by nobody."""

import json
from datetime import date, datetime, time, timedelta, timezone
from urllib.parse import urlencode

import streamlit as st

from ui import session
from ui.client import Json
from ui.widgets.plain import plain

PERMISSION = "audit.read"
_LOCAL = timezone(timedelta(hours=7))
_PAGE = 50
_FILTERS = ("actor", "act", "since", "until")
_BEFORE = "before"
_SHOWN = 240


def show() -> None:
    """Lines newest first, by actor, act and day; the address holds what is looked for."""
    t = session.words()
    st.header(t("Nhật ký"))
    with st.container(key="record-filters", horizontal=True, vertical_alignment="bottom"):
        asked = _filters(session.client().audit_acts())
        st.link_button(t("Tải bảng (CSV)"), f"/api/v1/audit/table?{urlencode(asked)}")
    before = st.query_params.get(_BEFORE, "")
    found = session.client().audit(**asked, limit=_PAGE, before=int(before) if before.isdecimal() else None)
    rows = [_row(one) for one in found["items"]]
    if rows:
        st.table(rows)
    else:
        st.info(t("Không có dòng nào như vậy."))
    with st.container(key="record-pages", horizontal=True):
        if before and st.button(t("Về mới nhất"), key="record-newest"):
            st.query_params.pop(_BEFORE, None)
            st.rerun()
        if found["next_before"] and st.button(t("Cũ hơn"), key="record-older"):
            st.query_params[_BEFORE] = str(found["next_before"])
            st.rerun()


def _filters(known: list[str]) -> dict[str, str]:
    t = session.words()
    for name in _FILTERS:
        st.session_state[f"record-{name}"] = _kept(name, known)
    actor = st.text_input(t("Người làm"), key="record-actor", on_change=_remember, args=("actor",), width=180)
    act = st.selectbox(
        t("Việc"),
        known,
        format_func=_act_title,
        key="record-act",
        on_change=_remember,
        args=("act",),
        index=None,
        placeholder=t("Tất cả"),
        width=220,
    )
    since = st.date_input(
        t("Từ ngày"),
        key="record-since",
        on_change=_remember,
        args=("since",),
        format="DD/MM/YYYY",
        value=None,
        width=150,
    )
    until = st.date_input(
        t("Đến ngày"),
        key="record-until",
        on_change=_remember,
        args=("until",),
        format="DD/MM/YYYY",
        value=None,
        width=150,
    )
    asked = {"actor": (actor or "").strip(), "act": act or "", "since": _start(since), "until": _start(until, 1)}
    return {name: value for name, value in asked.items() if value}


def _act_title(act: str) -> str:
    """An act in words, where there are some."""
    t = session.words()
    titles = {
        "access.refused": t("Bị từ chối truy cập"),
        "account.add": t("Thêm tài khoản"),
        "account.disable": t("Khóa tài khoản"),
        "account.enable": t("Mở lại tài khoản"),
        "account.lock": t("Tự tạm khóa sau nhiều lần sai"),
        "account.password": t("Đổi mật khẩu"),
        "account.reset": t("Đặt lại mật khẩu"),
        "account.scope": t("Sửa vai trò và phạm vi"),
        "account.unlock": t("Gỡ khóa tạm"),
        "audit.export": t("Tải nhật ký"),
        "factor.recovery": t("Tạo mã dự phòng mới"),
        "factor.recovery_used": t("Dùng mã dự phòng"),
        "factor.remove": t("Bỏ điện thoại"),
        "factor.set": t("Cài đặt điện thoại"),
        "login.begin": t("Đăng nhập"),
        "login.end": t("Đăng xuất"),
        "login.expired": t("Mật khẩu dùng một lần đã quá hạn"),
        "login.refused": t("Đăng nhập bị từ chối"),
        "session.end": t("Kết thúc một phiên"),
        "session.end_all": t("Kết thúc mọi phiên"),
    }
    return f"{titles[act]} ({act})" if act in titles else act


def _kept(name: str, known: list[str]) -> str | date | None:
    asked = st.query_params.get(name)
    if name == "actor":
        return asked or ""
    if name == "act":
        return asked if asked in known else None
    try:
        return date.fromisoformat(asked) if asked else None
    except ValueError:
        return None


def _remember(name: str) -> None:
    """Write a filter that changed into the address, and begin at the newest line again."""
    value = st.session_state[f"record-{name}"]
    st.query_params.pop(_BEFORE, None)
    if value:
        st.query_params[name] = str(value)
    else:
        st.query_params.pop(name, None)


def _start(day: object, later: int = 0) -> str:
    """The beginning of a day here, or of one after it."""
    if not isinstance(day, date):
        return ""
    return datetime.combine(day + timedelta(days=later), time(), _LOCAL).isoformat()


def _said(value: object) -> str:
    return json.dumps(value, ensure_ascii=False) if isinstance(value, (dict, list, bool)) else str(value)


def _row(one: Json) -> Json:
    t = session.words()
    at = datetime.fromisoformat(one["at"]).astimezone(_LOCAL).strftime("%H:%M:%S %d/%m/%Y")
    detail = ", ".join(f"{name}: {_said(value)}" for name, value in (one["detail"] or {}).items() if value is not None)
    return {
        t("Lúc"): at,
        t("Người làm"): plain(one["actor"]),
        t("Việc"): plain(_act_title(one["act"])),
        t("Đối tượng"): plain(one["subject"]),
        t("Chi tiết"): plain(detail if len(detail) <= _SHOWN else f"{detail[:_SHOWN]}…"),
    }
