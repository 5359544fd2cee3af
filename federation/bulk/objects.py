"""Objects as files: whole ones under their hash, and the beginnings of those that are still coming.

A file gets its name only when all of it was verified and is on the disk. What is read is verified again, chunk by
chunk, so that a damaged file is said to be damaged and never shown.
"""

import hashlib
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from federation.bulk.manifest import DIGEST_BYTES, Manifest
from federation.failpoint import failpoint

_COMING = "coming"


class ObjectDamaged(Exception):  # noqa: N818 - says what is so
    """The bytes on the disk are not those that the hash names, or are not there."""


@dataclass(frozen=True, slots=True)
class ObjectStore:
    """A folder `objects/aa/bb...` that only its owner may read."""

    folder: Path
    lay: Callable[[int], None] = os.fsync

    def path(self, digest: bytes) -> Path:
        """Where a whole object lies; the name is made from bytes, never from what somebody wrote."""
        if len(digest) != DIGEST_BYTES:
            raise ValueError("an object is named by 32 bytes")
        name = digest.hex()
        return self.folder / name[:2] / name[2:]

    def coming(self, digest: bytes) -> Path:
        """Where the beginning of an object lies while it comes."""
        whole = self.path(digest)
        return self.folder / _COMING / whole.parent.name / whole.name

    def has(self, digest: bytes) -> bool:
        """Whether a whole object is there; its bytes are verified when they are read."""
        return self.path(digest).is_file()

    def held(self, manifest: Manifest) -> int:
        """How many chunks of a coming object are there, from the first; what does not verify behind them is cut off."""
        file = self.coming(manifest.digest)
        number = 0
        try:
            with file.open("r+b") as opened:
                while number < len(manifest.chunks) and manifest.fits(number, opened.read(manifest.length(number))):
                    number += 1
                opened.truncate(min(number * manifest.chunk_size, manifest.size))
        except FileNotFoundError:
            return 0
        return number

    def append(self, manifest: Manifest, number: int, data: bytes) -> None:
        """Put a verified chunk behind those that are there; it need not be on the disk yet, `held` will tell."""
        file = self.coming(manifest.digest)
        _private_folder(file.parent, self.folder)
        descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        with os.fdopen(descriptor, "r+b") as opened:
            opened.seek(number * manifest.chunk_size)
            opened.write(data)
        failpoint("bulk.after_chunk")

    def finish(self, manifest: Manifest) -> None:
        """Give a complete object its name, durably; raises ObjectDamaged if its bytes are not the object's."""
        file, name = self.coming(manifest.digest), self.path(manifest.digest)
        if not file.exists() and name.exists():
            return
        if file.stat().st_size != manifest.size or _digest(file) != manifest.digest:
            file.unlink(missing_ok=True)
            raise ObjectDamaged(f"{manifest.digest.hex()} is not what arrived")
        descriptor = os.open(file, os.O_RDONLY)
        try:
            self.lay(descriptor)
        finally:
            os.close(descriptor)
        failpoint("bulk.before_name")
        _private_folder(name.parent, self.folder)
        file.rename(name)
        for folder in (name.parent, self.folder):
            self._lay_folder(folder)

    def adopt(self, manifest: Manifest, data: bytes) -> None:
        """Keep an object whose bytes are at hand."""
        self.coming(manifest.digest).unlink(missing_ok=True)
        self.append(manifest, 0, data)
        self.finish(manifest)

    def chunk(self, manifest: Manifest, number: int) -> bytes:
        """One verified chunk of a whole object; raises ObjectDamaged."""
        try:
            with self.path(manifest.digest).open("rb") as opened:
                opened.seek(number * manifest.chunk_size)
                data = opened.read(manifest.length(number))
        except OSError as error:
            raise ObjectDamaged(f"{manifest.digest.hex()} cannot be read ({error.strerror})") from error
        if not manifest.fits(number, data):
            raise ObjectDamaged(f"chunk {number} of {manifest.digest.hex()} is not what its hash says")
        return data

    def read(self, digest: bytes, limit: int) -> bytes:
        """All bytes of a whole object, verified; raises ObjectDamaged."""
        try:
            with self.path(digest).open("rb") as opened:
                data = opened.read(limit + 1)
        except OSError as error:
            raise ObjectDamaged(f"{digest.hex()} cannot be read ({error.strerror})") from error
        if hashlib.sha256(data).digest() != digest:
            raise ObjectDamaged(f"{digest.hex()} is not what its hash says")
        return data

    def drop(self, digest: bytes) -> None:
        """Delete an object, whole or coming; nothing happens where there is none."""
        self.path(digest).unlink(missing_ok=True)
        self.coming(digest).unlink(missing_ok=True)

    def names(self) -> Iterator[bytes]:
        """The hashes of all that lies there, whole or coming."""
        for file in self.folder.glob("*/*"):
            if file.is_file() and _is_name(file):
                yield bytes.fromhex(file.parent.name + file.name)
        for file in (self.folder / _COMING).glob("*/*"):
            if file.is_file() and _is_name(file):
                yield bytes.fromhex(file.parent.name + file.name)

    def room(self) -> int:
        """How many bytes the disk has left."""
        _private_folder(self.folder, self.folder)
        return shutil.disk_usage(self.folder).free

    def _lay_folder(self, folder: Path) -> None:
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            self.lay(descriptor)
        finally:
            os.close(descriptor)


def _is_name(file: Path) -> bool:
    name = file.parent.name + file.name
    return len(name) == 2 * DIGEST_BYTES and all(sign in "0123456789abcdef" for sign in name)


def _digest(file: Path) -> bytes:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").digest()


def _private_folder(folder: Path, top: Path) -> None:
    """Make the folder, and those above it up to `top`, for the owner only."""
    if folder != top:
        _private_folder(folder.parent, top)
    folder.mkdir(mode=0o700, exist_ok=True)
    folder.chmod(0o700)
