"""A backup of a living database: a copy through a reader's snapshot, its heads, the list, and all of it sealed."""

import errno
import fcntl
import hashlib
import os
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

from sqlalchemy.orm import Session

from federation.safety import heads
from node.backup.manifest import DATABASE, PUBLIC, Manifest, Member, is_allowed
from node.backup.sealed import BackupError, Lock, Sealing
from node.engines import reader_engine
from node.version import VERSION
from pki.keystore import Keystore
from pki.private_file import sync_folder
from pki.registry import Registry

SCRATCH = ".backup-in-work"
_PAGES = 2000
_BLOCK = 1024 * 1024
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """What is backed up: a node's folder with an SQLite database, and who it is."""

    folder: Path
    database: Path
    keystore: Keystore
    registry: Registry


@dataclass(frozen=True, slots=True)
class Made:
    """A backup that was made."""

    manifest: Manifest
    sha256: str
    size: int


def make(  # noqa: PLR0917 - what, where to, how it is closed, and when
    source: Source,
    to: Path,
    lock: Lock,
    now: datetime,
    random: Callable[[int], bytes],
    progress: Progress,
    *,
    with_keys: bool = False,
) -> Made:
    """Write the backup of a node, running or not, into a new file; nothing is left of one that fails."""
    if to.exists():
        raise BackupError(f"{to} exists; a backup never replaces another one")
    _check_room(source, to)
    with scratch(source.folder) as room, full_disk_said(to):
        copy = room / DATABASE
        _copy(source.database, copy, progress)
        files = [(DATABASE, copy), *((name, source.keystore.folder / name) for name in PUBLIC)]
        if with_keys:
            keys = {f"keys/{file.name}": file for file in sorted(source.keystore.folder.iterdir())}
            files += [(name, file) for name, file in keys.items() if is_allowed(name)]
        manifest = _described(source, copy, files, now)
        with new_file(to) as out:
            sha256 = _sealed(out, manifest, source, files, lock, random, progress)
            size = out.tell()
    return Made(manifest, sha256, size)


def _described(source: Source, copy: Path, files: Sequence[tuple[str, Path]], now: datetime) -> Manifest:
    engine = reader_engine(f"sqlite:///{copy}")
    try:
        with Session(engine) as session:
            held = heads(session)
    finally:
        engine.dispose()
    entry = source.registry.centre(source.keystore.name)
    if entry is None:
        raise BackupError(f"the registry does not know {source.keystore.name}")
    return Manifest(
        centre=entry.name,
        code=entry.code,
        title=entry.title,
        key_id=source.keystore.key_id,
        made_at=now,
        version=VERSION,
        members=tuple(Member(name, file.stat().st_size, hash_of(file)) for name, file in files),
        heads=held,
    )


def _sealed(  # noqa: PLR0917 - what is written, and with what
    out: BinaryIO,
    manifest: Manifest,
    source: Source,
    files: Sequence[tuple[str, Path]],
    lock: Lock,
    random: Callable[[int], bytes],
    progress: Progress,
) -> str:
    raw, signature = manifest.signed(source.keystore)
    said = {"centre": manifest.centre, "title": manifest.title, "made_at": manifest.made_at.isoformat()}
    sealing = Sealing(out, lock, said, random)
    sealing.write(len(raw).to_bytes(4, "big") + raw + signature)
    total, done = sum(one.size for one in manifest.members), 0
    for (_, file), member in zip(files, manifest.members, strict=True):
        for block in blocks(file):
            sealing.write(block)
            done += len(block)
            progress("seal", done, total)
        if file.stat().st_size != member.size:
            raise BackupError(f"{file} changed while it was backed up; try again")
    return sealing.end()


def _copy(database: Path, to: Path, progress: Progress) -> None:
    """A consistent copy by SQLite's own means; a reader's snapshot keeps it from beginning again with each commit."""
    if not database.exists():
        raise BackupError(f"{database}: there is no database to back up")
    os.close(os.open(to, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    try:
        with (
            closing(sqlite3.connect(f"{database.absolute().as_uri()}?mode=ro", uri=True, timeout=30)) as source,
            closing(sqlite3.connect(to, isolation_level=None)) as target,
        ):
            source.isolation_level = None
            source.execute("BEGIN")
            source.execute("SELECT count(*) FROM sqlite_master").fetchone()
            source.backup(target, pages=_PAGES, progress=lambda _, left, total: progress("copy", total - left, total))
            target.execute("PRAGMA journal_mode=DELETE").fetchone()
    except sqlite3.Error as error:
        if getattr(error, "sqlite_errorname", "") == "SQLITE_FULL":
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(to)) from error
        raise BackupError(f"{database}: cannot be copied ({error}); see `python -m node verify`") from error


def _check_room(source: Source, to: Path) -> None:
    """Refuse before anything is written where it cannot fit: a copy here for a while, and the backup there."""
    size = sum(file.stat().st_size for file in source.database.parent.glob(f"{source.database.name}*"))
    for folder in (source.folder, to.absolute().parent):
        disk = os.statvfs(folder)
        if disk.f_bavail * disk.f_frsize < size + _BLOCK:
            raise BackupError(f"the disk of {folder} has no room: {size // 2**20 + 1} MiB are needed")


@contextmanager
def scratch(folder: Path) -> Iterator[Path]:
    """A closed folder for copies in clear text, one at a time; what a killed attempt left there goes first."""
    room = folder / SCRATCH
    held = os.open(folder / f"{SCRATCH}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(held)
        raise BackupError(f"another backup is being made, tried or put back in {folder}") from error
    try:
        _clear(room)
        room.mkdir(mode=0o700)
        yield room
    finally:
        _clear(room)
        os.close(held)


def _clear(room: Path) -> None:
    for file in sorted(room.glob("**/*"), reverse=True):
        if file.is_dir() and not file.is_symlink():
            file.rmdir()
        else:
            file.unlink()
    if room.exists():
        room.rmdir()


@contextmanager
def new_file(to: Path) -> Iterator[BinaryIO]:
    """A file that is there whole and on the disk, under its name, or not at all; only its owner may read it."""
    part = to.with_name(f"{to.name}.part")
    part.unlink(missing_ok=True)
    try:
        with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as out:
            yield out
            out.flush()
            os.fsync(out.fileno())
        part.rename(to)
        sync_folder(to.absolute().parent)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


@contextmanager
def full_disk_said(to: Path) -> Iterator[None]:
    """Say in a sentence that a disk is full, or that a file cannot be written."""
    try:
        yield
    except OSError as error:
        if error.errno in {errno.ENOSPC, errno.EDQUOT}:
            raise BackupError(f"the disk is full; nothing was left of {to}") from error
        raise BackupError(f"{error.filename or to}: {error.strerror or error}; nothing was left of {to}") from error


def blocks(file: Path) -> Iterator[bytes]:
    """A file in pieces, so that its size does not matter."""
    with file.open("rb") as source:
        while block := source.read(_BLOCK):
            yield block


def hash_of(file: Path) -> str:
    """The SHA-256 of a file."""
    digest = hashlib.sha256()
    for block in blocks(file):
        digest.update(block)
    return digest.hexdigest()
