"""What people do to incidents: open one, and take each step that the table of actions allows."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy.orm import Session

from federation.ledger import new_rid
from node.errors import Conflict, CustodyLocked, Invalid, Stale
from node.incident import custody as custody_rules
from node.incident import rows, tell, wire
from node.incident.attachment import Attachment, attach
from node.incident.custody import Answer
from node.incident.steps import ACTIONS, ESCALATION_REASONS, RATINGS, Action, clean, hindrance
from node.incident.value import (
    AREA_PATTERN,
    CATEGORY_LIMIT,
    DESCRIPTION_LIMIT,
    HANDLE_LIMIT,
    NAME_LIMIT,
    NOTE_LIMIT,
    TITLE_LIMIT,
    Event,
    Incident,
    IncidentKind,
    Place,
    Severity,
    Status,
    text_problem,
    thumbnail_problem,
)
from node.incident.wish import is_pending
from node.territory import Centre
from node.trail import leave

Fields = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Desk:
    """Who acts, at which centre, and when; locked: restored, not yet told all by its neighbours, so it ends nothing."""

    centre: Centre
    actor: str
    now: datetime
    is_locked: bool = False


@dataclass(frozen=True, slots=True)
class Outcome:
    """An incident after a step, and what is told of it besides."""

    incident: Incident
    note: str = ""
    answer: Answer | None = None
    kind: str = wire.STATUS


def open_incident(
    session: Session,
    *,
    centre: Centre,
    kind: IncidentKind,
    severity: Severity,
    title: str,
    description: str,
    area_code: str,
    place: Place | None,
    category: str,
    thumbnail: bytes | None,
    actor: str,
    now: datetime,
    random: Callable[[int], bytes],
    attachments: tuple[Attachment, ...] = (),
) -> Incident:
    """Keep a new incident that this centre holds; a grave one rises in the same transaction. Raises Invalid."""
    problems = {
        "title": text_problem(title, TITLE_LIMIT, required=True),
        "description": text_problem(description, DESCRIPTION_LIMIT),
        "category": text_problem(category, CATEGORY_LIMIT),
        "actor": text_problem(actor, NAME_LIMIT),
        "area_code": None if AREA_PATTERN.fullmatch(area_code) else "không phải mã đơn vị hành chính",
        "place": None if place is None or _is_on_globe(place) else "không phải tọa độ",
        "thumbnail": thumbnail_problem(thumbnail) if thumbnail is not None else None,
    }
    _refuse(problems)
    own_number = rows.next_own_number(session)
    incident = Incident(
        id=new_rid(now, random),
        version=1,
        number=f"{centre.code}-{own_number}",
        kind=kind.code,
        kind_title=kind.title,
        rises_from=kind.rises_from,
        title=title.strip(),
        description=description.strip(),
        category=category.strip(),
        severity=severity,
        status=Status.NEW,
        status_at=now,
        custody=custody_rules.opened(centre.name, now),
        area_code=area_code,
        place=place,
        origin=centre.name,
        opened_at=now,
        updated_at=now,
        has_thumbnail=thumbnail is not None,
    )
    rows.add(session, incident, thumbnail, own_number)
    attach(session, incident.id, attachments)
    event = Event(at=now, centre=centre.name, actor=actor, act="open", status=Status.NEW)
    rows.add_event(session, incident.id, event)
    leave(session, "incident opened", incident.id, centre=centre.name, number=incident.number)
    if kind.rises(severity):
        incident = tell.own_step(session, centre, incident, event, now=now, kind=wire.ALERT)
        rows.save(session, incident)
    return incident


def perform(
    session: Session,
    desk: Desk,
    incident_id: UUID,
    name: str,
    *,
    version: int | None,
    fields: Mapping[str, object] | None = None,
) -> Incident:
    """Take one step; raises NotFound, Stale (with the present version), Invalid or Conflict, and then nothing happened.

    Whether this person may is decided before, by permission; whether this centre may is decided here.
    """
    incident, changed = rows.get(session, incident_id), "sự cố vừa được người khác cập nhật; hãy xem lại"
    if version is not None and version != incident.version:
        raise Stale(changed, extra={"version": incident.version})
    action = ACTIONS.get(name)
    if action is None:
        raise Invalid(f"không có thao tác “{name}”")
    values = clean(action, fields or {})
    why_not = hindrance(incident, action, desk.centre.name, desk.centre.parent)
    if why_not:
        raise Conflict(why_not, extra={"version": incident.version})
    if desk.is_locked and (locked := hindrance(incident, action, desk.centre.name, desk.centre.parent, is_locked=True)):
        raise CustodyLocked(f"{locked}; thao tác chưa được ghi nhận, hãy thử lại sau ít phút")
    outcome = _EFFECTS.get(name, _plain)(session, incident, action, values, desk)
    note = (outcome.note or values.get("note", ""))[:NOTE_LIMIT]
    return _finish(session, incident, replace(outcome, note=note), action, desk)


def timeline(session: Session, incident_id: UUID) -> list[Event]:
    """What happened to an incident, in the order in which this centre learned of it."""
    return rows.events(session, incident_id)


def _finish(session: Session, before: Incident, outcome: Outcome, action: Action, desk: Desk) -> Incident:
    """Write the step down and tell the neighbours, all in the caller's transaction."""
    incident = outcome.incident
    incident = replace(
        incident,
        version=before.version + 1,
        updated_at=desk.now,
        status_at=desk.now if incident.status != before.status else before.status_at,
    )
    event = Event(
        at=desk.now,
        centre=desk.centre.name,
        actor=desk.actor,
        act=action.name,
        status=incident.status,
        note=outcome.note,
        severity=incident.severity if incident.severity != before.severity else None,
        category=incident.category if incident.category != before.category else "",
    )
    rows.add_event(session, incident.id, event)
    kind = outcome.kind
    kind_of = IncidentKind(incident.kind, incident.kind_title, incident.rises_from)
    if kind == wire.STATUS and incident.told_up == 0 and incident.status.is_open and kind_of.rises(incident.severity):
        kind = wire.ALERT
    incident = tell.own_step(
        session,
        desk.centre,
        incident,
        event,
        now=desk.now,
        kind=kind,
        answer=outcome.answer,
        is_locked=desk.is_locked,
    )
    rows.save(session, incident)
    return incident


