"""What whoever holds a receipt may see: where the report stands, who acted, and for whom it waits."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import RowMapping, select, update
from sqlalchemy.orm import Session

from modules.citizen.kinds import CATEGORIES
from modules.citizen.places import elsewhere_words
from modules.citizen.rendering import BASE, vietnam
from modules.citizen.reports import ACTOR
from modules.citizen.tables import report as report_table
from modules.citizen.wording import tidy, without_personal_data
from node import audit
from node.context import NodeContext
from node.errors import Conflict, Invalid, NotFound
from node.incident import rows
from node.incident.act import Desk, perform, timeline
from node.incident.steps import ACT_TITLES, RATINGS, possible
from node.incident.value import Custody, CustodyState, Event, Incident, overdue_cause
from node.incident.wish import is_pending

Say = Callable[[str], str]

# A step's note is for the staff, but the reason of these is owed to whoever reported.
_TOLD_NOTES = {"refuse", "duplicate", "resolve", "close", "keep", "reopen", "ask_reopen", "rate"}
_NOTE_LABELS = {"resolve": "Kết quả", "rate": "Mức đánh giá", "close": "Ghi chú"}
_UNTOLD_ACTS = {"note", "restate"}
_REASON_LENGTH = 500
_RATING_TITLES = dict(RATINGS)


@dataclass(frozen=True, slots=True)
class Viewer:
    """The node that answers and the language it answers in."""

    context: NodeContext
    say: Say

    def centre(self, name: str) -> str:
        """A centre's title as the registry knows it."""
        entry = self.context.registry.current.centre(name)
        return (
            entry.title
            if entry is not None
            else self.context.centre.title
            if name == self.context.centre.name
            else name
        )


def row_of(session: Session, code: str) -> RowMapping:
    """The report of a receipt; raises NotFound, in the same words for every code that is none."""
    row = session.execute(select(report_table).where(report_table.c.code == code)).mappings().first()
    if row is None:
        raise NotFound("Không có phản ánh với mã này")
    return row


def view(session: Session, viewer: Viewer, code: str) -> dict[str, Any]:
    """The report as its tracking page shows it; nothing of the reporter and no words of the report are in it."""
    row = row_of(session, code)
    incident = rows.get(session, UUID(row["incident_id"]))
    context, say = viewer.context, viewer.say
    now = context.clock.now()
    allowed = {action.name for action in possible(incident, context.centre.name, context.centre.parent)}
    cause = overdue_cause(incident, context.centre.name, now)
    events = timeline(session, incident.id)
    is_asked = is_pending(events)
    return {
        "code": row["code"],
        "track_url": f"{BASE}/track/{row['code']}",
        "status": incident.status.value,
        "status_title": say(incident.status.label),
        "open": incident.status.is_open,
        "holder_title": viewer.centre(incident.custody.holder),
        "category": row["category"],
        "category_title": say(CATEGORIES[row["category"]].title),
        "area_code": row["place_area_code"],
        "area_name": _area_name(context, row["place_area_code"], now),
        "opened_at": row["recorded_at"].isoformat(),
        "updated_at": incident.updated_at.isoformat(),
        "as_of": now.isoformat(),
        "overdue": cause is not None,
        "overdue_cause": cause,
        "complaint": row["complaint"],
        "note": note(viewer, row["area_code"], row["place_area_code"], now),
        "waiting": f"{_asked(viewer, incident) if is_asked else ''} {waiting(viewer, incident.custody)}".strip(),
        "timeline": [_line(viewer, event) for event in events if event.act not in _UNTOLD_ACTS],
        "rating": row["rating"],
        "rating_title": say(_RATING_TITLES.get(row["rating"] or "", "")),
        "may_rate": "rate" in allowed and not _is_rated(row, events),
        "may_reopen": "reopen" in allowed or ("ask_reopen" in allowed and not is_asked),
    }


def _is_rated(row: RowMapping, events: Sequence[Event]) -> bool:
    """Whether the present result is rated: an incident that was opened again since may be rated again."""
    reopened = max((event.received_at or event.at for event in events if event.act == "reopen"), default=None)
    return row["rating"] is not None and (reopened is None or row["rated_at"] >= reopened)


def _asked(viewer: Viewer, incident: Incident) -> str:
    words = viewer.say("Đã gửi đề nghị mở lại tới {centre}; đang chờ trả lời.")
    return words.format(centre=viewer.centre(incident.custody.holder))


def _area_name(context: NodeContext, code: str, now: datetime) -> str:
    area = context.territory.area(code, context.territory.local_date(now))
    return area.name if area else code


