"""Whether a module has done what its manifest says: one look for each rule, at the files and at a node that runs it."""

import ast
import inspect
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import create_engine

from node.database import Owner, migrate
from node.maturity import DONE, RULES, SHOWN
from node.module import Module
from tests.fakes.module_node import ModuleNode
from tests.house import tree
from tests.house.migrations import differences, faults
from tests.house.routes import NOTHING, routes

MOST_OFTEN_S = 1.0
_LIMITS = {"limit", "islice"}
_VIETNAMESE = re.compile(r"[À-ỹ]")


@dataclass(slots=True)
class Subject:
    """A module and a node that runs it, and where its tests and pages lie."""

    node: ModuleNode
    rules: Mapping[str, str]
    top: Path
    failed_jobs: list[str] = field(default_factory=list)
    broken_routes: list[str] = field(default_factory=list)
    trouble: list[str] = field(default_factory=list)

    @property
    def name(self) -> str:
        return str(self.node.name)

    @property
    def module(self) -> Module:
        found: Module = self.node.module
        return found

    @property
    def readme(self) -> str:
        file = self.node.place / "README.md"
        return file.read_text("utf-8") if file.is_file() else ""


async def look(subject: Subject) -> dict[str, list[str]]:
    """Rule -> what is wrong with it, of every rule that the manifest calls done; nothing wrong is an empty list."""
    claimed = [rule for rule in RULES if subject.rules.get(rule, "").startswith(DONE)]
    await _live(subject)
    found = {}
    for rule in claimed:
        said = subject.rules[rule]
        wrong = list(CHECKS[rule].find(subject)) if CHECKS[rule].find else []
        if said.startswith(SHOWN):
            wrong += not_shown(said.removeprefix(SHOWN), subject.top, subject.name)
        elif CHECKS[rule].needs_name:
            wrong.append("no machine sees all of this: say done: <test or page that shows it>")
        found[rule] = wrong
    return found


async def _live(subject: Subject) -> None:
    """Start the node with its parent away, take a step of each job, ask each plain route, stop, and start anew."""
    reader = subject.node.signed_in("house")
    prefix = f"/modules/{subject.name}"
    for route in routes(subject.node.node.app):
        if route.method == "GET" and route.path.startswith(prefix) and "{" not in route.path:
            status = reader.get(route.path).status_code
            if status >= 500:
                subject.broken_routes.append(f"{route.path} answers {status} while the parent is away")
    subject.failed_jobs = [f"job {one.name}: {one.last_error}" for one in await subject.node.live_a_moment()]
    try:
        subject.node.again()
    except Exception as error:  # noqa: BLE001 - whatever keeps it from starting again is the finding
        subject.trouble.append(f"does not start again: {type(error).__name__}: {error}")


def not_shown(path: str, top: Path, name: str) -> list[str]:
    """Why `file::test` or `page#words` shows nothing of the module: it is not there, or does not speak of it."""
    file_name, _, wanted = path.partition("::" if "::" in path else "#")
    file = next((place / file_name for place in (top, tree.ROOT) if (place / file_name).is_file()), None)
    if file is None:
        return [f"there is no {file_name}"]
    text = file.read_text("utf-8")
    if file.suffix == ".py":
        names = [
            node.name for node in ast.walk(ast.parse(text)) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        ]
        if not wanted.startswith("test_") or wanted not in names:
            return [f"{file_name} has no test named {wanted or '(none is named)'}"]
    elif wanted and wanted not in [_anchor(head) for head in re.findall(r"^#+ (.+)$", text, re.MULTILINE)]:
        return [f"{file_name} has no section #{wanted}"]
    return [] if name in file_name or name in text else [f"{file_name} does not speak of {name}"]


def _anchor(heading: str) -> str:
    return re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")


# one look for each rule ----------------------------------------------------------------------------------------------


def _starts(subject: Subject) -> Iterator[str]:
    yield from subject.failed_jobs


def _stops(subject: Subject) -> Iterator[str]:
    yield from subject.trouble


def _migrates(subject: Subject) -> Iterator[str]:
    """From empty to what the code knows."""
    metadata = subject.module.tables
    if metadata is None:
        return
    folder = subject.node.place / "migrations"
    yield from faults(subject.name, folder)
    engine = create_engine("sqlite://")
    try:
        migrate(engine, [Owner(subject.name, folder, metadata)])
        yield from (f"the history and the code differ: {one}" for one in differences(engine, subject.name, metadata))
    finally:
        engine.dispose()


def _guarded(subject: Subject) -> Iterator[str]:
    prefix = f"/modules/{subject.name}/"
    for route in routes(subject.node.node.app):
        if route.path.startswith(prefix) and route.guard == NOTHING:
            yield f"{route.method} {route.path} names no permission: Depends(require(Permission.X)) or Depends(public)"


def _alone(subject: Subject) -> Iterator[str]:
    yield from (*subject.failed_jobs, *subject.broken_routes)


def _bounded(subject: Subject) -> Iterator[str]:
    """Each step takes a limited number of rows, and not more than once a second."""
    for job in subject.module.jobs:
        if job.period_s < MOST_OFTEN_S:
            yield f"job {job.name} runs more often than once in {MOST_OFTEN_S:g} s"
        if not is_bounded(job.step):
            yield f"job {job.name}: {getattr(job.step, '__name__', 'its step')} limits nothing: select(...).limit(MOST)"


