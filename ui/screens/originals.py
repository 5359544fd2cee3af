"""Originals of an incident's photographs: where they are, fetching them from below for a reason, looking at them."""

from collections.abc import Callable
from http import HTTPStatus

import streamlit as st

from ui import session
from ui.client import Json, RefusedError
from ui.widgets.plain import plain

LOOK_AGAIN_S = 1.5
_REASON_LIMITS = (5, 500)
_PROBLEM = "original_problem"


def show(incident_id: str) -> None:
    """All originals of an incident; while one is coming the part is drawn again every moment."""
    items = _items(incident_id)
    if not items:
        return
    is_moving = any(item["state"] == "coming" for item in items)
    part = st.fragment(_part, run_every=LOOK_AGAIN_S if is_moving else None)
    part(incident_id, is_moving=is_moving)


def _items(incident_id: str) -> list[Json]:
    try:
        return session.client().originals(incident_id)
    except RefusedError as refusal:
        if refusal.status != HTTPStatus.NOT_FOUND:
            raise
        return []


def _part(incident_id: str, *, is_moving: bool) -> None:
    items = _items(incident_id)
    if is_moving and not any(item["state"] == "coming" for item in items):
        st.rerun()
    with st.container(key="originals"):
        for number, item in enumerate(items):
            _one(incident_id, item, number)


def _one(incident_id: str, item: Json, number: int) -> None:
    t = session.words()
    size, place = _size(int(item["size"])), plain(item["kept_at"])
    match item["state"]:
        case "here":
            _picture(incident_id, item, number)
        case "coming":
            _coming(incident_id, item, number)
        case "gone":
            st.caption(t("Ảnh gốc ({size}) không còn ở trung tâm này.", size=size))
        case "refused":
            who = plain(item.get("said_by") or item["kept_at"])
            st.warning(t("{who} không gửi ảnh gốc: {why}", who=who, why=plain(item.get("why_not") or item["code"])))
            _ask(incident_id, item, number, t("Ảnh gốc ({size}) đang ở {place}", size=size, place=place))
        case _:
            _ask(incident_id, item, number, t("Ảnh gốc ({size}) đang ở {place}", size=size, place=place))


def _ask(incident_id: str, item: Json, number: int, words: str) -> None:
    """Where it is, and the button; why it is needed is asked first and stands in the log of every centre on the way."""
    t = session.words()
    with st.form(f"original-{number}", clear_on_submit=False):
        st.markdown(f"**{words}**")
        reason = st.text_input(
            t("Lý do cần ảnh gốc"),
            max_chars=_REASON_LIMITS[1],
            key=f"original-reason-{number}",
        )
        st.caption(t("Lý do và tên bạn được lưu vào nhật ký của mọi trung tâm trên đường đi."))
        asked = st.form_submit_button(t("Lấy ảnh gốc"), type="primary", key=f"original-fetch-{number}")
    problem = st.session_state.pop(_PROBLEM, "")
    if asked and len((reason or "").strip()) < _REASON_LIMITS[0]:
        problem = t("Hãy ghi lý do (ít nhất 5 ký tự).")
    elif asked:
        _do(lambda: session.client().fetch_original(incident_id, str(item["digest"]), (reason or "").strip()))
    if problem:
        st.error(problem)


def _coming(incident_id: str, item: Json, number: int) -> None:
    t = session.words()
    percent = int(item.get("percent") or 0)
    words = t("Đang tải ảnh gốc: {percent} %", percent=percent)
    if item.get("waits") == "line":
        words = t("Chờ đường truyền đến {who}; ảnh sẽ được tải tiếp từ {percent} %.", who=item["from"], percent=percent)
    elif item.get("waits") == "below":
        words = t("{who} đang lấy ảnh từ cấp dưới: {percent} %", who=item["said_by"], percent=percent)
    st.progress(percent / 100, text=plain(words))
    who, centre, reason = item["asked_by"], item["asker"], item["reason"]
    st.caption(plain(t("{who} ({centre}) yêu cầu: {reason}", who=who, centre=centre, reason=reason)))
    if st.button(t("Hủy tải ảnh gốc"), key=f"original-cancel-{number}"):
        _do(lambda: session.client().cancel_original(incident_id, str(item["digest"])))


def _picture(incident_id: str, item: Json, number: int) -> None:
    t = session.words()
    try:
        data, media_type = session.client().original(incident_id, str(item["digest"]))
    except RefusedError as refusal:
        st.warning(plain(refusal.detail or refusal.title))
        return
    if not media_type.startswith("image/"):
        st.warning(t("Tệp này không phải ảnh như đã khai nên không được mở ở đây."))
        st.download_button(
            t("Lưu tệp"), data, f"{str(item['digest'])[:8]}.bin", media_type, key=f"original-save-{number}"
        )
        return
    words = t("Ảnh gốc ({size}), đúng với mã băm đã ký của {place}.", size=_size(len(data)), place=item["kept_at"])
    if until := item.get("until"):
        words += " " + t("Bản sao ở đây được xóa sau ngày {day}.", day=_day(str(until)))
    st.image(data, caption=plain(words), width="stretch")


def _do(act: Callable[[], object]) -> None:
    try:
        act()
    except RefusedError as refusal:
        st.session_state[_PROBLEM] = plain(refusal.detail or refusal.title)
    st.rerun()


def _size(count: int) -> str:
    """A size as people read it here: 2,4 MB."""
    large = 1024 * 1024
    amount, unit = (count / large, "MB") if count >= large else (count / 1024, "KB")
    text = f"{amount:.1f}" if unit == "MB" else f"{max(1, round(amount))}"
    return f"{text.replace('.', ',') if session.language() == 'vi' else text} {unit}"


def _day(moment: str) -> str:
    year, month, day = moment[:10].split("-")
    return f"{day}/{month}/{year}"
