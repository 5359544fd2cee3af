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
from node.clock import SystemClock
from node.commands.plain import Config, sentences
from node.engines import reader_engine
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
