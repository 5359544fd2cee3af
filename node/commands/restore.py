"""`python -m node restore` and `quarantine`: what persons do after a backup was put back, or a clone was met."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer
from sqlalchemy.orm import Session

from federation import quarantine as put_aside
from federation import settlement
from federation.removal import Removal
from node import audit, local, restoration
from node.api.restores import LOCAL, overview
from node.backup.placing import put_back
from node.clock import SystemClock
from node.commands.account import at_rest
from node.commands.backup import telling
from node.commands.plain import Config, fail, sentences
from node.engines import reader_engine
from node.local import NotRunning
from node.settings import Settings
from pki.keystore import Keystore
from pki.registry import Registry, RegistryFile

app = typer.Typer(help="After a backup of this centre was put back.", no_args_is_help=True)
quarantine = typer.Typer(
    help="Undelivered records of a centre that another start of it took over.", no_args_is_help=True
)

ROUTE = "/local/v1/restores"
T = TypeVar("T")


@app.command("begin")
def begin(
    config: Config, reason: Annotated[str, typer.Option(help="Where the backup comes from, for the record.")] = "backup"
) -> None:
    """Say that a backup was put back: custody waits until every neighbour has told what this centre forgot."""
    with sentences():
        settings = Settings.load(config)
        keystore, registry = _who(settings)
        now = SystemClock().now()

        def step(session: Session) -> list[str]:
            around = restoration.begin(session, keystore.name, registry, now, reason)
            audit.record(session, actor=LOCAL, act="restore.begin", subject=reason, detail={}, now=now)
            return around

        with at_rest(settings) as database:
            around = database.write(step)
        _say({"unsettled": sorted(around)})


@app.command("from")
def put_back_from(
    file: Annotated[Path, typer.Argument(help="The backup.")],
    key_file: Annotated[
        Path, typer.Option("--key", help="The private key from `backup key`, or the file with the passphrase.")
    ],
    into: Annotated[Path, typer.Option(help="The node's folder, [node] folder; what is left there is kept aside.")],
    root: Annotated[
        Path | None, typer.Option(help="The root certificate, where the folder has no keys and the backup has.")
    ] = None,
    accept_loss: Annotated[
        bool, typer.Option("--accept-loss", help="Take a backup older than the last that was declared safe.")
    ] = False,
) -> None:
    """Prove a backup, put it in place, and begin the restore: custody waits until every neighbour has told all."""
    with sentences(), telling() as progress:
        clock = SystemClock()
        manifest, around, aside = put_back(file, key_file, into, root, clock, progress, may_be_older=accept_loss)
    _say(
        {
            "centre": manifest.centre,
            "backup_of": manifest.made_at.isoformat(),
            "unsettled": around,
            "old_files": str(aside) if aside else None,
            "next": "start the node, wait until `restore show` lists nobody, then make a new backup",
        }
    )


@app.command("show")
def show(config: Config) -> None:
    """List the neighbours that are waited for, the fences, and how much is in quarantine."""
    with sentences():
        _say(_read(Settings.load(config), overview))


@app.command("settle")
def settle(config: Config, peer: Annotated[str, typer.Argument(help="The registry name of the neighbour.")]) -> None:
    """Wait no longer for a neighbour that cannot tell any more: what only it knew is lost."""
    with sentences():
        settings, now = Settings.load(config), SystemClock().now()

        def step(session: Session) -> dict[str, Any]:
            settlement.pass_over(session, peer)
            audit.record(session, actor=LOCAL, act="restore.settle", subject=peer, detail={}, now=now)
            return {"unsettled": sorted(settlement.unsettled(session))}

        _say(_do(settings, f"{ROUTE}/settled", {"peer": peer}, step))


@quarantine.command("list")
def list_all(config: Config) -> None:
    """List what was put aside, one JSON object a line, without the contents."""
    with sentences():
        for row in _read(Settings.load(config), _rows):
            _say({name: value for name, value in row.items() if name != "payload"})


@quarantine.command("export")
def export(
    config: Config, out: Annotated[Path, typer.Option(help="The file to write; only its owner may read it.")]
) -> None:
    """Write what was put aside, contents included, one JSON object a line."""
    with sentences():
        rows = _read(Settings.load(config), _rows)
        if out.exists():
            fail(f"{out} exists")
        with os.fdopen(os.open(out, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
            file.writelines(json.dumps(row) + "\n" for row in rows)
    typer.echo(f"{len(rows)} records written to {out}")


@quarantine.command("decide")
def decide(
    config: Config,
    decision: Annotated[str, typer.Argument(help="send: deliver them now. keep: they stay here and go nowhere.")],
) -> None:
    """Say what becomes of the records that were put aside; the centre dials its parent again."""
    with sentences():
        if decision not in (put_aside.SEND, put_aside.KEEP):
            fail(f"{decision!r}: say {put_aside.SEND} or {put_aside.KEEP}")
        settings, now = Settings.load(config), SystemClock().now()
        keystore, registry = _who(settings)
        # A node at rest seals nothing; its next start draws an epoch of its own.
        removal = Removal(keystore.name, registry, now, lambda: None)

        def step(session: Session) -> dict[str, Any]:
            count = put_aside.lift(session, removal, decision)
            detail = {"records": count}
            audit.record(session, actor=LOCAL, act="quarantine.decide", subject=decision, detail=detail, now=now)
            return {"records": count, "decision": decision}

        _say(_do(settings, f"{ROUTE}/quarantine", {"decision": decision}, step))


def _who(settings: Settings) -> tuple[Keystore, Registry]:
    keystore = Keystore.load(settings.keys)
    return keystore, RegistryFile(keystore.registry_path, keystore.root_pem, SystemClock().now).current


def _read(settings: Settings, step: Callable[[Session], T]) -> T:
    engine = reader_engine(settings.database_url)
    try:
        with Session(engine) as session:
            return step(session)
    finally:
        engine.dispose()


def _do(
    settings: Settings, route: str, body: dict[str, Any], offline: Callable[[Session], dict[str, Any]]
) -> dict[str, Any]:
    """Ask the running node; if there is none, do it in the database under the folder's lock."""
    try:
        answer: dict[str, Any] = local.call(settings.socket, "PUT", route, body)
    except NotRunning:
        with at_rest(settings) as database:
            return database.write(offline)
    return answer


def _rows(session: Session) -> list[dict[str, Any]]:
    return [
        {
            "rid": str(one.rid),
            "kind": one.kind,
            "lane": one.lane,
            "audience": one.audience,
            "created_at": one.created_at.isoformat(),
            "put_aside_at": one.at.isoformat(),
            "reason": one.reason,
            "decision": one.decision,
            "payload": one.payload.hex(),
        }
        for one in put_aside.listing(session)
    ]


def _say(row: dict[str, Any]) -> None:
    typer.echo(json.dumps(row, ensure_ascii=False))
