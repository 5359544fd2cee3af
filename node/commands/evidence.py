"""`python -m node evidence`: what this centre holds, in a form that others can prove without trusting it."""

import os
from pathlib import Path
from typing import Annotated

import typer
from sqlalchemy.orm import Session

from federation.export import export_frames
from node.clock import SystemClock
from node.commands.plain import Config, sentences
from node.engines import reader_engine
from node.settings import Settings
from pki.keystore import Keystore
from pki.registry import RegistryFile

app = typer.Typer(help="Evidence of what this centre holds.", no_args_is_help=True)


@app.callback()
def evidence() -> None:
    """Evidence of what this centre holds."""


@app.command()
def frames(
    config: Config,
    out: Annotated[Path, typer.Option(help="The file to write; only its owner may read it.")],
) -> None:
    """Export every stored frame as it was signed; the node may be running.

    Prove it anywhere: `python -m federation.verify FILE --root root.pem`. The bundle holds what the centres said to
    each other, incidents with their descriptions included: hand it only to somebody who may read them.
    """
    with sentences():
        settings, clock = Settings.load(config), SystemClock()
        keystore = Keystore.load(settings.keys)
        registry = RegistryFile(keystore.registry_path, keystore.root_pem, clock.now).current
        engine = reader_engine(settings.database_url)
        try:
            with Session(engine) as session:
                bundle = export_frames(session, registry, keystore, clock.now())
        finally:
            engine.dispose()
        spare = out.with_name(f"{out.name}.part")
        spare.unlink(missing_ok=True)
        with os.fdopen(os.open(spare, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(bundle)
        spare.replace(out)
    typer.echo(f"{len(bundle)} bytes written to {out}")
