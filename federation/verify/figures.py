"""States of figures in proved records: which revision of what a bundle proves, and whether each follows the one before.

That a state is in a proved record shows who said it and when. `sums` adds the parts of a total up again.
"""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from . import wire
from .verdict import Damaged

KIND = "figure.state"
HASH_BYTES = 32
_DOMAIN = b"lienthong.figure.state.v1\x00"


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """One signed state: of which figure and period, which revision, and the hash of what it takes the place of."""

    centre: str
    indicator: str
    version: int
    area_code: str
    period: str
    revision: int
    status: str
    is_total: bool
    digest: bytes
    supersedes: bytes
    kind: str = ""
    definition: bytes = b""
    raw: bytes = b""
    parts_root: bytes = b""
    parts: tuple[tuple[str, int, bytes], ...] = ()

    @property
    def meaning(self) -> tuple[str, int, bytes, str, str]:
        """What a total and its parts have in common."""
        return self.indicator, self.version, self.definition, self.period, self.kind

    @property
    def subject(self) -> tuple[str, str, int, str, str, bool]:
        """What the revisions of one figure have in common."""
        return self.centre, self.indicator, self.version, self.area_code, self.period, self.is_total


def states_in(centre: str, kind: str, payload: bytes) -> list[State]:
    """The states that a proved record of a centre holds; Damaged if they are none."""
    return [_state(centre, raw) for raw in wire.read(payload).strings(2)] if kind == KIND else []


def _state(centre: str, raw: bytes) -> State:
    message = wire.read(raw)
    fold = wire.read(message.string(12))
    found = State(
        centre=centre,
        indicator=message.text(1),
        version=message.number(2),
        area_code=message.text(4),
        period=message.text(5),
        revision=message.number(6),
        status=message.text(7),
        is_total=bool(message.strings(12)),
        digest=hashlib.sha256(_DOMAIN + raw).digest(),
        supersedes=message.string(10),
        kind=message.text(8),
        definition=message.string(3),
        raw=raw,
        parts_root=fold.string(6),
        parts=tuple(_part(content) for content in fold.strings(7)),
    )
    if found.revision < 1 or len(found.supersedes) != (HASH_BYTES if found.revision > 1 else 0):
        raise Damaged("FIGURE", f"a state of {found.indicator} names no revision, or not what it takes the place of")
    return found


def _part(content: bytes) -> tuple[str, int, bytes]:
    message = wire.read(content)
    if len(message.string(3)) != HASH_BYTES or message.number(2) >= 1 << 32:
        raise Damaged("FIGURE", "a total that does not name its parts")
    return message.text(1), message.number(2), message.string(3)


def unchained(states: Iterable[State]) -> Iterator[State]:
    """States that take the place of none of the revisions before them, though the bundle holds such."""
    revisions: dict[tuple[object, ...], dict[int, list[State]]] = {}
    for one in states:
        revisions.setdefault(one.subject, {}).setdefault(one.revision, []).append(one)
    for by_number in revisions.values():
        for number, several in by_number.items():
            before = {one.digest for one in by_number.get(number - 1, ())}
            yield from (one for one in several if before and one.supersedes not in before)
