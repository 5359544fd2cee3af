"""What is wrong with settings, in plain words that begin with the path of the key."""

import difflib
from collections.abc import Iterable

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails


def section_class(annotation: object) -> type[BaseModel] | None:
    """The class of a section in an annotation such as `ParentSection | None`."""
    candidates = [annotation, *getattr(annotation, "__args__", ())]
    return next((one for one in candidates if isinstance(one, type) and issubclass(one, BaseModel)), None)


def sentences(cls: type[BaseModel], error: ValidationError, *, prefix: str = "") -> list[str]:
    """Say every problem that pydantic found, one sentence each, beginning with the key's path."""
    return [prefix + _sentence(cls, problem) for problem in error.errors()]


def closest(name: str, known: Iterable[str]) -> str:
    """Continue a sentence about an unknown name with what may have been meant."""
    names = sorted(known)
    close = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
    return f"; did you mean {close[0]}?" if close else f"; known: {', '.join(names) or 'none'}"


def _sentence(cls: type[BaseModel], problem: ErrorDetails) -> str:
    """Say one validation problem in plain words, beginning with the key's path."""
    path = ".".join(str(part) for part in problem["loc"]) or "settings"
    kind, words = problem["type"], problem["msg"].removeprefix("Value error, ")
    if kind == "extra_forbidden":
        return f"{path}: is unknown{_did_you_mean(cls, problem['loc'])}"
    if kind == "missing":
        return f"{path}: is missing"
    words = words[:1].lower() + words[1:]
    return (
        f"{path}: {words} (it is {problem['input']!r})" if _is_showable(path, problem["input"]) else f"{path}: {words}"
    )


def _is_showable(path: str, value: object) -> bool:
    """A URL may hold a password; a section is too long to repeat."""
    return isinstance(value, str | int | float | bool) and not path.endswith("url")


def _did_you_mean(cls: type[BaseModel], loc: tuple[str | int, ...]) -> str:
    fields = cls.model_fields
    for part in loc[:-1]:
        inner = section_class(fields[str(part)].annotation) if str(part) in fields else None
        if inner is None:
            return ""
        fields = inner.model_fields
    return closest(str(loc[-1]), fields)
