"""What a centre does with news about an incident: believe only what its author signed, apply it once, send it on."""

from dataclasses import replace

from sqlalchemy.orm import Session

from federation.end_receipt import give
from federation.receiver import Inbound, Unacceptable
from federation.rights import is_past_parent, step_towards
from node.incident import custody as custody_rules
from node.incident import reply, rows, tell, wire, wish
from node.incident.attachment import attach
from node.incident.custody import CustodyError
from node.incident.erase import clear, confirm, is_erasure
from node.incident.pages import Ear, Page, event_of, leave_heard, proof_of, proves_offer, says_nothing_new, unfold
from node.incident.sealing import opened, read_late
from node.incident.value import Custody, CustodyState, Event, Incident, Status
from node.incident.view import centre_title
from node.incident.wire import News


def hear(session: Session, inbound: Inbound, ear: Ear) -> None:
    """Apply one record of a neighbour; raises Unacceptable, and then nothing of it has happened."""
    if _is_past_parent(inbound, ear):
        _hear_past_parent(session, inbound, ear)
        return
    is_from_below = _is_from_below(inbound, ear)
    news = wire.decode(inbound.payload)
    pages = _readable(session, unfold(inbound, news, ear, is_from_below=is_from_below))
    incident = rows.find(session, news.incident_id)
    if incident is not None and _is_told(session, pages):
        rows.add_proof(session, incident.id, proof_of(pages[-1], ear))
        return
    _check_turn(session, incident, inbound, news, is_from_below=is_from_below)
    fresh = [event_of(page, ear) for page in pages if page.news.step is not None and _is_new(session, page)]
    for page in pages:
        incident = _apply(session, incident, page, ear, is_from_below=is_from_below)
        if page.raw and is_from_below and incident is not None:
            give(session, page.raw, name=ear.centre.name, peer=inbound.sender, registry=ear.registry, now=ear.now)
    if incident is None:
        raise Unacceptable("UNKNOWN_INCIDENT", f"nothing is known of incident {news.incident_id}")
    if is_from_below:
        heard = max(incident.heard_below, news.serial)
        incident = replace(incident, heard_below=heard, content_rid=incident.content_rid or inbound.rid)
        incident = tell.pass_on_up(session, ear.centre, incident, inbound, ear.now)
    else:
        incident = replace(incident, heard_above=max(incident.heard_above, news.serial))
        incident = tell.pass_on_down(session, incident, inbound, ear.now)
    incident = reply.reply(session, incident, inbound, news, ear)
    incident = wish.note_heard(session, incident, fresh, ear)
    incident = confirm(session, read_late(session, incident), fresh, ear)
    leave_heard(session, incident, inbound, fresh, ear)
    rows.save(session, replace(incident, version=incident.version + 1, updated_at=ear.now))


def _is_past_parent(inbound: Inbound, ear: Ear) -> bool:
    """Whether a centre two steps below says this itself, because the centre between does not answer it."""
    return inbound.origin == inbound.sender and is_past_parent(ear.registry, inbound.sender, ear.centre.name)


def _hear_past_parent(session: Session, inbound: Inbound, ear: Ear) -> None:
    """Apply an alert as if the centre between had passed it on; that one's own messages keep their count."""
    if inbound.kind != wire.ALERT:
        raise Unacceptable("WRONG_WAY", f"{inbound.kind} is for the parent alone: only what rises by rule may pass it")
    news = wire.decode(inbound.payload)
    incident = rows.find(session, news.incident_id)
    if incident is not None and incident.source != _step(inbound.origin, ear):
        raise Unacceptable("ORIGIN_MISMATCH", f"incident {incident.number} came another way than from {inbound.origin}")
    for page in _readable(session, unfold(inbound, news, ear, is_from_below=True)):
        incident = _apply(session, incident, page, ear, is_from_below=True)
    if incident is None:
        raise Unacceptable("UNKNOWN_INCIDENT", f"nothing is known of incident {news.incident_id}")
    by, past = (centre_title(ear.registry, name) for name in (inbound.origin, incident.source or ""))
    note = f"Nhận thẳng từ {by}, không qua {past}"
    event = Event(at=ear.now, centre=ear.centre.name, actor="", act="bypass", status=incident.status, note=note)
    rows.add_event(session, incident.id, event)
    leave_heard(session, incident, inbound, [event], ear)
    incident = tell.pass_on_up(session, ear.centre, incident, inbound, ear.now)
    rows.save(session, replace(incident, version=incident.version + 1, updated_at=ear.now))


def _readable(session: Session, pages: list[Page]) -> list[Page]:
    """The pages in words, as far as their keys have come."""
    return [replace(page, news=opened(session, page.news)) for page in pages]


def _step(origin: str, ear: Ear) -> str:
    """The child of this centre on the way to a centre below it."""
    found = step_towards(ear.registry, ear.centre.name, origin)
    if found is None:
        raise Unacceptable("ORIGIN_MISMATCH", f"{origin} is not below this centre")
    return found


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


