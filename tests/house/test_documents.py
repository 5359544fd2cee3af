"""The documents cannot drift: tables come from the code, paths and commands exist, promises stand word for word."""

import os
import re
from pathlib import PurePosixPath

import pytest

from tests.house import documents, tree

ARCHITECTURE = "ARCHITECTURE.md"
LONGEST_ARCHITECTURE = 300
PROMISE = (
    'Once a centre has shown "đã ghi nhận" for a record, the record survives the loss of power at any instant and, if '
    "the centre's disk is not lost for ever before the first upload, takes effect exactly once at every ancestor "
    "entitled to it, in its origin's order, whatever the links do (a record that cannot be applied is parked with an "
    "alarm, never dropped); any fork, gap, forgery or roll-back is detected at the first contact and named."
)
HEADINGS = ["Context", "Decision", "Consequences", "What would change our mind"]


def papers() -> list[str]:
    return [name for name in tree.texts() if name.endswith(".md")]


def everything() -> str:
    """All documents as one text, where a name must be found."""
    return "\n".join(tree.text(name) for name in papers())


def paths_in(text: str) -> list[str]:
    """What stands in backquotes and looks like a path of this repository."""
    quoted = re.findall(r"`([\w.<>*{},/-]+)`", text)
    return [word for word in quoted if re.match(r"^(?:\.?[\w-]+/|[\w.-]+\.(?:py|md|toml|txt|proto)$|Makefile$)", word)]


def absent(paths: list[str], files: tuple[str, ...]) -> list[str]:
    """Paths that no file of the repository has; `<name>` stands for any one part."""
    found = []
    for path in paths:
        pattern = re.sub(r"<\w+>|\\\*", "[^/]+", re.escape(path).replace(r"\<", "<").replace(r"\>", ">"))
        if not any(re.match(rf"(?:.*/)?{pattern.rstrip('/')}(?:/|$)", file) for file in files):
            found.append(path)
    return found


def dead_links(name: str, text: str, files: tuple[str, ...]) -> list[str]:
    """Links to files of the repository that are not there."""
    folder = PurePosixPath(name).parent
    found = []
    for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", text):
        if re.match(r"^[a-z]+:", target):
            continue
        parts: list[str] = []
        for part in (folder / target).parts:
            parts = parts[:-1] if part == ".." else [*parts, part]
        path = "/".join(parts)
        if path not in files and not any(file.startswith(f"{path}/") for file in files):
            found.append(f"{name}: {target}")
    return found


def plain(text: str) -> str:
    return " ".join(text.replace("\n>", "\n").split())


@pytest.mark.parametrize(("path", "name"), list(documents.TABLES), ids=lambda value: value.replace(" ", "-"))
def test_tables_are_as_the_code_says(path: str, name: str) -> None:
    current = tree.text(path)
    fresh = documents.written(current, name, documents.TABLES[path, name]())
    assert current == fresh, "run `python -m tests.house.documents` and commit the result"


def test_architecture_is_short_and_its_paths_exist() -> None:
    text = tree.text(ARCHITECTURE)
    assert len(text.splitlines()) <= LONGEST_ARCHITECTURE
    assert len(paths_in(text)) > 30
    assert absent(paths_in(text), tree.files()) == []


def test_paths_in_all_papers_exist() -> None:
    tops = (*tree.OURS, "proto", "docs", "locks", ".ci")
    named = {name: [path for path in paths_in(tree.text(name)) if path.split("/")[0] in tops] for name in papers()}
    assert {name: gone for name, paths in named.items() if (gone := absent(paths, tree.files()))} == {}


def off_the_map(names: list[str], text: str) -> list[str]:
    """Folders of the product that the code map does not mention."""
    folders = {str(PurePosixPath(name).parent) for name in names}
    wanted = {re.sub(r"^(modules/[^/]+)/.*", r"\1", folder) for folder in folders} - {"modules"}
    return [folder for folder in sorted(wanted) if f"`{folder}/" not in text]


