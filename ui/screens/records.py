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
    actor = st.text_input(t("Người thực hiện"), key="record-actor", on_change=_remember, args=("actor",), width=180)
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
    """An act in words; the step on an incident that it names, where it has none of its own; else what it is called."""
    t = session.words()
    for key in (f"audit:{act}", f"audit:step.{act.rpartition('.')[2]}"):
        if t(key) != key:
            return t(key)
    return act


def _actor(actor: str) -> str:
    """A person by their name, the node's own doings in words."""
    t = session.words()
    key = f"actor:{actor}"
    return actor if t(key) == key else t(key)


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


def _said(name: str, value: object) -> str:
    t = session.words()
    key = f"detail:{name}"
    words = json.dumps(value, ensure_ascii=False) if isinstance(value, (dict, list)) else _word(value)
    return f"{name if t(key) == key else t(key)}: {words}"


def _word(value: object) -> str:
    t = session.words()
    return (t("có") if value else t("không")) if isinstance(value, bool) else str(value)


def _row(one: Json) -> Json:
    t = session.words()
    at = datetime.fromisoformat(one["at"]).astimezone(_LOCAL).strftime("%H:%M:%S %d/%m/%Y")
    detail = ", ".join(_said(name, value) for name, value in (one["detail"] or {}).items() if value is not None)
    return {
        t("Lúc"): at,
        t("Người thực hiện"): plain(_actor(one["actor"])),
        t("Việc"): plain(_act_title(one["act"])),
        t("Đối tượng"): plain(one["subject"]),
        t("Chi tiết"): plain(detail if len(detail) <= _SHOWN else f"{detail[:_SHOWN]}…"),
    }
