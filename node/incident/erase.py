"""What an incident says of people is taken out of its rows, where it was opened and at every centre it rose to.

Only the opener may: it is a step that the opener signs, and each centre that verifies the signature does the same to
its own rows and passes the step on. What stays says nothing of anybody: kind, severity, area, times, statuses, and who
answered for it. The signed frames that carried the words are not touched by this; see docs/decisions/0025.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from sqlalchemy import delete, update
from sqlalchemy.orm import Session

from federation.bulk import wants
from node.errors import Conflict
from node.incident import rows, tell
from node.incident.attachment import attached, incident_attachment
from node.incident.value import Event, Incident
from node.territory import Centre

CONTENT, PICTURES = "erase", "erase_pictures"
ERASED = "Nội dung đã được xóa: hết thời hạn lưu giữ, hoặc theo yêu cầu của người phản ánh."
TITLES: Mapping[str, str] = {CONTENT: "Xóa nội dung", PICTURES: "Xóa ảnh"}


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


def clear(session: Session, incident: Incident, event: Event, now: datetime) -> Incident:
    """Take out of the rows what an erasing step names; the incident comes back changed, and the caller saves it."""
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
