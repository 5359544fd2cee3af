"""*Hệ thống*: how this centre's own node is; what it does not know of its neighbours is said to be unknown."""

from datetime import datetime, timedelta, timezone

import streamlit as st

from ui import session
from ui.client import Json, NodeDownError, RefusedError
from ui.texts.words import number
from ui.widgets.plain import plain

PERMISSION = "link.read"
_LOCAL = timezone(timedelta(hours=7))
_EVERY_S = 15
_GB = 1024**3


def show() -> None:
    """Links, keys, disk and jobs, read again every few seconds."""
    t = session.words()
    st.header(t("Tình trạng hệ thống"))
    st.fragment(_read, run_every=_EVERY_S)()


def _read() -> None:
    t = session.words()
    health: Json
    try:
        health = session.client().health()
    except NodeDownError:
        st.warning(t("Máy chủ của trung tâm tạm thời không trả lời; các số dưới đây không còn mới."))
        if "health-last" not in st.session_state:
            return
        health = st.session_state["health-last"]
    except RefusedError as refusal:
        st.warning(plain(refusal.title or t("Máy chủ từ chối yêu cầu.")))
        return
    st.session_state["health-last"] = health
    st.caption(
        t(
            "Đo lúc {at}; máy chủ chạy từ {since}; phiên bản {version}.",
            at=_time(health["at"]),
            since=_time(health["started_at"]),
            version=health["version"],
        )
    )
    _restore(health["restore"])
    st.subheader(t("Đường truyền"))
    _table([_link(one) for one in health["links"]], t("Trung tâm này chưa nối với trung tâm nào."))
    st.caption(t("“Chưa rõ” nghĩa là chưa nghe được gì từ khi máy chủ khởi động; không có nghĩa là bên kia đã hỏng."))
    if below := health.get("centres"):
        st.subheader(t("Các trung tâm cấp dưới"))
        _table([_centre(one) for one in below], "")
    st.subheader(t("Chứng thư và ổ đĩa"))
    _table([*(_certificate(one) for one in health["certificates"]), _disk(health["disk"])], "")
    st.subheader(t("Tác vụ định kỳ"))
    _table([_job(one) for one in health["jobs"]], t("Không có tác vụ định kỳ nào."))
    _raw(health)


def _raw(health: Json) -> None:
    """What the programs said in their own words, for whoever mends them; nobody else has to read it."""
    t = session.words()
    said = [f"{one['title']}: {one['last_error']}" for one in health["links"] if one["last_error"]]
    said += [f"{one['name']}: {one['last_error']}" for one in health["jobs"] if one["last_error"]]
    if said:
        with st.expander(t("Chi tiết kỹ thuật"), key="health-raw"):
            st.code("\n".join(said), language=None, wrap_lines=True)


def _restore(restore: Json) -> None:
    t = session.words()
    if restore["unsettled"]:
        st.warning(
            t(
                "Máy chủ vừa được khôi phục và còn chờ {n} trung tâm lân cận báo lại; "
                "chưa thể nhận, chuyển hay kết thúc sự cố.",
                n=restore["unsettled"],
            )
        )


def _table(rows: list[Json], empty: str) -> None:
    """A real table, which a screen reader can walk; the canvas of a data frame it cannot."""
    if rows:
        st.table(rows)
    elif empty:
        st.info(empty)


def _link(one: Json) -> Json:
    t = session.words()
    states = {
        "connected": _mark("green", "●", t("Đã kết nối")),
        "lost": _mark("red", "■", t("Mất kết nối")) + _fault(one),
        "unknown": _mark("gray", "○", t("Chưa rõ")),
    }
    waiting = sum(int(count) for count in (one["waiting"] or {}).values())
    return {
        t("Trung tâm"): plain(one["title"]),
        t("Trạng thái"): states.get(one["state"], one["state"]),
        t("Liên lạc lần cuối"): _time(one["last_heard_at"]),
        t("Chờ gửi"): waiting,
        t("Đang gửi"): one["in_flight"],
        t("Giữ lại"): one["parked"],
    }


def _fault(one: Json) -> str:
    """Why a line failed last, in words; an unknown fault is still a fault."""
    t = session.words()
    if not one["last_error"]:
        return ""
    code = f"link:{one.get('error_code')}"
    return f": {t(code) if t(code) != code else t('link:OTHER')}"


def _centre(one: Json) -> Json:
    """A centre below; one behind a silent relay is unknown through no fault of its own."""
    t = session.words()
    states = {
        "live": _mark("green", "●", t("Trực tuyến")),
        "late": _mark("orange", "▲", t("Chậm")),
        "silent": _mark("red", "■", t("Không trả lời")),
    }
    key = f"reason:{one['reason']}"
    said = t(key, who=plain((one["relay"] or {}).get("title", "")))
    words = t("Chưa rõ") if said == key else said
    return {
        t("Trung tâm"): plain(one["title"]),
        t("Trạng thái"): states.get(one["state"], _mark("gray", "○", words)),
        t("Liên lạc lần cuối"): _time(one["as_of"]),
    }


def _certificate(one: Json) -> Json:
    t = session.words()
    return {
        t("Tên"): _coded("certificate", one),
        t("Trạng thái"): _state(one["state"]),
        t("Còn lại"): t("{n} ngày", n=number(one["days_left"], session.language())),
        t("Chi tiết"): t("hết hạn {at}", at=_time(one["not_after"])),
    }


def _disk(disk: Json) -> Json:
    t = session.words()
    database = disk["database_bytes"]
    size = (
        t("cơ sở dữ liệu {size}", size=_size(database)) if database is not None else t("cơ sở dữ liệu ở máy chủ riêng")
    )
    return {
        t("Tên"): t("Ổ đĩa"),
        t("Trạng thái"): _state(disk["state"]),
        t("Còn lại"): _size(disk["free_bytes"]),
        t("Chi tiết"): size,
    }


def _size(count: int) -> str:
    return f"{number(count / _GB, session.language(), 1 if count < 100 * _GB else 0)} GB"


def _job(one: Json) -> Json:
    t = session.words()
    return {
        t("Việc"): _coded("job", one),
        t("Trạng thái"): _state(one["state"]),
        t("Xong lần cuối"): _time(one["last_ok_at"]),
        t("Lỗi liên tiếp"): one["failures"],
    }


def _coded(what: str, one: Json) -> str:
    """A thing of the node's in the visitor's language; one that has no code of ours keeps the node's words."""
    t = session.words()
    key = f"{what}:{one['name']}"
    return plain(one["title"]) if t(key) == key else t(key)


def _state(state: str) -> str:
    t = session.words()
    words = {
        "ok": _mark("green", "●", t("Bình thường")),
        "watch": _mark("orange", "▲", t("Cần chú ý")),
        "alarm": _mark("red", "■", t("Cần xử lý ngay")),
        "unknown": _mark("gray", "○", t("Chưa rõ")),
    }
    return words.get(state, state)


def _mark(colour: str, shape: str, words: str) -> str:
    """A state as shape, word and colour together; never colour alone."""
    return f":{colour}[{shape} {words}]"


def _time(moment: str | None) -> str:
    return datetime.fromisoformat(moment).astimezone(_LOCAL).strftime("%H:%M:%S %d/%m/%Y") if moment else "–"
