"""How often something may happen: a bucket per key, so that one caller cannot use up what all share."""

import threading
from collections import OrderedDict

from node.clock import Clock

MOST_KEYS = 10_000


class Pace:
    """Buckets that fill with time; the least recently used are forgotten."""

    def __init__(self, clock: Clock) -> None:
        """Take the clock by which the buckets fill."""
        self._clock = clock
        self._lock = threading.Lock()
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def allow(self, key: str, limit: int, per_s: float) -> bool:
        """Take one from the key's bucket of `limit`, filled anew over `per_s` seconds; False when it is empty."""
        now = self._clock.monotonic()
        with self._lock:
            left, at = self._buckets.pop(key, (float(limit), now))
            left = min(float(limit), left + (now - at) * limit / per_s)
            is_allowed = left >= 1.0
            self._buckets[key] = (left - 1.0 if is_allowed else left, now)
            while len(self._buckets) > MOST_KEYS:
                self._buckets.popitem(last=False)
        return is_allowed

    def forget(self, key: str) -> None:
        """Fill the key's bucket again."""
        with self._lock:
            self._buckets.pop(key, None)

    def forget_ending(self, beginning: str, ending: str) -> None:
        """Fill every bucket again whose key begins and ends so."""
        with self._lock:
            for key in [one for one in self._buckets if one.startswith(beginning) and one.endswith(ending)]:
                del self._buckets[key]
