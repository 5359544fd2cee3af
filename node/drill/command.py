"""`python -m node drill ...`: one command per disaster."""

import asyncio
import json
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Annotated, Any

import typer

from node.clock import SystemClock
from node.drill import clone as clone_drill
from node.drill import forgetting as forgetting_drill
from node.drill import full_disk, wrong_clock
from node.drill import parent_rollback as rollback_drill
from node.drill import restore as restore_drill
from node.drill.verdicts import Drill, to_its_end, verdict

app = typer.Typer(help="A disaster on purpose, on centres made for it, and what came of it.", no_args_is_help=True)

Records = Annotated[int, typer.Option(help="How many records are written for it.", min=10)]
Folder = Annotated[Path | None, typer.Option(help="Where to run, kept; by default a temporary folder.")]


@app.callback()
def drill() -> None:
    """A disaster on purpose, on centres made for it, and what came of it."""


def place_for(folder: Path | None) -> Path:
    """The folder that was asked for, or one that nobody has used; a short name, because sockets lie in it."""
    return folder.absolute() if folder else Path(tempfile.mkdtemp(prefix="lt-drill-"))


def conclude(verdict: dict[str, Any], place: Path, asked: Path | None) -> None:
    """Say the verdict in one line; the folder goes if all held and nobody asked for it."""
    if verdict["ok"] and asked is None:
        shutil.rmtree(place, ignore_errors=True)
    elif "why" not in verdict:
        verdict["folder"] = str(place)
    typer.echo(json.dumps(verdict, ensure_ascii=False))
    raise typer.Exit(0 if verdict["ok"] else 1)


@app.command("disk-full")
def disk_full(folder: Folder = None, *, inside: Annotated[bool, typer.Option("--inside", hidden=True)] = False) -> None:
    """Let a commune's disk run full while citizens report, and empty it again; one JSON line last."""
    place = place_for(folder)
    if inside:
        conclude(asyncio.run(to_its_end("disk-full", full_disk.run_inside(place))), place, folder)
    try:
        verdict = full_disk.run(place)
    except subprocess.CalledProcessError as error:
        raise typer.Exit(error.returncode) from None
    if verdict is not None:
        conclude(verdict, place, folder)
    if folder is None:
        shutil.rmtree(place, ignore_errors=True)


@app.command("clock-skew")
def clock_skew(folder: Folder = None) -> None:
    """Let clocks jump by an hour and by ten years, both ways, while citizens report; one JSON line last."""
    place = place_for(folder)
    conclude(asyncio.run(to_its_end("clock-skew", wrong_clock.run(place))), place, folder)


@app.command("restore")
def restore(folder: Folder = None, records: Records = 10_000) -> None:
    """Put a district back to an old backup; both neighbours give it what it forgot; one JSON line last."""
    _on_three_centres("restore", restore_drill.restore, folder, records)


@app.command("clone")
def clone(folder: Folder = None, records: Records = 50) -> None:
    """Run a district's disk and keys a second time; the older is fenced, a person decides; one JSON line last."""
    _on_three_centres("clone", clone_drill.clone, folder, records)


@app.command("parent-rollback")
def parent_rollback(folder: Folder = None, records: Records = 1000) -> None:
    """Put the province back to an old backup; its child sends again what was acknowledged; one JSON line last."""
    _on_three_centres("parent-rollback", rollback_drill.parent_rollback, folder, records)


@app.command("forgetting")
def forgetting(folder: Folder = None, records: Records = 50) -> None:
    """Back a district up, let its commune forget, lose the district and put it back; one JSON line last."""
    _on_three_centres("forgetting", forgetting_drill.forgetting, folder, records)


def _on_three_centres(name: str, drill: Drill, folder: Path | None, records: int) -> None:
    place = place_for(folder)
    conclude(asyncio.run(verdict(name, drill, place, records, SystemClock())), place, folder)
