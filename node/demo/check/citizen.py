"""A citizen of the check: sends a report, keeps the receipt, looks it up again."""

import io
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import httpx
from PIL import Image

from node.clock import Clock
from node.demo.check.requests import Request

# The check's subjects -> the categories of the citizen page.
CATEGORIES = {
    "waste": "environment",
    "air": "environment",
    "tree": "environment",
    "water": "utilities",
    "light": "utilities",
    "flood": "flood",
    "fire": "fire",
    "road": "road",
    "traffic": "road",
    "building": "other",
    "noise": "order",
    "order": "order",
    "animal": "health",
    "food": "health",
}
OTHER = "other"


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """What a commune promised with its 201; kept by this process alone until the end."""

    mark: str
    commune: str
    code: str
    incident_id: str
    with_photo: bool
    promised_at: datetime
    promised_at_s: float


class NotTaken(Exception):  # noqa: N818 - it says what the commune did
    """A commune did not take a report; the message says how it answered."""


def photograph(number: int) -> bytes:
    """A JPEG as a phone would send it, with a position in its EXIF that must not survive."""
    picture = Image.radial_gradient("L").resize((960, 720)).convert("RGB")
    picture.paste((40 + number * 7 % 200, 90, 160), (number % 700, 200, number % 700 + 200, 420))
    exif = Image.Exif()
    exif[0x010F] = "A phone"
    exif.get_ifd(0x8825)[2] = (10.0, 52.0, 52.0)
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=80, exif=exif)
    return buffer.getvalue()


async def send(http: httpx.AsyncClient, url: str, request: Request, clock: Clock, photo: bytes | None) -> Receipt:
    """Send one report to a commune's citizen API and keep its receipt; NotTaken for every answer but 201."""
    fields = {
        "key": f"check-{request.mark}-{request.number}",
        "category": CATEGORIES.get(request.subject, OTHER),
        "urgency": "danger" if request.grave else "normal",
        "description": f"{request.mark} {request.text}",
        "lat": str(request.lat),
        "lon": str(request.lon),
    }
    # A file field makes the form multipart, as browsers send it, also when no picture was chosen.
    picture = ("photo.jpg", photo, "image/jpeg") if photo else ("", b"", "application/octet-stream")
    answer = await http.post(
        f"{url}/modules/citizen/api/reports",
        data=fields,
        files={"photo": picture},
        headers={"Accept": "application/json"},
    )
    if answer.status_code != httpx.codes.CREATED:
        raise NotTaken(f"report {request.mark} to {request.commune}: {answer.status_code} {answer.text[:300]}")
    body = answer.json()
    return Receipt(
        mark=request.mark,
        commune=request.commune,
        code=body["code"],
        incident_id=body["incident_id"],
        with_photo=photo is not None,
        promised_at=clock.now(),
        promised_at_s=clock.monotonic(),
    )


async def look_up(http: httpx.AsyncClient, url: str, code: str) -> dict[str, Any]:
    """What the commune tells the citizen about a report."""
    answer = await http.get(f"{url}/modules/citizen/api/reports/{code}")
    found: dict[str, Any] = answer.raise_for_status().json()
    return found
