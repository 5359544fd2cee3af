"""What an incident says of people is taken out of its rows, where it was opened and at every centre it rose to.

Only the opener may: it is a step that the opener signs, and each centre that verifies the signature does the same to
its own rows and passes the step on. What stays says nothing of anybody: kind, severity, area, times, statuses, and who
answered for it. The keys go too, so that the signed frames that carried the words can be read by nobody any more; each
centre says under its signature that it has done so (docs/decisions/0030).
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from sqlalchemy import delete, update
from sqlalchemy.orm import Session

from federation.bulk import wants
from node import audit
from node.errors import Conflict
from node.incident import rows, tell
from node.incident.attachment import attached, incident_attachment
from node.incident.pages import Ear
from node.incident.sealing import Part, forget
from node.incident.value import Event, Incident
from node.territory import Centre

CONTENT, PICTURES = "erase", "erase_pictures"
ERASED = "Nội dung đã được xóa: hết thời hạn lưu giữ, hoặc theo yêu cầu của người phản ánh."
TITLES: Mapping[str, str] = {CONTENT: "Xóa nội dung", PICTURES: "Xóa ảnh"}
DONE: Mapping[str, str] = {CONTENT: "erased", PICTURES: "pictures_erased"}  # each centre's word that it has


def erase(
    session: Session, centre: Centre, incident_id: UUID, what: str, *, note: str, actor: str, now: datetime
) -> Incident:
    """Take content or pictures out, here and, by a signed step, above; raises NotFound, or Conflict if not the opener.

    `note` is what everybody may read of it: why, and the fingerprint of what was deleted.
    """
    incident = rows.get(session, incident_id)
    if incident.origin != centre.name:
        raise Conflict("chỉ trung tâm đã ghi nhận mới xóa được nội dung của sự cố")
    event = Event(at=now, centre=centre.name, actor=actor, act=what, status=incident.status, note=note)
    incident = clear(session, incident, event, now)
    rows.add_event(session, incident_id, event)
    incident = tell.own_step(session, centre, incident, event, now=now)
    incident = replace(incident, version=incident.version + 1, updated_at=now)
    rows.save(session, incident)
    return incident


def is_erasure(incident: Incident, event: Event) -> bool:
    """Whether a step takes something out; only the opener's word counts."""
    return event.act in TITLES and event.centre == incident.origin


def confirm(session: Session, incident: Incident, heard: Sequence[Event], ear: Ear) -> Incident:
    """Say under one's own signature that it was taken out here; the opener keeps each such word in its audit."""
    me = ear.centre.name
    for event in heard:
        if is_erasure(incident, event) and incident.origin != me:
            done = Event(at=ear.now, centre=me, actor="", act=DONE[event.act], status=incident.status, note=event.note)
            rows.add_event(session, incident.id, done)
            incident = tell.own_step(session, ear.centre, incident, done, now=ear.now, is_locked=ear.is_locked)
        elif event.act in DONE.values() and incident.origin == me:
            detail = {"centre": event.centre, "at": event.at.isoformat(), "key_id": (event.key_id or b"").hex()}
            act = f"incident.{event.act}"
            audit.record(session, actor=event.centre, act=act, subject=str(incident.id), detail=detail, now=ear.now)
    return incident


def clear(session: Session, incident: Incident, event: Event, now: datetime) -> Incident:
    """Take out of the rows what an erasing step names; the incident comes back changed, and the caller saves it."""
    forget(session, incident.id, tuple(Part) if event.act == CONTENT else (Part.PICTURE,), now)
    session.execute(delete(rows.incident_thumbnail).where(rows.incident_thumbnail.c.incident_id == incident.id))
    wants.end_now(session, [one.digest for one in attached(session, incident.id)], now)
    session.execute(delete(incident_attachment).where(incident_attachment.c.incident_id == incident.id))
    incident = replace(incident, has_thumbnail=False)
    if event.act != CONTENT:
        return incident
    mine = (rows.incident_event.c.incident_id == incident.id) & (rows.incident_event.c.centre == incident.origin)
    of_people = rows.incident_event.c.act.not_in(TITLES)
    session.execute(update(rows.incident_event).where(mine & of_people).values(note="", actor=""))
    return replace(incident, title=incident.kind_title, description=ERASED, place=None)
