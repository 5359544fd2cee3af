"""*Trung tâm mới*: who waits to join below this centre, and the fingerprint that a person compares before it may."""

from datetime import datetime, timedelta, timezone

import streamlit as st

from ui import session
from ui.client import RefusedError
from ui.widgets.plain import plain

PERMISSION = "token.issue"
_LOCAL = timezone(timedelta(hours=7))
_EVERY_S = 5
_NOTICE = "enrolment-notice"


def show() -> None:
    """Who waits, and the field for what is read out from the other screen."""
    t = session.words()
    st.header(t("Trung tâm mới"))
    notice: tuple[bool, str] | None = st.session_state.pop(_NOTICE, None)
    if notice is not None:
        (st.success if notice[0] else st.error)(notice[1])
    if not session.client().enrolments()["asked"]:
        st.info(t("Trung tâm này không yêu cầu đối chiếu: mã kết nạp dùng một lần là đủ."))
        return
    st.fragment(_waiting, run_every=_EVERY_S)()
    st.caption(
        t("Gọi điện cho người cài đặt, nghe họ đọc dấu vân tay trên máy mới rồi gõ lại. Không chép từ bảng trên.")
    )
    with st.form("enrolment", border=False, clear_on_submit=True):
        shown = st.text_input(t("Dấu vân tay đọc từ máy mới"), key="enrolment-fingerprint", max_chars=40)
        with st.container(key="enrolment-acts", horizontal=True):
            approved = st.form_submit_button(t("Chấp thuận"), key="enrolment-approve", type="primary")
            refused = st.form_submit_button(t("Từ chối kết nạp"), key="enrolment-refuse")
    if (approved or refused) and shown.strip():
        _decide(shown, "approved" if approved else "refused")
        st.rerun()


def _waiting() -> None:
    t = session.words()
    rows = [
        {
            t("Dấu vân tay"): plain(one["fingerprint"]),
            t("Từ địa chỉ"): plain(one["address"]),
            t("Chờ từ"): f"{datetime.fromisoformat(one['since']).astimezone(_LOCAL):%H:%M %d/%m/%Y}",
        }
        for one in session.client().enrolments()["items"]
    ]
    if rows:
        st.table(rows)
    else:
        st.info(t("Chưa có trung tâm nào đang chờ."))


def _decide(shown: str, decision: str) -> None:
    t = session.words()
    try:
        decided = session.client().decide_enrolment(shown, decision)
    except RefusedError:
        words = t("Không có yêu cầu nào mang dấu vân tay này. Hãy so lại từng chữ số; nếu vẫn khác, đừng chấp thuận.")
        st.session_state[_NOTICE] = (False, words)
        return
    what = plain(decided["fingerprint"])
    is_in = decision == "approved"
    words = t("Đã chấp thuận {what}.", what=what) if is_in else t("Đã từ chối {what}.", what=what)
    st.session_state[_NOTICE] = (True, words)
