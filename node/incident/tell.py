"""What a centre sends about an incident, in the transaction of the change itself: up, and down to its source."""

from dataclasses import replace
from datetime import datetime

from sqlalchemy.orm import Session

from federation.frame import Inbound
from federation.ledger import PARENT, Lane, NotSealed, Upto, append, down, enclosure
from node.incident import rows, wire
from node.incident.attachment import attached
from node.incident.custody import Answer
from node.incident.sealing import sealed
from node.incident.value import Event, Incident
from node.incident.wire import News
from node.territory import Centre
from node.trail import leave

ANEW = "restate"


def own_step(
    session: Session,
    centre: Centre,
    incident: Incident,
    event: Event,
    *,
    now: datetime,
    kind: str = wire.STATUS,
    answer: Answer | None = None,
    is_locked: bool = False,
) -> Incident:
    """Tell both sides what was done here; above hears of it if it knows the incident already, or the kind says so.

    The incident comes back with its counts of messages; the caller saves it. A restored centre that is not told all yet
    says nothing of custody: it is unsure.
    """
    if is_locked:
        rows.want_anew(session, incident.id)
    news = News(
        incident_id=incident.id,
        serial=1,
        step=wire.step_of(event, incident.resumes),
        claim=None if is_locked else wire.claim_of(incident.custody),
        answer=answer,
    )
    if centre.parent is not None and (incident.told_up > 0 or kind != wire.STATUS):
        for_above = replace(news, answer=replace(answer, offer=b"") if answer else None)
        incident = _up(session, _with_support(session, centre, incident, for_above, kind), incident, kind, now)
    if incident.source is not None:
        incident = _down(session, news, incident, now)
    facts = {"act": event.act, "status": event.status.value, "up": incident.told_up, "down": incident.told_down}
    leave(session, "incident step", incident.id, centre=centre.name, **facts)
    return incident


def anew(
    session: Session,
    centre: Centre,
    incident: Incident,
    *,
    now: datetime,
    kind: str = wire.STATUS,
    answer: Answer | None = None,
) -> Incident:
    """Say to both sides once more who answers for it, with a line in the timeline; the caller saves the incident."""
    event = Event(at=now, centre=centre.name, actor="", act=ANEW, status=incident.status, note="")
    rows.add_event(session, incident.id, event)
    return own_step(session, centre, incident, event, now=now, kind=kind, answer=answer)


def signed_offer(session: Session, incident: Incident) -> bytes:
    """The offer that is open here, as its giver signed it; nothing if that record is no longer kept."""
    try:
        return enclosure(session, incident.offer_rid, incident.custody.holder) if incident.offer_rid else b""
    except NotSealed:
        return b""


def pass_on_up(session: Session, centre: Centre, incident: Incident, heard: Inbound, now: datetime) -> Incident:
    """Send on what a centre below signed, enclosed: an alert for what the centre above does not know, else news."""
    is_alert = heard.kind == wire.ALERT and incident.told_up == 0
    if centre.parent is None or not (is_alert or incident.told_up > 0):
        return incident
    news = News(incident_id=incident.id, serial=1, enclosed=(enclosure(session, heard.rid, heard.origin),))
    return _up(session, news, incident, wire.ALERT if is_alert else wire.STATUS, now)


def pass_on_down(session: Session, incident: Incident, heard: Inbound, now: datetime) -> Incident:
    """Send on what a centre above signed, enclosed, to the child that the incident came from."""
    if incident.source is None:
        return incident
    news = News(incident_id=incident.id, serial=1, enclosed=(enclosure(session, heard.rid, heard.origin),))
    return _down(session, news, incident, now)


def _with_support(session: Session, centre: Centre, incident: Incident, news: News, kind: str) -> News:
    """Add what the centre above needs to believe it: the incident's content, or the records that its opener signed."""
    if incident.origin == centre.name:
        if incident.told_up > 0:
            return news
        picture, kept = rows.thumbnail(session, incident.id), attached(session, incident.id)
        return replace(news, content=wire.content_of(incident, picture, kept))
    support = [incident.content_rid] if incident.told_up == 0 else []
    if kind == wire.OFFER and incident.offer_rid not in support:
        support.append(incident.offer_rid)
    return replace(news, enclosed=tuple(enclosure(session, rid, incident.source) for rid in support if rid))


def _up(session: Session, news: News, incident: Incident, kind: str, now: datetime) -> Incident:
    serial = incident.told_up + 1
    if incident.source is None:
        news = sealed(session, incident, news)
    payload = wire.encode(replace(news, serial=serial))
    upto = Upto.TOP if kind == wire.ALERT else Upto.PARENT
    rid = append(
        session, lane=Lane.URGENT, audience=PARENT, kind=kind, payload=payload, now=now, schema=wire.SCHEMA, upto=upto
    )
    is_own_first = news.content is not None and incident.content_rid is None
    return replace(incident, told_up=serial, content_rid=rid if is_own_first else incident.content_rid)


def _down(session: Session, news: News, incident: Incident, now: datetime) -> Incident:
    serial = incident.told_down + 1
    payload = wire.encode(replace(news, serial=serial))
    audience = down(str(incident.source))
    append(session, lane=Lane.URGENT, audience=audience, kind=wire.STATUS, payload=payload, now=now, schema=wire.SCHEMA)
    return replace(incident, told_down=serial)
