"""The neighbours of a node: whether they are reached, when they last spoke, what waits for them, when to try again."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType

_NOTHING: Mapping[str, int] = MappingProxyType({})
_UNIT = 2**32


@dataclass(frozen=True, slots=True, kw_only=True)
class PeerState:
    """One neighbour at one moment; a screen may keep it.

    `waiting` counts records per lane that it has not acknowledged, `in_flight` the frames sent of these; `peer_waiting`
    is what it says that it still has for us. `since` is when the connection was made or lost. `relation` is parent,
    child, or bypass where the parent lies between.
    """

    name: str
    relation: str
    connected: bool = False
    since: datetime | None = None
    last_heard_at: datetime | None = None
    last_error: str = ""
    error_code: str = ""
    waiting: Mapping[str, int] = field(default_factory=lambda: _NOTHING)
    in_flight: int = 0
    parked: int = 0
    next_attempt_at: datetime | None = None
    peer_waiting: Mapping[str, int] = field(default_factory=lambda: _NOTHING)


class Backoff:
    """How long to wait before the next attempt: full jitter below a ceiling that doubles from 1 s to 60 s.

    Where an attempt costs nobody anything the ceiling stays at 4 s: who is back is found soon, by all of its children.
    """

    LEAST_S = 1.0
    MOST_S = 60.0
    CHEAP_S = 4.0

    def __init__(self, random: Callable[[int], bytes]) -> None:
        self._random = random
        self._ceiling_s = self.LEAST_S

    def reset(self) -> None:
        """Begin again at one second, because the peer spoke."""
        self._ceiling_s = self.LEAST_S

    def next_s(self, *, is_cheap: bool = False) -> float:
        """Seconds until the next attempt; never nothing, so that a refusal at once cannot spin."""
        if is_cheap:
            self._ceiling_s = min(self.CHEAP_S, self._ceiling_s)
        share = int.from_bytes(self._random(4), "big") / _UNIT
        wait_s = max(0.05, share * self._ceiling_s)
        self._ceiling_s = min(self.MOST_S, self._ceiling_s * 2)
        return wait_s
