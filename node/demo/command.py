"""`python -m node demo up | check | clean`."""

import asyncio
import tempfile
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from node.clock import SystemClock
from node.demo.check.story import Wishes as CheckWishes
from node.demo.check.story import as_line
from node.demo.check.story import check as run_check
from node.demo.children import REPOSITORY
from node.demo.up import InUse, Wishes, exclusively, forget
from node.demo.up import up as run_up

app = typer.Typer(help="A whole federation on this machine, to be seen or to be checked.", no_args_is_help=True)

FOLDER = Path("demo-data")
SHARED_DATA = REPOSITORY.parent / "shared" / "data"
Folder = Annotated[Path, typer.Option(help="Where the demo keeps everything it makes.")]


class LinkKind(StrEnum):
    """The links that the demo can use."""

    GRPC = "grpc"
    NATS = "nats"


@app.command()
def up(
    folder: Folder = FOLDER,
    *,
    all_dashboards: Annotated[bool, typer.Option(help="Screens for every centre, not one per tier.")] = False,
    no_dashboards: Annotated[bool, typer.Option(help="Nodes only, without any screens.")] = False,
    link: Annotated[LinkKind, typer.Option(help="What carries the frames between the centres.")] = LinkKind.GRPC,
) -> None:
    """Start seven centres and wait for Ctrl-C; a second start continues with the data of the first."""
    console = Console()
    wishes = Wishes(
        folder=folder.absolute(),
        all_screens=all_dashboards,
        no_screens=no_dashboards,
        over_nats=link is LinkKind.NATS,
    )
    try:
        with exclusively(wishes.folder):
            raise typer.Exit(asyncio.run(run_up(wishes, SystemClock(), console)))
    except InUse as error:
        console.print(str(error))
        raise typer.Exit(1) from None


@app.command()
def check(
    data: Annotated[
        Path | None, typer.Option(envvar="LIENTHONG_DATA", help="Folder with public/*311*; by default ../shared/data.")
    ] = None,
    reports: Annotated[int, typer.Option(min=24, max=1000, help="How many citizens' reports to send.")] = 90,
    latency_samples: Annotated[int, typer.Option(min=5, max=200, help="How many reports to time.")] = 20,
    folder: Annotated[Path | None, typer.Option(help="Where to run; by default a temporary folder.")] = None,
    *,
    browser: Annotated[bool, typer.Option(help="Measure in a browser's pages, where there is one.")] = True,
) -> None:
    """Check the whole federation without a person; one line of JSON last, exit status 0 only if all held."""
    console = Console(stderr=True)
    where = folder.absolute() if folder else Path(tempfile.mkdtemp(prefix="lienthong-check-"))
    wishes = CheckWishes(
        folder=where, data=data or SHARED_DATA, reports=reports, latency_samples=latency_samples, with_browser=browser
    )
    verdict = asyncio.run(run_check(wishes, SystemClock(), console))
    typer.echo(as_line(verdict))
    raise typer.Exit(0 if verdict["ok"] else 1)


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
