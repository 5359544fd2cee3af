"""`python -m node doctor`: what is unhealthy about this computer and this node, in plain sentences."""

import os
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import typer
from cryptography import x509
from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from federation.copies_link import Asking, ask_heads
from federation.examination.copies import Shelf
from node import local
from node.app import BALLAST_BYTES
from node.backup.journal import Entry, newest_safe
from node.ballast import MARGIN_BYTES
from node.clock import SystemClock
from node.commands.plain import Config, sentences
from node.engines import is_sqlite, reader_engine
from node.folder import folder_problem
from node.forgetting import Forgotten, forgotten
from node.restoration import reports
from node.settings import Settings
from node.timekeeping import MOST
from pki.diagnose import diagnose
from pki.errors import PkiError
from pki.keystore import Keystore
from pki.registry import RegistryFile

# Two connections that write and checkpoint at once may damage the file (fixed in 3.51.3); a node has one that writes.
_WAL_RESET = ((3, 7, 0), (3, 51, 2))
_FEW_DAYS = timedelta(days=14)
_OLD_BACKUP, _VERY_OLD_BACKUP = timedelta(days=7), timedelta(days=30)
_LITTLE_ROOM = 1024 * 1024 * 1024
_POSTGRES = ("fsync", "full_page_writes", "synchronous_commit", "data_checksums")


@dataclass(frozen=True, slots=True)
class Remark:
    """One sentence; `level` is ok, note (worth knowing) or bad (to be mended)."""

    level: str
    words: str


def doctor(config: Config) -> None:
    """Say in plain sentences what is wrong with database, disk, keys, clock and folder; exit 1 if anything is."""
    with sentences():
        remarks = list(examine(Settings.load(config)))
    for one in remarks:
        typer.echo(f"{one.level:4}  {one.words}")
    raise typer.Exit(1 if any(one.level == "bad" for one in remarks) else 0)


def examine(settings: Settings) -> Iterator[Remark]:
    """Every remark, also where an earlier one is bad."""
    yield from _folder(settings)
    yield from _disk(settings)
    yield from _database(settings)
    yield from _keys(settings)
    yield from _backups(settings, SystemClock().now())


def _folder(settings: Settings) -> Iterator[Remark]:
    folder = settings.node.folder
    problem = folder_problem(folder)
    yield Remark("bad", problem) if problem else Remark("ok", f"nobody else may write in {folder}")
    for file in sorted([*folder.glob("node.db*"), *settings.keys.glob("*")]):
        mode = file.stat().st_mode & 0o777
        if mode & 0o077:
            yield Remark("bad", f"others may read {file} (mode {mode:o}); close it: chmod 600 {file}")
    is_running = local.is_running(settings.socket)
    yield Remark("ok", "the node is running" if is_running else "the node is not running")


def _disk(settings: Settings) -> Iterator[Remark]:
    folder = settings.node.folder
    disk = os.statvfs(folder)
    free = disk.f_bavail * disk.f_frsize
    if free < BALLAST_BYTES + MARGIN_BYTES:
        yield Remark("bad", f"the disk of {folder} is full: {free // 2**20} MiB are free, only urgent records fit")
    elif free < _LITTLE_ROOM:
        yield Remark("bad", f"{free // 2**20} MiB are free on the disk of {folder}; make room before it is full")
    else:
        yield Remark("ok", f"{free // 2**30} GiB are free on the disk of {folder}")
    if disk.f_files and disk.f_favail * 50 < disk.f_files:
        yield Remark("bad", f"nearly no files can be made any more on the disk of {folder}")
    ballast = folder / "ballast"
    if not is_sqlite(settings.database_url):
        return
    if ballast.exists() and ballast.stat().st_size >= BALLAST_BYTES:
        yield Remark("ok", "the ballast for a full disk is in place")
    elif local.is_running(settings.socket):
        yield Remark("bad", "the ballast was given up: the disk is full, or was, and ordinary records are refused")
    else:
        yield Remark("note", "there is no ballast yet; the node makes it when it starts")


def _database(settings: Settings) -> Iterator[Remark]:
    if is_sqlite(settings.database_url):
        yield from _sqlite(Path(settings.database_url.removeprefix("sqlite:///")))
        return
    engine = reader_engine(settings.database_url)
    try:
        yield from _postgresql(engine)
    except Exception as error:  # noqa: BLE001 - a doctor says what is wrong instead of falling over it
        yield Remark("bad", f"PostgreSQL does not answer: {error}")
    finally:
        engine.dispose()


def sqlite_version(version: str) -> Remark:
    """What to think of a version of SQLite."""
    number = tuple(int(part) for part in version.split("."))
    if _WAL_RESET[0] <= number <= _WAL_RESET[1]:
        words = (
            f"SQLite {version} may damage a database that two connections write and checkpoint at once (fixed in "
            "3.51.3); this node writes through one only: let no other program write in node.db while it runs"
        )
        return Remark("note", words)
    return Remark("ok", f"SQLite {version}")