def is_bounded(step: Callable[..., object]) -> bool:
    """Whether a function, or one of its own file that it calls, takes a limited number."""
    source = inspect.getsourcefile(step)
    if source is None:
        return False
    bodies = {
        node.name: node
        for node in ast.walk(ast.parse(Path(source).read_text("utf-8")))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }
    waiting, seen = [getattr(step, "__name__", "")], set()
    while waiting:
        name = waiting.pop()
        if name in seen or name not in bodies:
            continue
        seen.add(name)
        for call in (node for node in ast.walk(bodies[name]) if isinstance(node, ast.Call)):
            called = tree.dotted(call.func) or getattr(call.func, "attr", "")
            if called.split(".")[-1] in _LIMITS:
                return True
            waiting.append(called)
    return False


def _figures(subject: Subject) -> Iterator[str]:
    """What it feeds is defined, so that it is shown as a `Figure`, which has no value without coverage and age."""
    defined = {code for code, _ in subject.node.context.definitions.definitions}
    for source in subject.module.indicators:
        if source.indicator not in defined:
            yield f"feeds {source.indicator}, which no file of indicators/ defines"
        elif not {"begin", "end"} <= set(source.read.__code__.co_names):
            yield f"{source.indicator}: the source does not keep to asked.begin and asked.end"


def _personal(subject: Subject) -> Iterator[str]:
    """The README's section lists every table and every period, and a job ends something if there is a period."""
    found = re.search(r"^## Personal data.*?$(.*?)(?=^## |\Z)", subject.readme, re.MULTILINE | re.DOTALL)
    if found is None:
        yield "README.md has no section ## Personal data"
        return
    tables = list(subject.module.tables.tables) if subject.module.tables is not None else []
    yield from (
        f"README.md: the section on personal data does not say what {name} keeps"
        for name in tables
        if f"`{name}`" not in found[1]
    )
    for name, setting in _periods(subject):
        if not re.search(rf"`{name}`[^|\n]*\(?{setting}\b", found[1]):
            yield f"README.md: the section on personal data does not say `{name}` ({setting})"
        if not any("retention" in job.name for job in subject.module.jobs):
            yield f"{name} is set, but no job named retention keeps to it"


def _periods(subject: Subject) -> list[tuple[str, Any]]:
    settings = subject.module.settings
    fields = settings.model_fields.items() if settings is not None else ()
    kept = re.compile(r"delete|forg", re.IGNORECASE)
    return [
        (name, one.default) for name, one in fields if name.endswith("_days") and kept.search(one.description or "")
    ]


def _words(subject: Subject) -> Iterator[str]:
    """Titles are Vietnamese, and what a screen says has its English."""
    manifest = subject.node.context.manifests[subject.name]
    titles = [manifest.title, manifest.summary]
    titles += [kind.title for kind in subject.module.incident_kinds] + [page.title for page in subject.module.pages]
    yield from (f"{title!r} is not Vietnamese" for title in titles if not _VIETNAMESE.search(title))
    yield from (f"page {page.title!r} has no title_en" for page in subject.module.pages if not page.title_en)
    for page in subject.module.pages:
        yield from without_english(page.file, (subject.node.place / page.file).read_text("utf-8"))


def without_english(name: str, text: str) -> Iterator[str]:
    """Sentences of a screen, said by `t("...")`, that stand in no table of the file."""
    module = ast.parse(text)
    tables = [node for node in ast.walk(module) if isinstance(node, ast.Dict)]
    known = {key.value for table in tables for key in table.keys if isinstance(key, ast.Constant)}
    for call in (node for node in ast.walk(module) if isinstance(node, ast.Call)):
        said = call.args[0] if call.args and tree.dotted(call.func) == "t" else None
        if isinstance(said, ast.Constant) and said.value not in known:
            yield f"{name}: {said.value!r} has no English"
    for call in (node for node in ast.walk(module) if isinstance(node, ast.Call)):
        if tree.dotted(call.func).startswith("st."):
            for one in call.args[:1]:
                if isinstance(one, ast.Constant) and isinstance(one.value, str) and _VIETNAMESE.search(one.value):
                    yield f"{name}: {one.value!r} is not said through words(...)"


@dataclass(frozen=True, slots=True)
class Check:
    """What is looked at for a rule, in words for people and as code; and whether a test or page must be named too."""

    words: str
    find: Callable[[Subject], Iterator[str]] | None
    needs_name: bool = False


CHECKS: Mapping[str, Check] = {
    "starts": Check("a node with it starts, and each of its jobs takes a first step without raising", _starts),
    "stops": Check("the node stops, and starts again on the same folder", _stops),
    "migrates": Check("an empty database comes to one head and to the very tables of the code", _migrates),
    "routes_name_permission": Check("every route bears `require(...)` or `public`", _guarded),
    "routes_scope_area": Check("the named test shows that another area's account is refused", None, needs_name=True),
    "works_without_parent": Check("with a parent that nobody hears, jobs do not fail and plain routes answer", _alone),
    "jobs_bounded": Check("each job's step limits its rows and runs at most once a second", _bounded),
    "figures_show_age": Check(
        "each indicator that it feeds is defined, hence shown with coverage and age; its source keeps to the span",
        _figures,
    ),
    "load_measured": Check("the named test or page says under how much load it was seen", None, needs_name=True),
    "personal_data_retention": Check(
        "README names every table and every period, a job named retention is there, and the named test shows it end",
        _personal,
        needs_name=True,
    ),
    "texts_in_vietnamese": Check("titles are Vietnamese; each sentence of a screen has its English beside it", _words),
}
