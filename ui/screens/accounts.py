"""*Tài khoản*: who may sign in, what each may do and where, and who is signed in now."""

from collections.abc import Mapping
from datetime import datetime, timedelta, timezone

import streamlit as st

from ui import session
from ui.client import Json
from ui.screens import account_acts as acts
from ui.widgets.plain import plain

PERMISSION = "account.manage"
_LOCAL = timezone(timedelta(hours=7))
_CHOSEN = "account"


def show() -> None:
    """The accounts, the one that the address names, and everybody's sessions."""
    t = session.words()
    everybody = session.client().accounts()
    areas = {str(one["code"]): str(one["name"]) for one in session.client().areas()}
    st.header(t("Tài khoản"))
    acts.show_notice()
    with st.container(key="account-tools", horizontal=True, vertical_alignment="bottom"):
        sought = st.text_input(t("Tìm"), key="account-q", placeholder=t("Tên đăng nhập, họ tên"), width=260)
        chosen = _choose(everybody)
        if st.button(t("Thêm tài khoản"), key="account-add", type="primary"):
            acts.begin("add", None)
    if chosen:
        _one(chosen, areas)
    _list([one for one in everybody if _fits(one, sought or "")], areas)
    _sessions()
    acts.show_pending(everybody, areas)


def role_title(role: str) -> str:
    """A role in the visitor's words."""
    t = session.words()
    titles = {
        "operator": t("Cán bộ trực"),
        "leader": t("Lãnh đạo"),
        "admin": t("Quản trị"),
        "citizen": t("Người dân"),
    }
    return titles.get(role, role)


def moment(at: str | None) -> str:
    """A moment as a person in Vietnam reads it."""
    return datetime.fromisoformat(at).astimezone(_LOCAL).strftime("%H:%M %d/%m/%Y") if at else "–"


def _choose(everybody: list[Json]) -> Json | None:
    """The account that the address names; choosing another writes it there, by name and never by row."""
    t = session.words()
    names = {str(one["username"]): one for one in everybody}
    asked = st.query_params.get(_CHOSEN)
    st.session_state["account-chosen"] = asked if asked in names else None
    picked = st.selectbox(
        t("Mở tài khoản"),
        list(names),
        format_func=lambda name: f"{name} · {names[name]['display_name']}",
        key="account-chosen",
        placeholder=t("Chọn một tài khoản"),
        on_change=_remember,
        width=340,
        index=None,
    )
    return names.get(str(picked))


def _remember() -> None:
    value = st.session_state["account-chosen"]
    if value:
        st.query_params[_CHOSEN] = value
    else:
        st.query_params.pop(_CHOSEN, None)


def _fits(one: Json, sought: str) -> bool:
    text = f"{one['username']} {one['display_name']}".casefold()
    return all(part in text for part in sought.casefold().split())


def _list(found: list[Json], areas: Mapping[str, str]) -> None:
    t = session.words()
    st.subheader(t("Danh sách ({n})", n=len(found)))
    rows = [
        {
            t("Tên đăng nhập"): plain(one["username"]),
            t("Họ tên"): plain(one["display_name"]),
            t("Vai trò"): f"{role_title(str(one['role']))} · {plain(_area(one, areas))}",
            t("Trạng thái"): _state(one),
            t("Điện thoại"): _telephone(one),
        }
        for one in found
    ]
    if rows:
        st.table(rows)
    else:
        st.info(t("Không có tài khoản nào như vậy."))


def _one(one: Json, areas: Mapping[str, str]) -> None:
    """What is known of an account, and what may be done with it; the button says with whose."""
    t = session.words()
    name = str(one["username"])
    with st.container(key="account-one", border=True):
        st.subheader(plain(one["display_name"]))
        facts = [plain(name), role_title(str(one["role"])), plain(_area(one, areas)), _state(one)]
        facts.append(t("điện thoại: {state}", state=_telephone(one)))
        st.markdown(" · ".join(facts))
        st.caption(t("Tạo lúc {at}.", at=moment(one["created_at"])))
        with st.container(key="account-actions", horizontal=True):
            for key, label, is_danger in _offered(one):
                if st.button(label, key=f"{'danger' if is_danger else 'act'}-account-{key}"):
                    acts.begin(key, name)


def _offered(one: Json) -> list[tuple[str, str, bool]]:
    t = session.words()
    found = [("scope", t("Sửa vai trò và phạm vi"), False), ("reset", t("Đặt lại mật khẩu"), False)]
    if one["locked"]:
        found.append(("unlock", t("Gỡ khóa tạm"), False))
    if one["sessions"]:
        found.append(("end", t("Kết thúc mọi phiên"), False))
    if one["second_factor"]:
        found.append(("telephone", t("Bỏ điện thoại đã mất"), True))
    found.append(
        ("enable", t("Mở lại tài khoản"), False) if one["disabled"] else ("disable", t("Khóa tài khoản"), True)
    )
    return found


def _sessions() -> None:
    """Who is signed in, each with a button to end it; a table with buttons is a list of rows here."""
    t = session.words()
    found = session.client().sessions()
    with st.expander(t("Đang đăng nhập ({n})", n=len(found)), key="account-sessions"):
        for one in found:
            with st.container(horizontal=True, vertical_alignment="center", key=f"sitting-{one['id']}"):
                device = plain(one["device"] or t("không rõ thiết bị"))
                words = t("từ {since}, dùng lần cuối {seen}", since=moment(one["since"]), seen=moment(one["seen_at"]))
                st.markdown(f"**{plain(one['username'])}** · {device} · {plain(one['address'])}  \n{words}")
                if one["is_current"]:
                    st.markdown(t("phiên này"))
                elif st.button(
                    t("Kết thúc"), key=f"end-{one['id']}", help=t("Kết thúc phiên của {who}", who=one["username"])
                ):
                    acts.end_session(str(one["username"]), str(one["id"]))


def _area(one: Json, areas: Mapping[str, str]) -> str:
    code = one["area_code"]
    return areas.get(str(code), str(code)) if code else session.words()("Toàn địa bàn")


def _state(one: Json) -> str:
    """Shape, word and colour together."""
    t = session.words()
    if one["disabled"]:
        return _mark("gray", "■", t("Đã khóa"))
    if one["locked"]:
        return _mark("orange", "▲", t("Tạm khóa đến {at}", at=moment(one["locked_until"])))
    if one["must_change"]:
        return _mark("blue", "◆", t("Chờ đổi mật khẩu"))
    return _mark("green", "●", t("Đang mở"))


def _mark(colour: str, shape: str, words: str) -> str:
    return f":{colour}[{shape} {words}]"


def _telephone(one: Json) -> str:
    t = session.words()
    if not one["second_factor"]:
        return t("Chưa cài")
    return t("Có mã ({n} mã dự phòng)", n=one["recovery_left"])
