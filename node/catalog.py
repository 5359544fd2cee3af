"""Find the modules, import those that are switched on, and check them at the door.

The one place that imports by name, so that a commune without cameras never loads the vision stack. What is wrong is
found in one pass and listed together; a node with a wrong module does not start.
"""

import importlib
import tomllib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from traceback import extract_tb
from typing import Any

from pydantic import BaseModel, ValidationError

from node.maturity import ledger_problems
from node.module import Module
from node.settings import ModulesSection
from node.settings_problem import closest, sentences
from node.territory import Tier

MODULES = Path(__file__).resolve().parent.parent / "modules"
_FIELDS = {"name", "title", "summary", "tiers", "maturity", "extra", "rules"}
_NEEDED = ("name", "title", "summary", "tiers", "maturity")


class CatalogError(Exception):
    """Some module cannot be switched on; `problems` lists all that is wrong."""

    def __init__(self, problems: Iterable[str]) -> None:
        """Take one sentence per problem."""
        self.problems = tuple(problems)
        super().__init__("\n".join(self.problems))


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What a module says about itself without being imported."""

    name: str
    title: str
    summary: str
    tiers: tuple[str, ...]
    maturity: str
    folder: Path
    extra: str = ""
    rules: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Catalog:
    """Every module that was found, and those that are switched on."""

    manifests: Mapping[str, Manifest]
    modules: tuple[Module, ...] = ()
    settings: Mapping[str, BaseModel] = field(default_factory=dict)

    @property
    def enabled(self) -> tuple[Manifest, ...]:
        """Manifests of the modules that are switched on."""
        return tuple(self.manifests[module.name] for module in self.modules)


def load(switched: ModulesSection, tier: Tier | None, folder: Path = MODULES, package: str = "modules") -> Catalog:
    """Give the catalog for a node's section [modules], or raise CatalogError with every problem.

    Without a tier (a settings file that is wrong there) everything else is still looked at.
    """
    manifests, problems = read_manifests(folder)
    enabled = switched.enabled
    problems += _section_problems(switched, manifests)
    problems += [f"modules.enabled: {name} is named twice" for name in sorted(set(enabled)) if enabled.count(name) > 1]
    modules, values = [], {}
    for name in dict.fromkeys(enabled):
        manifest = manifests.get(name)
        if manifest is None:
            if not (folder / name / "manifest.toml").exists():
                problems.append(_absent(folder / name, manifests))
            continue
        module, wrong = _enter(manifest, tier, package)
        if module is not None:
            value, more = _settings_of(module, switched.section(name))
            wrong += more
            if value is not None:
                values[name] = value
            modules.append(module)
        problems += [f"modules/{name}: {problem}" for problem in wrong]
    problems += _duplicates(modules)
    if problems:
        raise CatalogError(problems)
    return Catalog(manifests=manifests, modules=tuple(modules), settings=values)


def read_manifests(folder: Path) -> tuple[dict[str, Manifest], list[str]]:
    """Read every manifest in the folder, importing nothing; wrong ones are in the list of problems."""
    manifests: dict[str, Manifest] = {}
    problems: list[str] = []
    for file in sorted(folder.glob("*/manifest.toml")):
        where = f"modules/{file.parent.name}/manifest.toml"
        try:
            written = tomllib.loads(file.read_text("utf-8"))
        except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            problems.append(f"{where}: cannot be read: {error}")
            continue
        wrong = _manifest_problems(file.parent.name, written)
        problems += [f"{where}: {problem}" for problem in wrong]
        if not wrong:
            manifests[file.parent.name] = _manifest(file.parent, written)
    return manifests, problems


def _manifest(folder: Path, written: Mapping[str, Any]) -> Manifest:
    return Manifest(
        name=written["name"],
        title=written["title"],
        summary=written["summary"],
        tiers=tuple(written["tiers"]),
        maturity=written["maturity"],
        extra=written.get("extra", ""),
        folder=folder,
        rules=dict(written.get("rules", {})),
    )


def _manifest_problems(name: str, written: Mapping[str, Any]) -> list[str]:
    problems = [f"{key} is unknown{closest(key, _FIELDS)}" for key in sorted(written.keys() - _FIELDS)]
    problems += [f"{key} is missing" for key in _NEEDED if not written.get(key)]
    if written.get("name") not in {None, "", name}:
        problems.append(f"says name = {written['name']!r}, but its folder is {name}")
    tiers = written.get("tiers", [])
    known = {tier.value for tier in Tier}
    if not isinstance(tiers, list) or not set(tiers) <= known:
        problems.append(f"tiers must be some of {', '.join(sorted(known))}")
    return problems + ledger_problems(written.get("maturity"), written.get("rules", {}))


def _enter(manifest: Manifest, tier: Tier | None, package: str) -> tuple[Module | None, list[str]]:
    """Import one module and look at what it brings."""
    if tier and tier.value not in manifest.tiers:
        return None, [f"is for {', '.join(manifest.tiers)}, and this node is {tier.value}"]
    try:
        code = importlib.import_module(f"{package}.{manifest.name}.module")
    except ModuleNotFoundError as error:
        return None, [f"cannot be imported: {_not_found(error.name or '', manifest, package)}"]
    except Exception as error:  # noqa: BLE001 - a module may fail in any way; the others are still looked at
        return None, [f"cannot be imported: {type(error).__name__}: {error}{_where(error, manifest.folder)}"]
    found = [value for value in vars(code).values() if isinstance(value, Module)]
    if len(found) != 1:
        return None, [f"module.py must hold exactly one Module(...), and holds {len(found)}"]
    module = found[0]
    return module, [problem for check in _CHECKS for problem in check(module, manifest)]


def _absent(folder: Path, known: Iterable[str]) -> str:
    if folder.is_dir():
        return f"modules/{folder.name}: has no manifest.toml, which says what it is"
    return f"modules.enabled: there is no module {folder.name}{closest(folder.name, known)}"


def _not_found(name: str, manifest: Manifest, package: str) -> str:
    """What to do about something that is not there: a file of ours is written, everything else is installed."""
    own = name.removeprefix(f"{package}.{manifest.name}.")
    if own != name:
        return f"there is no {own.replace('.', '/')}.py in its folder"
    if name.split(".", maxsplit=1)[0] in {"modules", "node", "ui"}:
        return f"there is no {name}"
    return f"{name} is not installed" + (f"; install the extra [{manifest.extra}]" if manifest.extra else "")


def _where(error: Exception, folder: Path) -> str:
    """The last line of the module's own code on the way to the error."""
    steps = [step for step in extract_tb(error.__traceback__) if Path(step.filename).is_relative_to(folder)]
    return f" ({Path(steps[-1].filename).relative_to(folder)}, line {steps[-1].lineno})" if steps else ""


