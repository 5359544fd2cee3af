"""A backup in the place of a lost database: proved first, never older than what others rely on, the old files kept."""

from datetime import datetime
from pathlib import Path

from sqlalchemy.orm import Session

from node import audit, restoration
from node.backup import journal
from node.backup.making import Progress, scratch
from node.backup.manifest import DATABASE, KEYS, Manifest
from node.backup.sealed import BackupError
from node.backup.trial import Unpacked, believe, examine, opened, unpack
from node.clock import Clock
from node.folder import FolderLock, prepare_folder
from pki.keystore import Keystore
from pki.private_file import sync_folder
from pki.registry import Registry

ACTOR = "local"
_ENDS = ("", "-wal", "-shm", "-journal")


def put_back(  # noqa: PLR0917 - what is put where, and how it is opened
    file: Path,
    key_file: Path,
    folder: Path,
    root: Path | None,
    clock: Clock,
    progress: Progress,
    *,
    may_be_older: bool = False,
) -> tuple[Manifest, list[str], Path | None]:
    """Put a backup in place in a node's folder; its list, who is waited for now, and where the old files lie."""
    if not file.is_file():
        raise BackupError(f"{file}: there is no such file")
    prepare_folder(folder)
    with FolderLock(folder), scratch(folder) as room:
        keystore = Keystore.load(folder / "keys") if Keystore.exists(folder / "keys") else None
        unpacked = unpack(file, key_file, room, keystore.name if keystore else "", progress)
        keystore, registry = _who(unpacked, keystore, root)
        believe(unpacked, registry)
        examine(unpacked, registry, clock, keystore.name, progress)
        around = _make_ready(unpacked, folder, (keystore.name, registry), clock, may_be_older=may_be_older)
        aside = _set_aside(folder, clock.now())
        if not Keystore.exists(folder / "keys"):
            (unpacked.folder / "keys").rename(folder / "keys")
        unpacked.database.rename(folder / DATABASE)
        sync_folder(folder)
        made_at = unpacked.manifest.made_at
        entry = journal.Entry(
            what=journal.PLACED, at=clock.now(), file=str(file), sha256=unpacked.sha256, made_at=made_at, heads={}
        )
        journal.note(folder, entry)
    return unpacked.manifest, sorted(around), aside


def _who(unpacked: Unpacked, keystore: Keystore | None, root: Path | None) -> tuple[Keystore, Registry]:
    """The centre's keys and the registry: those in the folder, or else those in the backup, under the root given."""
    if keystore is not None:
        return keystore, Registry.verified(keystore.registry_path.read_bytes(), keystore.root_pem)
    if not unpacked.manifest.has_keys or not all((unpacked.folder / name).exists() for name in KEYS):
        raise BackupError(
            "the folder has no keys, and the backup holds none: put the keys' folder there first, or enrol"
        )
    if root is None:
        raise BackupError("the folder has no keys; those in the backup need a root to be believed: --root root.pem")
    (unpacked.folder / "keys").chmod(0o700)
    found = Keystore.load(unpacked.folder / "keys")
    registry = Registry.verified(found.registry_path.read_bytes(), root.read_bytes())
    if found.name != unpacked.manifest.centre:
        raise BackupError("the keys in the backup are those of another centre")
    return found, registry


def _make_ready(
    unpacked: Unpacked, folder: Path, who: tuple[str, Registry], clock: Clock, *, may_be_older: bool
) -> list[str]:
    """The last things that are done to the copy: held against what others rely on, and marked; who is waited for."""
    now, made_at = clock.now(), unpacked.manifest.made_at
    with opened(unpacked, clock) as database:
        safe = journal.newest_safe(folder)
        relied_on = safe.heads if safe else journal.safe_in(folder / DATABASE)
        gone = database.read(lambda session: journal.missing(session, relied_on))
        if gone and not may_be_older:
            newer = (
                f"that of {safe.made_at:%Y-%m-%d %H:%M} UTC ({safe.file})"
                if safe
                else "one that the old database names"
            )
            raise BackupError(
                f"the backup of {made_at:%Y-%m-%d %H:%M} UTC is older than {newer}, which was declared safe: "
                f"neighbours may have given up what only that one holds ({gone[0]}). Put that one back; only if it is "
                "lost for ever, say --accept-loss"
            )
        reason = f"backup of {made_at.isoformat()}"

        def step(session: Session) -> list[str]:
            around = restoration.begin(session, *who, now, reason)
            detail = {"sha256": unpacked.sha256, "older_than_safe": bool(gone)}
            audit.record(session, actor=ACTOR, act="restore.begin", subject=reason, detail=detail, now=now)
            return around

        around = database.write(step)
    if any((unpacked.folder / f"{DATABASE}{end}").exists() for end in _ENDS[1:]):
        raise BackupError("the copy of the database could not be closed; try again")
    return around


def _set_aside(folder: Path, now: datetime) -> Path | None:
    """Move what is left of the old database out of the way; nothing is deleted."""
    old = [folder / f"{DATABASE}{end}" for end in _ENDS if (folder / f"{DATABASE}{end}").exists()]
    if not old:
        return None
    aside = folder / f"before-restore-{now:%Y%m%dT%H%M%S%f}"
    aside.mkdir(mode=0o700)
    for file in old:
        file.rename(aside / file.name)
    sync_folder(aside)
    return aside
