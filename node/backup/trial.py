"""A backup restored on trial: unpacked, opened, examined from end to end; only then may anybody rely on it."""

import hashlib
import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy.orm import Session

from federation.examination.finding import Finding
from federation.examination.walk import Walk
from federation.frame import Signer
from federation.safety import heads
from node.backup.making import Progress, full_disk_said
from node.backup.manifest import (
    DATABASE,
    Heads,
    Manifest,
    Member,
    check,
    check_signature,
    heads_as_json,
    heads_from_json,
    read_manifest,
    sign,
)
from node.backup.sealed import BackupError, Unsealing
from node.clock import Clock
from node.database import Database, migrate
from node.engines import reader_engine
from node.histories import own
from node.proof import prove
from node.soundness import database_problem
from pki.private_file import sync_folder
from pki.registry import Registry

_BLOCK = 1024 * 1024
_LONGEST_MANIFEST = 64 * 1024 * 1024
_VERDICT_DOMAIN = b"lienthong.backup.verdict.v1\x00"
_VERDICT_FORMAT = "lienthong-verdict-1"
_SIGNATURE_BYTES = 64


@dataclass(frozen=True, slots=True)
class Unpacked:
    """A backup in a folder, in clear text."""

    manifest: Manifest
    raw: bytes
    signature: bytes
    sha256: str
    folder: Path

    @property
    def database(self) -> Path:
        """The database in it."""
        return self.folder / DATABASE


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """That a backup was restored on trial and held: its centre's word, under its signature."""

    centre: str
    key_id: bytes
    file: str
    sha256: str
    made_at: datetime
    tried_at: datetime
    frames: int
    records: int
    heads: Heads

    def signed(self, signer: Signer) -> tuple[bytes, bytes]:
        """The bytes that say so, and the signature."""
        said = {
            "format": _VERDICT_FORMAT,
            "centre": self.centre,
            "key_id": self.key_id.hex(),
            "file": self.file,
            "sha256": self.sha256,
            "made_at": self.made_at.isoformat(),
            "tried_at": self.tried_at.isoformat(),
            "frames": self.frames,
            "records": self.records,
            "heads": heads_as_json(self.heads),
        }
        raw = json.dumps(said, ensure_ascii=False).encode()
        return raw, sign(_VERDICT_DOMAIN, raw, signer)


def open_verdict(raw: bytes, signature: bytes, registry: Registry, name: str) -> Verdict:
    """A verdict of that centre, if its signature holds; raises BackupError."""
    try:
        said: Any = json.loads(raw)
        verdict = Verdict(
            centre=str(said["centre"]),
            key_id=bytes.fromhex(said["key_id"]),
            file=str(said["file"])[:200],
            sha256=str(said["sha256"])[:64],
            made_at=datetime.fromisoformat(said["made_at"]),
            tried_at=datetime.fromisoformat(said["tried_at"]),
            frames=int(said["frames"]),
            records=int(said["records"]),
            heads=heads_from_json(said["heads"]),
        )
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise BackupError("the verdict cannot be read") from error
    if said.get("format") != _VERDICT_FORMAT or verdict.centre != name:
        raise BackupError(f"the verdict is not one of {name}")
    check(_VERDICT_DOMAIN, raw, signature, registry.public_key(name, verdict.key_id), "the verdict")
    return verdict


def unpack(file: Path, key_file: Path, room: Path, centre: str, progress: Progress) -> Unpacked:
    """Open a backup into an empty closed folder; nothing in it is believed yet but its lock and its hashes.

    `centre` is whose it must be; empty where nobody can know.
    """
    with file.open("rb") as source, full_disk_said(room):
        sealed = Unsealing(source, key_file)
        raw = sealed.read(_sized(sealed.read(4)))
        signature = sealed.read(_SIGNATURE_BYTES)
        manifest = read_manifest(raw)
        if centre and manifest.centre != centre:
            raise BackupError(f"the backup is one of {manifest.title} ({manifest.centre}), not of this centre {centre}")
        _check_room(manifest, room)
        total, done = sum(one.size for one in manifest.members), 0
        for member in manifest.members:
            for count in _write(sealed, member, room):
                done += count
                progress("unpack", done, total)
        sha256 = sealed.end()
    return Unpacked(manifest, raw, signature, sha256, room)


