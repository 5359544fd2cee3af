"""Decode one untrusted picture and write a clean copy: run as a process of its own, imports nothing of ours.

Reads the picture from standard input; writes one line of JSON and then the bytes it announces. The limits are set by
this process on itself before it imports the decoder, so neither a bomb nor a fault of the decoder reaches the node.
Nothing of the original but its pixels survives: no EXIF, no comment, no colour profile, no bytes after the picture.
"""

import json
import resource
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL import Image

MEMORY_BYTES = 640 * 1024 * 1024
CPU_S = 10
INPUT_BYTES = 12 * 1024 * 1024
PIXELS = {"JPEG": 50_000_000, "MPO": 50_000_000, "PNG": 36_000_000, "WEBP": 20_000_000}
SIDE_PIXELS = 30_000
PHOTO_SIDE = 2048
THUMBNAIL_SIDES = (480, 320, 200)
THUMBNAIL_BYTES = 64 * 1024


def _limit(kind: int, value: int) -> None:
    resource.setrlimit(kind, (value, value))


def bound_this_process() -> None:
    """Give up memory, time, files and core dumps beyond what one picture needs."""
    _limit(resource.RLIMIT_AS, MEMORY_BYTES)
    _limit(resource.RLIMIT_CPU, CPU_S)
    _limit(resource.RLIMIT_FSIZE, 0)
    _limit(resource.RLIMIT_CORE, 0)
    _limit(resource.RLIMIT_NOFILE, 64)


class Refused(Exception):  # noqa: N818 - said of the picture, not of the program
    """The picture is not taken; the message is the reason's code."""


def _jpeg(picture: "Image.Image", quality: int) -> bytes:
    import io  # noqa: PLC0415 - after the limits

    out = io.BytesIO()
    picture.save(out, "JPEG", quality=quality, optimize=True)
    return out.getvalue()


def _thumbnail(picture: "Image.Image") -> bytes:
    for side in THUMBNAIL_SIDES:
        small = picture.copy()
        small.thumbnail((side, side))
        for quality in (80, 65, 50, 35):
            encoded = _jpeg(small, quality)
            if len(encoded) <= THUMBNAIL_BYTES:
                return encoded
    raise Refused("unreadable")


def _clean(picture: "Image.Image") -> "Image.Image":
    """Only the pixels, upright, on white, at most PHOTO_SIDE long."""
    from PIL import Image, ImageOps  # noqa: PLC0415 - after the limits

    seen: Image.Image = picture
    if picture.mode == "P":
        seen = picture.convert("RGBA" if "transparency" in picture.info else "RGB")
    seen.thumbnail((PHOTO_SIDE, PHOTO_SIDE), reducing_gap=2.0)  # a JPEG is decoded at a fraction of its size
    try:
        upright = ImageOps.exif_transpose(seen)
    except Exception:  # noqa: BLE001 - broken EXIF costs the picture its direction, not its acceptance
        upright = seen
    clean = Image.new("RGB", upright.size, "white")
    if upright.mode in {"RGBA", "LA", "PA"} or "transparency" in upright.info:
        layered = upright.convert("RGBA")
        clean.paste(layered, mask=layered.getchannel("A"))
    else:
        clean.paste(upright.convert("RGB"))
    return clean


def develop(raw: bytes) -> tuple[dict[str, int], bytes]:
    """Return the description and the bytes of the clean copy followed by its thumbnail; raises Refused."""
    import io  # noqa: PLC0415 - after the limits

    from PIL import Image, UnidentifiedImageError  # noqa: PLC0415 - after the limits

    Image.MAX_IMAGE_PIXELS = None  # our own limit stands below, before anything is decoded
    try:
        picture = Image.open(io.BytesIO(raw), formats=("JPEG", "PNG", "WEBP"))
    except UnidentifiedImageError as error:
        raise Refused("unreadable") from error
    width, height = picture.size
    if width * height > PIXELS.get(picture.format or "", 0) or max(width, height) > SIDE_PIXELS:
        raise Refused("too_many_pixels")
    clean = _clean(picture)
    photo, thumbnail = _jpeg(clean, 85), _thumbnail(clean)
    head = {"width": clean.width, "height": clean.height, "photo": len(photo), "thumbnail": len(thumbnail)}
    return head, photo + thumbnail


def main() -> None:
    """One picture in, one answer out; a reason's code instead of a traceback."""
    bound_this_process()
    raw = sys.stdin.buffer.read(INPUT_BYTES + 1)
    body = b""
    answer: Mapping[str, object]
    try:
        if len(raw) > INPUT_BYTES:
            raise Refused("too_large")  # noqa: TRY301 - one place answers
        answer, body = develop(raw)
    except Refused as refusal:
        answer = {"error": str(refusal)}
    except MemoryError:
        answer = {"error": "too_many_pixels"}
    except Exception:  # noqa: BLE001 - whatever a broken picture does to the decoder, it is a broken picture
        answer = {"error": "unreadable"}
    sys.stdout.buffer.write(json.dumps(answer).encode() + b"\n" + body)


if __name__ == "__main__":
    main()
