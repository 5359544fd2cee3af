"""The values of an incident: what it is, where it stands, who answers for it, and what may be done next - as data."""

import re
import unicodedata
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import IntEnum, StrEnum
from uuid import UUID

TITLE_LIMIT = 200
DESCRIPTION_LIMIT = 4000
NOTE_LIMIT = 2000
CATEGORY_LIMIT = 64
NAME_LIMIT = 200
THUMBNAIL_LIMIT = 64 * 1024
KIND_PATTERN = re.compile(r"[a-z][a-z0-9_]{0,30}\.[a-z][a-z0-9_]{0,30}")
AREA_PATTERN = re.compile(r"[0-9]{1,16}")
JPEG_BEGIN, JPEG_END = b"\xff\xd8\xff", b"\xff\xd9"


class Severity(IntEnum):
    """How grave an incident is; the queue shows the gravest first."""

    LOW = 1
    NORMAL = 2
    HIGH = 3
    CRITICAL = 4

    @property
    def label(self) -> str:
        """The Vietnamese word on the screen."""
        return {1: "Thấp", 2: "Thường", 3: "Khẩn", 4: "Rất khẩn"}[self.value]


class Status(StrEnum):
    """Where an incident stands; "overdue" is derived and never set."""

    NEW = "new"
    RECEIVED = "received"
    REFUSED = "refused"
    DUPLICATE = "duplicate"
    TRIAGED = "triaged"
    ASSIGNED = "assigned"
    IN_PROGRESS = "in_progress"
    EXTENSION_ASKED = "extension_asked"
    EXTENSION_GRANTED = "extension_granted"
    ESCALATED = "escalated"
    RESOLVED = "resolved"
    PUBLISHING = "publishing"
    PUBLISHED = "published"
    RATED = "rated"
    REOPEN_ASKED = "reopen_asked"
    REOPENED = "reopened"
    CLOSED = "closed"

    @property
    def label(self) -> str:
        """The Vietnamese words on the screen."""
        return _STATUS_LABELS[self]

    @property
    def is_open(self) -> bool:
        """Whether somebody still has to deal with it."""
        return self not in _DONE


_STATUS_LABELS = {
    Status.NEW: "Mới gửi",
    Status.RECEIVED: "Đã tiếp nhận",
    Status.REFUSED: "Từ chối",
    Status.DUPLICATE: "Trùng lặp",
    Status.TRIAGED: "Đã phân loại",
    Status.ASSIGNED: "Đã chuyển xử lý",
    Status.IN_PROGRESS: "Đang xử lý",
    Status.EXTENSION_ASKED: "Xin gia hạn",
    Status.EXTENSION_GRANTED: "Đã gia hạn",
    Status.ESCALATED: "Chuyển cấp trên",
    Status.RESOLVED: "Đã xử lý",
    Status.PUBLISHING: "Chờ duyệt công khai",
    Status.PUBLISHED: "Đã công khai",
    Status.RATED: "Đã đánh giá",
    Status.REOPEN_ASKED: "Xin mở lại",
    Status.REOPENED: "Mở lại",
    Status.CLOSED: "Đã đóng",
}

_DONE = frozenset(
    {
        Status.REFUSED,
        Status.DUPLICATE,
        Status.RESOLVED,
        Status.PUBLISHING,
        Status.PUBLISHED,
        Status.RATED,
        Status.CLOSED,
    }
)
OPEN_STATUSES = tuple(status for status in Status if status.is_open)


class CustodyState(StrEnum):
    """How this centre stands to the duty of care for an incident."""

    HELD = "held"
    OFFERED = "offered"
    GIVEN = "given"
    ELSEWHERE = "elsewhere"


@dataclass(frozen=True, slots=True)
class Custody:
    """Who answers for an incident, under which fencing term; ``asked_back``: its giver wants the offer back."""

    state: CustodyState
    holder: str
    offered_to: str | None
    term: int
    since: datetime
    asked_back: bool = False

    def is_responsible(self, me: str) -> bool:
        """Whether this centre has the duty of care."""
        return self.holder == me

    def may_end(self, me: str) -> bool:
        """Whether this centre may resolve, refuse or close: it holds, and has not offered it to another."""
        return self.holder == me and self.state is CustodyState.HELD


@dataclass(frozen=True, slots=True)
class IncidentKind:
    """A kind of incident that a module opens, and the severity from which its news rises by rule (None: never)."""

    code: str
    title: str
    rises_from: Severity | None = None

    def rises(self, severity: Severity) -> bool:
        """Whether the centre above hears of it at once."""
        return self.rises_from is not None and severity >= self.rises_from


