"""The operators' screen of citizens' reports: what came in, its photograph, and, for a reason, who reported."""

from datetime import datetime, timedelta, timezone
from typing import Any
from urllib.parse import quote

import streamlit as st

from ui.client import RefusedError
from ui.widgets.plain import plain
from ui.widgets.visitor import client, words

_NAME = "citizen"
_PAGE = 50
_LOCAL = timezone(timedelta(hours=7))
_REASON_LENGTH = 5

Json = dict[str, Any]

_ENGLISH = {
    "Phản ánh của người dân": "Citizens' reports",
    "Chưa có phản ánh nào trong địa bàn của tài khoản này.": "No report yet in the area of this account.",
    "Phản ánh": "Report",
    "Chọn một phản ánh": "Choose a report",
    "Cũ hơn": "Older",
    "quá hạn": "overdue",
    "khiếu nại, tố cáo": "complaint, denunciation",
    "có thông tin cá nhân": "personal data",
    "nơi khác": "elsewhere",
    "có ảnh": "photo",
    "Số": "Number",
    "Gửi lúc": "Sent at",
    "Lĩnh vực": "Category",
    "Mức độ": "Severity",
    "Trạng thái": "Status",
    "Nơi": "Place",
    "Lưu ý": "Note",
    "Có dấu hiệu khiếu nại, tố cáo: không xử lý ở đây. Hãy chuyển nơi tiếp công dân và từ chối "
    "với lý do đó; nội dung không được gửi lên cấp trên.": (
        "This looks like a complaint or denunciation: it is not handled here. Hand it to the citizens' reception and "
        "refuse it with that reason; its words are not sent upward."
    ),
    "Nội dung có vẻ chứa thông tin cá nhân; bản gửi lên cấp trên đã được ẩn.": (
        "The words seem to hold personal data; they are hidden in what is sent upward."
    ),
    "Nơi xảy ra thuộc {area}, ngoài địa bàn.": "The place lies in {area}, outside of our area.",
    "Ảnh của người phản ánh": "The reporter's photo",
    "Đánh giá của người dân: {rating}": "The citizen's rating: {rating}",
    "Mở sự cố": "Open the incident",
    "Danh tính đã xóa lúc {time}.": "The identity was deleted at {time}.",
    "Người phản ánh không để tên.": "The reporter left no name.",
    "Tên và số điện thoại được giữ kín. Xem phải có lý do; lý do và tên bạn được lưu vào nhật ký.": (
        "Name and telephone are kept closed. To see them takes a reason; the reason and your name are logged."
    ),
    "Lý do cần biết người phản ánh": "Why you need to know who reported",
    "Xem người phản ánh": "Show who reported",
    "Hãy ghi lý do (ít nhất 5 ký tự).": "Give a reason (at least 5 characters).",
    "Yêu cầu của công dân về dữ liệu của mình": "A citizen's request about their own data",
    "Số điện thoại đã dùng khi gửi, hoặc mã tiếp nhận. Lý do và tên bạn được lưu vào nhật ký.": (
        "The telephone that reports were sent with, or a receipt code. The reason and your name are logged."
    ),
    "Số điện thoại": "Telephone",
    "Mã tiếp nhận": "Receipt code",
    "Lý do (ví dụ: số công văn)": "Reason (such as the letter's number)",
    "Xóa hẳn, không lấy lại được": "Delete for good; it cannot be brought back",
    "Xuất dữ liệu": "Export the data",
    "Xóa dữ liệu": "Delete the data",
    "Hãy đánh dấu rằng bạn muốn xóa hẳn.": "Tick that you want to delete for good.",
    "Tải tệp ZIP": "Download the ZIP",
    "Đã xóa: {identity} danh tính, {photo} ảnh, {text} nội dung.": (
        "Deleted: {identity} identities, {photo} photographs, {text} texts."
    ),
    "Còn {count} phản ánh nữa; hãy bấm xóa lần nữa.": "{count} more reports; press delete again.",
    "Còn đang xử lý, nội dung chưa xóa: {codes}. Hãy xóa lại khi kết thúc.": (
        "Still open, words not deleted: {codes}. Delete again when they are over."
    ),
}


