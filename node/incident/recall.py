"""What a restored centre learns from its own signed records, which its neighbours give back after it has lost them.

Nothing is told again and nobody is answered meanwhile: `anew.py` does that once all is known. What is given back was
heard, and so counts before anything that a copy says and nobody heard. A record on an incident that is not known here
yet is not acceptable now; it is parked, and applied once the neighbour that the incident came from has sent it again.
"""

from dataclasses import replace

from sqlalchemy.orm import Session

from federation.ledger import PARENT
from federation.receiver import Inbound, Unacceptable
from node.incident import custody as custody_rules
from node.incident import rows, wire
from node.incident.attachment import attach
from node.incident.custody import Answer
from node.incident.erase import clear, is_erasure
from node.incident.pages import Ear
from node.incident.sealing import opened
from node.incident.value import Custody, CustodyState, Event, Incident, Status
from node.incident.wire import Claim, News, Step


def recall(session: Session, record: Inbound, ear: Ear) -> None:
    """Apply one of this centre's own records that was lost here; raises Unacceptable, and then nothing has happened."""
    news = opened(session, wire.decode(record.payload))
    incident = rows.find(session, news.incident_id) or _open_again(session, news, ear)
    if incident is None:
        raise Unacceptable("UNKNOWN_INCIDENT", f"nothing is known of incident {news.incident_id}")
    if record.audience == PARENT:
        own = record.rid if news.content is not None else None
        told_up, content_rid = max(incident.told_up, news.serial), incident.content_rid or own
        incident = replace(incident, told_up=told_up, content_rid=content_rid)
    else:
        incident = replace(incident, told_down=max(incident.told_down, news.serial))
    if news.answer is not None:
        incident = _decide_again(session, incident, news.answer, ear)
    if news.step is not None:
        incident = _step_again(session, incident, record, news.step, news.claim, ear)
    rows.want_anew(session, incident.id)
    rows.save(session, replace(incident, version=incident.version + 1, updated_at=ear.now))


def _open_again(session: Session, news: News, ear: Ear) -> Incident | None:
    """The incident that this centre opened, from its own words; its number stays free of doubles."""
    content, me = news.content, ear.centre.name
    if content is None or content.origin != me:
        return None
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
        status_at=content.opened_at,
        custody=custody_rules.opened(me, content.opened_at),
        area_code=content.area_code,
        place=content.place,
        origin=me,
        opened_at=content.opened_at,
        updated_at=ear.now,
        has_thumbnail=content.thumbnail is not None,
    )
    own_number = content.number.rpartition("-")[2]
    is_free = own_number.isdigit() and not rows.has_own_number(session, int(own_number))
    rows.add(session, incident, content.thumbnail, int(own_number) if is_free else None)
    attach(session, incident.id, content.attachments)
    return incident


def _step_again(  # noqa: PLR0917 - an incident, and what was signed about it
    session: Session, incident: Incident, record: Inbound, step: Step, claim: Claim | None, ear: Ear
) -> Incident:
    """A line of the timeline, unless it is there; it moves custody and status only if nothing later is known."""
    me = ear.centre.name
    own = [event for event in rows.events(session, incident.id) if event.centre == me]
    if any((event.at, event.act) == (step.at, step.act) for event in own):
        return incident
    event = Event(
        at=step.at,
        centre=me,
        actor=step.actor,
        act=step.act,
        status=step.status,
        note=step.note,
        severity=step.severity,
        category=step.category,
    )
    if is_erasure(incident, event):
        incident = clear(session, incident, event, ear.now)
    rows.add_event(session, incident.id, event)
    before, custody = incident.custody, incident.custody
    is_present = before.is_responsible(me)
    if claim is not None:
        said = _custody(record, step, claim, me)
        custody = custody_rules.recalled(before, said, me=me)
        is_present = claim.holder == me and custody_rules.progress(said) >= custody_rules.progress(before)
    if not is_present or any(event.at > step.at for event in own):
        return replace(incident, custody=custody)
    if record.kind == wire.WITHDRAW:
        custody = replace(custody, asked_back=True)
    return replace(
        incident,
        custody=custody,
        status=step.status,
        status_at=step.at,
        resumes=step.resumes,
        severity=step.severity or incident.severity,
        category=step.category or incident.category,
    )


def _custody(record: Inbound, step: Step, claim: Claim, me: str) -> Custody:
    """What this centre said about custody when it signed the record."""
    state = CustodyState.OFFERED if claim.offered_to else CustodyState.HELD if claim.holder == me else None
    is_asked_back = record.kind == wire.WITHDRAW
    return Custody(
        state or CustodyState.ELSEWHERE, claim.holder, claim.offered_to, claim.term, step.at, asked_back=is_asked_back
    )


def _decide_again(session: Session, incident: Incident, answer: Answer, ear: Ear) -> Incident:
    """What was decided; a contrary decision that is known here was heard by nobody, and all that followed from it."""
    verdict, custody = rows.ACCEPTED if answer.accepted else rows.REFUSED, incident.custody
    known = rows.decision(session, incident.id, answer.giver, answer.term)
    if known == verdict:
        return incident
    if known in {rows.ACCEPTED, rows.REFUSED}:
        unheard = replace(answer, accepted=not answer.accepted)
        custody = custody_rules.undecided(custody, unheard, me=ear.centre.name, now=ear.now)
    rows.decide(session, incident.id, answer.giver, answer.term, verdict, at=ear.now, was_heard=True)
    return replace(incident, custody=custody)
