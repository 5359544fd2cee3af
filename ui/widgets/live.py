"""The packaged component: plain JavaScript fed by the node's WebSocket, one file per noun, put together here."""

import re
from functools import cache
from pathlib import Path
from typing import Any

import streamlit as st

from ui import session
from ui.texts.words import table_of

_STATIC = Path(__file__).parent.parent / "static"
_PARTS = (
    *("ui-core", "live-session", "live-queue", "live-map", "live-situation", "live-bar", "live-detail", "live-figures"),
    "live",
)
_IMPORT = re.compile(r"^import [^;]*;\n", re.MULTILINE)
_EVENTS = ("reload",)


@cache
def script() -> str:
    """All parts as one module: a component that is not pip-installed hands its code over as text."""
    parts = ((_STATIC / f"{name}.js").read_text(encoding="utf-8") for name in _PARTS)
    return "\n".join(_IMPORT.sub("", part) for part in parts)


@cache
def style() -> str:
    """The component's style, kept apart from the page's by a shadow root."""
    return (_STATIC / "live.css").read_text(encoding="utf-8")


def _ignore() -> None:
    """Streamlit wants a function for each event; the events are read from the result."""


_component = st.components.v2.component("lienthong_live", html='<div class="lt"></div>', css=style(), js=script())


def live(view: str, *, key: str, **data: Any) -> Any:  # noqa: ANN401 - Streamlit's result has no usable type
    """Mount one view of the component; the result has each event of `_EVENTS`, None unless it happened in this run."""
    chosen = session.language()
    listeners: dict[str, Any] = {f"on_{event}_change": _ignore for event in _EVENTS}
    return _component(key=key, data={"view": view, "language": chosen, "table": table_of(chosen), **data}, **listeners)
