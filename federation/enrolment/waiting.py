"""Newcomers that wait at the parent until a person has compared their fingerprint with the one on their own screen.

What waits is a hash of the sealed request, which the newcomer sends again every few seconds: this node cannot read it,
and need not keep it. Bounded: who knocks with ever new requests fills the room and nothing else.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from pki.errors import PkiError
from pki.request import fingerprint

MOST = 32
GONE_AFTER = timedelta(minutes=2)
ANSWER_HOLDS = timedelta(hours=24)


@dataclass(frozen=True, slots=True, kw_only=True)
class Newcomer:
    """One sealed request that was handed in: what both sides show, from where, since when, and what was decided."""

    fingerprint: str
    address: str
    since: datetime
    last_at: datetime
    decision: str = ""
    by: str = ""


class WaitingRoom:
    """Asked for each request before it goes on to the authority; in the event loop's thread alone."""

    def __init__(self, on_new: Callable[[Newcomer], None] = lambda _newcomer: None) -> None:
        """`on_new` hears of each newcomer once."""
        self._known: dict[str, Newcomer] = {}
        self._on_new = on_new

    def pass_or_wait(self, sealed: bytes, address: str, now: datetime) -> None:
        """Nothing if somebody here approved exactly this request; PENDING, REFUSED_HERE or FULL if not."""
        self._sweep(now)
        shown = fingerprint(sealed)
        known = self._known.get(shown)
        if known is None:
            if sum(not one.decision for one in self._known.values()) >= MOST:
                raise PkiError("FULL", "too many newcomers wait at this node already; try again in a few minutes")
            known = Newcomer(fingerprint=shown, address=address, since=now, last_at=now)
            self._on_new(known)
        known = self._known[shown] = replace(known, last_at=now)
        if known.decision == "refused":
            raise PkiError("REFUSED_HERE", f"somebody at the parent refused the request {shown}")
        if known.decision != "approved":
            raise PkiError("PENDING", f"the request {shown} waits until somebody at the parent has compared it")

    def waiting(self, now: datetime) -> list[Newcomer]:
        """Who waits for a decision, the longest first."""
        self._sweep(now)
        return sorted((one for one in self._known.values() if not one.decision), key=lambda one: one.since)

    def decide(self, shown: str, decision: str, by: str, now: datetime) -> Newcomer:
        """Approves or refuses the request with exactly this fingerprint; UNKNOWN_REQUEST if none waits with it."""
        self._sweep(now)
        wanted = shown.strip().lower().replace(" ", "").replace("-", "")
        found = next((one for one in self._known.values() if one.fingerprint.replace(" ", "") == wanted), None)
        if found is None or found.decision:
            raise PkiError("UNKNOWN_REQUEST", "no request waits with this fingerprint; compare it digit by digit")
        self._known[found.fingerprint] = replace(found, decision=decision, by=by)
        return self._known[found.fingerprint]

    def _sweep(self, now: datetime) -> None:
        for shown, one in tuple(self._known.items()):
            if now - one.last_at > (ANSWER_HOLDS if one.decision else GONE_AFTER):
                del self._known[shown]
