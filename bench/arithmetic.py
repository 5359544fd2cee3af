"""What is done with measured numbers: percentiles, shares of a core, ratios."""

import math
from collections.abc import Sequence


def percentile(values: Sequence[float], share: float) -> float | None:
    """The value below which that share of the values lies (nearest rank); None of nothing."""
    if not values:
        return None
    ordered = sorted(values)
    return ordered[min(len(ordered), max(1, math.ceil(share * len(ordered)))) - 1]


def spread(seconds: Sequence[float]) -> dict[str, float | int | None]:
    """Durations as p50, p99 and the longest, in milliseconds."""
    found = {"p50": percentile(seconds, 0.5), "p99": percentile(seconds, 0.99), "max": max(seconds, default=None)}
    return {"samples": len(seconds)} | {f"{name}_ms": as_ms(value) for name, value in found.items()}


def as_ms(seconds: float | None) -> float | None:
    """Milliseconds with one decimal, which is more than a clock of a busy machine can say."""
    return None if seconds is None else round(1000 * seconds, 1)


def core_percent(cpu_s: float, seconds: float) -> float:
    """Processor time as a share of one core."""
    return round(100 * cpu_s / seconds, 3) if seconds > 0 else 0.0


def ratio(ours: float | None, limit: float | None) -> float | None:
    """Ours to the limit; None where either was not measured or the limit is nothing."""
    if ours is None or not limit:
        return None
    return float(f"{ours / limit:.2g}") if ours < limit / 10 else round(ours / limit, 2)


def per_client(with_clients: float, without: float, clients: int) -> float:
    """What each client adds; noise may make it less than nothing, which is shown as nothing."""
    return round(max(0.0, with_clients - without) / clients, 4)
