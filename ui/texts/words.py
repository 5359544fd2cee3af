"""Find the words for a message id; Vietnamese is the id itself."""

import json
from functools import cache
from pathlib import Path
from typing import Literal

Language = Literal["vi", "en"]
_TABLE = Path(__file__).with_name("en.json")


@cache
def english() -> dict[str, str]:
    """Every message id with its English."""
    table: dict[str, str] = json.loads(_TABLE.read_text(encoding="utf-8"))
    return table


def language_of(text: str | None) -> Language:
    """English where it is asked for, Vietnamese in every other case."""
    return "en" if text == "en" else "vi"


def say(message: str, language: Language, **values: object) -> str:
    """The message in that language with `{name}` places filled; an unknown id stays Vietnamese."""
    text = english().get(message, message) if language == "en" else message
    for name, value in values.items():
        text = text.replace("{" + name + "}", str(value))
    return text
