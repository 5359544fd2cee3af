"""One stream on its way to one neighbour: how far it was sent, how far acknowledged, whether it stands still."""

from collections import deque
from dataclasses import dataclass, field

from federation.frame import StreamKey
from federation.hello import Cursor
from federation.peer import Backoff


@dataclass(frozen=True, slots=True)
class Sent:
    """A frame under way; `pos` is its local position."""

    pos: int
    size: int
    at_s: float


@dataclass(slots=True)
class Flow:
    """The state of a stream towards a neighbour; `sent` and `acked` are local positions.

    `claimed` is where the neighbour says that it stands, if that place is unknown here.
    """

    key: StreamKey
    backoff: Backoff
    acked: int = 0
    sent: int = 0
    in_flight: deque[Sent] = field(default_factory=deque)
    blocked_until_s: float | None = None
    claimed: Cursor | None = None

    def restart(self, pos: int) -> None:
        """Go on after `pos`, offering again whatever was sent beyond it."""
        self.acked = self.sent = pos
        self.in_flight.clear()
        self.blocked_until_s = self.claimed = None

    def block(self, now_s: float) -> None:
        """Stand still for a while, longer each time."""
        self.sent = self.acked
        self.in_flight.clear()
        self.blocked_until_s = now_s + self.backoff.next_s()

    def advance(self, pos: int) -> None:
        """Count everything up to a position as held by the neighbour."""
        while self.in_flight and self.in_flight[0].pos <= pos:
            self.in_flight.popleft()
        self.acked = max(self.acked, pos)
        self.sent = max(self.sent, self.acked)
        self.backoff.reset()
