"""The manifest of an object: how it is cut into chunks, and the hash of each. Pure functions."""

import hashlib
import re
from dataclasses import dataclass

from google.protobuf.message import DecodeError

from federation.v1 import bulk_pb2 as wire

VERSION = 1
CHUNK_BYTES = 64 * 1024
LARGEST_CHUNK = 256 * 1024
SMALLEST_CHUNK = 4 * 1024
LARGEST_OBJECT = 64 * 1024 * 1024
LARGEST_MANIFEST = 600 * 1024
DIGEST_BYTES = 32
MEDIA_TYPE = re.compile(r"[a-z]{1,32}/[a-z0-9][a-z0-9.+-]{0,80}")
_DOMAIN = b"lienthong.federation.manifest.v1\x00"


class ManifestInvalid(Exception):  # noqa: N818 - says what is so
    """Bytes that are no manifest of ours."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """An object's chunks; `raw` is what was hashed and is kept as it came."""

    raw: bytes
    digest: bytes
    size: int
    media_type: str
    chunk_size: int
    chunks: tuple[bytes, ...]

    @property
    def hash(self) -> bytes:
        """What stands in the signed record."""
        return manifest_hash(self.raw)

    def length(self, number: int) -> int:
        """How many bytes a chunk has."""
        return min(self.chunk_size, self.size - number * self.chunk_size)

    def fits(self, number: int, data: bytes) -> bool:
        """Whether these are the bytes of that chunk."""
        return (
            0 <= number < len(self.chunks)
            and len(data) == self.length(number)
            and hashlib.sha256(data).digest() == self.chunks[number]
        )


def manifest_hash(raw: bytes) -> bytes:
    """The hash of a manifest's bytes."""
    return hashlib.sha256(_DOMAIN + raw).digest()


def manifest_of(data: bytes, media_type: str, chunk_size: int = CHUNK_BYTES) -> Manifest:
    """The manifest of bytes that are at hand; the same bytes always give the same."""
    chunks = [hashlib.sha256(data[at : at + chunk_size]).digest() for at in range(0, len(data), chunk_size)]
    message = wire.ObjectManifest(
        version=VERSION,
        size=len(data),
        media_type=media_type,
        chunk_size=chunk_size,
        digest=hashlib.sha256(data).digest(),
        chunks=chunks,
    )
    return open_manifest(message.SerializeToString(deterministic=True))


def open_manifest(raw: bytes) -> Manifest:
    """Read a manifest; raises ManifestInvalid."""
    if len(raw) > LARGEST_MANIFEST:
        raise ManifestInvalid("a manifest of that size names more chunks than an object may have")
    try:
        message = wire.ObjectManifest.FromString(raw)
    except DecodeError as error:
        raise ManifestInvalid("not a manifest") from error
    if message.version != VERSION:
        raise ManifestInvalid(f"version {message.version} is not known here")
    if not 0 < message.size <= LARGEST_OBJECT:
        raise ManifestInvalid(f"an object has 1 to {LARGEST_OBJECT} bytes")
    if not SMALLEST_CHUNK <= message.chunk_size <= LARGEST_CHUNK:
        raise ManifestInvalid(f"a chunk has {SMALLEST_CHUNK} to {LARGEST_CHUNK} bytes")
    if not MEDIA_TYPE.fullmatch(message.media_type):
        raise ManifestInvalid("the media type is none")
    count = -(-message.size // message.chunk_size)
    hashes = (message.digest, *message.chunks)
    if len(message.chunks) != count or any(len(one) != DIGEST_BYTES for one in hashes):
        raise ManifestInvalid(f"{count} chunks are needed, each with a hash of {DIGEST_BYTES} bytes")
    return Manifest(
        raw=raw,
        digest=message.digest,
        size=message.size,
        media_type=message.media_type,
        chunk_size=message.chunk_size,
        chunks=tuple(message.chunks),
    )
