"""How often one peer may knock: a bucket of attempts for each address, with a bounded memory."""

from collections import OrderedDict
from dataclasses import dataclass


@dataclass(slots=True)
class _Bucket:
    left: float
    at: float


class Pace:
    """Lets each key act `burst` times at once and then once per `interval_s`; forgets the longest silent keys."""

    def __init__(self, *, burst: int, interval_s: float, remembered: int = 4096) -> None:
        self._burst = burst
        self._interval_s = interval_s
        self._remembered = remembered
        self._buckets: OrderedDict[str, _Bucket] = OrderedDict()

    def allows(self, key: str, at_s: float) -> bool:
        """Counts one attempt at this monotonic second and says whether it is within the limit."""
        bucket = self._buckets.pop(key, None) or _Bucket(left=float(self._burst), at=at_s)
        bucket.left = min(float(self._burst), bucket.left + max(0.0, at_s - bucket.at) / self._interval_s)
        bucket.at = at_s
        self._buckets[key] = bucket
        if len(self._buckets) > self._remembered:
            self._buckets.popitem(last=False)
        if bucket.left < 1.0:
            return False
        bucket.left -= 1.0
        return True
