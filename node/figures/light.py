"""Traffic lights: a figure held against the thresholds of its definition, and only where enough centres have reported.

Silence gives no colour. A light stands beside its word and shape, and says on whose authority its thresholds are.
"""

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from node.figures.definition import Bound, Definition, Thresholds
from node.figures.figure import Figure, Relation


class Colour(StrEnum):
    """How good a figure is; `none` says nothing, neither good nor bad."""

    GREEN = "green"
    AMBER = "amber"
    RED = "red"
    NONE = "none"

    @property
    def label(self) -> str:
        """The Vietnamese words on the screen."""
        return _LABELS[self]


_LABELS = {
    Colour.GREEN: "Đạt",
    Colour.AMBER: "Cần theo dõi",
    Colour.RED: "Không đạt",
    Colour.NONE: "Chưa xếp loại",
}


@dataclass(frozen=True, slots=True)
class Light:
    """A colour, and in words why it is none."""

    colour: Colour
    reason: str = ""


def light(definition: Definition, figure: Figure) -> Light | None:
    """The light of a figure; None where its definition has no thresholds."""
    limits = definition.thresholds
    if limits is None:
        return None
    cover = figure.coverage
    if not cover.received:
        return Light(Colour.NONE, "chưa có số liệu")
    if cover.received * 100 < limits.min_coverage * cover.expected:
        return Light(
            Colour.NONE, f"mới {cover.received}/{cover.expected} trung tâm, cần ít nhất {limits.min_coverage}%"
        )
    value = figure.value if figure.value is not None else figure.partial
    if value is None:
        return Light(Colour.NONE, "không có trường hợp nào")
    return Light(_colour(limits, _within(definition, value, figure.relation)))


def _within(definition: Definition, value: Decimal, relation: Relation) -> tuple[Decimal | None, Decimal | None]:
    """Between what the true value lies, above one and not above the other; both are an exact one."""
    if relation is Relation.EXACT:
        return value, value
    if relation is Relation.ABOVE:
        return value, None
    below = [edge for edge in definition.edges if edge < value]
    return (below[-1] if below else None), value


def _colour(limits: Thresholds, within: tuple[Decimal | None, Decimal | None]) -> Colour:
    """What is only known to lie between two edges is green or red where all of it is."""
    if _holds(limits.green, within):
        return Colour.GREEN
    return Colour.RED if _holds(limits.red, within) else Colour.AMBER


def _holds(bound: Bound, within: tuple[Decimal | None, Decimal | None]) -> bool:
    above, most = within
    if bound.sign.startswith("<"):
        return most is not None and bound.holds(most)
    if above is None:
        return False
    return bound.holds(above) if above == most else above >= bound.value
