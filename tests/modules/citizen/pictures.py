"""Pictures good and bad, made here so that no binary file stands in the repository."""

import functools
import io
import struct
import zlib

from PIL import Image

GPS_PLACE = "10.8813"


def picture(size=(640, 480), mode="RGB", fmt="JPEG", colour=None, **kept):
    image = Image.new(mode, size, colour if colour is not None else (200, 40, 40)[: len(mode)] if mode == "RGB" else 0)
    out = io.BytesIO()
    image.save(out, fmt, **kept)
    return out.getvalue()


def noise(size=(1600, 1200)):
    side = Image.effect_noise(size, 90)
    out = io.BytesIO()
    Image.merge("RGB", (side, side.rotate(90).resize(size), side.rotate(180))).save(out, "JPEG", quality=92)
    return out.getvalue()


def with_gps():
    exif = Image.Exif()
    exif[0x010F] = "MAYANH-CANARY"
    exif[0x0112] = 6  # turned by 90 degrees
    gps = exif.get_ifd(0x8825)
    gps[1], gps[2] = "N", (10.0, 52.0, 52.68)
    gps[3], gps[4] = "E", (106.0, 57.0, 28.8)
    return picture((640, 320), exif=exif, comment=b"COMMENT-CANARY", icc_profile=b"ICC-CANARY" + bytes(200))


def png_claiming(width, height, rows=b""):
    def chunk(kind, body):
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def jpeg_claiming(width, height):
    raw = bytearray(picture((16, 16)))
    at = raw.index(b"\xff\xc0")
    raw[at + 5 : at + 9] = struct.pack(">HH", height, width)
    return bytes(raw)


@functools.cache
def not_pictures():
    return {
        "svg": b'<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>',
        "svg_after_declaration": b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"/>',
        "html": b"<!doctype html><script>alert(1)</script>",
        "exe": b"MZ" + bytes(400),
        "elf": b"\x7fELF" + bytes(400),
        "pdf": b"%PDF-1.7\n",
        "zip": b"PK\x03\x04" + bytes(64),
        "gif": picture((4, 4), fmt="GIF"),
        "bmp": picture((4, 4), fmt="BMP"),
        "tiff": picture((4, 4), fmt="TIFF"),
        "heic": bytes(4) + b"ftypheic" + bytes(64),
        "riff_no_webp": b"RIFF\x10\0\0\0WAVEfmt " + bytes(64),
        "text": "chỉ là chữ".encode(),
    }


@functools.cache
def broken_pictures():
    good = noise((640, 480))
    return {
        "head_only": b"\xff\xd8\xff\xe0",
        "cut_jpeg": good[: len(good) // 2],
        "cut_png": picture(fmt="PNG")[:60],
        "cut_webp": picture(fmt="WEBP")[:30],
        "png_head_of_html": b"\x89PNG\r\n\x1a\n<script>alert(1)</script>",
        "jpeg_head_of_zeros": b"\xff\xd8\xff" + bytes(100_000),
        "png_without_rows": png_claiming(4000, 3000),
        "png_text_bomb": png_text_bomb(),
    }


def png_text_bomb():
    good = picture((8, 8), fmt="PNG")
    body = b"Comment\0\0" + zlib.compress(bytes(80_000_000), 9)
    chunk = struct.pack(">I", len(body)) + b"zTXt" + body + struct.pack(">I", zlib.crc32(b"zTXt" + body))
    return good[:33] + chunk + good[33:]


@functools.cache
def bombs():
    return {
        "png_200_megapixels": png_claiming(20_000, 10_000, bytes(1000)),
        "jpeg_200_megapixels": jpeg_claiming(20_000, 10_000),
        "png_two_thousand_megapixels": png_claiming(65_000, 65_000),
        "jpeg_long_and_thin": jpeg_claiming(60_000, 10),
        "webp_large": picture((5000, 4001), fmt="WEBP", quality=1, method=0),
    }
