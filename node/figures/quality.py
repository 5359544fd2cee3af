"""Rules that a value should keep: least, most, not far from the periods before. A broken rule marks, changes nothing.

A value far out is told by the median of the periods before and the median distance from it, which one wild value does
not move.
"""

from collections.abc import Sequence
from decimal import Decimal
from enum import StrEnum
from statistics import median

from node.figures.definition import Definition
from node.figures.figure import shown
from node.figures.state import Cells, total_of, write_decimal

BEFORE = 8  # periods that an outlier is held against
_FEWEST = 4


class Rule(StrEnum):
    """What a value may break; the names travel."""

    LEAST = "below_least"
    MOST = "above_most"
    OUTLIER = "outlier"

    @property
    def label(self) -> str:
        """The Vietnamese words on the screen."""
        return _LABELS[self]


_LABELS = {
    Rule.LEAST: "Nhỏ hơn mức tối thiểu",
    Rule.MOST: "Lớn hơn mức tối đa",
    Rule.OUTLIER: "Khác hẳn các kỳ trước",
}


def broken(definition: Definition, cells: Cells, before: Sequence[Cells]) -> list[tuple[Rule, str]]:
    """The rules that a state breaks, each with what it was held against; `before`: the same centre's earlier states."""
    value = _value(definition, cells)
    if value is None:
        return []
    rules, found = definition.quality, []
    if rules.least is not None and value < rules.least:
        found.append((Rule.LEAST, write_decimal(rules.least)))
    if rules.most is not None and value > rules.most:
        found.append((Rule.MOST, write_decimal(rules.most)))
    known = [one for one in (_value(definition, cells) for cells in before) if one is not None]
    if rules.outlier is not None and len(known) >= _FEWEST:
        middle = median(known)
        scatter = median(abs(one - middle) for one in known) or Decimal(1)
        if abs(value - middle) > rules.outlier * scatter:
            found.append((Rule.OUTLIER, write_decimal(middle)))
    return found


def _value(definition: Definition, cells: Cells) -> Decimal | None:
    value, _ = shown(definition, total_of(definition.state, cells))
    return value