def test_every_folder_of_the_product_is_on_the_map() -> None:
    assert off_the_map(tree.python(*tree.PRODUCT), tree.text(ARCHITECTURE)) == []
    assert off_the_map(["node/lost/a.py", "pki/a.py"], "`pki/` is there") == ["node/lost"]


def test_links_lead_somewhere() -> None:
    links = [link for name in papers() for link in dead_links(name, tree.text(name), tree.files())]
    assert [link for link in links if "docs/pictures/" not in link] == []


def test_pictures_are_there() -> None:
    links = [link for name in papers() for link in dead_links(name, tree.text(name), tree.files())]
    missing = [link for link in links if "docs/pictures/" in link]
    if missing and not os.environ.get("CI"):
        pytest.skip(f"a picture of the running demo is still to be taken: {', '.join(missing)}")
    assert missing == []


@pytest.mark.parametrize("name", ["README.md", "docs/protocol.md"])
def test_the_promise_stands_word_for_word(name: str) -> None:
    assert plain(PROMISE) in plain(tree.text(name))


def test_commands_in_the_documents_exist() -> None:
    targets = set(re.findall(r"^([a-z][a-z-]*):", tree.text("Makefile"), re.MULTILINE))
    named = set(re.findall(r"(?:`|^    |^)make ([a-z][a-z-]*)", everything(), re.MULTILINE))
    assert named - targets == set()
    known = {path.split()[0] for path, _ in documents.commands()}
    used = set(re.findall(r"python -m node ([a-z-]+)", everything()))
    assert used - known == set()


def test_every_command_says_what_it_does() -> None:
    assert [path for path, words in documents.commands() if len(words.split()) < 3] == []


def test_every_setting_says_what_it_means() -> None:
    rows = documents.settings_table().splitlines()[2:] + documents.module_settings_table().splitlines()[2:]
    assert [row for row in rows if row.rstrip().endswith("|  |")] == []


def test_every_kind_of_incident_is_described() -> None:
    kinds = [kind.code for module in documents.modules() for kind in module.incident_kinds]
    assert kinds
    assert [code for code in kinds if f"`{code}`" not in everything()] == []


def test_every_message_on_the_wire_is_described() -> None:
    assert documents.messages()
    assert [name for name, _, _ in documents.messages() if f"`{name}`" not in everything()] == []
    assert [f"{file}: {name}" for name, file, words in documents.messages() if len(words.split()) < 3] == []


def test_decisions_are_numbered_and_complete() -> None:
    notes = [name for name in papers() if name.startswith("docs/decisions/")]
    numbers = [int(PurePosixPath(name).name[:4]) for name in notes]
    assert numbers == list(range(1, len(notes) + 1))
    for number, name in zip(numbers, notes, strict=True):
        text = tree.text(name)
        assert text.startswith(f"# {number:04}: "), name
        assert re.findall(r"^## (.+)$", text, re.MULTILINE) == HEADINGS, name


def test_the_checks_see_what_is_not_there() -> None:
    files = ("node/app.py", "docs/a.md", "modules/citizen/page.py")
    text = "see `node/app.py`, `modules/<name>/page.py`, `node/gone.py`, `x = 1` and `docs/`"
    assert absent(paths_in(text), files) == ["node/gone.py"]
    assert dead_links("docs/a.md", "[x](../node/app.py) [y](b.md) [z](https://example.org) [m](#here)", files) == [
        "docs/a.md: b.md"
    ]


def test_the_writer_replaces_between_its_marks_only() -> None:
    text = "a\n<!-- begin t -->\nold\n<!-- end t -->\nb\n"
    assert documents.written(text, "t", "| new |") == "a\n<!-- begin t -->\n\n| new |\n\n<!-- end t -->\nb\n"
    with pytest.raises(ValueError, match="0 times"):
        documents.written("nothing", "t", "x")
    assert documents.table(["a"], [["x|y"]]).endswith("| x\\|y |")
