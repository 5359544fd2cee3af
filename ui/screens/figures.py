"""*Số liệu*: the figures of a period, each with who it covers and how old it is, down to the signatures."""

from urllib.parse import urlencode

import streamlit as st

from ui import session
from ui.client import RefusedError
from ui.screens import figure_acts
from ui.widgets.live import live
from ui.widgets.plain import plain

PERMISSION = "figure.read"
_ASKED = ("period", "grain", "area")
_NOT_THERE = frozenset({404, 422})


def show() -> None:
    """The list of the period that the address names, and the figure that it names beside it."""
    t = session.words()
    asked = {name: st.query_params.get(name, "") for name in _ASKED}
    chosen = st.query_params.get("figure")
    try:
        answer = session.client().figures(**asked)
        detail = session.client().figure(chosen, **asked) if chosen else None
    except RefusedError as refusal:
        if refusal.status not in _NOT_THERE:
            raise
        st.warning(plain(t("Không có số liệu này, hoặc nó ngoài địa bàn của bạn.")))
        if st.button(t("Về số liệu mới nhất")):
            for name in (*_ASKED, "figure"):
                st.query_params.pop(name, None)
            st.rerun()
        return
    period = answer["period"] if asked["period"] else ""
    query = urlencode({name: value for name, value in {**asked, "period": period}.items() if value})
    live(
        "figures",
        key="figures",
        answer=answer,
        detail=detail,
        chosen=chosen,
        asked=query,
        query=f"{query}&{chosen}",
    )
    figure_acts.show(answer, detail)