def _refuse(problems: Mapping[str, str | None]) -> None:
    """Raise Invalid that names every field at fault, if there is one."""
    errors = [{"field": field, "message": problem} for field, problem in problems.items() if problem]
    if errors:
        raise Invalid("; ".join(f"{error['field']}: {error['message']}" for error in errors), errors=errors)


def _is_on_globe(place: Place) -> bool:
    return abs(place.lat) <= 90 and abs(place.lon) <= 180  # noqa: PLR2004 - the degrees of the globe


# what a step does to the incident, beside its status --------------------------------------------------------------


def _plain(session: Session, incident: Incident, action: Action, values: Fields, desk: Desk) -> Outcome:
    _ = session, values, desk
    return Outcome(replace(incident, status=action.becomes or incident.status))


def _triage(session: Session, incident: Incident, action: Action, values: Fields, desk: Desk) -> Outcome:
    outcome = _plain(session, incident, action, values, desk)
    category = values["category"] or incident.category
    severity = Severity(int(values["severity"]))
    return replace(outcome, incident=replace(outcome.incident, severity=severity, category=category))


def _assign(session: Session, incident: Incident, action: Action, values: Fields, desk: Desk) -> Outcome:
    outcome = _plain(session, incident, action, values, desk)
    deadline = incident.deadline or desk.now + HANDLE_LIMIT.of(incident.severity)
    note = f"{values['unit']}. {values['note']}".strip()
    return replace(outcome, incident=replace(outcome.incident, unit=values["unit"], deadline=deadline), note=note)


def _ask_extension(session: Session, incident: Incident, action: Action, values: Fields, desk: Desk) -> Outcome:
    outcome = _plain(session, incident, action, values, desk)
    return replace(outcome, note=f"Xin {values['days']} ngày: {values['note']}")


def _grant_extension(session: Session, incident: Incident, action: Action, values: Fields, desk: Desk) -> Outcome:
    outcome = _plain(session, incident, action, values, desk)
    deadline = max(incident.deadline or desk.now, desk.now) + timedelta(days=int(values["days"]))
    count = incident.extensions + 1
    note = f"Gia hạn lần {count}, thêm {values['days']} ngày. {values['note']}".strip()
    return replace(outcome, incident=replace(outcome.incident, deadline=deadline, extensions=count), note=note)