def _sized(length: bytes) -> int:
    size = int.from_bytes(length, "big")
    if size > _LONGEST_MANIFEST:
        raise BackupError("the list of the backup is too long to be one")
    return size


def _write(sealed: Unsealing, member: Member, room: Path) -> Iterator[int]:
    """One file of a backup; its name is one of a few that are known, so it lies nowhere else."""
    to = room / member.name
    to.parent.mkdir(mode=0o700, exist_ok=True)
    digest, left = hashlib.sha256(), member.size
    with os.fdopen(os.open(to, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as out:
        while left:
            block = sealed.read(min(left, _BLOCK))
            digest.update(block)
            out.write(block)
            left -= len(block)
            yield len(block)
        out.flush()
        os.fsync(out.fileno())
    if digest.hexdigest() != member.sha256:
        raise BackupError(f"{member.name} in the backup is not what its list says")
    sync_folder(to.parent)


def _check_room(manifest: Manifest, room: Path) -> None:
    disk, size = os.statvfs(room), sum(one.size for one in manifest.members)
    if disk.f_bavail * disk.f_frsize < size + _BLOCK:
        raise BackupError(f"the disk of {room.parent} has no room: {size // 2**20 + 1} MiB are needed")


def believe(unpacked: Unpacked, registry: Registry) -> None:
    """BackupError unless the centre that the backup names signed its list."""
    check_signature(unpacked.raw, unpacked.signature, unpacked.manifest, registry.public_key)


def examine(
    unpacked: Unpacked, registry: Registry, clock: Clock, name: str, progress: Progress
) -> tuple[int, int, Heads]:
    """Open the database of a backup and walk through all of it; frames, records and heads, or BackupError."""
    url = f"sqlite:///{unpacked.database}"
    problem = database_problem(url, unpacked.folder / "keys", thoroughly=True)
    if problem:
        raise BackupError(f"the backup cannot be used: {problem}")
    with opened(unpacked, clock) as database:
        held = database.read(heads)
        if held != unpacked.manifest.heads:
            raise BackupError("the backup does not hold what its list says")
        return prove_trial(database.read, registry, name, held, progress)


def prove_trial(
    read: Callable[[Callable[[Session], Any]], Any], registry: Registry, name: str, held: Heads, progress: Progress
) -> tuple[int, int, Heads]:
    """Frames, records and heads of a database restored on trial, if all of it holds; else BackupError."""

    def advance(walk: Walk) -> None:
        progress("examine", walk.frames, walk.total)

    proof = prove(read, lambda: registry, name, None, advance)
    if proof.findings:
        first: Finding = proof.findings[0]
        raise BackupError(f"the backup is damaged, {len(proof.findings)} findings; the first: {first.sentence}")
    return proof.frames, proof.records, held


@contextmanager
def opened(unpacked: Unpacked, clock: Clock) -> Iterator[Database]:
    """The database of a backup, brought to this version; the file in the backup stays as it is."""
    database = Database(f"sqlite:///{unpacked.database}", clock)
    try:
        migrate(database.engine, own())
        yield database
    finally:
        database.close()


@contextmanager
def foreign(url: str) -> Iterator[Callable[[Callable[[Session], Any]], Any]]:
    """Reads of a database that somebody restored on trial with the database's own tool."""
    engine = reader_engine(url)

    def read(step: Callable[[Session], Any]) -> Any:  # noqa: ANN401 - what the step gives
        with Session(engine) as session:
            return step(session)

    try:
        yield read
    finally:
        engine.dispose()
