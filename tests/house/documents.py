"""Tables of the documents that are written from the code: `python -m tests.house.documents` writes them anew.

A table stands between `<!-- begin NAME -->` and `<!-- end NAME -->`; the words around it belong to people. The tests
compare what is written with what would be written, so that a document cannot drift from the code.
"""

import re
import sys
from collections.abc import Callable, Iterator

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from tests.house import tree


def table(head: list[str], rows: list[list[str]]) -> str:
    """A Markdown table; a bar inside a cell would end the cell, so it is escaped."""
    lines = [
        head,
        ["---"] * len(head),
        *([cell.replace("|", "\\|").replace("\n", " ") for cell in row] for row in rows),
    ]
    return "\n".join("| " + " | ".join(row) + " |" for row in lines)


def settings_table() -> str:
    """Every setting of a node with its default and meaning."""
    from node.settings import ENV_PREFIX, Settings

    rows = [
        [
            f"`[{section}] {name}`",
            f"`{ENV_PREFIX}{section.upper()}__{name.upper()}`",
            _default(field, section if Settings.model_fields[section].default is None else ""),
            field.description or "",
        ]
        for section, model in _sections(Settings)
        for name, field in model.model_fields.items()
    ]
    return table(["setting", "environment", "default", "meaning"], rows)


def module_settings_table() -> str:
    """Every setting of every module."""
    rows = [
        [f"`[modules.{module.name}] {name}`", _default(field), field.description or ""]
        for module in modules()
        if module.settings
        for name, field in module.settings.model_fields.items()
    ]
    return table(["setting", "default", "meaning"], rows)


def modules():
    """The modules of this repository, loaded as a node loads them."""
    import importlib

    from node.module import Module

    loaded = [importlib.import_module(f"modules.{name}.module") for name in tree.module_names()]
    return [value for module in loaded for value in vars(module).values() if isinstance(value, Module)]


def _sections(model: type[BaseModel]) -> Iterator[tuple[str, type[BaseModel]]]:
    for name, field in model.model_fields.items():
        candidates = [field.annotation, *getattr(field.annotation, "__args__", ())]
        yield name, next(c for c in candidates if isinstance(c, type) and issubclass(c, BaseModel))


def _default(field: FieldInfo, optional_section: str = "") -> str:
    if field.is_required():
        return f"required where there is a `[{optional_section}]`" if optional_section else "required"
    value = field.get_default(call_default_factory=True)
    if isinstance(value, tuple):
        value = ", ".join(str(getattr(one, "value", one)) for one in value)
    return "none" if value in (None, "") else f"`{value}`"


def commands_table() -> str:
    """Every command of `python -m node` with its first sentence."""
    rows = [[f"`python -m node {path}`", words] for path, words in commands()]
    return table(["command", "what it does"], rows)


def commands() -> list[tuple[str, str]]:
    """Path of each command and its help."""
    import typer

    from node.cli import app

    def walk(command, path):
        inner = getattr(command, "commands", {})
        if not inner or command.invoke_without_command:
            yield " ".join(path), (command.help or "").strip().split("\n")[0]
        for name in sorted(inner):
            yield from walk(inner[name], [*path, name])

    return list(walk(typer.main.get_command(app), []))


def roles_table() -> str:
    """Every role with what it may do."""
    from node.role import PERMISSIONS, ROLE_TITLES  # as above

    rows = [
        [
            f"`{role}`",
            ROLE_TITLES[role],
            ", ".join(f"`{permission}`" for permission in sorted(permissions)) or "nothing",
        ]
        for role, permissions in PERMISSIONS.items()
    ]
    return table(["role", "on the screen", "permissions"], rows)


def routes_table() -> str:
    """Every route with who may call it."""
    from tests.house.application import applications
    from tests.house.routes import routes

    return table(["method", "path", "who"], [[r.method, f"`{r.path}`", r.guard] for r in routes(*applications())])


