"""How the pages look beside what `.streamlit/config.toml` says: room, phone layout, no frame of Streamlit's own."""

from functools import cache
from pathlib import Path

import streamlit as st

_STATIC = Path(__file__).parent / "static"


@cache
def _style() -> str:
    return f"<style>{(_STATIC / 'screens.css').read_text(encoding='utf-8')}</style>"


def apply() -> None:
    """Lay our style over the page; fixed text of ours, never anything a person wrote."""
    st.html(_style())


def icon() -> str:
    """The page's icon as a file of ours, so that no browser asks the internet for one."""
    return str(_STATIC / "icon.svg")
