"""The signed records that one message about an incident brings, each verified with its author's registered key."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Session

from federation.frame import FrameInvalid, open_enclosure
from federation.receiver import Inbound, Unacceptable
from node.incident import wire
from node.incident.value import Event, Incident, Proof
from node.incident.wire import News
from node.territory import Centre
from node.trail import leave
from pki.registry import Registry

DEEPEST = 4


@dataclass(frozen=True, slots=True)
class Ear:
    """Who hears, when, by which registry it believes; `is_locked`: restored, and not yet told all by its neighbours."""

    centre: Centre
    registry: Registry
    now: datetime
    is_locked: bool = False


@dataclass(frozen=True, slots=True)
class Page:
    """One signed record of the news, the innermost first; ``is_outer`` marks the neighbour's own."""

    record: Inbound
    news: News
    is_outer: bool
    raw: bytes = b""  # the enclosure that it came in


def unfold(
    inbound: Inbound, news: News, ear: Ear, *, is_from_below: bool, depth: int = 0, found_in: bytes = b""
) -> list[Page]:
    """Verify every enclosed record with its origin's registered key; the innermost comes first."""
    if depth > DEEPEST:
        raise Unacceptable("TOO_DEEP", "records are enclosed deeper than any tree is high")
    pages: list[Page] = []
    for raw in news.enclosed:
        try:
            inner = open_enclosure(raw, ear.registry.public_key)
        except FrameInvalid as error:
            raise _bad_origin(error, inbound, ear) from error
        known = wire.decode(inner.payload) if inner.kind in wire.KINDS else None
        if known is None or known.incident_id != news.incident_id:
            raise Unacceptable(
                "ENCLOSED_OTHER", f"{inbound.origin} encloses a record of {inner.origin} on another matter"
            )
        upper, lower = (inbound.origin, inner.origin) if is_from_below else (inner.origin, inbound.origin)
        if not ear.registry.is_descendant(lower, upper):
            raise Unacceptable("ORIGIN_MISMATCH", f"{inner.origin} is not on the path through {inbound.origin}")
        pages += unfold(inner, known, ear, is_from_below=is_from_below, depth=depth + 1, found_in=raw)
    return [*pages, Page(inbound, news, is_outer=depth == 0, raw=found_in)]


def _bad_origin(error: FrameInvalid, inbound: Inbound, ear: Ear) -> Unacceptable:
    """Name the centre whose signature does not hold; where even that cannot be read, the one that brought it."""
    entry = ear.registry.centre(error.origin) if error.origin else None
    named = f"{entry.title} ({entry.code}, {entry.name})" if entry else f"unreadable origin, from {inbound.sender}"
    reason = f"{error.reason}: {named}"
    return Unacceptable("BAD_ORIGIN_SIG", reason, origin=entry.name if entry else inbound.sender)


def says_nothing_new(pages: list[Page], known: set[UUID]) -> bool:
    """Whether the neighbour adds nothing of its own and each record that it passes on was verified before."""
    *inner, outer = pages
    said = outer.news
    is_bare = said.step is None and said.claim is None and said.content is None and said.answer is None
    return is_bare and bool(inner) and all(page.record.rid in known for page in inner)


def proof_of(page: Page, ear: Ear) -> Proof:
    """What is remembered of a verified page."""
    record = page.record
    return Proof(
        rid=record.rid,
        origin=record.origin,
        kind=record.kind,
        key_id=record.key_id,
        created_at=record.created_at,
        received_at=ear.now,
        via=record.sender,
        serial=page.news.serial,
    )


def event_of(page: Page, ear: Ear) -> Event:
    """The line of the timeline that a page's step makes."""
    step = page.news.step
    if step is None:
        raise AssertionError("only a step makes an event")
    return Event(
        at=step.at,
        centre=page.record.origin,
        actor=step.actor,
        act=step.act,
        status=step.status,
        note=step.note,
        severity=step.severity,
        category=step.category,
        key_id=page.record.key_id,
        received_at=ear.now,
    )


def leave_heard(session: Session, incident: Incident, inbound: Inbound, fresh: Sequence[Event], ear: Ear) -> None:
    """Leave the trail of what was heard: the record's id at this hop, and the incident's, which is the same at all."""
    facts = {
        "sender": inbound.sender,
        "rid": str(inbound.rid),
        "kind": inbound.kind,
        "acts": " ".join(event.act for event in fresh),
    }
    leave(session, "incident heard", incident.id, centre=ear.centre.name, **facts)


def proves_offer(page: Page, ear: Ear) -> bool:
    """Whether an answer to this centre brings the offer that it answers, signed by this centre; raises Unacceptable."""
    record, answer = page.record, page.news.answer
    if answer is None or not answer.offer:
        return False
    try:
        inner = open_enclosure(answer.offer, ear.registry.public_key)
    except FrameInvalid as error:
        raise _bad_origin(error, record, ear) from error
    offer = wire.decode(inner.payload) if inner.kind == wire.OFFER else None
    said = (ear.centre.name, record.origin, answer.term)
    if offer is None or offer.claim is None or offer.incident_id != page.news.incident_id or inner.origin != said[0]:
        raise Unacceptable("ENCLOSED_OTHER", f"{record.origin} answers with a record that is not this centre's offer")
    if (offer.claim.holder, offer.claim.offered_to, offer.claim.term) != said:
        raise Unacceptable("ENCLOSED_OTHER", f"{record.origin} answers another offer than the one that it encloses")
    return True
