"""`python -m node backup`: make backups, try them, and declare safe what neighbours may then forget."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from rich.console import Console
from rich.progress import Progress, TaskID
from sqlalchemy import make_url
from sqlalchemy.orm import Session

from federation.safety import advance_safe, heads
from node import audit, local
from node.api.backups import ACTOR, remember
from node.backup import journal, making
from node.backup import trial as on_trial
from node.backup.making import Source, scratch
from node.backup.sealed import BackupError, Lock, passphrase_in, recipient_of
from node.backup.trial import Verdict
from node.clock import SystemClock
from node.commands.account import at_rest
from node.commands.plain import Config, fail, sentences
from node.engines import is_sqlite
from node.local import NotRunning
from node.settings import Settings
from pki.keystore import Keystore
from pki.private_file import write_private
from pki.registry import Registry, RegistryFile

app = typer.Typer(help="Backups of this centre, and which of them count.", no_args_is_help=True)
ROUTE = "/local/v1/backups/safe"
KeyFile = Annotated[
    Path, typer.Option("--key", help="The private key from `backup key`, or the file with the passphrase; mode 0600.")
]
_WORDS = {"copy": "copy the database", "seal": "encrypt", "unpack": "decrypt", "examine": "examine the chain"}


@app.callback()
def backup() -> None:
    """Backups of this centre, and which of them count."""


@app.command()
def key(
    out: Annotated[Path, typer.Option(help="The file for the private key; keep it away from this computer.")],
) -> None:
    """Make a key pair for backups; the public half goes into the settings, [backup] recipient."""
    with sentences():
        if out.exists():
            fail(f"{out} exists")
        private = X25519PrivateKey.generate()
        form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        write_private(out, private.private_bytes(*form))
    typer.echo(f'[backup]\nrecipient = "{private.public_key().public_bytes_raw().hex()}"')


@app.command()
def make(
    config: Config,
    to: Annotated[Path, typer.Option(help="The new file; best on another disk.")],
    *,
    with_keys: Annotated[
        bool, typer.Option("--with-keys", help="Put the centre's private keys in, too, under the same encryption.")
    ] = False,
) -> None:
    """Copy the database, whether the node runs or not, into one encrypted file with a signed list."""
    with sentences():
        settings, clock = Settings.load(config), SystemClock()
        if not is_sqlite(settings.database_url):
            fail(
                "this node keeps its rows in PostgreSQL, whose own tools copy it: pg_dump -Fc, or pg_basebackup. "
                "Restore the dump into an empty database, then declare it safe: backup verify --database URL"
            )
        keystore, registry = who(settings)
        source = Source(
            folder=settings.node.folder,
            database=Path(str(make_url(settings.database_url).database)),
            keystore=keystore,
            registry=registry,
        )
        with telling() as progress:
            made = making.make(source, to, _lock(settings), clock.now(), os.urandom, progress, with_keys=with_keys)
        manifest = made.manifest
        entry = journal.Entry(
            what=journal.MADE,
            at=clock.now(),
            file=str(to.absolute()),
            sha256=made.sha256,
            made_at=manifest.made_at,
            heads={},
        )
        journal.note(settings.node.folder, entry)
    _say(
        {
            "file": str(to),
            "bytes": made.size,
            "sha256": made.sha256,
            "streams": len(manifest.heads),
            "holds": [one.name for one in manifest.members],
            "next": "it counts once it was tried: python -m node backup verify",
        }
    )


@app.command()
def verify(
    config: Config,
    file: Annotated[Path | None, typer.Argument(help="The backup.")] = None,
    key_file: Annotated[Path | None, typer.Option("--key", help="The private key, or the passphrase's file.")] = None,
    database: Annotated[
        str, typer.Option(help="Instead of a file: URL of a PostgreSQL database that was restored on trial.")
    ] = "",
) -> None:
    """Restore a backup on trial, examine all of it, and declare it safe; one line of JSON last, exit 1 if it is not."""
    with sentences():
        settings = Settings.load(config)
        keystore, registry = who(settings)
        if database:
            verdict = _try_database(settings, keystore, registry, database)
        elif file is not None and key_file is not None:
            verdict = _try_file(settings, keystore, registry, file, key_file)
        else:
            fail("name the backup and its key: backup verify FILE --key KEYFILE")
        raw, signature = verdict.signed(keystore)
        if file is not None:
            _write_verdict(file, raw, signature)
        moved = _declare(settings, verdict, raw, signature)
    _say(
        {
            "ok": True,
            "made_at": verdict.made_at.isoformat(),
            "frames": verdict.frames,
            "records": verdict.records,
            "streams": len(verdict.heads),
            "moved": moved,
        }
    )


@app.command("list")
def list_all(config: Config) -> None:
    """List the backups that were made, declared safe and put back here, one JSON object a line, the oldest first."""
    with sentences():
        found = journal.entries(Settings.load(config).node.folder)
    safe = {one.sha256 for one in found if one.what == journal.SAFE}
    for one in found:
        _say(
            {
                "what": one.what,
                "at": one.at.isoformat(),
                "made_at": one.made_at.isoformat(),
                "file": one.file,
                "safe": one.sha256 in safe,
                "sha256": one.sha256,
            }
        )


def who(settings: Settings) -> tuple[Keystore, Registry]:
    """The centre's keys, and who is who."""
    keystore = Keystore.load(settings.keys)
    return keystore, RegistryFile(keystore.registry_path, keystore.root_pem, SystemClock().now).current


