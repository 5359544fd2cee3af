"""What a stranger sends, read within bounds: in bytes, in fields, in time, and into memory only."""

import errno
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

import anyio
from fastapi import Request
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import ClientDisconnect
from starlette.types import Message, Receive

from modules.citizen.wording import tidy
from node.errors import Invalid, NodeError, StorageFull, TooLarge

BODY_BYTES = 12 * 1024 * 1024
DRAINED_BYTES = 4 * BODY_BYTES
_FIELD_BYTES = 64 * 1024
_MOST_FIELDS = 24
_FORM_TYPES = ("multipart/form-data", "application/x-www-form-urlencoded")


class TooSlow(NodeError):  # noqa: N818 - named like the errors of node/errors.py
    """What was announced did not arrive in time."""

    status = 408
    code = "too_slow"
    title = "Chưa ghi nhận: gửi quá lâu"


class CutOff(NodeError):  # noqa: N818 - named like the errors of node/errors.py
    """The sender went away; nobody hears this any more, and it is no error of ours."""

    status = 400
    code = "cut_off"
    title = "Chưa ghi nhận: đường truyền bị ngắt"


class UnsupportedMedia(NodeError):  # noqa: N818 - named like the errors of node/errors.py
    """What was sent is not of a kind that is read here."""

    status = 415
    code = "unsupported_media"
    title = "Không nhận loại dữ liệu này"


@dataclass(frozen=True, slots=True)
class Sent:
    """The fields and the raw photograph of one submission, none of it believed yet."""

    fields: Mapping[str, str]
    photo: bytes | None = None
    photo_hash: bytes | None = None

    def field(self, name: str) -> str:
        """The value of a field, tidied; empty if it was not sent."""
        return tidy(self.fields.get(name, ""))

    def hash_of_photo(self) -> bytes:
        """The SHA-256 of the photograph as it was sent, also where only its copy was handed on."""
        return self.photo_hash or hashlib.sha256(self.photo or b"").digest()


class _BodyTooLarge(Exception):  # noqa: N818 - an end of reading, not a fault of ours
    pass


def _counted(receive: Receive) -> Receive:
    seen = 0

    async def counting() -> Message:
        nonlocal seen
        message = await receive()
        seen += len(message.get("body", b""))
        if seen > BODY_BYTES:
            raise _BodyTooLarge
        return message

    return counting


async def _drain(request: Request) -> None:
    """Let a sender finish who would otherwise see a broken connection instead of the answer."""
    seen = 0
    while seen < DRAINED_BYTES:
        message = await request.receive()
        seen += len(message.get("body", b""))
        if message["type"] != "http.request" or not message.get("more_body", False):
            return


class _InMemory(MultiPartParser):
    """Keeps what it reads in memory: strangers' photographs touch no disk before they are re-encoded."""

    spool_max_size = BODY_BYTES


async def read_in_time(request: Request, within_s: float) -> Sent:
    """Read a submission that arrives within the time given; raises TooSlow, and what `read_form` raises."""
    try:
        with anyio.fail_after(within_s):
            return await read_form(request)
    except ClientDisconnect:
        raise CutOff from None
    except TimeoutError:
        raise TooSlow("Nội dung gửi lên quá lâu nên chưa được ghi nhận. Hãy thử lại khi mạng tốt hơn.") from None


async def read_form(request: Request) -> Sent:
    """Read a submission of at most 12 MiB; raises TooLarge, UnsupportedMedia, Invalid or StorageFull."""
    if not request.headers.get("content-type", "").lower().startswith(_FORM_TYPES):
        raise UnsupportedMedia("Hãy gửi bằng biểu mẫu (multipart/form-data).")
    too_large = TooLarge("Phản ánh lớn hơn 12 MB. Hãy chọn ảnh nhỏ hơn (tối đa 10 MB).")
    length = request.headers.get("content-length", "0")
    if not length.isdecimal() or int(length) > BODY_BYTES:
        if length.isdecimal() and int(length) <= DRAINED_BYTES:
            await _drain(request)
        raise too_large
    try:
        return await _parse(Request(request.scope, _counted(request.receive)))
    except _BodyTooLarge:
        raise too_large from None
    except (HTTPException, MultiPartException) as error:
        if isinstance(error, HTTPException) and error.status_code == too_large.status:
            raise too_large from error
        raise Invalid("Không đọc được biểu mẫu. Hãy tải lại trang và thử lại.") from error
    except OSError as error:
        if error.errno in {errno.ENOSPC, errno.EDQUOT}:
            raise StorageFull("Chưa ghi nhận: máy chủ đã hết dung lượng lưu trữ.") from error
        raise


async def _parse(request: Request) -> Sent:
    if request.headers.get("content-type", "").lower().startswith("multipart/"):
        parser = _InMemory(
            request.headers, request.stream(), max_files=1, max_fields=_MOST_FIELDS, max_part_size=_FIELD_BYTES
        )
        form = await parser.parse()
    else:
        form = await request.form(max_files=1, max_fields=_MOST_FIELDS, max_part_size=_FIELD_BYTES)
    try:
        fields: dict[str, str] = {}
        photo: bytes | None = None
        for name, value in form.multi_items():
            if isinstance(value, UploadFile):
                if name == "photo" and (value.size or value.filename):
                    photo = await value.read()
            else:
                fields[name] = value
        return Sent(fields, photo)
    finally:
        await form.close()