def _duplicate(session: Session, incident: Incident, action: Action, values: Fields, desk: Desk) -> Outcome:
    outcome = _plain(session, incident, action, values, desk)
    other = rows.find_number(session, values["of"])
    if other is None or other == incident.id:
        raise Invalid(
            f"không có sự cố nào khác mang số {values['of']}",
            errors=[{"field": "of", "message": "không tìm thấy sự cố này"}],
        )
    note = f"Trùng với {values['of']}: {values['note']}"
    return replace(outcome, incident=replace(outcome.incident, duplicate_of=other), note=note)


def _reopen(session: Session, incident: Incident, action: Action, values: Fields, desk: Desk) -> Outcome:
    outcome = _plain(session, incident, action, values, desk)
    return replace(outcome, incident=replace(outcome.incident, deadline=None, unit="", duplicate_of=None))


def _ask_reopen(session: Session, incident: Incident, action: Action, values: Fields, desk: Desk) -> Outcome:
    """A wish to whoever ended it: nothing changes here, and a second wish waits for the answer to the first."""
    if is_pending(rows.events(session, incident.id)):
        raise Conflict("đề nghị mở lại đã được gửi và đang chờ trả lời", extra={"version": incident.version})
    return _plain(session, incident, action, values, desk)


def _rate(session: Session, incident: Incident, action: Action, values: Fields, desk: Desk) -> Outcome:
    """A rating changes the status only where the incident is held; elsewhere it is told to whoever holds it."""
    _ = session
    is_held = incident.custody.is_responsible(desk.centre.name)
    note = f"{dict(RATINGS)[values['rating']]}. {values['note']}".strip()
    return Outcome(replace(incident, status=action.becomes or incident.status) if is_held else incident, note)


# who answers for it ------------------------------------------------------------------------------------------------


def _escalate(session: Session, incident: Incident, action: Action, values: Fields, desk: Desk) -> Outcome:
    """Offer the incident to the centre above; the duty of care stays until that centre accepts."""
    parent = str(desk.centre.parent)
    custody = custody_rules.offer(incident.custody, me=desk.centre.name, to=parent, now=desk.now)
    outcome = _plain(session, incident, action, values, desk)
    moved = replace(outcome.incident, custody=custody, resumes=incident.status)
    return Outcome(moved, f"{dict(ESCALATION_REASONS)[values['cause']]}: {values['note']}", kind=wire.OFFER)


def _withdraw(session: Session, incident: Incident, action: Action, values: Fields, desk: Desk) -> Outcome:
    """Ask the offer back; the centre above decides, and may have accepted meanwhile."""
    _ = session, action, values
    custody = custody_rules.ask_back(incident.custody, me=desk.centre.name)
    return Outcome(replace(incident, custody=custody), kind=wire.WITHDRAW)


def _accept(session: Session, incident: Incident, action: Action, values: Fields, desk: Desk) -> Outcome:
    outcome, status = _answer(session, incident, desk, accepted=True), action.becomes or incident.status
    _ = values
    return replace(outcome, incident=replace(outcome.incident, status=status, deadline=None, unit=""))


def _decline(session: Session, incident: Incident, action: Action, values: Fields, desk: Desk) -> Outcome:
    _ = action, values
    outcome = _answer(session, incident, desk, accepted=False)
    return replace(outcome, incident=replace(outcome.incident, status=incident.resumes or Status.RECEIVED))


def _answer(session: Session, incident: Incident, desk: Desk, *, accepted: bool) -> Outcome:
    verdict = Answer(incident.custody.holder, incident.custody.term, accepted, tell.signed_offer(session, incident))
    custody = custody_rules.answer(incident.custody, verdict, me=desk.centre.name, now=desk.now)
    decision = rows.ACCEPTED if accepted else rows.REFUSED
    rows.decide(session, incident.id, verdict.giver, verdict.term, decision, at=desk.now)
    return Outcome(replace(incident, custody=custody, resumes=None), answer=verdict)


_EFFECTS: Mapping[str, Callable[[Session, Incident, Action, Fields, Desk], Outcome]] = {
    "triage": _triage,
    "assign": _assign,
    "ask_extension": _ask_extension,
    "grant_extension": _grant_extension,
    "duplicate": _duplicate,
    "ask_reopen": _ask_reopen,
    "reopen": _reopen,
    "rate": _rate,
    "escalate": _escalate,
    "withdraw": _withdraw,
    "accept": _accept,
    "decline": _decline,
}
