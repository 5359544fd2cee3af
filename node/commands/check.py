"""`python -m node check`: everything that would keep a node from starting, or from being safe, in one list."""

from collections.abc import Iterator
from pathlib import Path

import typer

from federation.failpoint import spec_problem
from node.access import session_key_problem
from node.catalog import Catalog, CatalogError, check_definitions, load
from node.commands.plain import Config, fail
from node.figures.catalogue import DefinitionsError
from node.figures.catalogue import load as load_definitions
from node.local import is_running
from node.settings import (
    ModulesSection,
    NodeSection,
    Settings,
    SettingsError,
    TerritorySection,
    environment_problems,
    failpoint_from_environment,
)
from node.soundness import database_problem
from node.standing import standing_problem
from node.territory import Territory, TerritoryError, Tier
from pki.errors import PkiError
from pki.keystore import Keystore
from pki.registry import Registry


def check(config: Config) -> None:
    """List every problem of settings, environment, keys, database, territory and modules; exit 1 if there is one."""
    found = list(problems(config))
    if found:
        fail(*found)
    settings = Settings.load(config)
    node = settings.node
    state = "running" if is_running(settings.socket) else "not running"
    switched = ", ".join(settings.modules.enabled) or "none"
    typer.echo(f"OK: {node.tier.value} {node.code} {node.title}; modules: {switched}; {state}")


def problems(config: Path) -> Iterator[str]:
    """Look at everything, also at the right parts of a file that is wrong elsewhere."""
    settings: Settings | None = None
    try:
        settings = Settings.load(config)
    except SettingsError as error:
        yield from error.problems
    parts = vars(settings) if settings else Settings.sections(config)
    base = config.absolute().parent
    node, territory, modules = parts.get("node"), parts.get("territory"), parts.get("modules", ModulesSection())
    if isinstance(territory, TerritorySection):
        yield from _territory_problems(base / territory.file, node.code if isinstance(node, NodeSection) else "")
    if isinstance(node, NodeSection):
        yield from _key_problems(settings, base / node.folder / "keys")
    if isinstance(modules, ModulesSection):
        yield from _module_problems(settings, modules, node.tier if isinstance(node, NodeSection) else None)
    if settings and (problem := database_problem(settings.database_url, settings.keys, thoroughly=True)):
        yield problem
    yield from environment_problems()
    if problem := spec_problem(failpoint_from_environment()):
        yield f"LIENTHONG_FAILPOINT: {problem}"


def _module_problems(settings: Settings | None, modules: ModulesSection, tier: Tier | None) -> Iterator[str]:
    """Look at the modules, at the definitions, and at one by the other where both can be read."""
    catalog: Catalog | None = None
    try:
        catalog = load(modules, tier)
    except CatalogError as error:
        yield from error.problems
    if settings is None:
        return
    try:
        defined = load_definitions(own=settings.figures.folder).definitions
        if catalog:
            check_definitions(catalog, (code for code, _ in defined))
    except (DefinitionsError, CatalogError) as error:
        yield from error.problems


def _territory_problems(file: Path, code: str) -> Iterator[str]:
    try:
        territory = Territory.load(file)
    except (TerritoryError, OSError) as error:
        yield f"territory.file: {error}"
        return
    if code and code not in territory.areas:
        yield f"node.code: {code} is not in {file}"


def _key_problems(settings: Settings | None, keys: Path) -> Iterator[str]:
    """Look at the keys as a start would; nothing is written."""
    if not Keystore.exists(keys):
        yield f"{keys}: this centre has no keys yet; get a token from the parent and run `python -m node enrol`"
        return
    try:
        keystore = Keystore.load(keys)
        registry = Registry.verified(keystore.registry_path.read_bytes(), keystore.root_pem)
        problem = standing_problem(settings, keystore, registry) if settings else None
    except (PkiError, OSError) as error:
        problem = f"{keys}: {error}"
    for one in (problem, session_key_problem(keys)):
        if one:
            yield one