def _check_turn(
    session: Session, incident: Incident | None, inbound: Inbound, news: News, *, is_from_below: bool
) -> None:
    """The messages of a link about one incident are applied in their order, none left out.

    A neighbour that was put back to a copy counts on from there, so that an old number may be a later word.
    """
    heard = 0 if incident is None else incident.heard_below if is_from_below else incident.heard_above
    if incident is not None and is_from_below and incident.source != inbound.sender:
        raise Unacceptable("ORIGIN_MISMATCH", f"incident {incident.number} did not come from {inbound.sender}")
    if news.serial > heard + 1:
        raise Unacceptable("BEHIND_PARKED", f"message {news.serial} about an incident, after {heard}: one is missing")
    if news.serial <= heard and not rows.is_news(
        session, news.incident_id, inbound.origin, inbound.created_at, news.serial
    ):
        raise Unacceptable("OLD_MESSAGE", f"message {news.serial} about an incident, after {heard}")


def _is_told(session: Session, pages: list[Page]) -> bool:
    """Whether a neighbour, put back to a copy of a life that was given up, passes on anew what was verified here."""
    known = {proof.rid for proof in rows.proofs(session, pages[-1].news.incident_id)}
    return not _is_new(session, pages[-1]) and says_nothing_new(pages, known)


def _apply(
    session: Session, incident: Incident | None, page: Page, ear: Ear, *, is_from_below: bool
) -> Incident | None:
    """Apply what one author signed; a record that was applied before proves it again and changes nothing."""
    news, is_new = page.news, _is_new(session, page)
    if incident is None and news.content is not None and is_from_below:
        incident = _keep_content(session, page, ear)
    if incident is None:
        return None
    rows.add_proof(session, incident.id, proof_of(page, ear))
    if not is_new or news.step is None:
        return incident
    event = event_of(page, ear)
    if is_erasure(incident, event):
        incident = clear(session, incident, event, ear.now)
    rows.add_event(session, incident.id, event)
    before = incident.custody
    incident = _custody_heard(session, incident, page, ear)
    return _status_heard(incident, before, page, event, ear)


def _is_new(session: Session, page: Page) -> bool:
    record = page.record
    return rows.is_news(session, page.news.incident_id, record.origin, record.created_at, page.news.serial)


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
        source=_step(page.record.origin, ear),
    )
    rows.add(session, incident, content.thumbnail)
    attach(session, incident.id, content.attachments)
    return incident


def _custody_heard(session: Session, incident: Incident, page: Page, ear: Ear) -> Incident:
    """The custody after a page: an offer to this centre, an answer to its offer, or word of what others agreed."""
    me, record, news, custody = ear.centre.name, page.record, page.news, incident.custody
    if page.is_outer and record.kind == wire.OFFER:
        return _offer_heard(session, incident, page, ear)
    if news.answer is not None and news.answer.giver == me and page.is_outer:
        heard = custody_rules.hear_answer(
            custody, news.answer, me=me, receiver=record.origin, now=ear.now, is_proved=proves_offer(page, ear)
        )
        incident, custody = replace(incident, custody=heard), heard
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
    decision = rows.decision(session, incident.id, giver, claim.term)
    if decision in {rows.PENDING, rows.ACCEPTED}:
        incident = replace(incident, offer_rid=page.record.rid)
    if decision is not None:
        return incident
    if ear.is_locked and claim.term < incident.custody.term:
        rows.decide(session, incident.id, giver, claim.term, rows.VOID, at=ear.now)
        return incident
    if giver not in {incident.custody.holder, incident.custody.offered_to}:
        raise Unacceptable("NOT_HOLDER", f"{giver} offers what, by its holder's signed word, it was never offered")
    try:
        heard = custody_rules.hear_offer(incident.custody, me=me, giver=giver, term=claim.term, now=ear.now)
    except CustodyError as error:
        raise Unacceptable("OLD_TERM", str(error)) from error
    rows.decide(session, incident.id, giver, claim.term, rows.PENDING, at=ear.now)
    rows.void_older(session, incident.id, giver, claim.term, at=ear.now)
    return replace(incident, custody=heard, offer_rid=page.record.rid)


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
            was_forgotten = before.may_end(me)
            status = incident.status if was_forgotten else incident.resumes or Status.RECEIVED
            return replace(incident, status=status, status_at=ear.now, resumes=None)
    elif not _has_authority(page, before, custody) or _only_repeats(page, before, custody):
        return incident
    return replace(
        incident,
        status=step.status,
        status_at=event.at if step.status != incident.status else incident.status_at,
        resumes=step.resumes if news.answer is None else None,
        severity=step.severity or incident.severity,
        category=step.category or incident.category,
    )


def _only_repeats(page: Page, before: Custody, after: Custody) -> bool:
    """Whether somebody who does not hold it says anew, after a restore, what is known here: its status may be old."""
    is_anew = page.news.step is not None and page.news.step.act == tell.ANEW
    return is_anew and before == after and page.record.origin != after.holder


def _has_authority(page: Page, before: Custody, after: Custody) -> bool:
    """Whether a bystander takes the status from this author: it holds, or just answered, by the newest term."""
    claim = page.news.claim
    if claim is not None and claim.term < after.term:
        return False
    return page.record.origin in {before.holder, after.holder} or page.news.answer is not None
