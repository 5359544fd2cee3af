"""What an account may do that has no live picture, such as the administrator's or a citizen's."""

import streamlit as st

from ui import session
from ui.client import Json

LIVE = "incident.read"


def show(visitor: Json) -> None:
    """Say in one sentence that the picture is not for this account, then what is."""
    t = session.words()
    if may_watch(visitor):
        st.info(t("Tài khoản này không có quyền mở trang này."))
        return
    st.info(t("Tài khoản này không xem được màn hình điều hành."))
    able = [words for permission, words in _able() if permission in _permissions(visitor)]
    if not able:
        st.markdown(t("Gửi và tra cứu phản ánh không cần đăng nhập."))
        st.link_button(t("Trang của người dân"), "/")
        return
    st.markdown(t("Vai trò này được:") + "\n" + "\n".join(f"- {words}" for words in able))
    st.caption(
        t(
            "Dùng các trang ở thanh trên cùng, bằng lệnh trên máy chủ của trung tâm hoặc qua API. "
            "Muốn xem sự cố, hãy dùng tài khoản cán bộ trực."
        )
    )
    st.link_button(t("Tài liệu API"), "/docs")


def may_watch(visitor: Json) -> bool:
    """Whether the node tells this visitor what is happening; it decides itself, this only spares the question."""
    return may(visitor, LIVE)


def may(visitor: Json, permission: str) -> bool:
    """Whether the visitor has the permission; no name of one means that everybody who is signed in has it."""
    return not permission or permission in _permissions(visitor)


def _permissions(visitor: Json) -> frozenset[str]:
    return frozenset(str(one) for one in visitor.get("permissions") or ())


def _able() -> list[tuple[str, str]]:
    t = session.words()
    return [
        ("account.manage", t("tạo, khóa và mở tài khoản của trung tâm")),
        ("token.issue", t("cấp mã kết nạp cho trung tâm mới")),
        ("audit.read", t("đọc nhật ký")),
        ("link.read", t("xem tình trạng đường truyền với các trung tâm khác")),
    ]