def _check_name(module: Module, manifest: Manifest) -> list[str]:
    return [] if module.name == manifest.name else [f"module.py says name {module.name!r}"]


def _check_tables(module: Module, manifest: Manifest) -> list[str]:
    if module.tables is None:
        return []
    prefix = f"{manifest.name}_"
    problems = [
        f"table {name} must begin with {prefix}" for name in module.tables.tables if not name.startswith(prefix)
    ]
    if not list((manifest.folder / "migrations").glob("*.py")):
        problems.append(f"has tables, but no history in migrations/, such as 0001_first.py, revision {prefix}0001")
    return problems


def _check_kinds(module: Module, manifest: Manifest) -> list[str]:
    prefix = f"{manifest.name}."
    return [
        f"incident kind {kind.code} must begin with {prefix}"
        for kind in module.incident_kinds
        if not kind.code.startswith(prefix)
    ]


def _check_indicators(module: Module, manifest: Manifest) -> list[str]:
    prefix = f"{manifest.name}."
    return [
        f"indicator {source.indicator} must begin with {prefix}"
        for source in module.indicators
        if not source.indicator.startswith(prefix)
    ]


def _check_pages(module: Module, manifest: Manifest) -> list[str]:
    inside = manifest.folder.resolve()
    return [
        f"page {page.title!r}: there is no file {page.file}"
        for page in module.pages
        if not (inside / page.file).is_file() or not (inside / page.file).resolve().is_relative_to(inside)
    ]


def _check_jobs(module: Module, manifest: Manifest) -> list[str]:
    prefix = f"{manifest.name}."
    problems = [f"job {job.name} must begin with {prefix}" for job in module.jobs if not job.name.startswith(prefix)]
    return problems + [f"job {job.name}: period_s must be positive" for job in module.jobs if job.period_s <= 0]


_CHECKS: tuple[Callable[[Module, Manifest], list[str]], ...] = (
    _check_name,
    _check_tables,
    _check_kinds,
    _check_indicators,
    _check_pages,
    _check_jobs,
)


def check_definitions(catalog: Catalog, defined: Iterable[str]) -> None:
    """Raise CatalogError if a module feeds an indicator that is not among the codes of the definitions."""
    known = set(defined)
    problems = [
        f"modules/{module.name}: feeds {source.indicator}, which no file of indicators/ defines"
        f"{closest(source.indicator, known)}"
        for module in catalog.modules
        for source in module.indicators
        if source.indicator not in known
    ]
    if problems:
        raise CatalogError(problems)


def _settings_of(module: Module, written: Mapping[str, Any]) -> tuple[BaseModel | None, list[str]]:
    if module.settings is None:
        return None, [f"has no settings, but there is a section [modules.{module.name}]"] if written else []
    try:
        return module.settings.model_validate(written), []
    except ValidationError as error:
        return None, sentences(module.settings, error, prefix=f"modules.{module.name}.")


def _section_problems(switched: ModulesSection, manifests: Mapping[str, Manifest]) -> list[str]:
    known = {*manifests, "enabled"}
    return [f"modules.{name}: is unknown{closest(name, known)}" for name in switched.sections if name not in known]


def _duplicates(modules: Iterable[Module]) -> list[str]:
    names: dict[str, str] = {}
    problems = []
    for module in modules:
        things = [f"incident kind {kind.code}" for kind in module.incident_kinds]
        things += [f"job {job.name}" for job in module.jobs]
        things += [f"indicator {source.indicator}" for source in module.indicators]
        for thing in things:
            if thing in names:
                problems.append(f"modules/{module.name}: {thing} is also in {names[thing]}")
            names[thing] = module.name
    return problems
