"""What a centre says anew about custody once its disk was put back: nothing while it is unsure, then the whole truth.

A copy may hold words that nobody heard, and that contradict what was heard of this centre since. They are said as what
happened and nothing more: what they said of custody is taken out before anything is sealed. When every neighbour has
told what it knows, the centre says to both sides who answers, answers the last offer from below once more, and makes
its own open offer once more. Whoever decided that offer before answers it once more, too.
"""

from dataclasses import replace
from datetime import datetime

from sqlalchemy.orm import Session

from federation.frame import FrameInvalid, Record, open_enclosure
from federation.ledger import Lane, NotSealed, Upto, append, enclosure
from federation.removal import Removal, take_unheard
from node.incident import rows, tell, wire, wish
from node.incident.custody import Answer
from node.incident.pages import Ear
from node.incident.reply import hand_back
from node.incident.value import CustodyState, Incident


def put_aside(session: Session, removal: Removal) -> int:
    """In a copy that was put back: nothing that nobody has acknowledged says anything of custody; of how many words.

    Each keeps its rid and its number, and is signed later than all that was heard since the copy was made.
    """
    unheard = take_unheard(session.connection(), removal, lambda record: record.kind in wire.KINDS)
    for audience, record in unheard:
        _say_bare(session, audience, record, removal.now)
    return len(unheard)


def _say_bare(session: Session, audience: str, record: Record, now: datetime) -> None:
    news = wire.decode(record.payload)
    is_alert = record.kind == wire.ALERT
    append(
        session,
        lane=Lane.URGENT,
        audience=audience,
        kind=wire.ALERT if is_alert else wire.STATUS,
        payload=wire.encode(replace(news, claim=None, answer=None)),
        now=now,
        schema=record.schema,
        rid=record.rid,
        upto=Upto.TOP if is_alert else Upto.PARENT,
    )
    rows.want_anew(session, news.incident_id)


def say(session: Session, ear: Ear) -> int:
    """Once all is told: answer what was asked and wished meanwhile, and tell who answers; how many words that were."""
    asked_back = rows.asked_back_from(session, ear.centre.name)
    for incident in asked_back:
        verdict = Answer(incident.custody.holder, incident.custody.term, accepted=False)
        told = hand_back(session, incident, verdict, ear)
        rows.save(session, replace(told, version=told.version + 1, updated_at=ear.now))
    wanted = rows.take_wanted_anew(session)
    for incident in wanted:
        told = _say_one(session, _followed(session, incident, ear), ear)
        rows.save(session, replace(told, version=told.version + 1, updated_at=ear.now))
    return len(asked_back) + len(wanted) + wish.note_late(session, ear)


def _followed(session: Session, incident: Incident, ear: Ear) -> Incident:
    """Whoever does not answer for it goes by the last word of whoever does, or by which it came back there."""
    holder = incident.custody.holder
    said = [one for one in rows.events(session, incident.id) if one.centre == holder or one.act == "decline"]
    if holder == ear.centre.name or not said:
        return incident
    latest = max(said, key=lambda event: (event.at, event.number))
    return replace(incident, status=latest.status, status_at=latest.at)


def _say_one(session: Session, incident: Incident, ear: Ear) -> Incident:
    custody, me = incident.custody, ear.centre.name
    kind = wire.STATUS
    if custody.state is CustodyState.OFFERED and custody.holder == me:
        kind = wire.WITHDRAW if custody.asked_back else wire.OFFER
    verdict = rows.latest_verdict(session, incident.id, incident.source) if incident.source else None
    answer = None
    if incident.source and verdict:
        answer = Answer(incident.source, *verdict, offer=_offer(session, incident, verdict[0], ear))
    return tell.anew(session, ear.centre, incident, now=ear.now, kind=kind, answer=answer)


def _offer(session: Session, incident: Incident, term: int, ear: Ear) -> bytes:
    """The signed offer of the centre below under that term, if it is the one that is kept."""
    try:
        raw = enclosure(session, incident.offer_rid, incident.source) if incident.offer_rid else b""
        claim = wire.decode(open_enclosure(raw, ear.registry.public_key).payload).claim if raw else None
    except (NotSealed, FrameInvalid):
        return b""
    return raw if claim is not None and claim.term == term else b""