def _sqlite(file: Path) -> Iterator[Remark]:
    yield sqlite_version(sqlite3.sqlite_version)
    if not file.exists():
        yield Remark("note", f"{file} does not exist yet; the node makes it when it starts")
        return
    try:
        with closing(sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True, timeout=10.0)) as database:
            (journal,) = database.execute("PRAGMA journal_mode").fetchone()
            found = [row[0] for row in database.execute("PRAGMA quick_check(5)")]
    except sqlite3.DatabaseError as error:
        yield Remark("bad", f"{file} cannot be read: {error}")
        return
    if journal == "wal":
        yield Remark("ok", "the journal is a write-ahead log; the node writes with synchronous=FULL")
    else:
        yield Remark("bad", f"the journal mode is {journal}, not wal: something else than this node has opened {file}")
    if found == ["ok"]:
        yield Remark("ok", "SQLite finds its file in order; what it cannot see, `verify` does")
    else:
        yield Remark("bad", f"SQLite finds its file damaged: {'; '.join(found)}; run `python -m node verify`")
    wal = file.with_name(f"{file.name}-wal")
    if wal.exists() and wal.stat().st_size > 256 * 2**20:
        yield Remark(
            "bad", f"{wal} has {wal.stat().st_size // 2**20} MiB: a reader that never ends keeps it from shrinking"
        )


def _postgresql(engine: Engine) -> Iterator[Remark]:
    with engine.connect() as connection:
        version = connection.execute(text("SHOW server_version")).scalar_one()
        yield Remark("ok", f"PostgreSQL {version}")
        for name in _POSTGRES:
            value = connection.execute(text(f"SHOW {name}")).scalar_one()
            yield postgres_setting(name, str(value))
        lock = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND granted"
        writers = connection.execute(text(lock)).scalar_one()
        yield Remark("ok", f"{writers} process holds the right to write" if writers else "nobody writes at the moment")


def postgres_setting(name: str, value: str) -> Remark:
    """What to think of one setting of PostgreSQL."""
    if name == "synchronous_commit":
        if value == "off":
            return Remark("note", "synchronous_commit is off for others; this node turns it on for what it writes")
        return Remark("ok", f"synchronous_commit is {value}")
    if value == "on":
        return Remark("ok", f"{name} is on")
    why = {
        "fsync": "a power cut loses what was recorded; turn it on",
        "full_page_writes": "a power cut may tear a page; turn it on",
        "data_checksums": "the server does not see flipped bits; make the cluster with initdb -k",
    }
    return Remark("bad", f"{name} is {value}: {why[name]}")


def _keys(settings: Settings) -> Iterator[Remark]:
    clock = SystemClock()
    try:
        keystore = Keystore.load(settings.keys)
        registry = RegistryFile(keystore.registry_path, keystore.root_pem, clock.now)
    except (PkiError, OSError) as error:
        yield Remark("bad", f"the keys cannot be used: {error}")
        return
    now = clock.now()
    problems = diagnose(keystore, now, registry.current)
    yield from (Remark("bad", words) for words in problems)
    for name, left in certificates(keystore, now):
        level = "bad" if left < _FEW_DAYS else "ok"
        yield Remark(level, f"the {name} certificate is valid for {left.days} more days")
    if settings.parent is None:
        yield Remark("ok", "this centre has no parent to compare its clock with")
        return
    yield _clock(Asking(keystore=keystore, registry=registry, address=settings.parent.address), clock)


def _backups(settings: Settings, now: datetime) -> Iterator[Remark]:
    """Which backup counts, what was forgotten because of such, and whether a restore wants a new one."""
    engine = reader_engine(settings.database_url)
    try:
        with Session(engine) as session:
            given_up, restores = forgotten(session), reports(session)
    except DBAPIError:
        given_up, restores = Forgotten(0, None), []  # another remark says that the database cannot be read
    finally:
        engine.dispose()
    yield backup_remark(newest_safe(settings.node.folder), restores, now)
    if given_up.last_at is not None:
        words = f"the bytes of {given_up.frames} frames were given up, safe at neighbours; last at {given_up.last_at}"
        yield Remark("ok", words)


def backup_remark(safe: Entry | None, restores: Sequence[Mapping[str, Any]], now: datetime) -> Remark:
    """What to think of the newest backup that was tried."""
    if restores and (safe is None or safe.made_at.isoformat() < str(restores[-1]["ended_at"])):
        words = f"this node was restored ({restores[-1]['ended_at']}) and has no newer backup: make one and verify it"
        return Remark("bad", words)
    if safe is None:
        return Remark("note", "no backup of this node was ever tried and declared safe: see `python -m node backup`")
    age = now - safe.made_at
    level = "ok" if age < _OLD_BACKUP else "note" if age < _VERY_OLD_BACKUP else "bad"
    return Remark(level, f"the newest backup that was tried and counts is {age.days} days old: {safe.file}")


def certificates(keystore: Keystore, now: datetime) -> Iterator[tuple[str, timedelta]]:
    """How long each certificate of this node still holds."""
    pems = {"TLS": keystore.tls_chain_pem, "issuing": keystore.issuing_pem, "root": keystore.root_pem}
    for name, pem in pems.items():
        yield name, x509.load_pem_x509_certificates(pem)[0].not_valid_after_utc - now
    yield "signing", x509.load_der_x509_certificate(keystore.sign_certificate).not_valid_after_utc - now


def _clock(asking: Asking, clock: SystemClock) -> Remark:
    """How far the clock here is from the parent's, as far as one question can tell."""
    shelf = Shelf(asking.registry.current.public_key)
    before = clock.monotonic()
    try:
        ask_heads(asking, shelf)
    except PkiError as error:
        return Remark("note", f"the parent could not be asked for its time: {error}")
    if shelf.giver_at is None:
        return Remark("note", "the parent does not tell its time")
    took = timedelta(seconds=clock.monotonic() - before)
    ahead = clock.now() - shelf.giver_at
    words = (
        f"the clock here is {ahead.total_seconds():+.1f} s from the parent's (asking took {took.total_seconds():.1f} s)"
    )
    return Remark("bad" if abs(ahead) > MOST else "ok", words)
