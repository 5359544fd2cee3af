"""The repository can be read and built anywhere, by anybody, and speaks of the product only."""

import re

import pytest

from tests.house import tree

# A bracket in each pattern keeps this file from finding itself.
MACHINE = {
    "a path of one machine": r"(?<![\w.\-/}>])/(?:[w]ork|[r]oot)(?:/|\b(?![.\w-]))",
    "a path of one person": r"(?<![\w.\-/}>])/(?:[h]ome|[U]sers)/\w",
    "a path of one user's temporary folder": r"(?<![\w.])/[t]mp/\w",
    "an address of a package registry": r"\b(?:[p]ypi\.org|[p]ythonhosted|[r]egistry\.npmjs|[d]eb\.debian\.org)",
    "an option that names a package index": r"(?i)(?<!no-emit)(?:--|PIP_|UV_)(?:[e]xtra-)?[i]ndex[-_]url\b",
    "a proxy with an address": r"(?i)https?_[p]roxy\s*=\s*\S",
}
MAKING = {
    "how the text was made": (
        r"(?i)\b(?:[c]laude|[a]nthropic|[c]hatgpt|[c]opilot|[l]anguage model|[c]oding agent|[s]ub-?agent)\b"
    ),
    "the work's own paperwork": r"\b(?:[i]ssues show|[C]ONTRACT\.md|[D]EVIATIONS\.md|[R]EQUESTS\.md)\b",
    "a paper that is not in the repository": (
        r"\b(?:[H]OUSE|[L]EDGER|[T]RUST|[S]CREENS|[D]OMAIN|[F]EATURES|[F]IGURES|[C]AMERAS|[L]IBRARIES)(?:\.md\b| ?§)"
    ),
}
WORDS = {
    "something left to do": r"\b(?:[T]ODO|[F]IXME|[X]XX)\b",
    "a word with a plainer one": (
        r"(?i)\b(?:[l]everag(?:e|es|ing)|[u]tili[sz](?:e|es|ing)|[s]eamless(?:ly)?|[b]lazing|cutting-[e]dge)\b"
    ),
    "a list named by colour (allow-list, deny-list)": r"(?i)\b(?:[b]lack|[w]hite)[ -]?list(?:s|ed)?\b",
}
LOCK_LINE = re.compile(
    r"^(?:[A-Za-z0-9._-]+(?:\[[\w,-]+\])?==[A-Za-z0-9.!+_-]+(?: ; [^/]+)?|    --hash=sha256:[0-9a-f]{64})(?: \\)?$"
)


def findings(name: str, text: str, patterns: dict[str, str]) -> list[str]:
    """Every line of the text that holds something the patterns name."""
    return [
        f"{name}:{number} {what}: {match.group()}"
        for number, line in enumerate(text.splitlines(), start=1)
        for what, pattern in patterns.items()
        for match in [re.search(pattern, line)]
        if match
    ]


@pytest.mark.parametrize("patterns", [MACHINE, MAKING, WORDS], ids=["machine", "making", "words"])
def test_texts_are_free_of(patterns: dict[str, str]) -> None:
    assert [line for name in tree.texts() for line in findings(name, tree.text(name), patterns)] == []


def test_locks_hold_names_versions_and_hashes_only() -> None:
    locks = [name for name in tree.files() if name.startswith("locks/")]
    assert locks
    strange = [
        f"{name}: {line}" for name in locks for line in tree.text(name).splitlines() if not LOCK_LINE.match(line)
    ]
    assert strange == []


def test_every_locked_package_is_pinned_by_a_hash() -> None:
    for name in (name for name in tree.files() if name.startswith("locks/")):
        lines = tree.text(name).splitlines()
        pins = [number for number, line in enumerate(lines) if "==" in line]
        assert [lines[n] for n in pins if n + 1 == len(lines) or "--hash=" not in lines[n + 1]] == [], name


@pytest.mark.parametrize(
    ("patterns", "line"),
    [
        (MACHINE, "data = '/wo" + "rk/shared/data'"),
        (MACHINE, "cd /ro" + "ot/x"),
        (MACHINE, "cp a /ho" + "me/anna/b"),
        (MACHINE, "open('/tm" + "p/lt')"),
        (MACHINE, "https://py" + "pi.org/simple"),
        (MACHINE, "pip install --in" + "dex-url x"),
        (MACHINE, "HTTPS_PRO" + "XY=http://a"),
        (MAKING, "written with Cl" + "aude"),
        (MAKING, "as LED" + "GER §5 says"),
        (MAKING, "see HOU" + "SE.md"),
        (WORDS, "# TO" + "DO: later"),
        (WORDS, "we lever" + "age it"),
        (WORDS, "a white" + "list"),
    ],
)
def test_the_check_sees(patterns: dict[str, str], line: str) -> None:
    assert findings("bad.md", line, patterns)


@pytest.mark.parametrize(
    "line",
    [
        "GET /api/v1/work",
        "keys/root.pem",
        "the network/root of",
        "--no-emit-index-url",
        "../shared/data",
        "a ledger §",
        "tmp_path / 'a'",
    ],
)
def test_the_check_leaves_alone(line: str) -> None:
    assert [found for patterns in (MACHINE, MAKING, WORDS) for found in findings("good.md", line, patterns)] == []


def test_the_check_sees_an_address_in_a_lock() -> None:
    assert LOCK_LINE.match("aiohttp==3.14.5 \\")
    assert not LOCK_LINE.match("aiohttp @ https://example.org/aiohttp.whl")
    assert not LOCK_LINE.match("# from an index")
