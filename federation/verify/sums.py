"""Totals of figures added up again from the very states that they name, with whole numbers and exact decimals.

That a total is the sum of signed states shows inclusion and arithmetic. It does not show that a centre told the truth.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Context, Decimal, Inexact, InvalidOperation

from . import wire
from .figures import State
from .frames import merkle_root
from .verdict import Damaged

_EXACT = Context(prec=200, traps=[Inexact, InvalidOperation])
_ADDED = frozenset({"count", "sum", "mean", "ratio", "hist", "stock"})
_COUNTS, _SUMS = (2, 3, 4), (6, 7, 8)


@dataclass(slots=True)
class Cell:
    """The numbers of a cell by field: counts, buckets, sums, and the least and the most."""

    counts: dict[int, int] = field(default_factory=dict)
    buckets: list[int] = field(default_factory=list)
    sums: dict[int, Decimal] = field(default_factory=dict)
    least: Decimal | None = None
    most: Decimal | None = None


Cells = dict[tuple[str, ...], Cell]


@dataclass(frozen=True, slots=True)
class Finding:
    """Something about a total that does not hold, and the centre that it concerns."""

    centre: str
    where: str
    error: Damaged


def cells_of(raw: bytes) -> Cells:
    """The cells of a state; Damaged where one stands twice or a number is none."""
    found: Cells = {}
    for content in wire.read(raw).strings(9):
        message = wire.read(content)
        place = tuple(word.decode("utf-8", "replace") for word in message.strings(1))
        if place in found:
            raise Damaged("FIGURE", "one cell twice")
        found[place] = Cell(
            counts={number: value for number in _COUNTS if (value := message.number(number))},
            buckets=[value for piece in message.strings(5) for value in wire.packed(piece)],
            sums={number: _decimal(text) for number in _SUMS if (text := message.text(number))},
            least=_decimal(message.text(9)) if message.text(9) else None,
            most=_decimal(message.text(10)) if message.text(10) else None,
        )
    return found


def _decimal(text: str) -> Decimal:
    try:
        return Decimal(text)
    except InvalidOperation as error:
        raise Damaged("FIGURE", f"{text[:40]!r} is no number") from error


def together(kind: str, several: Iterable[Cells]) -> Cells:
    """Cells of many areas as one: counts and sums add, extremes compare."""
    whole: Cells = {}
    for cells in several:
        for place, cell in cells.items():
            known = whole.get(place)
            whole[place] = cell if known is None else _two(kind, known, cell)
    return whole


def _two(kind: str, one: Cell, other: Cell) -> Cell:
    if one.buckets and other.buckets and len(one.buckets) != len(other.buckets):
        raise Damaged("FIGURE", f"two states of type {kind} with different buckets")
    return Cell(
        counts={n: one.counts.get(n, 0) + other.counts.get(n, 0) for n in {**one.counts, **other.counts}},
        buckets=[a + b for a, b in zip(one.buckets, other.buckets, strict=True)]
        if one.buckets and other.buckets
        else one.buckets or other.buckets,
        sums={n: _plus(one.sums.get(n), other.sums.get(n)) for n in {**one.sums, **other.sums}},
        least=min((x for x in (one.least, other.least) if x is not None), default=None),
        most=max((x for x in (one.most, other.most) if x is not None), default=None),
    )


def _plus(one: Decimal | None, other: Decimal | None) -> Decimal:
    return _EXACT.add(one or Decimal(0), other or Decimal(0))


def check(states: Iterable[State], cut: frozenset[str]) -> Iterator[Finding]:
    """Each total that names its parts is held against them: they are there, give its root, and add up to it.

    `cut`: the centres whose streams are proved from a later frame on, so that earlier states of theirs may lack.
    """
    known: Mapping[tuple[str, bytes], State] = {(one.centre, one.digest): one for one in states}
    for total in known.values():
        if total.parts:
            yield from _total(total, known, cut)


def _total(total: State, known: Mapping[tuple[str, bytes], State], cut: frozenset[str]) -> Iterator[Finding]:
    where = f"{total.indicator} for {total.period} of {total.area_code}, revision {total.revision}"
    leaves = [name.encode() + b"\x00" + number.to_bytes(4, "big") + digest for name, number, digest in total.parts]
    if merkle_root(leaves) != total.parts_root or len({name for name, _, _ in total.parts}) != len(total.parts):
        reason = f"{where} does not give the root of the parts that it names, or names one centre twice"
        yield Finding(total.centre, total.period, Damaged("FIGURE_ROOT", reason))
        return
    missing = [part for part in total.parts if (part[0], part[2]) not in known]
    for name, number, _ in missing:
        if name not in cut:
            reason = f"revision {number} of this centre, which {where} was added up from, is not in the bundle"
            yield Finding(name, total.period, Damaged("FIGURE_PART", reason))
    if missing:
        return
    parts = [known[name, digest] for name, _, digest in total.parts]
    try:
        strangers = [one for one in parts if one.meaning != total.meaning or one.is_total]
        if strangers:
            yield Finding(strangers[0].centre, total.period, Damaged("FIGURE_PART", f"not a part of {where}"))
        elif total.kind in {*_ADDED, "minmax"}:
            again = together(total.kind, (cells_of(one.raw) for one in parts))
            if again != cells_of(total.raw):
                reason = f"{where} is not what its parts add up to"
                yield Finding(total.centre, total.period, Damaged("FIGURE_SUM", reason))
    except Damaged as error:
        yield Finding(total.centre, total.period, error)
