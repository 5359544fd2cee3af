"""What a centre does with news about an incident: believe only what its author signed, apply it once, send it on."""

from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy.orm import Session

from federation.frame import FrameInvalid, open_enclosure
from federation.receiver import Inbound, Unacceptable
from node.incident import custody as custody_rules
from node.incident import rows, tell, wire
from node.incident.custody import Answer, CustodyError
from node.incident.value import (
    Custody,
    CustodyState,
    Event,
    Incident,
    Proof,
    Status,
)
from node.incident.wire import News
from node.territory import Centre
from pki.registry import Registry

DEEPEST = 4


@dataclass(frozen=True, slots=True)
class Ear:
    """Who hears, when, and by which registry it believes."""

    centre: Centre
    registry: Registry
    now: datetime


@dataclass(frozen=True, slots=True)
class Page:
    """One signed record of the news, the innermost first; ``is_outer`` marks the neighbour's own."""

    record: Inbound
    news: News
    is_outer: bool


def hear(session: Session, inbound: Inbound, ear: Ear) -> None:
    """Apply one record of a neighbour; raises Unacceptable, and then nothing of it has happened."""
    is_from_below = _is_from_below(inbound, ear)
    news = wire.decode(inbound.payload)
    pages = _unfold(inbound, news, ear, is_from_below=is_from_below)
    incident = rows.find(session, news.incident_id)
    _check_turn(incident, inbound, news, is_from_below=is_from_below)
    for page in pages:
        incident = _apply(session, incident, page, ear, is_from_below=is_from_below)
    if incident is None:
        raise Unacceptable("UNKNOWN_INCIDENT", f"nothing is known of incident {news.incident_id}")
    if is_from_below:
        incident = replace(incident, heard_below=news.serial, content_rid=incident.content_rid or inbound.rid)
        incident = tell.pass_on_up(session, ear.centre, incident, inbound, ear.now)
    else:
        incident = replace(incident, heard_above=news.serial)
        incident = tell.pass_on_down(session, incident, inbound, ear.now)
    incident = _decide_at_once(session, incident, inbound, news, ear)
    rows.save(session, replace(incident, version=incident.version + 1, updated_at=ear.now))


def _is_from_below(inbound: Inbound, ear: Ear) -> bool:
    """Which neighbour speaks; news of an incident goes hop by hop, so its sender signed the outer record."""
    if inbound.origin != inbound.sender:
        raise Unacceptable("ORIGIN_MISMATCH", f"{inbound.sender} brings a record of {inbound.origin}")
    if inbound.sender == ear.centre.parent:
        if inbound.kind != wire.STATUS:
            raise Unacceptable("WRONG_WAY", f"{inbound.kind} does not go down")
        return False
    if ear.registry.parent_of(inbound.sender) != ear.centre.name:
        raise Unacceptable("ORIGIN_MISMATCH", f"{inbound.sender} is no neighbour of this centre")
    return True


def _unfold(inbound: Inbound, news: News, ear: Ear, *, is_from_below: bool, depth: int = 0) -> list[Page]:
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
        pages += _unfold(inner, known, ear, is_from_below=is_from_below, depth=depth + 1)
    return [*pages, Page(inbound, news, is_outer=depth == 0)]


def _bad_origin(error: FrameInvalid, inbound: Inbound, ear: Ear) -> Unacceptable:
    """Name the centre whose signature does not hold; where even that cannot be read, the one that brought it."""
    entry = ear.registry.centre(error.origin) if error.origin else None
    named = f"{entry.title} ({entry.code}, {entry.name})" if entry else f"unreadable origin, from {inbound.sender}"
    reason = f"{error.reason}: {named}"
    return Unacceptable("BAD_ORIGIN_SIG", reason, origin=entry.name if entry else inbound.sender)


def _check_turn(incident: Incident | None, inbound: Inbound, news: News, *, is_from_below: bool) -> None:
    """The messages of a link about one incident are applied in their order, none left out."""
    heard = 0 if incident is None else incident.heard_below if is_from_below else incident.heard_above
    if incident is not None and is_from_below and incident.source != inbound.sender:
        raise Unacceptable("ORIGIN_MISMATCH", f"incident {incident.number} did not come from {inbound.sender}")
    if news.serial > heard + 1:
        raise Unacceptable("BEHIND_PARKED", f"message {news.serial} about an incident, after {heard}: one is missing")
    if news.serial <= heard:
        raise Unacceptable("OLD_MESSAGE", f"message {news.serial} about an incident, after {heard}")


def _apply(
    session: Session, incident: Incident | None, page: Page, ear: Ear, *, is_from_below: bool
) -> Incident | None:
    """Apply what one author signed; a record that was applied before proves it again and changes nothing."""
    record, news = page.record, page.news
    is_new = news.serial > rows.last_serial(session, news.incident_id, record.origin)
    if incident is None and news.content is not None and is_from_below:
        incident = _keep_content(session, page, ear)
    if incident is None:
        return None
    rows.add_proof(session, incident.id, _proof(page, ear))
    if not is_new or news.step is None:
        return incident
    event = _event(page, ear)
    rows.add_event(session, incident.id, event)
    before = incident.custody
    incident = _custody_heard(session, incident, page, ear)
    return _status_heard(incident, before, page, event, ear)


