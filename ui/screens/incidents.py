"""*Sự cố*: find incidents, read one as its story, and act on the version that was read."""

from typing import Any

import streamlit as st

from ui import session
from ui.client import Json, RefusedError
from ui.screens import acting, originals
from ui.widgets.live import live
from ui.widgets.plain import plain

_PAGE = 200
_SEVERITIES = ("4", "3", "2", "1")
_STATUSES = tuple(acting.STATUS_WORDS)
_FILTERS = ("q", "severity", "status", "all")


def show() -> None:
    """The list alone, or beside the incident that the address names."""
    chosen = st.query_params.get("incident")
    if not chosen:
        _list(None)
        return
    left, right = st.columns([5, 9], gap="medium")
    with left, st.container(key="narrowed"):
        _list(chosen)
    with right:
        _one(chosen)


def _list(chosen: str | None) -> None:
    with st.container(key="filters", horizontal=True, vertical_alignment="bottom"):
        asked = _filters()
    found = session.client().incidents(**asked, limit=_PAGE)
    live(
        "list",
        key="list",
        items=found.get("items", []),
        total=found.get("total", 0),
        selected=chosen,
        query=repr(sorted(asked.items(), key=str)),
    )
    if not found.get("total") and any(name in st.query_params for name in _FILTERS):
        t = session.words()
        st.button(t("Bỏ mọi bộ lọc"), key="unfilter", on_click=_unfilter)


def _filters() -> dict[str, str | bool | None]:
    """What to look for; the address holds it, so that a link shows the same list and going back works."""
    t = session.words()
    every = t("Tất cả")
    for name in _FILTERS:
        asked = st.query_params.get(name)
        st.session_state[name] = asked == "1" if name == "all" else asked
    if st.session_state["severity"] not in _SEVERITIES:
        st.session_state["severity"] = None
    if st.session_state["status"] not in _STATUSES:
        st.session_state["status"] = None
    severities = {"4": t("Rất khẩn"), "3": t("Khẩn"), "2": t("Thường"), "1": t("Thấp")}
    text = st.text_input(t("Tìm"), placeholder=t("Số, tiêu đề, nơi xảy ra"), width=260, **_bound("q"))
    severity = st.selectbox(
        t("Mức độ"),
        _SEVERITIES,
        format_func=lambda one: severities[one],
        placeholder=every,
        width=170,
        **_bound("severity"),
    )
    status = st.selectbox(
        t("Trạng thái"),
        _STATUSES,
        format_func=lambda one: t(acting.STATUS_WORDS[one]),
        placeholder=every,
        width=190,
        **_bound("status"),
    )
    finished = st.toggle(t("Cả sự cố đã xong"), **_bound("all"))
    return {"q": (text or "").strip(), "severity": severity, "status": status, "open": not finished and status is None}


def _bound(name: str) -> dict[str, Any]:
    return {"key": name, "on_change": _remember, "args": (name,)} | ({} if name in {"q", "all"} else {"index": None})


def _remember(name: str) -> None:
    """Write a filter that changed into the address."""
    value = st.session_state[name]
    if value:
        st.query_params[name] = "1" if value is True else str(value)
    elif name in st.query_params:
        del st.query_params[name]


def _unfilter() -> None:
    for name in _FILTERS:
        st.query_params.pop(name, None)


def _one(chosen: str) -> None:
    t = session.words()
    try:
        view = session.client().incident(chosen)
    except RefusedError as refusal:
        if refusal.status not in {404, 422}:
            raise
        st.warning(t("Không tìm thấy sự cố này, hoặc nó ngoài địa bàn của bạn."))
        if st.button(t("Về danh sách")):
            del st.query_params["incident"]
            st.rerun()
        return
    acting.show_notice(chosen)
    event = live("head", key=f"head-{chosen}", incident={k: v for k, v in view.items() if k not in _STORY})
    if event.reload:
        st.rerun()
    _buttons(view)
    live("story", key=f"story-{chosen}", incident=view)
    originals.show(chosen)
    acting.show_pending(chosen)


_STORY = {"timeline", "proofs", "actions", "description"}


def _buttons(view: Json) -> None:
    """What this visitor may do now, as the node says; each button carries the version on the page."""
    t = session.words()
    actions: list[Json] = view.get("actions") or []
    if not actions:
        st.caption(t("Không có việc nào bạn được làm với sự cố này lúc này."))
        return
    with st.container(key="actions", horizontal=True):
        for number, action in enumerate(actions):
            name = str(action["name"])
            st.button(
                plain(acting.action_title(action)),
                key=f"{'danger' if action.get('danger') else 'act'}-{view['id']}-{name}",
                type="primary" if number == 0 and not action.get("danger") else "secondary",
                on_click=acting.begin,
                args=(view, action),
            )
