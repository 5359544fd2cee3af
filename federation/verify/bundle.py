"""The bundle's packing: a ZIP file that can be written in one way only, so that none of its bytes is free."""

import io
import zipfile
from collections.abc import Iterable, Iterator, Mapping

from .verdict import Damaged

MANIFEST = "manifest.json"
SIGNATURE = "manifest.sig"
ISSUING = "issuing/"
CERTIFICATES = "certificates/"
FRAMES = "frames/"

_LENGTH_BYTES = 4
_UNIX_READABLE = 0o100644 << 16


def pack(members: Mapping[str, bytes]) -> bytes:
    """The one ZIP file that holds these members: sorted, stored, without time or comment."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name in sorted(members):
            entry = zipfile.ZipInfo(name)
            entry.create_system = 3
            entry.external_attr = _UNIX_READABLE
            archive.writestr(entry, members[name])
    return buffer.getvalue()


def unpack(raw: bytes) -> dict[str, bytes]:
    """The members; Damaged names the member whose bytes were altered, as far as that can be told."""
    try:
        with zipfile.ZipFile(io.BytesIO(raw)) as archive:
            members = {entry.filename: _member(archive, entry) for entry in archive.infolist()}
    except (zipfile.BadZipFile, NotImplementedError, ValueError, EOFError, OSError, RuntimeError) as error:
        raise Damaged("PACKING", f"the bundle is no whole ZIP file: {error}") from error
    return members


def check_packing(raw: bytes, members: Mapping[str, bytes]) -> None:
    """Damaged unless the bundle is exactly what packing its members gives."""
    if pack(members) != raw:
        raise Damaged("PACKING", "the bundle holds bytes beside its members")


def join(frames: Iterable[bytes]) -> bytes:
    """Frames one after the other, each after its length."""
    return b"".join(len(frame).to_bytes(_LENGTH_BYTES, "big") + frame for frame in frames)


def split(raw: bytes) -> Iterator[bytes]:
    """The frames again; Damaged if the lengths do not fit."""
    at = 0
    while at < len(raw):
        begin = at + _LENGTH_BYTES
        at = begin + int.from_bytes(raw[at:begin], "big")
        if begin > len(raw) or at > len(raw):
            raise Damaged("PACKING", "the frames' lengths do not fit")
        yield raw[begin:at]


def _member(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> bytes:
    """One member's bytes. A wrong checksum is not refused here: the signatures say more exactly what is wrong."""
    if entry.compress_type != zipfile.ZIP_STORED or entry.flag_bits & 0x1:
        raise Damaged("PACKING", f"{entry.filename} is compressed or encrypted")
    with archive.open(entry) as member:
        member._expected_crc = None  # type: ignore[attr-defined]  # noqa: SLF001 - see the docstring
        return member.read()
