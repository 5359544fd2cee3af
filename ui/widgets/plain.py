"""Text of people shown where Streamlit would read Markdown."""

import re

_SPECIAL = re.compile(r"([\\`*_{}\[\]()#+\-.!|<>~:$&])")
_NAMELESS = re.compile(r"[\\`*_\[\]<>~$|]|:(?=\w)")


def plain(text: object) -> str:
    """The same words, with every sign that Markdown or Streamlit gives a meaning taken literally."""
    return _SPECIAL.sub(r"\\\1", str(text)).replace("\n", " ")


def named(text: object) -> str:
    """The same words for the name of a field, which a screen reader reads as written: such signs are left out of it."""
    return _NAMELESS.sub("", str(text)).replace("\n", " ")