def show() -> None:
    """List the reports of the visitor's area and open the one that was chosen."""
    t = words(_ENGLISH)
    st.header(t("Phản ánh của người dân"))
    try:
        found = client().module_get(_NAME, "api/desk/reports", limit=_PAGE, before=st.query_params.get("before"))
    except RefusedError as refusal:
        st.warning(plain(refusal.detail or refusal.title))
        return
    items: list[Json] = found["items"]
    if not items:
        st.info(t("Chưa có phản ánh nào trong địa bàn của tài khoản này."))
        return
    by_id = {str(item["incident_id"]): item for item in items}
    asked = st.query_params.get("report")
    chosen = st.selectbox(
        t("Phản ánh"),
        list(by_id),
        index=list(by_id).index(asked) if asked in by_id else None,
        format_func=lambda one: _line(by_id[one]),
        placeholder=t("Chọn một phản ánh"),
        key="citizen-report",
    )
    st.dataframe([_row(item) for item in items], hide_index=True, width="stretch")
    if found.get("next_before"):
        st.link_button(t("Cũ hơn"), f"?before={quote(str(found['next_before']))}")
    if chosen:
        _one(by_id[chosen])


def _line(item: Json) -> str:
    return f"{item['number']} · {item['category_title']} · {_time(item['recorded_at'])}"


def _time(moment: str | None) -> str:
    return datetime.fromisoformat(moment).astimezone(_LOCAL).strftime("%H:%M %d/%m/%Y") if moment else "–"


def _row(item: Json) -> Json:
    t = words(_ENGLISH)
    flags = [
        t("quá hạn") if item["overdue"] else "",
        t("khiếu nại, tố cáo") if item["is_complaint"] else "",
        t("có thông tin cá nhân") if item["has_personal_data"] else "",
        t("nơi khác") if item["is_elsewhere"] else "",
        t("có ảnh") if item["has_photo"] else "",
    ]
    return {
        t("Số"): item["number"],
        t("Gửi lúc"): _time(item["recorded_at"]),
        t("Lĩnh vực"): item["category_title"],
        t("Mức độ"): item["severity_title"],
        t("Trạng thái"): item["status_title"],
        t("Nơi"): item["place_area_name"],
        t("Lưu ý"): ", ".join(flag for flag in flags if flag),
    }


def _one(item: Json) -> None:
    t = words(_ENGLISH)
    st.subheader(f"{item['number']} · {plain(item['category_title'])}", anchor=False)
    if item["is_complaint"]:
        st.warning(
            t(
                "Có dấu hiệu khiếu nại, tố cáo: không xử lý ở đây. Hãy chuyển nơi tiếp công dân và từ chối "
                "với lý do đó; nội dung không được gửi lên cấp trên."
            )
        )
    if item["has_personal_data"]:
        st.info(t("Nội dung có vẻ chứa thông tin cá nhân; bản gửi lên cấp trên đã được ẩn."))
    if item["is_elsewhere"]:
        st.info(t("Nơi xảy ra thuộc {area}, ngoài địa bàn.", area=plain(item["place_area_name"])))
    st.text(item["description"])
    if item["place"]:
        st.text(item["place"])
    st.caption(f"{plain(item['code'])} · {_time(item['recorded_at'])} · {plain(item['urgency_title'])}")
    if item["has_photo"]:
        picture = client().module_bytes(_NAME, f"api/desk/reports/{item['incident_id']}/photo")
        st.image(picture, caption=t("Ảnh của người phản ánh"), width=480)
    if item["rating"]:
        st.text(t("Đánh giá của người dân: {rating}", rating=item["rating"]))
    st.link_button(t("Mở sự cố"), f"incidents?incident={item['incident_id']}")
    _identity(item)