def note(viewer: Viewer, area_code: str, place_area_code: str, now: datetime) -> str:
    """What a person is told whose report lies in a neighbour's area; empty for every other."""
    if area_code == place_area_code:
        return ""
    area = _area_name(viewer.context, place_area_code, now)
    return elsewhere_words(viewer.say, area, viewer.context.centre.title)


def _line(viewer: Viewer, event: Event) -> dict[str, Any]:
    return {
        "at": event.at.isoformat(),
        "act": event.act,
        "title": viewer.say(ACT_TITLES.get(event.act, event.status.label)),
        "status": event.status.value,
        "centre": viewer.centre(event.centre),
        "verified": event.key_id is not None,
        "note": _told(viewer, event),
        "note_label": viewer.say(_NOTE_LABELS.get(event.act, "Lý do")),
    }


def _told(viewer: Viewer, event: Event) -> str:
    """The words of a step that are owed to whoever reported; a rating begins with a word of ours."""
    if event.act not in _TOLD_NOTES:
        return ""
    title, stop, words = event.note.partition(".")
    if event.act == "rate" and title in _RATING_TITLES.values():
        return f"{viewer.say(title)}{stop}{words}"
    return event.note


def waiting(viewer: Viewer, custody: Custody) -> str:
    """For whom a report waits, and whether the line is down meanwhile; empty while this centre itself deals with it."""
    say, me = viewer.say, viewer.context.centre.name
    if custody.holder == me and custody.offered_to is None:
        return ""
    words = ""
    if custody.state is CustodyState.OFFERED and custody.offered_to:
        words = say("Đang chờ {centre} tiếp nhận.").format(centre=viewer.centre(custody.offered_to))
    for peer in viewer.context.peers():
        if peer.relation == "parent" and not peer.connected:
            line = say("Đường truyền tới {centre} đang gián đoạn; thông tin mới sẽ được gửi ngay khi nối lại.")
            words = f"{words} {line.format(centre=viewer.centre(peer.name))}".strip()
            if peer.last_heard_at is not None:
                words += " " + say("Lần liên lạc cuối: {time}.").format(time=vietnam(peer.last_heard_at))
    return words


def rate(session: Session, context: NodeContext, code: str, rating: str, comment: str) -> None:
    """Take the reporter's word on the result; raises Invalid or Conflict."""
    if rating not in _RATING_TITLES:
        words = "Hãy chọn một mức đánh giá."
        raise Invalid(words, errors=[{"field": "rating", "message": words}])
    row = row_of(session, code)
    if _is_rated(row, timeline(session, UUID(row["incident_id"]))):
        raise Conflict("Bạn đã đánh giá phản ánh này.")
    comment = _short(comment, "comment")
    now = context.clock.now()
    _perform(session, context, row, "rate", {"rating": rating, "note": _upward(row, comment)})
    session.execute(
        update(report_table)
        .where(report_table.c.code == code)
        .values(rating=rating, rating_comment=comment or None, rated_at=now)
    )


def reopen(session: Session, context: NodeContext, code: str, reason: str) -> None:
    """Open the report again because whoever reported says that it is not solved; raises Invalid or Conflict.

    What another centre answers for it is asked to open: the wish rises, and that centre reopens or keeps its result.
    """
    reason = _short(reason, "reason")
    if not reason:
        words = "Hãy cho biết vì sao cần mở lại."
        raise Invalid(words, errors=[{"field": "reason", "message": words}])
    row = row_of(session, code)
    incident = rows.get(session, UUID(row["incident_id"]))
    if not incident.custody.is_responsible(context.centre.name):
        _perform(session, context, row, "ask_reopen", {"note": _upward(row, reason)})
        return
    _perform(session, context, row, "reopen", {"note": _upward(row, reason)})
    session.execute(
        update(report_table)
        .where(report_table.c.code == code)
        .values(rating=None, rating_comment=None, rated_at=None, public_text=None, published_at=None)
    )


def _short(text: str, field: str) -> str:
    text = tidy(text)
    if len(text) > _REASON_LENGTH:
        words = "Nội dung dài quá 500 ký tự."
        raise Invalid(words, errors=[{"field": field, "message": words}])
    return text


def _upward(row: RowMapping, text: str) -> str:
    """The words as they may travel to whoever holds the incident."""
    return without_personal_data(text, row["reporter_name"] or "", row["reporter_phone"] or "")


def _perform(session: Session, context: NodeContext, row: RowMapping, act: str, fields: dict[str, object]) -> Incident:
    now = context.clock.now()
    audit.record(session, actor=ACTOR, act=f"report.{act}", subject=row["incident_id"], detail="", now=now)
    desk = Desk(context.centre, ACTOR, now, context.custody_locked())
    return perform(session, desk, UUID(row["incident_id"]), act, version=None, fields=fields)
