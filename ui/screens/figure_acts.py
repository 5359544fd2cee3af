"""What people do to figures: prepare and approve, type what no book gives, follow up what looks wrong."""

from collections.abc import Callable
from dataclasses import dataclass

import streamlit as st

from ui import session
from ui.client import Json, NodeDownError, RefusedError
from ui.screens.accounts import moment
from ui.widgets.plain import plain

_WITH_REASON = frozenset({"return", "unlock"})
_NOTICE, _PENDING = "figure_notice", "figure_step"


@dataclass(frozen=True, slots=True)
class Step:
    """A step that somebody began, on the dataset exactly as it was on the page."""

    dataset: Json
    act: str


def show(answer: Json, detail: Json | None) -> None:
    """The approvals of the period, and for the chosen figure its form and its open marks."""
    _show_notice()
    datasets = answer.get("datasets") or []
    if datasets:
        _approvals(datasets)
    if detail and detail.get("entry"):
        _entry(detail)
    if detail and any(one.get("checks") for one in detail.get("centres") or []):
        _marks(detail)


def _title(one: Json, name: str = "title") -> str:
    return str((session.language() == "en" and one.get(f"{name}_en")) or one.get(name) or "")


def _coded(group: str, code: object) -> str:
    """The words for a code of the node's."""
    key = f"{group}:{code}"
    return session.words()(key)


# approvals -----------------------------------------------------------------------------------------------------------


def _approvals(datasets: list[Json]) -> None:
    t = session.words()
    with st.container(border=True, key="figure-approvals"):
        st.subheader(t("Duyệt số liệu của kỳ"), anchor=False)
        for one in datasets:
            _dataset(one)
    pending: Step | None = st.session_state.get(_PENDING)
    if pending is not None and pending.dataset["period"] == datasets[0]["period"]:
        title = f"{_coded('figuredo', pending.act)}: {plain(_title(pending.dataset))}"
        st.dialog(title, on_dismiss=_forget)(_ask)(pending)


def _forget() -> None:
    st.session_state.pop(_PENDING, None)


def _dataset(one: Json) -> None:
    t = session.words()
    name = str(one["dataset"])
    with st.container(horizontal=True, vertical_alignment="center", key=f"figure-set-{name}"):
        st.markdown(f"**{plain(_title(one))}** · {plain(_step_words(one))}")
        for act in one.get("actions") or []:
            if st.button(_coded("figuredo", act), key=f"figure-{act}-{name}"):
                st.session_state[_PENDING] = Step(one, act)
    lines = [_line(step) for step in one.get("steps") or []]
    if lines:
        with st.expander(t("Các bước đã làm ({n})", n=len(lines))):
            for line in lines:
                st.markdown(f"- {plain(line)}")


def _step_words(one: Json) -> str:
    t = session.words()
    said = [_coded("figurestep", one["step"])]
    said.append(t("{n}/{all} số đã duyệt", n=one["states_approved"], all=one["states"]))
    if one["waiting_for"]:
        said.append(t("cấp dưới chưa duyệt: {who}", who=", ".join(map(str, one["waiting_for"]))))
    if one["is_frozen"]:
        said.append(t("đã quá ngày khóa sổ: mọi thay đổi là ngoại lệ"))
    return "; ".join(said)


def _line(step: Json) -> str:
    t = session.words()
    act = _coded("figureact", step["act"])
    said = [f"{step['number']}. {act}", str(step["actor"])]
    said.append(moment(str(step["at"])))
    if step["is_exception"]:
        said.append(t("ngoại lệ"))
    if step["without"]:
        said.append(t("khi chưa duyệt: {who}", who=", ".join(map(str, step["without"]))))
    if step["reason"]:
        said.append(str(step["reason"]))
    return " · ".join(said)