def _keep_content(session: Session, page: Page, ear: Ear) -> Incident:
    """Keep an incident that is new here, in its opener's words."""
    record, news, content = page.record, page.news, page.news.content
    if content is None or content.origin != record.origin:
        raise Unacceptable("ORIGIN_MISMATCH", f"{record.origin} tells what another centre opened")
    incident = Incident(
        id=news.incident_id,
        version=0,
        number=content.number,
        kind=content.kind,
        kind_title=content.kind_title,
        rises_from=content.rises_from,
        title=content.title,
        description=content.description,
        category=content.category,
        severity=content.severity,
        status=Status.NEW,
        status_at=ear.now,
        custody=Custody(CustodyState.ELSEWHERE, content.origin, None, 1, ear.now),
        area_code=content.area_code,
        place=content.place,
        origin=content.origin,
        opened_at=content.opened_at,
        updated_at=ear.now,
        has_thumbnail=content.thumbnail is not None,
        source=_source(page, ear),
    )
    rows.add(session, incident, content.thumbnail)
    return incident


def _source(page: Page, ear: Ear) -> str:
    """The child of this centre that an incident came through."""
    name = page.record.origin
    while (parent := ear.registry.parent_of(name)) != ear.centre.name:
        if parent is None:
            raise Unacceptable("ORIGIN_MISMATCH", f"{page.record.origin} is not below this centre")
        name = parent
    return name


def _proof(page: Page, ear: Ear) -> Proof:
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


def _event(page: Page, ear: Ear) -> Event:
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


def _custody_heard(session: Session, incident: Incident, page: Page, ear: Ear) -> Incident:
    """The custody after a page: an offer to this centre, an answer to its offer, or word of what others agreed."""
    me, record, news, custody = ear.centre.name, page.record, page.news, incident.custody
    if page.is_outer and record.kind == wire.OFFER:
        return _offer_heard(session, incident, page, ear)
    if news.answer is not None and news.answer.giver == me and page.is_outer:
        heard = custody_rules.hear_answer(custody, news.answer, me=me, receiver=record.origin, now=ear.now)
        return replace(incident, custody=heard)
    claim = news.claim
    if claim is None or record.origin not in {custody.holder, custody.offered_to}:
        return incident
    heard = custody_rules.told(
        custody, me=me, holder=claim.holder, offered_to=claim.offered_to, term=claim.term, now=ear.now
    )
    return replace(incident, custody=heard)


def _offer_heard(session: Session, incident: Incident, page: Page, ear: Ear) -> Incident:
    me, claim, giver = ear.centre.name, page.news.claim, page.record.origin
    if claim is None or claim.holder != giver or claim.offered_to != me:
        raise Unacceptable("INVALID", "an offer that does not say who offers to whom")
    if giver not in {incident.custody.holder, incident.custody.offered_to}:
        raise Unacceptable("NOT_HOLDER", f"{giver} offers what, by its holder's signed word, it was never offered")
    incident = replace(incident, offer_rid=page.record.rid)
    if rows.decision(session, incident.id, giver, claim.term) is not None:
        return incident
    try:
        heard = custody_rules.hear_offer(incident.custody, me=me, giver=giver, term=claim.term, now=ear.now)
    except CustodyError as error:
        raise Unacceptable("OLD_TERM", str(error)) from error
    rows.decide(session, incident.id, giver, claim.term, rows.PENDING, at=ear.now)
    return replace(incident, custody=heard)


def _status_heard(incident: Incident, before: Custody, page: Page, event: Event, ear: Ear) -> Incident:
    """The status follows whoever answers for the incident; others' words stay lines in the timeline."""
    me, news, step = ear.centre.name, page.news, page.news.step
    custody = incident.custody
    if step is None:
        return incident
    if before.is_responsible(me):
        if custody == before:
            return incident
        if custody.is_responsible(me):
            status = incident.resumes or Status.RECEIVED
            return replace(incident, status=status, status_at=ear.now, resumes=None)
    elif not _has_authority(page, before, custody):
        return incident
    return replace(
        incident,
        status=step.status,
        status_at=event.at if step.status != incident.status else incident.status_at,
        resumes=step.resumes if news.answer is None else None,
        severity=step.severity or incident.severity,
        category=step.category or incident.category,
    )


def _has_authority(page: Page, before: Custody, after: Custody) -> bool:
    """Whether a bystander takes the status from this author: it holds, or just answered, by the newest term."""
    claim = page.news.claim
    if claim is not None and claim.term < after.term:
        return False
    return page.record.origin in {before.holder, after.holder} or page.news.answer is not None


def _decide_at_once(session: Session, incident: Incident, inbound: Inbound, news: News, ear: Ear) -> Incident:
    """A giver that asks its offer back gets it, unless it was decided before; what is written down decides."""
    if inbound.kind != wire.WITHDRAW or news.claim is None:
        return incident
    me, giver, term = ear.centre.name, inbound.origin, news.claim.term
    if rows.decision(session, incident.id, giver, term) in {rows.ACCEPTED, rows.REFUSED}:
        return incident
    rows.decide(session, incident.id, giver, term, rows.REFUSED, at=ear.now)
    verdict = Answer(giver, term, accepted=False)
    custody = incident.custody
    if custody.state is CustodyState.OFFERED and (custody.holder, custody.term) == (giver, term):
        custody = custody_rules.answer(custody, verdict, me=me, now=ear.now)
        status = incident.resumes or Status.RECEIVED
        incident = replace(incident, custody=custody, status=status, status_at=ear.now, resumes=None)
    note = "Trả lại theo đề nghị của nơi chuyển"
    event = Event(at=ear.now, centre=me, actor="", act="decline", status=incident.status, note=note)
    rows.add_event(session, incident.id, event)
    return tell.own_step(session, ear.centre, incident, event, now=ear.now, answer=verdict)