def _identity(item: Json) -> None:
    """Who reported: only for a reason, which the node writes into its audit log before it answers."""
    t = words(_ENGLISH)
    if not item["has_identity"]:
        erased = item["identity_erased_at"]
        st.caption(
            t("Danh tính đã xóa lúc {time}.", time=_time(erased)) if erased else t("Người phản ánh không để tên.")
        )
        return
    with st.form(f"identity-{item['incident_id']}", clear_on_submit=True):
        st.caption(t("Tên và số điện thoại được giữ kín. Xem phải có lý do; lý do và tên bạn được lưu vào nhật ký."))
        reason = st.text_input(t("Lý do cần biết người phản ánh"), max_chars=500)
        asked = st.form_submit_button(t("Xem người phản ánh"))
    if not asked:
        return
    if len(reason.strip()) < _REASON_LENGTH:
        st.error(t("Hãy ghi lý do (ít nhất 5 ký tự)."))
        return
    try:
        told = client().module_post(
            _NAME, f"api/desk/reports/{item['incident_id']}/identity", {"reason": reason.strip()}
        )
    except RefusedError as refusal:
        st.error(plain(refusal.detail or refusal.title))
        return
    st.text(f"{told['name'] or '–'} · {told['phone'] or '–'}")


def _rights() -> None:
    """What a person may ask about their own data: the node decides who may, and writes the reason down first."""
    t = words(_ENGLISH)
    with st.expander(t("Yêu cầu của công dân về dữ liệu của mình")):
        st.caption(t("Số điện thoại đã dùng khi gửi, hoặc mã tiếp nhận. Lý do và tên bạn được lưu vào nhật ký."))
        with st.form("rights", clear_on_submit=False):
            wish = {
                "phone": st.text_input(t("Số điện thoại"), max_chars=40).strip(),
                "code": st.text_input(t("Mã tiếp nhận"), max_chars=48).strip(),
                "reason": st.text_input(t("Lý do (ví dụ: số công văn)"), max_chars=500).strip(),
            }
            is_sure = st.checkbox(t("Xóa hẳn, không lấy lại được"))
            export = st.form_submit_button(t("Xuất dữ liệu"))
            erase = st.form_submit_button(t("Xóa dữ liệu"))
        if export or erase:
            _carry_out(wish, is_export=export, is_sure=is_sure)


def _carry_out(wish: Json, *, is_export: bool, is_sure: bool) -> None:
    t = words(_ENGLISH)
    if len(wish["reason"]) < _REASON_LENGTH:
        st.error(t("Hãy ghi lý do (ít nhất 5 ký tự)."))
        return
    if not is_export and not is_sure:
        st.error(t("Hãy đánh dấu rằng bạn muốn xóa hẳn."))
        return
    try:
        if is_export:
            packed = client().module_bytes(_NAME, "api/desk/subject/export", wish)
            st.download_button(t("Tải tệp ZIP"), packed, file_name="du-lieu-ca-nhan.zip", mime="application/zip")
            return
        told = client().module_post(_NAME, "api/desk/subject/erasure", wish)
    except RefusedError as refusal:
        st.error(plain(refusal.detail or refusal.title))
        return
    counts = told["erased"]
    st.success(
        t(
            "Đã xóa: {identity} danh tính, {photo} ảnh, {text} nội dung.",
            identity=counts["identity"],
            photo=counts["photo"],
            text=counts["text"],
        )
    )
    if told["left"]:
        st.warning(t("Còn {count} phản ánh nữa; hãy bấm xóa lần nữa.", count=told["left"]))
    if told["open"]:
        codes = plain(", ".join(told["open"]))
        st.warning(t("Còn đang xử lý, nội dung chưa xóa: {codes}. Hãy xóa lại khi kết thúc.", codes=codes))


show()
_rights()
