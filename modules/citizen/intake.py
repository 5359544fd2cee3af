"""What a stranger sent, checked before anything is kept, and how many may send at once."""

import contextlib
import hashlib
import math
import re
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass

import anyio

from modules.citizen import places
from modules.citizen.kinds import CATEGORIES, URGENCIES, Category, Urgency
from modules.citizen.photo import Darkroom, Photo, PhotoFault, PhotoRefused
from modules.citizen.reading import Sent, UnsupportedMedia
from modules.citizen.settings import CitizenSettings
from node.errors import Invalid, NodeError, TooLarge, Unavailable
from node.facts import Facts
from node.incident.value import Place

_DESCRIPTION = (5, 4000)
_PLACE_LENGTH = 300
_NAME_LENGTH = 120
_PHONE_DIGITS = (8, 15)
KEY = re.compile(r"[A-Za-z0-9_-]{16,64}")

PLACE_WITHIN_S = 20.0
CROWDED = "Chưa ghi nhận: đang có quá nhiều người gửi cùng lúc. Hãy thử lại sau ít phút."

Say = Callable[[str], str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A report that has been checked and may be kept."""

    key: str
    digest: bytes
    category: Category
    urgency: Urgency
    description: str
    place: Place | None
    accuracy_m: float | None
    place_words: str
    whereabouts: places.Whereabouts
    name: str
    phone: str


@dataclass(frozen=True, slots=True)
class Intake:
    """The limits of one running process: how many are being received, how many photographs decoded."""

    darkroom: Darkroom
    upload_places: anyio.CapacityLimiter
    uploads_waiting: int
    photo_places: anyio.CapacityLimiter

    @staticmethod
    def of(settings: CitizenSettings) -> "Intake":
        """Make the counters with the limits that are set."""
        return Intake(
            darkroom=Darkroom(places=settings.photos_at_once),
            upload_places=anyio.CapacityLimiter(settings.uploads_at_once),
            uploads_waiting=settings.uploads_waiting,
            photo_places=anyio.CapacityLimiter(settings.photos_at_once),
        )

    @contextlib.asynccontextmanager
    async def place(self) -> AsyncIterator[None]:
        """Have a place among the uploads, waiting for one if few others do; raises Unavailable, and nothing is read."""
        places = self.upload_places
        if places.available_tokens < 1 and places.statistics().tasks_waiting >= self.uploads_waiting:
            raise Unavailable(CROWDED)
        try:
            with anyio.fail_after(PLACE_WITHIN_S):
                await places.acquire()
        except TimeoutError:
            raise Unavailable(CROWDED) from None
        try:
            yield
        finally:
            places.release()


def check(sent: Sent, context: Facts, say: Say) -> Draft:
    """Return the report if it is complete; raises Invalid that names every field at fault and what to do."""
    errors: list[dict[str, str]] = []

    def fault(name: str, message: str) -> None:
        errors.append({"field": name, "message": message})

    category = CATEGORIES.get(sent.field("category"))
    if category is None:
        fault("category", say("Hãy chọn việc đang xảy ra."))
    urgency = URGENCIES.get(sent.field("urgency") or "normal")
    if urgency is None:
        fault("urgency", say("Hãy chọn mức độ."))
    description = sent.field("description")
    if len(description) < _DESCRIPTION[0]:
        fault("description", say("Hãy mô tả việc đang xảy ra (ít nhất 5 ký tự)."))
    elif len(description) > _DESCRIPTION[1]:
        fault("description", say("Mô tả dài quá 4000 ký tự."))
    place, accuracy_m = _place(sent, fault, say)
    whereabouts = _whereabouts(sent, place, context, fault, say)
    _lengths(sent, fault, say)
    key = sent.fields.get("key", "")
    if not KEY.fullmatch(key):
        fault("key", say("Thiếu khóa gửi. Hãy tải lại trang."))
    if errors or category is None or urgency is None or whereabouts is None:
        raise Invalid(say("Chưa ghi nhận. Hãy sửa những chỗ được chỉ ra rồi gửi lại."), errors=errors)
    return Draft(
        key=key,
        digest=_digest(sent),
        category=category,
        urgency=urgency,
        description=description,
        place=place,
        accuracy_m=accuracy_m,
        place_words=sent.field("place"),
        whereabouts=whereabouts,
        name=sent.field("name"),
        phone=sent.field("phone"),
    )


def _number(text: str) -> float | None:
    try:
        number = float(text.replace(",", "."))
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _place(sent: Sent, fault: Callable[[str, str], None], say: Say) -> tuple[Place | None, float | None]:
    lat_text, lon_text = sent.field("lat"), sent.field("lon")
    if not lat_text and not lon_text:
        return None, None
    lat, lon = _number(lat_text), _number(lon_text)
    if lat is None or lon is None or abs(lat) > 90 or abs(lon) > 180:  # noqa: PLR2004 - degrees
        fault("place", say("Tọa độ không hợp lệ. Hãy bỏ vị trí và chọn xã, phường."))
        return None, None
    accuracy_m = _number(sent.field("accuracy_m"))
    return Place(lat, lon), accuracy_m if accuracy_m is not None and accuracy_m >= 0 else None


def _whereabouts(
    sent: Sent, place: Place | None, context: Facts, fault: Callable[[str, str], None], say: Say
) -> places.Whereabouts | None:
    on = context.territory.local_date(context.clock.now())
    if place is not None:
        found = places.locate(context.territory, context.centre, place.lat, place.lon, on)
        if found is None:
            own = places.own_area(context.territory, context.centre, on)
            fault("place", places.outside_words(say, own.name if own else context.centre.title))
        return found
    chosen = sent.field("area_code")
    is_offered = not chosen or chosen in {area.code for area in places.choices(context.territory, context.centre, on)}
    code = chosen or context.centre.area_code
    found = places.named(context.territory, context.centre, code, on) if is_offered else None
    if found is None:
        fault("area_code", say("Xã, phường này không có trong danh sách."))
    return found


def _lengths(sent: Sent, fault: Callable[[str, str], None], say: Say) -> None:
    if len(sent.field("place")) > _PLACE_LENGTH:
        fault("place", say("Nơi xảy ra dài quá 300 ký tự."))
    if len(sent.field("name")) > _NAME_LENGTH:
        fault("name", say("Họ tên dài quá 120 ký tự."))
    phone = sent.field("phone")
    digits = sum(sign.isdecimal() for sign in phone)
    if phone and (not _PHONE_DIGITS[0] <= digits <= _PHONE_DIGITS[1] or not re.fullmatch(r"[0-9+() .\-]{8,32}", phone)):
        fault("phone", say("Số điện thoại chưa đúng. Có thể để trống."))


def _digest(sent: Sent) -> bytes:
    """The fingerprint of what was sent, so that the same key with other words is noticed."""
    total = hashlib.sha256()
    for name in sorted(set(sent.fields) - {"key", "lang"}):
        for text in (name, sent.field(name)):
            total.update(hashlib.sha256(text.encode()).digest())
    total.update(sent.hash_of_photo())
    return total.digest()


_PHOTO_WORDS: Mapping[PhotoFault, tuple[type[NodeError], str]] = {
    PhotoFault.NOT_A_PICTURE: (UnsupportedMedia, "Tệp này không phải ảnh JPEG, PNG hoặc WebP. Hãy chọn ảnh khác."),
    PhotoFault.UNREADABLE: (Invalid, "Không đọc được ảnh này. Hãy chụp lại hoặc chọn ảnh khác."),
    PhotoFault.TOO_SLOW: (Invalid, "Không đọc được ảnh này. Hãy chụp lại hoặc chọn ảnh khác."),
    PhotoFault.TOO_LARGE: (TooLarge, "Ảnh lớn hơn 10 MB. Hãy chọn ảnh nhỏ hơn."),
    PhotoFault.TOO_MANY_PIXELS: (TooLarge, "Ảnh có quá nhiều điểm ảnh (tối đa khoảng 50 triệu). Hãy chọn ảnh nhỏ hơn."),
    PhotoFault.BUSY: (Unavailable, "Chưa ghi nhận: hệ thống đang xử lý nhiều ảnh. Hãy thử lại sau ít phút."),
}


def develop(intake: Intake, raw: bytes, say: Say) -> Photo:
    """Return the clean copy of a photograph; raises the error that a person is shown."""
    try:
        return intake.darkroom.develop(raw)
    except PhotoRefused as refused:
        error, words = _PHOTO_WORDS[refused.fault]
        raise error(say(words), errors=[{"field": "photo", "message": say(words)}]) from refused