def local_routes_table() -> str:
    """Every route of the local socket; the file's mode is its guard."""
    from tests.house.application import local_applications
    from tests.house.routes import routes

    return table(["method", "path"], [[r.method, f"`{r.path}`"] for r in routes(*local_applications())])


def failpoints() -> str:
    """Every place where a failure can be arranged, in one line."""
    found = {
        name
        for file in tree.python(*tree.PRODUCT)
        for name in re.findall(r'\bfailpoint\("([a-z_.]+)"', tree.text(file))
    }
    return ", ".join(f"`{name}`" for name in sorted(found))


def messages() -> list[tuple[str, str, str]]:
    """Name, file and comment of every message and service between nodes; the comment stands above it in the file."""
    pattern = re.compile(r"((?:^//[^\n]*\n)*)^(?:message|service) (\w+)", re.MULTILINE)
    found = []
    for name in tree.files():
        if name.endswith(".proto"):
            for comment, message in pattern.findall(tree.text(name)):
                words = " ".join(line.removeprefix("//").strip() for line in comment.splitlines())
                found.append((message, name, words))
    return found


def messages_table() -> str:
    """Every message between nodes with what its file says of it."""
    rows = [[f"`{message}`", f"`{name}`", words] for message, name, words in messages()]
    return table(["message", "file", "what it is"], rows)


def indicators_table() -> str:
    """Every indicator that this program defines, and what feeds it."""
    from node.figures.catalogue import load
    from node.incident.readings import SOURCES

    fed = {source.indicator: "node" for source in SOURCES}
    fed |= {source.indicator: f"module {module.name}" for module in modules() for source in module.indicators}
    rows = [
        [
            f"`{one.name}`",
            f"{one.name_en} ({one.name_vi})",
            one.state.value,
            one.unit_en,
            ", ".join(one.expect.who),
            fed.get(one.code, "nothing yet"),
            f"official: {one.basis}" if one.official else "proposal",
        ]
        for one in load().definitions.values()
    ]
    return table(["indicator", "what it is", "state", "unit", "due from", "fed by", "authority"], rows)


def rules_table() -> str:
    """Every rule of a module's manifest with what the house looks at."""
    from node.maturity import LEVELS
    from tests.house.earned import CHECKS

    rows = [
        [level, f"`{rule}`", CHECKS[rule].words, "yes" if CHECKS[rule].needs_name else ""]
        for level, rules in LEVELS.items()
        for rule in rules
    ]
    return table(["level", "rule", "what is looked at", "`done:` names a test or page"], rows)


TABLES: dict[tuple[str, str], Callable[[], str]] = {
    ("docs/figures.md", "indicators"): indicators_table,
    ("docs/settings.md", "settings"): settings_table,
    ("docs/settings.md", "module settings"): module_settings_table,
    ("docs/settings.md", "failpoints"): failpoints,
    ("docs/operations.md", "commands"): commands_table,
    ("docs/operations.md", "roles"): roles_table,
    ("docs/api.md", "routes"): routes_table,
    ("docs/api.md", "local routes"): local_routes_table,
    ("docs/messages.md", "messages"): messages_table,
    ("docs/write-a-module.md", "rules"): rules_table,
}


def written(text: str, name: str, content: str) -> str:
    """The text with the content between the marks of the name."""
    pattern = re.compile(rf"(<!-- begin {name} -->\n).*?(<!-- end {name} -->)", re.DOTALL)
    changed, count = pattern.subn(lambda match: f"{match[1]}\n{content}\n\n{match[2]}", text)
    if count != 1:
        raise ValueError(f"the marks of {name} stand {count} times")
    return changed


def main() -> None:
    """Write every table."""
    for (path, name), make in TABLES.items():
        file = tree.ROOT / path
        file.write_text(written(file.read_text(encoding="utf-8"), name, make()), encoding="utf-8")
    sys.stdout.write(f"wrote {len(TABLES)} tables\n")


if __name__ == "__main__":
    main()
