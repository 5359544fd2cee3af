"""Find the words for a message id, whose Vietnamese is itself, or for a code of the node's, in either language."""

import json
from functools import cache
from pathlib import Path
from typing import Literal

Language = Literal["vi", "en"]
_TABLE = Path(__file__).with_name("en.json")
_SIGNS = str.maketrans(",.", ".,")
_CODES = Path(__file__).with_name("codes.json")


@cache
def english() -> dict[str, str]:
    """Every message id with its English."""
    table: dict[str, str] = json.loads(_TABLE.read_text(encoding="utf-8"))
    return table


@cache
def coded(language: Language) -> dict[str, str]:
    """The words for codes, such as `alarm:FORK`."""
    both: dict[str, list[str]] = json.loads(_CODES.read_text(encoding="utf-8"))
    return {code: words[language == "en"] for code, words in both.items()}


def table_of(language: Language) -> dict[str, str]:
    """What a browser needs to speak that language."""
    return coded(language) | (english() if language == "en" else {})


def language_of(text: str | None) -> Language:
    """English where it is asked for, Vietnamese in every other case."""
    return "en" if text == "en" else "vi"


def say(message: str, language: Language, **values: object) -> str:
    """The message in that language with `{name}` places filled; an unknown id stays as it is."""
    text = coded(language).get(message) or (english().get(message, message) if language == "en" else message)
    for name, value in values.items():
        text = text.replace("{" + name + "}", str(value))
    return text


def number(value: float, language: Language, digits: int = 0) -> str:
    """A number as it is written there: 1.204,5 in Vietnamese and 1,204.5 in English."""
    text = f"{value:,.{digits}f}"
    return text if language == "en" else text.translate(_SIGNS)
