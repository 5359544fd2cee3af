"""What a centre answers by itself to an offer: it gives back what is asked back, and says again what it decided.

What is written down decides: an offer that was accepted or declined before is never decided again.
"""

from dataclasses import replace

from sqlalchemy.orm import Session

from federation.ledger import enclosure
from federation.receiver import Inbound
from node.incident import custody as custody_rules
from node.incident import rows, tell, wire
from node.incident.custody import Answer
from node.incident.pages import Ear
from node.incident.value import CustodyState, Event, Incident, Status
from node.incident.wire import News


def reply(session: Session, incident: Incident, inbound: Inbound, news: News, ear: Ear) -> Incident:
    """Answer what a neighbour's message asks and no person has to decide; the caller saves the incident."""
    if news.claim is None or inbound.kind not in {wire.OFFER, wire.WITHDRAW}:
        return incident
    decision = rows.decision(session, incident.id, inbound.origin, news.claim.term)
    if decision is not None and decision in rows.FINAL:
        return _answer_anew(session, incident, inbound, news, decision, ear)
    if inbound.kind == wire.WITHDRAW:
        return _decide_at_once(session, incident, Answer(inbound.origin, news.claim.term, accepted=False), ear)
    return incident


def _decide_at_once(session: Session, incident: Incident, verdict: Answer, ear: Ear) -> Incident:
    """A giver that asks its offer back gets it, unless it was decided before; what is written down decides.

    A centre that was put back may have decided and not know it: it waits until its neighbours have told it all.
    """
    if not ear.is_locked:
        return hand_back(session, incident, verdict, ear)
    is_open = _is_open(incident, verdict.giver, verdict.term)
    return replace(incident, custody=replace(incident.custody, asked_back=True)) if is_open else incident


def _answer_anew(  # noqa: PLR0917 - the incident, what was said, and who hears
    session: Session, incident: Incident, inbound: Inbound, news: News, decision: str, ear: Ear
) -> Incident:
    """Answer an offer that its giver made, or asks back, anew after a restore: the answer to it may be lost."""
    is_anew = news.step is not None and news.step.act == tell.ANEW
    if ear.is_locked or not is_anew or news.claim is None or decision == rows.VOID:
        return incident
    offer = enclosure(session, inbound.rid, inbound.origin) if inbound.kind == wire.OFFER else b""
    verdict = Answer(inbound.origin, news.claim.term, decision == rows.ACCEPTED, offer)
    return tell.anew(session, ear.centre, incident, now=ear.now, answer=verdict)


def _is_open(incident: Incident, giver: str, term: int) -> bool:
    custody = incident.custody
    return custody.state is CustodyState.OFFERED and (custody.holder, custody.term) == (giver, term)


def hand_back(session: Session, incident: Incident, verdict: Answer, ear: Ear) -> Incident:
    """Decline an offer because its giver wants it back, and tell both sides."""
    me = ear.centre.name
    rows.decide(session, incident.id, verdict.giver, verdict.term, rows.REFUSED, at=ear.now)
    if _is_open(incident, verdict.giver, verdict.term):
        verdict = replace(verdict, offer=tell.signed_offer(session, incident))
        custody = custody_rules.answer(incident.custody, verdict, me=me, now=ear.now)
        status = incident.resumes or Status.RECEIVED
        incident = replace(incident, custody=custody, status=status, status_at=ear.now, resumes=None)
    note = "Trả lại theo đề nghị của nơi chuyển"
    event = Event(at=ear.now, centre=me, actor="", act="decline", status=incident.status, note=note)
    rows.add_event(session, incident.id, event)
    return tell.own_step(session, ear.centre, incident, event, now=ear.now, answer=verdict)
