"""`python -m node parked`: records that could not be applied, and trying them again after a mend."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import typer
from sqlalchemy.orm import Session

from node import local
from node.api import parked as parked_api
from node.app import Node
from node.commands.plain import Config, sentences
from node.engines import reader_engine
from node.local import NotRunning
from node.settings import Settings

app = typer.Typer(help="Records that are kept and could not be applied.", no_args_is_help=True)
ROUTE = "/local/v1/parked/replay"


@app.callback()
def parked() -> None:
    """Records that are kept and could not be applied."""


@app.command("list")
def list_all(config: Config) -> None:
    """List what is parked and why, one JSON object a line, without the contents; says so if nothing is."""
    with sentences():
        engine = reader_engine(Settings.load(config).database_url)
        try:
            with Session(engine) as session:
                found = parked_api.rows(session)
        finally:
            engine.dispose()
    for row in found:
        _say(row)
    if not found:  # standard output stays one object a line, for whatever reads it
        typer.echo("Nothing is parked. (Không có bản ghi nào bị giữ lại.)", err=True)


@app.command()
def replay(config: Config) -> None:
    """Try all of it again, with the code and the registry of now; say how many were applied, and why the rest not."""
    with sentences():
        settings = Settings.load(config)
        try:
            answer: dict[str, Any] = local.call(settings.socket, "POST", ROUTE)
        except NotRunning:
            with _resting(settings) as node:
                context = node.context
                answer = parked_api.tried_again(context.database, context.clock, node.delivery.replay_parked)
    _say(answer)


@contextmanager
def _resting(settings: Settings) -> Iterator[Node]:
    """A node with its handlers under its folder's lock, without a network."""
    node = Node(settings)
    try:
        yield node
    finally:
        node.close()


def _say(row: dict[str, Any]) -> None:
    typer.echo(json.dumps(row, ensure_ascii=False))
