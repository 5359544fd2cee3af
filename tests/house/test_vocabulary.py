"""One English word for each Vietnamese term, in the screens, the documents and the code (docs/vocabulary.md)."""

import ast
import json
import re
from dataclasses import dataclass

from node.demo import people
from node.role import ROLE_TITLES, Role
from tests.house import tree
from ui.texts.words import english

PAPER = "docs/vocabulary.md"


@dataclass(frozen=True, slots=True)
class Term:
    """One row of the table."""

    vietnamese: str
    english: str
    never: tuple[str, ...]


def terms(text: str) -> list[Term]:
    """The rows of every table in the paper."""
    rows = [
        [cell.strip() for cell in line.strip().strip("|").split("|")]
        for line in text.splitlines()
        if line.startswith("|")
    ]
    return [
        Term(row[0], row[1], tuple(word.strip() for word in row[3].split(",") if word.strip()))
        for row in rows
        if len(row) == 4 and row[0] != "Vietnamese" and not set(row[0]) <= {"-", ":"}
    ]


def doubled(rows: list[Term]) -> list[str]:
    """Terms and words that stand in two rows, which would make two words for one thing or one word for two."""
    names = [row.vietnamese.lower() for row in rows] + [row.english.lower() for row in rows]
    return sorted({name for name in names if names.count(name) > 1})


def forbidden_in(name: str, text: str, rows: list[Term]) -> list[str]:
    """Uses of a word that the table forbids, as whole words of prose."""
    return [
        f"{name}: {word} (say {row.english})"
        for row in rows
        for word in row.never
        if re.search(rf"\b{re.escape(word)}s?\b", text, re.IGNORECASE)
    ]


def forbidden_names(name: str, module: ast.Module, rows: list[Term]) -> list[str]:
    """Functions, classes and arguments named with a word that the table forbids."""
    words = {word.replace(" ", "_").lower(): row for row in rows for word in row.never}
    found = []
    for node in ast.walk(module):
        identifier = getattr(node, "name", None) or getattr(node, "arg", None) or getattr(node, "id", None)
        if not isinstance(identifier, str):
            continue
        snake = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", identifier).lower()
        found += [
            f"{name}:{getattr(node, 'lineno', 0)} {identifier} (say {row.english})"
            for word, row in words.items()
            if re.search(rf"(?:^|_){word}s?(?:_|$)", snake)
        ]
    return sorted(set(found))


def wrong_gloss(name: str, text: str, rows: list[Term]) -> list[str]:
    """Places such as `word (thuật ngữ)` whose word is not the one of the table."""
    lowered = text.lower()
    return [
        f"{name}: {match[0].strip()} (say {row.english})"
        for row in rows
        if f"({row.vietnamese.lower()})" in lowered
        for match in re.finditer(rf"([\w -]{{2,60}}?) \({re.escape(row.vietnamese)}\)", text, re.IGNORECASE)
        if not _says(match[1], row)
    ]


def wrong_translation(name: str, translations: dict[str, str], rows: list[Term]) -> list[str]:
    """Terms of the table that a screen translates by another word."""
    known = {row.vietnamese.lower(): row for row in rows}
    return [
        f"{name}: {vietnamese} is {english!r} (say {known[vietnamese.lower()].english})"
        for vietnamese, english in translations.items()
        if vietnamese.lower() in known and not _says(english, known[vietnamese.lower()])
    ]


def _says(english: str, row: Term) -> bool:
    """True if each word of the row's English is there, bent or not."""
    return all(word[:5] in english.lower() for word in row.english.lower().split())


def translations(name: str) -> dict[str, str]:
    """The table from Vietnamese to English in a file: a JSON object, or the dictionary named ENGLISH."""
    if name.endswith(".json"):
        found: dict[str, str] = json.loads(tree.text(name))
        return found
    for node in tree.syntax(name).body:
        target = node.targets[0] if isinstance(node, ast.Assign) else getattr(node, "target", None)
        if (
            isinstance(target, ast.Name)
            and target.id.strip("_") == "ENGLISH"
            and isinstance(node, ast.Assign | ast.AnnAssign)
        ):
            assert node.value is not None
            table: dict[str, str] = ast.literal_eval(node.value)
            return table
    return {}


def _rows() -> list[Term]:
    return terms(tree.text(PAPER))


def test_the_table_is_read() -> None:
    assert len(_rows()) > 40
    assert all(row.vietnamese and row.english for row in _rows())


def test_no_term_and_no_word_stands_twice() -> None:
    assert doubled(_rows()) == []


def test_documents_use_the_words() -> None:
    papers = [name for name in tree.texts() if name.endswith(".md") and name != PAPER]
    assert [line for name in papers for line in forbidden_in(name, tree.text(name), _rows())] == []
    assert [line for name in papers for line in wrong_gloss(name, tree.text(name), _rows())] == []


def test_code_uses_the_words() -> None:
    names = tree.python(*tree.PRODUCT)
    assert [line for name in names for line in forbidden_names(name, tree.syntax(name), _rows())] == []
    assert [line for name in names for line in wrong_gloss(name, tree.text(name), _rows())] == []


def test_screens_use_the_words() -> None:
    names = [*tree.python("node", "modules", "ui"), *(name for name in tree.files() if name.endswith("/en.json"))]
    tables = {name: translations(name) for name in names}
    assert len([name for name, table in tables.items() if table]) >= 3
    assert [line for name, table in tables.items() for line in wrong_translation(name, table, _rows())] == []


def test_the_operator_is_called_the_same_everywhere() -> None:
    words = ROLE_TITLES[Role.OPERATOR]
    assert words.lower() in {row.vietnamese for row in _rows() if row.english == "operator"}
    assert {title for role, _, title in people.ROLES if role == "operator"} == {words}
    assert english()[words] == "Operator"
    others = re.compile("điện thoại viên|điều hành viên|cán bộ tiếp nhận", re.IGNORECASE)
    shown = [*tree.python("node", "ui", "modules"), *(name for name in tree.files() if name.endswith((".js", ".html")))]
    assert [name for name in shown if others.search(tree.text(name))] == []


def test_tone_marks_stand_on_the_same_letter_everywhere() -> None:
    old = re.compile(r"\b[Xx]oá|\b[Kk]hoá|\b[Tt]oà\b|\b[Hh]oà\b|\b[Hh]uỷ|\b[Tt]uỳ")
    shown = [name for name in tree.texts() if name.startswith(("node/", "ui/", "modules/", "docs/", "README"))]
    assert [name for name in shown if old.search(tree.text(name))] == []


def test_the_checks_see_a_second_word() -> None:
    rows = terms(
        "| Vietnamese | English | in code | never |\n|---|---|---|---|\n| sự cố | incident | `I` | ticket, due date |\n"
    )
    assert rows == [Term("sự cố", "incident", ("ticket", "due date"))]
    assert doubled([*rows, Term("tai nạn", "incident", ())]) == ["incident"]
    assert forbidden_in("a.md", "Two tickets.", rows) == ["a.md: ticket (say incident)"]
    assert len(forbidden_names("a.py", ast.parse("class TicketBox: ...\ndef f(due_date): ..."), rows)) == 2
    assert forbidden_names("a.py", ast.parse("def f(incident): ..."), rows) == []
    assert len(wrong_gloss("a.md", "an accident (sự cố) happens", rows)) == 1
    assert wrong_gloss("a.md", "an incident (sự cố) happens", rows) == []
    assert len(wrong_translation("a.json", {"Sự cố": "Event", "Cháy": "Fire"}, rows)) == 1
    assert wrong_translation("a.json", {"Sự cố": "Incidents"}, rows) == []