@contextmanager
def telling() -> Iterator[making.Progress]:
    """Show how far a long work is, on standard error."""
    with Progress(console=Console(stderr=True), transient=True) as shown:
        tasks: dict[str, TaskID] = {}

        def progress(what: str, done: int, total: int) -> None:
            if what not in tasks:
                tasks[what] = shown.add_task(_WORDS[what], total=total)
            shown.update(tasks[what], completed=done, total=total)

        yield progress


def _lock(settings: Settings) -> Lock:
    section = settings.backup
    if section.recipient:
        return Lock(recipient=recipient_of(section.recipient))
    if section.passphrase_file is None:
        fail(
            "backup.recipient: is missing; make a key with `python -m node backup key --out backup.key` on another "
            "computer and put the [backup] lines that it prints into the settings (or, for one run and for a node of "
            "the demo, the number alone into the environment: LIENTHONG_BACKUP__RECIPIENT=...)"
        )
    return Lock(passphrase=passphrase_in(section.passphrase_file))


def _try_file(settings: Settings, keystore: Keystore, registry: Registry, file: Path, key_file: Path) -> Verdict:
    clock = SystemClock()
    with scratch(settings.node.folder) as room, telling() as progress:
        unpacked = on_trial.unpack(file, key_file, room, keystore.name, progress)
        on_trial.believe(unpacked, registry)
        frames, records, held = on_trial.examine(unpacked, registry, clock, keystore.name, progress)
    return Verdict(
        centre=keystore.name,
        key_id=keystore.key_id,
        file=str(file.absolute()),
        sha256=unpacked.sha256,
        made_at=unpacked.manifest.made_at,
        tried_at=clock.now(),
        frames=frames,
        records=records,
        heads=held,
    )


def _try_database(settings: Settings, keystore: Keystore, registry: Registry, url: str) -> Verdict:
    if make_url(url).password or make_url(url) == make_url(settings.database_url):
        raise BackupError("--database: name a restored copy, not this node's own, and its password in PGPASSFILE")
    now = SystemClock().now()
    with on_trial.foreign(url) as read, telling() as progress:
        frames, records, held = on_trial.prove_trial(read, registry, keystore.name, read(heads), progress)
    return Verdict(
        centre=keystore.name,
        key_id=keystore.key_id,
        file=make_url(url).render_as_string(hide_password=True),
        sha256="",
        made_at=now,
        tried_at=now,
        frames=frames,
        records=records,
        heads=held,
    )


def _write_verdict(file: Path, raw: bytes, signature: bytes) -> None:
    """Beside the backup, for whoever asks later whether it was ever tried."""
    said = {"document": raw.decode(), "signature": signature.hex()}
    try:
        write_private(file.with_name(f"{file.name}.verdict"), json.dumps(said, ensure_ascii=False).encode())
    except OSError as error:
        typer.echo(f"the verdict could not be written beside the backup: {error.strerror}", err=True)


def _declare(settings: Settings, verdict: Verdict, raw: bytes, signature: bytes) -> int:
    """Let the running node tell its neighbours; of a node at rest they hear it at the next hello."""
    try:
        body = {"document": raw.decode(), "signature": signature.hex()}
        return int(local.call(settings.socket, "POST", ROUTE, body)["moved"])
    except NotRunning:
        pass

    def step(session: Session) -> int:
        moved = advance_safe(session, verdict.heads)
        detail = {"file": verdict.file, "made_at": verdict.made_at, "moved": moved}
        audit.record(
            session, actor=ACTOR, act="backup.safe", subject=verdict.sha256, detail=detail, now=verdict.tried_at
        )
        return moved

    with at_rest(settings) as database:
        remember(settings.node.folder, verdict)
        return database.write(step)


def _say(row: dict[str, Any]) -> None:
    typer.echo(json.dumps(row, ensure_ascii=False))
