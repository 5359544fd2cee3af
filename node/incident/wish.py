"""What whoever reported wishes of the centre that ended the incident elsewhere: to have it opened again, or to rate it.

The centre that took the report signs the wish as a step of its own, and it travels like every other. Only the centre
that holds the incident answers: it notes the wish in a step that comes back down, and a person there reopens or keeps.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from node.incident import rows, tell
from node.incident.pages import Ear
from node.incident.value import Event, Incident, Status

ASKED, RATED = "ask_reopen", "rate"
_NOTED = {ASKED: ("reopen_asked", Status.REOPEN_ASKED), RATED: ("rated", Status.RATED)}
_FROM = {
    ASKED: frozenset(
        {Status.RESOLVED, Status.PUBLISHED, Status.RATED, Status.CLOSED, Status.REFUSED, Status.DUPLICATE}
    ),
    RATED: frozenset({Status.RESOLVED, Status.PUBLISHED}),
}
_ANSWERS = frozenset({"reopen", "keep"})


def is_pending(events: Iterable[Event]) -> bool:
    """Whether the last wish to open an incident again has not been answered, as far as is known here."""
    acts = [event.act for event in events if event.act == ASKED or event.act in _ANSWERS]
    return bool(acts) and acts[-1] == ASKED


def note_heard(session: Session, incident: Incident, heard: Sequence[Event], ear: Ear) -> Incident:
    """Take what was wished into the status and say so to the centres below and above; the caller saves.

    A centre that was put back waits with it: it may have ended the incident and not know it yet.
    """
    for event in heard:
        if event.act in _NOTED and event.centre == incident.origin and not ear.is_locked:
            incident = _note(session, incident, event.act, ear)
    return incident


def note_late(session: Session, ear: Ear) -> int:
    """Take up what was wished while this centre waited for its neighbours to tell it all; how many that were."""
    count = 0
    for incident_id in _wished(session):
        incident, events = rows.get(session, incident_id), rows.events(session, incident_id)
        acts = [event.act for event in events if event.act in {ASKED, *_ANSWERS, _NOTED[ASKED][0]}]
        if not acts or acts[-1] != ASKED:
            continue
        noted = _note(session, incident, ASKED, ear)
        if noted is not incident:
            rows.save(session, replace(noted, version=noted.version + 1, updated_at=ear.now))
            count += 1
    return count


def _wished(session: Session) -> Sequence[UUID]:
    found = rows.incident_event.c
    return session.scalars(select(found.incident_id).where(found.act == ASKED).distinct()).all()


def _note(session: Session, incident: Incident, wish: str, ear: Ear) -> Incident:
    me = ear.centre.name
    if incident.status not in _FROM[wish] or not incident.custody.may_end(me) or incident.origin == me:
        return incident
    act, status = _NOTED[wish]
    incident = replace(incident, status=status, status_at=ear.now)
    event = Event(at=ear.now, centre=me, actor="", act=act, status=status)
    rows.add_event(session, incident.id, event)
    return tell.own_step(session, ear.centre, incident, event, now=ear.now)
