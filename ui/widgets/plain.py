"""Text of people shown where Streamlit would read Markdown."""

import re

_SPECIAL = re.compile(r"([\\`*_{}\[\]()#+\-.!|<>~:$&])")


def plain(text: object) -> str:
    """The same words, with every sign that Markdown or Streamlit gives a meaning taken literally."""
    return _SPECIAL.sub(r"\\\1", str(text)).replace("\n", " ")
