"""What an indicator is: code, unit, state and fold as people wrote them down, and the hash that pins exactly that."""

import hashlib
import json
from dataclasses import asdict, dataclass, fields, replace
from datetime import date
from decimal import Decimal
from typing import Any

from node.figures.period import Grain
from node.figures.state import StateType, write_decimal

_DOMAIN = b"lienthong.indicator.v1\x00"


@dataclass(frozen=True, slots=True, kw_only=True)
class Expectation:
    """Who is to report (tiers as the registry lists them), how soon, and whether zero is said aloud."""

    who: tuple[str, ...]
    due_s: int
    zero_is_significant: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Dimension:
    """A closed list of codes by which a state is split, each with its Vietnamese and English words."""

    name: str
    title_vi: str
    title_en: str
    codes: tuple[tuple[str, str, str], ...]

    @property
    def known(self) -> frozenset[str]:
        """The codes."""
        return frozenset(code for code, _, _ in self.codes)


@dataclass(frozen=True, slots=True)
class Bound:
    """At least or at most so much."""

    sign: str
    value: Decimal

    def holds(self, value: Decimal) -> bool:
        """Whether a value lies on this side."""
        match self.sign:
            case ">=":
                return value >= self.value
            case "<=":
                return value <= self.value
            case ">":
                return value > self.value
        return value < self.value

    def __str__(self) -> str:
        """As it is written in a definition."""
        return f"{self.sign} {write_decimal(self.value)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Thresholds:
    """When a figure is green and when red, with amber between; on whose authority; and from which coverage on."""

    green: Bound
    red: Bound
    official: bool = False
    basis: str = ""
    evidence: str = "own"
    min_coverage: int = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Quality:
    """What a value may be, and how many times the usual scatter it may lie from the median of the periods before."""

    least: Decimal | None = None
    most: Decimal | None = None
    outlier: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Privacy:
    """Below how many cases a number is not published, and the one length of period by which it is published at all."""

    min_cell: int = 0
    sensitive: bool = False
    publish: str = Grain.DAY


@dataclass(frozen=True, slots=True, kw_only=True)
class Definition:
    """One version of one indicator."""

    code: str
    version: int
    valid_from: date
    valid_to: date | None = None
    issuer: str
    name_vi: str
    name_en: str
    explain_vi: str
    explain_en: str
    subject: str
    unit_vi: str
    unit_en: str
    decimals: int = 0
    direction: str = "info"
    state: StateType
    edges: tuple[Decimal, ...] = ()
    show: str = "value"
    area_rollup: str = "add"
    time_rollup: str = "add"
    dimensions: tuple[Dimension, ...] = ()
    expect: Expectation
    official: bool = False
    basis: str = ""
    evidence: str = "own"
    catalogue_code: str = ""
    period: str = Grain.DAY
    entry: bool = False  # people may type it
    approval: bool = False  # provisional until every share is approved
    target: Decimal | None = None
    thresholds: Thresholds | None = None
    quality: Quality = Quality()
    privacy: Privacy = Privacy()
    hash: bytes = b""

    @property
    def name(self) -> str:
        """Code and version in one."""
        return f"{self.code}@{self.version}"

    @property
    def buckets(self) -> int:
        """How many counts a histogram has: one for each edge, and one for what is above."""
        return len(self.edges) + 1 if self.state is StateType.HIST else 0

    @property
    def grain(self) -> Grain:
        """The length of the periods for which it is stated."""
        return Grain(self.period)

    def is_valid(self, on: date) -> bool:
        """Whether it holds on that day."""
        return self.valid_from <= on and (self.valid_to is None or on < self.valid_to)


# Fields that came after the first definitions were published: left out where they say nothing, so that hashes stay.
_ADDED = ("period", "entry", "approval", "target", "thresholds", "quality", "privacy")
_DEFAULTS = {one.name: one.default for one in fields(Definition)}


def pinned(definition: Definition) -> Definition:
    """The definition with its hash: SHA-256 over its one way of writing."""
    return replace(definition, hash=hashlib.sha256(_DOMAIN + canonical(definition)).digest())


def canonical(definition: Definition) -> bytes:
    """The definition as JSON with sorted keys and nothing between them: what its hash is taken of."""
    facts = asdict(definition)
    for name in ("hash", *(name for name in _ADDED if getattr(definition, name) == _DEFAULTS[name])):
        del facts[name]
    return json.dumps(facts, sort_keys=True, ensure_ascii=False, separators=(",", ":"), default=_plain).encode()


def _plain(value: Any) -> str:  # noqa: ANN401 - whatever JSON does not know
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Decimal):
        return write_decimal(value)
    raise TypeError(f"a definition holds a {type(value).__name__}")
