"""A citizen's report: kept together with its incident, found by its receipt, rated and reopened by whoever holds it."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from modules.citizen.intake import Draft
from modules.citizen.photo import Photo
from modules.citizen.receipt import new_receipt, read_receipt
from modules.citizen.tables import photo as photo_table
from modules.citizen.tables import report as report_table
from modules.citizen.wording import WITHHELD, has_personal_data, is_complaint, without_personal_data
from node.context import NodeContext
from node.errors import Conflict
from node.incident.act import open_incident
from node.incident.attachment import attachment_of, is_of
from node.incident.value import DESCRIPTION_LIMIT

ACTOR = "công dân"
_TITLE_WORDS = 90


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """A report that is kept, as whoever sent it is told; `again` says that this very report was kept before."""

    code: str
    incident_id: str
    category: str
    area_code: str
    place_area_code: str
    complaint: bool
    recorded_at: datetime
    again: bool


def find_by_key(session: Session, draft: Draft) -> Recorded | None:
    """The report that was kept under the sender's key; raises Conflict if that was another one."""
    row = session.execute(select(report_table).where(report_table.c.key == draft.key)).mappings().first()
    if row is None:
        return None
    if row["digest"] != draft.digest:
        raise Conflict(
            f"Một phản ánh khác đã được ghi nhận với lần gửi này, mã {row['code']}. Nội dung mới chưa được ghi nhận: "
            "hãy bấm gửi lần nữa để gửi thành phản ánh mới.",
            extra={"receipt": row["code"]},
        )
    return Recorded(
        code=row["code"],
        incident_id=row["incident_id"],
        category=row["category"],
        area_code=row["area_code"],
        place_area_code=row["place_area_code"],
        complaint=row["complaint"],
        recorded_at=row["recorded_at"],
        again=True,
    )


def find_by_receipt(session: Session, typed: str) -> UUID | None:
    """The incident of the report whose receipt somebody typed; None if it is none of this centre's."""
    code = read_receipt(typed)
    if code is None:
        return None
    found = session.scalar(select(report_table.c.incident_id).where(report_table.c.code == code))
    return UUID(found) if found else None


def read_photo(session: Session, incident_id: UUID, digest: bytes) -> bytes | None:
    """The clean copy of a report's photograph, if it is the one of that hash."""
    found = session.scalar(select(photo_table.c.jpeg).where(photo_table.c.incident_id == str(incident_id)))
    return bytes(found) if found is not None and is_of(digest, bytes(found)) else None


@dataclass(frozen=True, slots=True)
class Told:
    """What the incident says of a report: nothing by which the reporter could be known."""

    title: str
    description: str


def told(draft: Draft, *, is_complaint_text: bool) -> Told:
    """The words of the incident; a complaint's or denunciation's text stays here, contact details are hidden."""
    if is_complaint_text:
        return Told(draft.category.title, WITHHELD)
    hide = (draft.name, draft.phone)
    words = without_personal_data(draft.description, *hide)
    place = without_personal_data(draft.place_words, *hide)
    first = " ".join(words.split())
    short = first if len(first) <= _TITLE_WORDS else first[:_TITLE_WORDS].rsplit(" ", 1)[0] + "…"
    lines = [words]
    if place:
        lines.append(f"Nơi xảy ra: {place}")
    if not draft.whereabouts.is_own:
        lines.append(f"Vị trí thuộc {draft.whereabouts.area.name}, ngoài địa bàn của trung tâm tiếp nhận.")
    return Told(f"{draft.category.title}: {short}", "\n".join(lines)[:DESCRIPTION_LIMIT])


def keep(session: Session, context: NodeContext, draft: Draft, photo: Photo | None) -> Recorded:
    """Keep report, photograph and incident in the caller's transaction; the same key again keeps nothing new."""
    known = find_by_key(session, draft)
    if known is not None:
        return known
    now = context.clock.now()
    text = f"{draft.description}\n{draft.place_words}"
    complaint = is_complaint(text)
    words = told(draft, is_complaint_text=complaint)
    incident = open_incident(
        session,
        centre=context.centre,
        kind=draft.category.kind,
        severity=draft.urgency.severity,
        title=words.title,
        description=words.description,
        area_code=draft.whereabouts.handled_in,
        place=draft.place,
        category=draft.category.title,
        thumbnail=photo.thumbnail if photo and not complaint else None,
        actor=ACTOR,
        now=now,
        random=context.random,
        attachments=(attachment_of(photo.jpeg, "image/jpeg"),) if photo and not complaint else (),
    )
    recorded = Recorded(
        code=_free_receipt(session, context.random),
        incident_id=str(incident.id),
        category=draft.category.name,
        area_code=draft.whereabouts.handled_in,
        place_area_code=draft.whereabouts.area.code,
        complaint=complaint,
        recorded_at=now,
        again=False,
    )
    _insert(session, draft, recorded, photo, personal_data=has_personal_data(text))
    return recorded


def _free_receipt(session: Session, random: Callable[[int], bytes]) -> str:
    while True:
        code = new_receipt(random)
        if session.scalar(select(report_table.c.code).where(report_table.c.code == code)) is None:
            return code


def _insert(session: Session, draft: Draft, recorded: Recorded, photo: Photo | None, *, personal_data: bool) -> None:
    session.execute(
        insert(report_table).values(
            incident_id=recorded.incident_id,
            code=recorded.code,
            key=draft.key,
            digest=draft.digest,
            category=draft.category.name,
            urgency=draft.urgency.name,
            description=draft.description,
            place=draft.place_words,
            area_code=recorded.area_code,
            place_area_code=recorded.place_area_code,
            lat=draft.place.lat if draft.place else None,
            lon=draft.place.lon if draft.place else None,
            accuracy_m=draft.accuracy_m,
            personal_data=personal_data,
            complaint=recorded.complaint,
            reporter_name=draft.name or None,
            reporter_phone=draft.phone or None,
            recorded_at=recorded.recorded_at,
        )
    )
    if photo is not None:
        session.execute(
            insert(photo_table).values(
                incident_id=recorded.incident_id,
                jpeg=photo.jpeg,
                width=photo.width,
                height=photo.height,
            )
        )
