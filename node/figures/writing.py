"""A definition as somebody wrote it, read value by value; every problem is collected, so that all are told at once."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any

from node.figures.definition import Bound, Privacy, Quality, Thresholds
from node.figures.period import Grain
from node.figures.state import StateError, read_decimal

EVIDENCE = ("doc", "multi", "memory", "own")
_LONGEST = 600
_BOUND = re.compile(r"(>=|<=|>|<) ?(-?(?:0|[1-9][0-9]{0,17})(?:\.[0-9]{1,9})?)")
_LARGEST_CELL = 1000


@dataclass(slots=True)
class Written:
    """A group of values being read; what is wrong with it is collected."""

    entry: dict[str, Any]
    problems: list[str] = field(default_factory=list)

    def say(self, sentence: str) -> None:
        """Note what is wrong."""
        self.problems.append(sentence)

    def text(self, name: str, default: str = "") -> str:
        """A text."""
        value = self.entry.get(name, default)
        if not isinstance(value, str) or len(value) > _LONGEST:
            self.say(f"{name} must be a text of at most {_LONGEST} letters")
            return default
        return value.strip()

    def choice(self, name: str, known: Iterable[str], default: str) -> str:
        """One of some words."""
        value = self.text(name, default)
        if value not in known:
            self.say(f"{name} is {value!r}; it must be one of {', '.join(known)}")
        return value

    def whole(self, name: str, least: int, most: int, default: str) -> int:
        """A whole number."""
        text = self.text(name, default)
        if not re.fullmatch(r"[0-9]{1,9}", text) or not least <= int(text) <= most:
            self.say(f"{name} must be a whole number from {least} to {most}")
            return least
        return int(text)

    def day(self, name: str) -> date | None:
        """A date, if there is one."""
        text = self.text(name)
        try:
            return date.fromisoformat(text) if text else None
        except ValueError:
            self.say(f"{name} is {text!r}, which is no date")
            return None

    def flag(self, name: str, default: str) -> bool:
        """True or false."""
        return self.choice(name, ("true", "false"), default) == "true"

    def part(self, name: str, allowed: set[str]) -> "Written":
        """A group of values, of which no other name is known."""
        value = self.entry.get(name, {})
        if not isinstance(value, dict):
            self.say(f"{name} must be a group of values")
            value = {}
        for stranger in sorted(value.keys() - allowed):
            self.say(f"{name}.{stranger} is unknown")
        return Written(value, self.problems)

    def number(self, name: str) -> Decimal | None:
        """An exact decimal, if there is one."""
        text = self.text(name)
        try:
            return read_decimal(text) if text else None
        except StateError as error:
            self.say(f"{name}: {error}")
            return None

    def bound(self, name: str) -> Bound | None:
        """A side of a number, such as `>= 95`."""
        found = _BOUND.fullmatch(self.text(name))
        if found is None:
            self.say(f"{name} must be a sign and a number, such as '>= 95'")
            return None
        return Bound(found[1], Decimal(found[2]))


def thresholds_of(read: Written) -> Thresholds | None:
    """When it is green and when red; amber is what lies between."""
    if "thresholds" not in read.entry:
        return None
    part = read.part("thresholds", {"green", "red", "official", "basis", "evidence", "min_coverage"})
    green, red = part.bound("green"), part.bound("red")
    if green is None or red is None:
        return None
    is_up = green.sign.startswith(">")
    is_apart = red.value <= green.value if is_up else red.value >= green.value
    is_shared = red.value == green.value and "=" in green.sign and "=" in red.sign
    if is_up == red.sign.startswith(">") or not is_apart or is_shared:
        part.say("thresholds.green and thresholds.red must lie on the two sides, and not overlap")
    official, basis = part.flag("official", "false"), part.text("basis")
    if official and not basis:
        part.say("thresholds are official, but name no basis")
    return Thresholds(
        green=green,
        red=red,
        official=official,
        basis=basis,
        evidence=part.choice("evidence", EVIDENCE, "own"),
        min_coverage=part.whole("min_coverage", 1, 100, "100"),
    )


def quality_of(read: Written) -> Quality:
    """What a value may be."""
    part = read.part("quality", {"least", "most", "outlier"})
    found = Quality(least=part.number("least"), most=part.number("most"), outlier=part.number("outlier"))
    if found.least is not None and found.most is not None and found.least > found.most:
        part.say("quality.least is above quality.most")
    if found.outlier is not None and found.outlier < 1:
        part.say("quality.outlier must be 1 or more")
    return found


def privacy_of(read: Written) -> Privacy:
    """What is published of it."""
    part = read.part("privacy", {"min_cell", "sensitive", "publish"})
    return Privacy(
        min_cell=part.whole("min_cell", 0, _LARGEST_CELL, "0"),
        sensitive=part.flag("sensitive", "false"),
        publish=part.choice("publish", tuple(Grain)[1:], Grain.DAY),
    )
