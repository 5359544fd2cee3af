"""The node's side of the line: what the intake process hands over is checked again and committed, or refused."""

import json
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from modules.citizen.counter import OwnCounter, spelled
from modules.citizen.photo import Photo
from modules.citizen.plain_jpeg import is_plain_jpeg
from modules.citizen.reading import Sent
from modules.citizen.receipt import read_receipt
from modules.citizen.texts import LANGUAGES
from node.errors import Invalid, NotFound
from node.incident.value import thumbnail_problem

router = APIRouter(include_in_schema=False)

HANDED_BYTES = 12 * 1024 * 1024
_MOST_FIELDS = 24
_LONGEST_SIDE = 2048
_SENT_HASH = 64

Language = Annotated[str, Query(pattern="^(vi|en)$")]


class _PhotoHead(BaseModel):
    model_config = ConfigDict(extra="forbid")

    width: int = Field(ge=1, le=_LONGEST_SIDE)
    height: int = Field(ge=1, le=_LONGEST_SIDE)
    bytes: int = Field(ge=1, le=HANDED_BYTES)


class _Head(BaseModel):
    model_config = ConfigDict(extra="forbid")

    fields: dict[str, str] = Field(max_length=_MOST_FIELDS)
    lang: str = Field(pattern="^(vi|en)$")
    photo_hash: str = Field(min_length=_SENT_HASH, max_length=_SENT_HASH, pattern="^[0-9a-f]+$")
    photo: _PhotoHead | None = None


class Rating(BaseModel):
    """A rating as it is handed over."""

    lang: str = LANGUAGES[0]
    rating: str = Field(max_length=40)
    comment: str = Field(default="", max_length=4000)


class Reopening(BaseModel):
    """A reason as it is handed over."""

    lang: str = LANGUAGES[0]
    reason: str = Field(max_length=4000)


def _counter(request: Request) -> OwnCounter:
    return OwnCounter(request.app.state.node)


def unpack(raw: bytes) -> tuple[Sent, Photo | None, str]:
    """Read what was handed over; raises Invalid for what the intake process, as it was written, never sends."""
    line, _, rest = raw.partition(b"\n")
    try:
        head = _Head.model_validate(json.loads(line))
    except (ValueError, ValidationError) as error:
        raise Invalid("không đọc được phản ánh do tiến trình tiếp nhận chuyển đến") from error
    sent = Sent(head.fields, photo_hash=bytes.fromhex(head.photo_hash))
    if head.photo is None:
        return sent, None, head.lang
    jpeg, thumbnail = rest[: head.photo.bytes], rest[head.photo.bytes :]
    if not is_plain_jpeg(jpeg) or not is_plain_jpeg(thumbnail) or thumbnail_problem(thumbnail):
        raise Invalid("ảnh do tiến trình tiếp nhận chuyển đến không phải bản mã hóa lại")
    return sent, Photo(jpeg=jpeg, thumbnail=thumbnail, width=head.photo.width, height=head.photo.height), head.lang


@router.post("/known", max_body_size=HANDED_BYTES)
async def known(request: Request) -> Any:  # noqa: ANN401 - JSON
    """Whether a report was kept before."""
    sent, _, language = unpack(await request.body())
    return spelled(await _counter(request).known(sent, language))


@router.post("/reports", max_body_size=HANDED_BYTES)
async def reports(request: Request) -> Any:  # noqa: ANN401 - JSON
    """Keep a report; the answer is given after the commit."""
    sent, photo, language = unpack(await request.body())
    return spelled(await _counter(request).keep(sent, photo, language))


@router.get("/reports/{code}")
async def view(request: Request, code: str, lang: Language = LANGUAGES[0]) -> dict[str, Any]:
    """Where a report stands."""
    return await _counter(request).view(_known_form(code), lang)


@router.post("/reports/{code}/rating")
async def rating(request: Request, code: str, told: Rating) -> None:
    """Take the reporter's word."""
    await _counter(request).rate(_known_form(code), told.lang, told.rating, told.comment)


@router.post("/reports/{code}/reopening")
async def reopening(request: Request, code: str, told: Reopening) -> None:
    """Open a report again."""
    await _counter(request).reopen(_known_form(code), told.lang, told.reason)


@router.get("/published")
async def published(request: Request, lang: Language = LANGUAGES[0]) -> list[dict[str, Any]]:
    """The published reports."""
    return await _counter(request).published(lang)


def _known_form(typed: str) -> str:
    code = read_receipt(typed)
    if code is None:
        raise NotFound("Không có phản ánh với mã này")
    return code
