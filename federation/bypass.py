"""The one exception to hop by hop: what rises by rule goes past a parent that does not answer, to the centre above it.

The origin encloses the signed record for which no receipt came in a record of its bypass stream, which leads to the
grandparent of the registry alone. That one verifies and applies it as if the parent had passed it on, once, whichever
way it comes first, and both ends say that the bypass was used.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime

from google.protobuf.message import DecodeError
from sqlalchemy.orm import Session

from federation.alarm import raise_alarm
from federation.awaited import Late, mark_bypassed
from federation.effects import Handler, Unacceptable
from federation.end_receipt import is_lifted, note_lifted, tell
from federation.failpoint import failpoint
from federation.frame import FrameInvalid, Inbound, open_enclosure, place_of_enclosure
from federation.ledger import PARENT, PAST_PARENT, Lane, NotSealed, append, bypass, enclosure
from federation.rights import grandparent_of, is_past_parent, step_towards
from federation.v1 import ledger_pb2 as wire
from pki.registry import Registry

USED = "BYPASS_USED"


def send(session: Session, late: Iterable[Late], *, name: str, registry: Registry, now: datetime) -> int:
    """Enclose late records that rise by rule in the bypass stream, each once; how many."""
    above = grandparent_of(registry, name)
    count = 0
    for one in late:
        if above is None:
            break
        try:
            enclosed = enclosure(session, one.rid, name)
        except NotSealed:
            continue
        payload = wire.BypassedRecord(enclosed=enclosed).SerializeToString(deterministic=True)
        by = append(session, lane=Lane.URGENT, audience=bypass(above), kind=PAST_PARENT, payload=payload, now=now)
        mark_bypassed(session, one.rid, by)
        failpoint("bypass.after_append")
        detail = f"{one.kind} {one.rid}: {above} has not confirmed it, so it goes there past the parent"
        raise_alarm(session.connection(), USED, at=now, peer=above, origin=name, detail=detail)
        count += 1
    return count


def hear(session: Session, inbound: Inbound, *, name: str, registry: Registry, handlers: Mapping[str, Handler]) -> None:
    """Apply what a centre two steps below sends past its parent; raises Unacceptable."""
    inner, enclosed = _opened(inbound, name, registry)
    if is_lifted(session, inner.origin, inner.rid):
        return
    handler = handlers.get(inner.kind)
    if handler is None or inner.kind.startswith("ledger."):
        raise Unacceptable("UNKNOWN_KIND", f"nothing here applies {inner.kind} past a parent")
    place, now = place_of_enclosure(enclosed), inbound.received_at
    note_lifted(session, place, peer=inbound.sender, now=now, raw=enclosed)
    failpoint("bypass.before_effect")
    handler(session, replace(inner, sender=inbound.sender, received_at=now))
    child = step_towards(registry, name, inner.origin)
    if child is not None:
        tell(session, place, child=child, now=now)
    detail = f"{inner.kind} {inner.rid} came from {inner.origin} past {child}"
    raise_alarm(session.connection(), USED, at=now, peer=inbound.sender, origin=inner.origin, detail=detail)


def _opened(inbound: Inbound, name: str, registry: Registry) -> tuple[Inbound, bytes]:
    """The record inside, which must be the sender's own word to its parent."""
    origin = inbound.origin
    if inbound.sender != origin or inbound.audience != bypass(name) or not is_past_parent(registry, origin, name):
        raise Unacceptable("ORIGIN_MISMATCH", f"{inbound.sender} has no bypass to this centre")
    try:
        enclosed = wire.BypassedRecord.FromString(inbound.payload).enclosed
        inner = open_enclosure(enclosed, registry.public_key)
    except DecodeError as error:
        raise Unacceptable("SCHEMA", "what came past a parent cannot be read") from error
    except FrameInvalid as error:
        raise Unacceptable(error.code, error.reason, origin=error.origin or origin) from error
    if inner.origin != origin or inner.audience != PARENT or inner.lane != Lane.URGENT:
        raise Unacceptable("ORIGIN_MISMATCH", f"{origin} sends past its parent what is not its own word to it")
    return inner, enclosed
