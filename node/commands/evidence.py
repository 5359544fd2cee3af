"""`python -m node evidence`: what this centre holds, in a form that others can prove without trusting it."""

import os
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer
from sqlalchemy.orm import Session

from federation.examination.copies import state_heads
from federation.export import export_frames
from federation.frame import to_us
from federation.v1.copies_pb2 import HeldHeads
from node import audit
from node.clock import SystemClock
from node.commands.account import at_rest
from node.commands.plain import Config, fail, sentences
from node.engines import reader_engine
from node.evidence import incident_of, keys_member, pack_of
from node.settings import Settings
from pki.keystore import Keystore
from pki.registry import Registry, RegistryFile

app = typer.Typer(help="Evidence of what this centre holds.", no_args_is_help=True)


Out = Annotated[Path, typer.Option(help="The file to write; only its owner may read it.")]


@app.callback()
def evidence() -> None:
    """Evidence of what this centre holds."""


@app.command()
def frames(
    config: Config,
    out: Out,
) -> None:
    """Export every stored frame as it was signed; the node may be running.

    Prove it anywhere: `python -m federation.verify FILE --root root.pem`. The bundle holds what the centres said to
    each other, incidents with their descriptions included: hand it only to somebody who may read them.
    """
    _give_out(config, out, export_frames)


@app.command()
def export(
    incident: Annotated[str, typer.Argument(help="The incident's number or identity.")],
    config: Config,
    out: Out,
    with_words: Annotated[
        bool,
        typer.Option("--with-words", help="Put in the keys of its words; the node must be at rest, --reason given."),
    ] = False,
    reason: Annotated[str, typer.Option(help="Why the words are handed over, and to whom; kept in the audit.")] = "",
) -> None:
    """Export what proves one incident, and nothing else: its signed records and the receipts around them.

    Prove it anywhere: `python -m federation.verify FILE --root root.pem`. Without its keys nobody reads its words.
    """
    with sentences():
        if with_words:
            _note_words(config, incident, reason.strip())

    def packed(session: Session, registry: Registry, keystore: Keystore, now: datetime) -> bytes:
        found = incident_of(session, incident)
        return pack_of(session, registry, keystore, now, found, has_words=with_words)

    _give_out(config, out, packed)


def _note_words(config: Path, incident: str, reason: str) -> None:
    """Write into the audit that words are handed over, and why, before anything is written out."""
    if not reason:
        fail("--with-words: say with --reason why the words are handed over, and to whom")
    clock = SystemClock()

    def note(session: Session) -> None:
        found = incident_of(session, incident)
        keys_member(session, found)
        subject = found.hex
        audit.record(session, actor="local", act="incident.words", subject=subject, detail=reason, now=clock.now())

    with at_rest(Settings.load(config)) as database:
        database.write(note)


@app.command()
def heads(config: Config, out: Out) -> None:
    """Export this centre's signed word on how far it holds each stream; the node may be running.

    A neighbour holds it against its own database: `python -m node verify --against FILE`. It shows a cut tail, a chain
    written anew and an older copy of a whole database, and holds nothing that the centres said.
    """

    def stated(session: Session, registry: Registry, keystore: Keystore, now: datetime) -> bytes:
        return HeldHeads(heads=state_heads(session, keystore, now, registry), at_us=to_us(now)).SerializeToString()

    _give_out(config, out, stated)


def _give_out(config: Path, out: Path, make: Callable[[Session, Registry, Keystore, datetime], bytes]) -> None:
    """Make the file from a snapshot of the database; only its owner may read it."""
    with sentences():
        settings, clock = Settings.load(config), SystemClock()
        keystore = Keystore.load(settings.keys)
        registry = RegistryFile(keystore.registry_path, keystore.root_pem, clock.now).current
        engine = reader_engine(settings.database_url)
        try:
            with Session(engine) as session:
                made = make(session, registry, keystore, clock.now())
        finally:
            engine.dispose()
        spare = out.with_name(f"{out.name}.part")
        spare.unlink(missing_ok=True)
        with os.fdopen(os.open(spare, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(made)
        spare.replace(out)
    typer.echo(f"{len(made)} bytes written to {out}")
