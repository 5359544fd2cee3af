"""What the verifier found: what holds, and what does not, with the centre that it concerns."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime


class Damaged(Exception):  # noqa: N818 - it says what the bytes are, not that the program failed
    """Something that does not hold: a code for programs, a sentence for people."""

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Listing:
    """One centre as the registry lists it."""

    code: str
    title: str
    parent: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Beginning:
    """From where on a stream is proved, where its exporter gave up what is before; and who holds that."""

    origin: str
    lane: str
    audience: str
    epoch: bytes
    frame_no: int
    held_by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """One signed record of a pack: who signed what, and whose receipts stand after and before it."""

    centre: str
    rid: bytes
    kind: str
    said: str
    sealed_at: datetime
    enclosed_by: str = ""
    received_by: str = ""
    received_at: datetime | None = None
    not_before: datetime | None = None
    is_restated: bool = False
    is_timely: bool = False


@dataclass(frozen=True, slots=True)
class Words:
    """Words that a signed cipher text holds: whose record, which part of it, and what it says."""

    centre: str
    part: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One thing that does not hold; `centre` is a registry name, empty where none can be told."""

    code: str
    centre: str
    where: str
    reason: str


@dataclass(slots=True, kw_only=True)
class CentreCount:
    """What was verified of one centre."""

    frames: int = 0
    records: int = 0
    enclosed: int = 0
    figures: int = 0
    totals: int = 0  # of these, those that name their parts and were added up again
    streams: int = 0


@dataclass(slots=True, kw_only=True)
class Verdict:
    """The whole answer."""

    centres: dict[str, CentreCount] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)
    titles: dict[str, Listing] = field(default_factory=dict)
    beginnings: list[Beginning] = field(default_factory=list)
    subject: Mapping[str, str] | None = None
    proofs: list[Proof] = field(default_factory=list)
    words: list[Words] = field(default_factory=list)
    exporter: str = ""
    exported_at: str = ""

    @property
    def holds(self) -> bool:
        """Whether nothing at all is wrong."""
        return not self.faults

    def title(self, centre: str) -> str:
        """The centre as people know it, and its registry name."""
        listing = self.titles.get(centre)
        return f"{listing.title} ({listing.code}, {centre})" if listing else centre or "no centre can be told"

    def count(self, centre: str) -> CentreCount:
        """The centre's counts, begun at zero."""
        return self.centres.setdefault(centre, CentreCount())

    def blame(self, centre: str, where: str, error: Damaged) -> None:
        """Note what does not hold and whom it concerns."""
        self.faults.append(Fault(code=error.code, centre=centre, where=where, reason=error.reason))
