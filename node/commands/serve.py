"""`python -m node serve`, `migrate` and `modules`."""

import asyncio
import os
from pathlib import Path

import typer

from federation.failpoint import arm
from federation.link import LinkError
from node import journal
from node.app import Node
from node.catalog import MODULES, CatalogError, load, read_manifests
from node.clock import SystemClock
from node.commands.check import problems
from node.commands.plain import Config, fail, sentences
from node.database import Database, migrate
from node.folder import FolderLock, prepare_folder
from node.histories import owners
from node.maturity import open_rules
from node.serving import PortError
from node.serving import serve as serve_node
from node.settings import Settings, SettingsError, clock_file_from_environment, failpoint_from_environment
from node.soundness import database_problem
from node.timekeeping import ShiftedClock


def serve(config: Config) -> None:
    """Run the node until it is told to stop (SIGTERM or Ctrl-C)."""
    os.umask(0o077)
    try:
        arm(failpoint_from_environment())
    except ValueError as error:
        fail(f"LIENTHONG_FAILPOINT: {error}")
    clock_file = clock_file_from_environment()
    with sentences():
        settings = _usable(config)
        node = Node(settings, clock=ShiftedClock(Path(clock_file)) if clock_file else None)
        journal.begin()
        try:
            asyncio.run(serve_node(node))
        except (PortError, LinkError) as error:
            node.close()
            fail(str(error))


def _usable(config: Path) -> Settings:
    """The settings; where they or a module cannot be used, end with the whole list that `check` gives."""
    try:
        settings = Settings.load(config)
        load(settings.modules, settings.node.tier)
    except (SettingsError, CatalogError):
        fail(*problems(config))
    problem = database_problem(settings.database_url, settings.keys, thoroughly=False)
    if problem:
        fail(problem)
    return settings


def apply_migrations(config: Config) -> None:
    """Bring the tables of the node and of its modules to this version; the node must not be running."""
    with sentences():
        settings = Settings.load(config)
        catalog = load(settings.modules, settings.node.tier)
        prepare_folder(settings.node.folder)
        with FolderLock(settings.node.folder):
            database = Database(settings.database_url, SystemClock())
            try:
                heads = migrate(database.engine, owners(catalog))
            finally:
                database.close()
    for name, head in heads.items():
        typer.echo(f"{name}: {head}")


def modules(config: Config) -> None:
    """List the modules that there are, and which are switched on."""
    with sentences():
        settings = Settings.load(config)
        manifests, problems = read_manifests(MODULES)
        for name, manifest in manifests.items():
            mark = "on " if name in settings.modules.enabled else "off"
            typer.echo(f"{mark} {name}: {manifest.title} ({manifest.maturity}; for {', '.join(manifest.tiers)})")
            left = ", ".join(open_rules(manifest.rules))
            typer.echo(f"    {'still to do: ' + left if left else 'every rule of its manifest is done'}")
        if problems:
            fail(*problems)
