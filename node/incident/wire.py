"""The codec of news about incidents: what a centre sends is checked as strictly on arrival as what a person types."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

from google.protobuf.message import DecodeError

from federation.receiver import Unacceptable
from node.incident import attachment
from node.incident.attachment import Attachment
from node.incident.custody import Answer
from node.incident.value import (
    AREA_PATTERN,
    CATEGORY_LIMIT,
    DESCRIPTION_LIMIT,
    KIND_PATTERN,
    NAME_LIMIT,
    NOTE_LIMIT,
    TITLE_LIMIT,
    Custody,
    CustodyState,
    Event,
    Incident,
    Place,
    Severity,
    Status,
    text_problem,
    thumbnail_problem,
)
from node.v1 import incident_pb2
from pki.names import is_centre_name

ALERT = "incident.alert"
OFFER = "incident.offer"
WITHDRAW = "incident.withdraw"
STATUS = "incident.status"
KINDS = frozenset({ALERT, OFFER, WITHDRAW, STATUS})

SCHEMA = 1
ENCLOSED_LIMIT = 4
LONGEST_CIPHER = 80 * 1024
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DEGREE = 10_000_000
_FIRST_YEAR, _LAST_YEAR = 2000, 2200
_ACT_LIMIT = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """The incident as it was opened, in its opener's own words."""

    origin: str
    number: str
    kind: str
    kind_title: str
    rises_from: Severity | None
    title: str
    description: str
    category: str
    severity: Severity
    area_code: str
    place: Place | None
    opened_at: datetime
    thumbnail: bytes | None
    attachments: tuple[Attachment, ...] = ()
    sealed: bytes = b""
    sealed_picture: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What happened at the centre that signed it."""

    act: str
    status: Status
    note: str
    actor: str
    at: datetime
    severity: Severity | None
    category: str
    resumes: Status | None
    sealed_note: bytes = b""


@dataclass(frozen=True, slots=True)
class Claim:
    """Who holds the incident, as the author of the news sees it."""

    holder: str
    offered_to: str | None
    term: int


@dataclass(frozen=True, slots=True, kw_only=True)
class News:
    """One message about one incident."""

    incident_id: UUID
    serial: int
    content: Content | None = None
    step: Step | None = None
    claim: Claim | None = None
    answer: Answer | None = None
    enclosed: tuple[bytes, ...] = ()


def content_of(incident: Incident, thumbnail: bytes | None, attachments: tuple[Attachment, ...] = ()) -> Content:
    """What the opener tells about its incident; later changes are told as steps."""
    return Content(
        origin=incident.origin,
        number=incident.number,
        kind=incident.kind,
        kind_title=incident.kind_title,
        rises_from=incident.rises_from,
        title=incident.title,
        description=incident.description,
        category=incident.category,
        severity=incident.severity,
        area_code=incident.area_code,
        place=incident.place,
        opened_at=incident.opened_at,
        thumbnail=thumbnail,
        attachments=attachments,
    )


def step_of(event: Event, resumes: Status | None) -> Step:
    """A line of the timeline as news."""
    return Step(
        act=event.act,
        status=event.status,
        note=event.note,
        actor=event.actor,
        at=event.at,
        severity=event.severity,
        category=event.category,
        resumes=resumes,
    )


def claim_of(custody: Custody) -> Claim:
    """Who holds, as this centre sees it."""
    return Claim(custody.holder, custody.offered_to if custody.state is CustodyState.OFFERED else None, custody.term)


def encode(news: News) -> bytes:
    """The payload of a record."""
    message = incident_pb2.IncidentNews(incident_id=news.incident_id.bytes, serial=news.serial, enclosed=news.enclosed)
    if news.content is not None:
        _put_content(message.content, news.content)
    if (step := news.step) is not None:
        message.step.act, message.step.status = step.act, step.status
        message.step.note, message.step.actor = step.note, step.actor
        message.step.at_us = _us(step.at)
        message.step.severity, message.step.category = int(step.severity or 0), step.category
        message.step.resumes, message.step.sealed_note = step.resumes or "", step.sealed_note
    if news.claim is not None:
        message.custody.holder, message.custody.term = news.claim.holder, news.claim.term
        message.custody.offered_to = news.claim.offered_to or ""
    if news.answer is not None:
        message.answer.giver, message.answer.term = news.answer.giver, news.answer.term
        message.answer.accepted, message.answer.offer = news.answer.accepted, news.answer.offer
    return message.SerializeToString(deterministic=True)


def decode(payload: bytes) -> News:
    """Read a payload; raises Unacceptable that says which part cannot be."""
    try:
        message = incident_pb2.IncidentNews.FromString(payload)
    except DecodeError as error:
        raise Unacceptable("SCHEMA", "not a message about an incident") from error
    try:
        _within("enclosed", len(message.enclosed), 0, ENCLOSED_LIMIT)
        return News(
            incident_id=_uuid7(message.incident_id),
            serial=_within("serial", message.serial, 1, 1_000_000),
            content=_content(message.content) if message.HasField("content") else None,
            step=_step(message.step) if message.HasField("step") else None,
            claim=_claim(message.custody) if message.HasField("custody") else None,
            answer=_answer(message.answer) if message.HasField("answer") else None,
            enclosed=tuple(message.enclosed),
        )
    except ValueError as error:
        raise Unacceptable("INVALID", str(error)) from error


def _put_content(message: incident_pb2.IncidentContent, content: Content) -> None:
    message.origin, message.number = content.origin, content.number
    message.kind, message.kind_title = content.kind, content.kind_title
    message.rises_from = int(content.rises_from or 0)
    message.title, message.description, message.category = content.title, content.description, content.category
    message.severity, message.area_code = int(content.severity), content.area_code
    message.opened_at_us, message.thumbnail = _us(content.opened_at), content.thumbnail or b""
    _put_place(message.place, content.place)
    message.attachments.extend(one.told() for one in content.attachments)
    message.sealed, message.sealed_picture = content.sealed, content.sealed_picture


def _put_place(message: incident_pb2.IncidentPlace, place: Place | None) -> None:
    if place is not None:
        message.lat_e7, message.lon_e7 = round(place.lat * _DEGREE), round(place.lon * _DEGREE)
        message.SetInParent()


def words_of(content: Content) -> bytes:
    """What a content says of people, as it is before it is enciphered."""
    message = incident_pb2.IncidentWords(title=content.title, description=content.description)
    _put_place(message.place, content.place)
    return message.SerializeToString(deterministic=True)


def with_words(content: Content, words: bytes, thumbnail: bytes | None) -> Content:
    """A content in words again, checked as strictly as one that came in the clear; raises Unacceptable."""
    try:
        message = incident_pb2.IncidentWords.FromString(words)
        return replace(
            content,
            title=_text("title", message.title, TITLE_LIMIT, required=True),
            description=_text("description", message.description, DESCRIPTION_LIMIT),
            place=_place(message.place) if message.HasField("place") else None,
            thumbnail=_thumbnail(thumbnail or b""),
        )
    except DecodeError as error:
        raise Unacceptable("SCHEMA", "what was enciphered is no content of an incident") from error
    except ValueError as error:
        raise Unacceptable("INVALID", str(error)) from error


def note_in(plain: bytes) -> str:
    """A note that was enciphered; raises Unacceptable."""
    try:
        return _text("note", plain.decode(), NOTE_LIMIT)
    except ValueError as error:
        raise Unacceptable("INVALID", str(error)) from error


def _thumbnail(picture: bytes) -> bytes | None:
    problem = thumbnail_problem(picture) if picture else None
    if problem:
        raise ValueError(f"thumbnail: {problem}")
    return picture or None


def _place(message: incident_pb2.IncidentPlace) -> Place:
    lat, lon = message.lat_e7 / _DEGREE, message.lon_e7 / _DEGREE
    if abs(lat) > 90 or abs(lon) > 180:  # noqa: PLR2004 - the degrees of the globe
        raise ValueError("place: not on the globe")
    return Place(lat, lon)


def _content(message: incident_pb2.IncidentContent) -> Content:
    if not KIND_PATTERN.fullmatch(message.kind):
        raise ValueError("kind: not a kind of incident")
    if not AREA_PATTERN.fullmatch(message.area_code):
        raise ValueError("area_code: not a code of a unit")
    place = _place(message.place) if message.HasField("place") else None
    return Content(
        origin=_centre("origin", message.origin),
        number=_text("number", message.number, 40, required=True),
        kind=message.kind,
        kind_title=_text("kind_title", message.kind_title, NAME_LIMIT, required=True),
        rises_from=Severity(message.rises_from) if message.rises_from else None,
        title=_text("title", message.title, TITLE_LIMIT, required=not message.sealed),
        description=_text("description", message.description, DESCRIPTION_LIMIT),
        category=_text("category", message.category, CATEGORY_LIMIT),
        severity=Severity(message.severity),
        area_code=message.area_code,
        place=place,
        opened_at=_time("opened_at", message.opened_at_us),
        thumbnail=_thumbnail(message.thumbnail),
        attachments=attachment.heard(message.attachments),
        sealed=_cipher("sealed", message.sealed),
        sealed_picture=_cipher("sealed_picture", message.sealed_picture),
    )


def _step(message: incident_pb2.IncidentStep) -> Step:
    return Step(
        act=_text("act", message.act, _ACT_LIMIT, required=True),
        status=Status(message.status),
        note=_text("note", message.note, NOTE_LIMIT),
        actor=_text("actor", message.actor, NAME_LIMIT),
        at=_time("at", message.at_us),
        severity=Severity(message.severity) if message.severity else None,
        category=_text("category", message.category, CATEGORY_LIMIT),
        resumes=Status(message.resumes) if message.resumes else None,
        sealed_note=_cipher("sealed_note", message.sealed_note),
    )


def _claim(message: incident_pb2.IncidentCustody) -> Claim:
    return Claim(
        holder=_centre("holder", message.holder),
        offered_to=_centre("offered_to", message.offered_to) if message.offered_to else None,
        term=_within("term", message.term, 1, 1_000_000),
    )


def _answer(message: incident_pb2.CustodyAnswer) -> Answer:
    return Answer(
        giver=_centre("giver", message.giver),
        term=_within("term", message.term, 1, 1_000_000),
        accepted=message.accepted,
        offer=message.offer,
    )


def _cipher(name: str, raw: bytes) -> bytes:
    if len(raw) > LONGEST_CIPHER:
        raise ValueError(f"{name}: longer than anything that may stand in it")
    return raw


def _uuid7(raw: bytes) -> UUID:
    if len(raw) != 16:  # noqa: PLR2004 - the bytes of a UUID
        raise ValueError("incident_id: not 16 bytes")
    found = UUID(bytes=raw)
    if found.version != 7:  # noqa: PLR2004 - UUIDv7
        raise ValueError("incident_id: not a UUIDv7")
    return found


def _text(name: str, value: str, limit: int, *, required: bool = False) -> str:
    problem = text_problem(value, limit, required=required)
    if problem:
        raise ValueError(f"{name}: {problem}")
    return value


def _centre(name: str, value: str) -> str:
    if not is_centre_name(value):
        raise ValueError(f"{name}: not the name of a centre")
    return value


def _within(name: str, value: int, least: int, most: int) -> int:
    if not least <= value <= most:
        raise ValueError(f"{name}: out of bounds")
    return value


def _time(name: str, us: int) -> datetime:
    try:
        found = _EPOCH + timedelta(microseconds=us)
    except OverflowError:
        raise ValueError(f"{name}: no time of ours") from None
    if not _FIRST_YEAR <= found.year <= _LAST_YEAR:
        raise ValueError(f"{name}: no time of ours")
    return found


def _us(at: datetime) -> int:
    return (at - _EPOCH) // timedelta(microseconds=1)
