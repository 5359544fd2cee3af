"""`python -m node demo up | check | clean`."""

import asyncio
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from node.clock import SystemClock
from node.demo.up import InUse, Wishes, exclusively, forget
from node.demo.up import up as run_up

app = typer.Typer(help="A whole federation on this machine, to be seen or to be checked.", no_args_is_help=True)

FOLDER = Path("demo-data")
Folder = Annotated[Path, typer.Option(help="Where the demo keeps everything it makes.")]


@app.command()
def up(
    folder: Folder = FOLDER,
    *,
    all_dashboards: Annotated[bool, typer.Option(help="Screens for every centre, not one per tier.")] = False,
    no_dashboards: Annotated[bool, typer.Option(help="Nodes only, without any screens.")] = False,
) -> None:
    """Start seven centres and wait for Ctrl-C; a second start continues with the data of the first."""
    console = Console()
    wishes = Wishes(folder=folder.absolute(), all_screens=all_dashboards, no_screens=no_dashboards)
    try:
        with exclusively(wishes.folder):
            raise typer.Exit(asyncio.run(run_up(wishes, SystemClock(), console)))
    except InUse as error:
        console.print(str(error))
        raise typer.Exit(1) from None


@app.command()
def clean(folder: Folder = FOLDER) -> None:
    """Forget the demo: its data, keys and accounts."""
    console = Console()
    try:
        was_there = forget(folder.absolute())
    except InUse as error:
        console.print(str(error))
        raise typer.Exit(1) from None
    console.print(f"{folder} forgotten." if was_there else "There is no demo to forget.")
