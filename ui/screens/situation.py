"""*Tình hình*: what is happening now, as far as it is known, and how old each figure is."""

import streamlit as st

from ui import session
from ui.widgets.live import live


def show() -> None:
    """The live picture of the centre; each incident is a link to its own screen."""
    live("situation", key="situation", areas=_areas())


def _areas() -> list[dict[str, object]]:
    """Shapes for the map, asked once per visit: they change with a decree, not with a second."""
    if "areas" not in st.session_state:
        wanted = ("code", "name", "point", "radius_m")
        areas = session.client().areas()
        st.session_state["areas"] = [{name: one.get(name) for name in wanted} for one in areas if one.get("point")]
    areas_known: list[dict[str, object]] = st.session_state["areas"]
    return areas_known