def _ask(step: Step) -> None:
    t = session.words()
    one, act = step.dataset, step.act
    is_exception = bool(one["is_frozen"] or (act == "approve" and one["waiting_for"]))
    st.markdown(plain(_step_words(one)))
    with st.form("figure-step", border=False):
        ask = t("Ghi nhận ngoại lệ, có lý do bên dưới")
        confirmed = st.checkbox(ask, key="figure-exception") if is_exception else False
        needs = is_exception or act in _WITH_REASON
        reason = st.text_area(t("Lý do"), key="figure-reason", max_chars=1000, height=90) if needs else ""
        go = st.form_submit_button(_coded("figuredo", act), type="primary", key="figure-confirm")
    if not go:
        return
    body = {name: one[name] for name in ("dataset", "period", "number")}
    body |= {"act": act, "reason": (reason or "").strip(), "exception": bool(confirmed)}
    _carry_out(lambda: session.client().figure_step(body), t("Đã ghi: {action}.", action=_coded("figuredo", act)))


def _carry_out(do: Callable[[], object], words: str) -> None:
    """Do it and read the page anew, or tell what is wrong where the answers still stand."""
    t = session.words()
    try:
        do()
    except RefusedError as refusal:
        said = [refusal.detail or refusal.title, *(str(one.get("message")) for one in refusal.errors)]
        st.error(plain(". ".join(part for part in said if part)) or t("Máy chủ từ chối yêu cầu."))
        return
    except NodeDownError:
        st.error(t("Máy chủ không trả lời nên chưa biết việc này đã xong chưa; hãy xem lại rồi làm lại."))
        return
    st.session_state[_NOTICE] = words
    _forget()
    st.rerun()


def _show_notice() -> None:
    words = st.session_state.pop(_NOTICE, None)
    if words:
        st.success(plain(words))


# typing --------------------------------------------------------------------------------------------------------------


def _entry(detail: Json) -> None:
    t = session.words()
    code, entry = str(detail["code"]), detail["entry"]
    with st.form(f"figure-entry-{code}-{detail['period']}-{entry['revision']}"):
        st.subheader(t("Nhập tay: {name}", name=plain(_title(detail, "name"))), anchor=False)
        st.caption(t("Số nhập tay được ký, được đánh dấu là nhập tay, và mỗi lần sửa là một bản mới có lý do."))
        numbers = {str(field["name"]): st.text_input(_coded("figurefield", field["name"])) for field in entry["fields"]}
        evidence = st.text_area(t("Căn cứ (văn bản, báo cáo)"), max_chars=1000, height=70)
        digest = st.text_input(t("Mã băm SHA-256 của tệp căn cứ, nếu có"), max_chars=64)
        note = st.text_input(t("Lý do sửa") if entry["revision"] else t("Ghi chú"), max_chars=1000)
        confirmed = st.checkbox(t("Số này khác thường nhưng đúng: xác nhận"))
        go = st.form_submit_button(t("Ký và gửi"), type="primary")
    if not go:
        return
    body = {
        "period": detail["period"],
        "revision": entry["revision"],
        "cells": [{"dimensions": [], "numbers": {name: value.strip() for name, value in numbers.items()}}],
        "evidence": evidence.strip(),
        "evidence_sha256": digest.strip().lower(),
        "note": note.strip(),
        "confirmed": confirmed,
    }
    _carry_out(lambda: session.client().type_figure(code, body), t("Đã ký số nhập tay."))


# marks ---------------------------------------------------------------------------------------------------------------


def _marks(detail: Json) -> None:
    t = session.words()
    marks = {
        ": ".join((str(one["title"]), _coded("figurerule", check["rule"]))): (one["centre"], check["rule"])
        for one in detail["centres"]
        for check in one.get("checks") or []
    }
    with st.form(f"figure-marks-{detail['code']}"):
        st.subheader(t("Số khác thường: theo dõi"), anchor=False)
        chosen = st.selectbox(t("Dấu"), list(marks))
        note = st.text_input(t("Đã hỏi và biết"), max_chars=1000)
        go = st.form_submit_button(t("Ghi"))
    if go and chosen:
        centre, rule = marks[chosen]
        body = {"period": detail["period"], "centre": centre, "rule": rule, "note": note.strip()}
        _carry_out(lambda: session.client().note_figure(str(detail["code"]), body), t("Đã ghi."))