@dataclass(frozen=True, slots=True)
class Place:
    """Where it is, in degrees (WGS 84)."""

    lat: float
    lon: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Incident:
    """An incident as this centre knows it; the id is the same everywhere, the version counts changes here."""

    id: UUID
    version: int
    number: str
    kind: str
    kind_title: str
    rises_from: Severity | None
    title: str
    description: str
    category: str
    severity: Severity
    status: Status
    status_at: datetime
    custody: Custody
    area_code: str
    place: Place | None
    origin: str
    opened_at: datetime
    updated_at: datetime
    has_thumbnail: bool = False
    unit: str = ""
    deadline: datetime | None = None
    extensions: int = 0
    duplicate_of: UUID | None = None
    resumes: Status | None = None
    source: str | None = None
    content_rid: UUID | None = None
    offer_rid: UUID | None = None
    told_up: int = 0
    told_down: int = 0
    heard_below: int = 0
    heard_above: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One line of a timeline: what was done, by whom, at which centre, and the key that vouches for it."""

    at: datetime
    centre: str
    actor: str
    act: str
    status: Status
    note: str = ""
    severity: Severity | None = None
    category: str = ""
    key_id: bytes | None = None
    received_at: datetime | None = None
    number: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """A signed record about the incident that this centre has verified with its origin's registered key."""

    rid: UUID
    origin: str
    kind: str
    key_id: bytes
    created_at: datetime
    received_at: datetime
    via: str
    serial: int


@dataclass(frozen=True, slots=True)
class Limit:
    """How long a step may take: ordinarily, and where it is urgent."""

    ordinary: timedelta
    urgent: timedelta

    def of(self, severity: Severity) -> timedelta:
        """The limit that applies at a severity."""
        return self.urgent if severity >= Severity.HIGH else self.ordinary


RECEIVE_LIMIT = Limit(timedelta(hours=2), timedelta(minutes=15))
ASSIGN_LIMIT = Limit(timedelta(hours=24), timedelta(hours=4))
HANDLE_LIMIT = Limit(timedelta(days=5), timedelta(hours=24))
OFFER_LIMIT = timedelta(minutes=5)
LONGEST_EXTENSION_DAYS = 30


def due_at(incident: Incident) -> datetime | None:
    """When the present step has to be done; None where nothing is waited for. The clock runs day and night."""
    match incident.status:
        case Status.NEW:
            return incident.opened_at + RECEIVE_LIMIT.of(incident.severity)
        case Status.REOPENED | Status.REOPEN_ASKED:
            return incident.status_at + RECEIVE_LIMIT.of(incident.severity)
        case Status.RECEIVED | Status.TRIAGED:
            return incident.status_at + ASSIGN_LIMIT.of(incident.severity)
        case Status.ASSIGNED | Status.IN_PROGRESS | Status.EXTENSION_ASKED | Status.EXTENSION_GRANTED:
            return incident.deadline
        case Status.ESCALATED:
            return incident.custody.since + OFFER_LIMIT
        case _:
            return None


def overdue_cause(incident: Incident, me: str, now: datetime) -> str | None:
    """None if in time, "unit" if this centre is late, "synchronisation" if it waits for another centre's word."""
    due = due_at(incident)
    if due is None or now <= due:
        return None
    waits = me not in {incident.custody.holder, incident.custody.offered_to}
    return "synchronisation" if waits or incident.custody.offered_to not in {None, me} else "unit"


def text_problem(text: str, limit: int, *, required: bool = False) -> str | None:
    """What is wrong with a text from a person or another centre, in Vietnamese; None if nothing."""
    if required and not text.strip():
        return "không được để trống"
    if len(text) > limit:
        return f"dài hơn {limit} ký tự"
    if any(unicodedata.category(char) in {"Cc", "Cs", "Cn"} and char not in "\n\t\r" for char in text):
        return "có ký tự không hợp lệ"
    return None


def thumbnail_problem(picture: bytes) -> str | None:
    """What is wrong with a thumbnail; None if nothing. It is never decoded here."""
    if len(picture) > THUMBNAIL_LIMIT:
        return f"lớn hơn {THUMBNAIL_LIMIT} byte"
    if not (picture.startswith(JPEG_BEGIN) and picture.endswith(JPEG_END)):
        return "không phải ảnh JPEG"
    return None


def folded(text: str) -> str:
    """The text as it is searched: lower case, plain width, without diacritics and characters that nobody sees."""
    bare = unicodedata.normalize("NFKD", unicodedata.normalize("NFKC", text).casefold().replace("đ", "d"))
    return "".join(char for char in bare if not unicodedata.combining(char) and unicodedata.category(char) != "Cf")
