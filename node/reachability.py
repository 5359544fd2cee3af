"""What may be said of a centre below: silence behind a silent relay says nothing of it.

A centre that does not speak is *silent* only where the centres between here and it do speak. Behind one that is
silent itself, or whose line to here is cut, it is *unknown*, and the answer names the relay that hides it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from node.presence import Presence, PresenceState
from pki.registry import Registry

SPEAKING = frozenset({PresenceState.LIVE, PresenceState.LATE})


class Reason(StrEnum):
    """Why nothing is heard."""

    NEVER_HEARD = "never_heard"
    SILENT = "silent"
    RELAY_SILENT = "relay_silent"


@dataclass(frozen=True, slots=True)
class Reach:
    """What can be said of a centre now, why nothing is heard of it, and the relay that hides it."""

    state: PresenceState
    reason: Reason | None = None
    relay: str | None = None

    @property
    def is_heard(self) -> bool:
        """Whether its word is of now."""
        return self.state in SPEAKING


def reach_of(
    name: str, latest: Mapping[str, Presence], registry: Registry, me: str, now: datetime, *, cut: frozenset[str]
) -> Reach:
    """What can be said of a centre below this one; `cut` are the neighbours whose line is known to be down."""
    state = _state(name, latest, now)
    if state in SPEAKING:
        return Reach(state)
    for relay in _between(registry, name, me):
        if relay in cut or _state(relay, latest, now) not in SPEAKING:
            return Reach(PresenceState.UNKNOWN, Reason.RELAY_SILENT, relay)
    return Reach(state, Reason.SILENT if name in latest else Reason.NEVER_HEARD)


def _state(name: str, latest: Mapping[str, Presence], now: datetime) -> PresenceState:
    said = latest.get(name)
    return said.state(now) if said is not None else PresenceState.UNKNOWN


def _between(registry: Registry, name: str, me: str) -> list[str]:
    """The centres through which a word of that one comes, the nearest to here first."""
    found: list[str] = []
    relay = registry.parent_of(name)
    while relay is not None and relay != me and relay not in found:
        found.append(relay)
        relay = registry.parent_of(relay)
    return found[::-1] if relay == me else []
