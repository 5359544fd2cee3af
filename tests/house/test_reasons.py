"""Every exception to a rule says why beside it."""

import io
import re
import tokenize

from tests.house import tree

NOQA = re.compile(r"#\s*noqa\b(?P<codes>:\s*[A-Z]+[0-9]+(?:\s*,\s*[A-Z]+[0-9]+)*)?(?P<why>.*)")
IGNORE = re.compile(r"#\s*type:\s*ignore(?P<codes>\[[\w, -]+\])?(?P<why>.*)")
RULE = re.compile(r'^\s*"(?:[A-Z]+[0-9]*)",?(?P<why>.*)$')


def unexplained(name: str, text: str) -> list[str]:
    """Comments that silence a check without naming it and saying why."""
    found = []
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type != tokenize.COMMENT:
            continue
        for pattern in (NOQA, IGNORE):
            match = pattern.search(token.string)
            if match and (not match["codes"] or not re.search(r"\w{3}", match["why"])):
                found.append(f"{name}:{token.start[0]} {token.string}")
    return found


def bare_rules(text: str) -> list[str]:
    """Ignored ruff rules of the package description whose line carries no reason."""
    ruff = text[text.index("[tool.ruff.lint]") : text.index("[tool.ruff.lint.pydocstyle]")]
    lines = [match for line in ruff.splitlines() for match in [RULE.match(line)] if match and "ALL" not in match.string]
    return [match.string.strip() for match in lines if "#" not in match["why"]]


def test_silenced_checks_say_why() -> None:
    assert [line for name in tree.python() for line in unexplained(name, tree.text(name))] == []


def test_ignored_rules_say_why() -> None:
    assert bare_rules(tree.text("pyproject.toml")) == []


def test_the_rules_start_from_all() -> None:
    assert 'select = ["ALL"]' in tree.text("pyproject.toml")


def test_the_check_sees_silence_without_a_reason() -> None:
    marks = ["# no" + "qa", "# no" + "qa: S603", "# type: ig" + "nore", "# type: ig" + "nore[misc]"]
    assert len(unexplained("bad.py", "".join(f"x = 1  {mark}\n" for mark in marks))) == len(marks)
    good = [f"{marks[1]} - our own executable", f"{marks[3]}  # the stubs lag behind"]
    assert unexplained("good.py", "".join(f"x = 1  {mark}\n" for mark in good)) == []


def test_the_check_sees_a_bare_rule() -> None:
    bad = '[tool.ruff.lint]\nignore = [\n    "D105", # told\n    "D107",\n]\n[tool.ruff.lint.pydocstyle]'
    assert bare_rules(bad) == ['"D107",']
