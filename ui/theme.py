"""The page's icon; how pages look stands in `.streamlit/config.toml` and in `ui/static/screens.css`."""

from pathlib import Path

_STATIC = Path(__file__).parent / "static"


def icon() -> str:
    """The page's icon as a file of ours, so that no browser asks the internet for one."""
    return str(_STATIC / "icon.svg")
