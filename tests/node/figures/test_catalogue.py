"""Definitions: what is wrong is said all at once, nobody redefines, and what was published does not change unseen."""

from datetime import date
from pathlib import Path

import pytest

from node.figures import catalogue
from node.figures.catalogue import DefinitionsError
from node.figures.definition import canonical, pinned
from node.figures.feeding import sources
from node.figures.state import StateType
from tests.house import documents

PUBLISHED = Path(__file__).with_name("published.txt")
GOOD = """indicators:
  - code: test.one
    version: 1
    valid_from: 2025-01-01
    issuer: province
    name_vi: Một
    name_en: One
    explain_vi: Một
    explain_en: One
    subject: test
    state: count
    expect: {who: [coc], due_s: 3600}
"""


def load(tmp_path, text, own=None):
    (tmp_path / "issued").mkdir()
    (tmp_path / "issued" / "a.yaml").write_text(text, "utf-8")
    if own is not None:
        (tmp_path / "own").mkdir()
        (tmp_path / "own" / "b.yaml").write_text(own, "utf-8")
    return catalogue.load(tmp_path / "issued", tmp_path / "own" if own is not None else None)


def problems(tmp_path, text, own=None):
    with pytest.raises(DefinitionsError) as caught:
        load(tmp_path, text, own)
    return caught.value.problems


def test_what_was_published_did_not_change_without_a_new_version():
    """Change a definition, and its states of before and after are not the same thing: raise the version."""
    now = {one.name: one.hash.hex() for one in catalogue.load().definitions.values()}
    then = dict(line.split() for line in PUBLISHED.read_text("utf-8").splitlines())
    assert {name: now.get(name) for name in then} == then, "a published definition was changed or taken away"
    assert now.keys() - then.keys() == set(), f"add the new ones to {PUBLISHED.name}"


def test_every_source_has_a_definition_and_every_proposal_a_source(figures):
    context = figures.post("75").context
    context.modules = tuple(documents.modules())
    fed = {source.indicator for source in sources(context)}
    known = {one.code: one for one in catalogue.load().definitions.values()}
    assert fed <= known.keys()
    assert {code for code, one in known.items() if not (one.official or one.entry)} == fed
    assert not fed & {code for code, one in known.items() if one.entry}, "fed and typed"


def test_official_ones_name_their_basis_and_others_are_marked_as_proposals():
    for one in catalogue.load().definitions.values():
        assert bool(one.basis) == one.official
        assert one.evidence == "doc" if one.official else one.evidence in {"own", "memory"}


def test_the_hash_is_of_every_word(tmp_path):
    one = load(tmp_path, GOOD).find("test.one", 1)
    assert one.state is StateType.COUNT
    (tmp_path / "two").mkdir()
    two = load(tmp_path / "two", GOOD.replace("name_vi: Một", "name_vi: Hai")).find("test.one", 1)
    assert one.hash != two.hash
    assert pinned(one) == one
    assert canonical(one).startswith(b'{"area_rollup":"add"')


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("version: 1", "version: one", "version must be a whole number"),
        ("version: 1", "version: 0", "version must be a whole number"),
        ("code: test.one", "code: Test", "code must be small words"),
        ("code: test.one", "code: own.one", "begins with own."),
        ("state: count", "state: float", "state is 'float'"),
        ("state: count", "state: hist", "edges belong to a hist"),
        ("state: count", "state: hist\n    edges: ['5', '1']", "edges must grow"),
        ("state: count", "state: hist\n    edges: ['1.0']", "no exact decimal"),
        ("state: count", "state: stock", "folds by area: add, time: last"),
        ("state: count", "state: external", "folds by area: none"),
        ("issuer: province", "issuer: district", "issuer is 'district'"),
        ("valid_from: 2025-01-01", "valid_from: 2025-13-01", "which is no date"),
        ("valid_from: 2025-01-01", "valid_from: 2025-01-01\n    valid_to: 2024-01-01", "not after valid_from"),
        ("subject: test", "subject: test\n    official: true", "names no basis"),
        ("subject: test", "subject: test\n    official: yes", "official is 'yes'"),
        ("subject: test", "subject: test\n    colour: red", "colour is unknown"),
        ("who: [coc]", "who: [village]", "expect.who must be some of"),
        ("who: [coc]", "who: [coc], when: now", "expect.when is unknown"),
        ("subject: test", "", "subject is missing"),
        ("subject: test", "dimensions: [{name: a, vi: A, en: A, codes: []}]", "closed list"),
        ("name_en: One", "name_en: One\n    name_en: Two", "stands twice"),
        ("name_en: One", "name_en: &a One", "&a One"),
        ("subject: test", "subject: test\n    thresholds: {green: '>= 9', red: < 5}", "thresholds need a direction"),
        (
            "subject: test",
            "subject: test\n    direction: down\n    thresholds: {green: '>= 9', red: < 5}",
            "but green is",
        ),
        ("subject: test", "subject: test\n    direction: up\n    thresholds: {green: '>= 9', red: <= 9}", "overlap"),
        (
            "subject: test",
            "subject: test\n    direction: up\n    thresholds: {green: good, red: < 5}",
            "such as '>= 95'",
        ),
        (
            "subject: test",
            "subject: test\n    direction: up\n    thresholds: {green: '>= 9', red: < 5, min_coverage: '50'}",
            "must be 100",
        ),
        (
            "subject: test",
            "subject: test\n    direction: up\n    thresholds: {green: '>= 9', red: < 5, official: 'true'}",
            "thresholds are official, but name no basis",
        ),
        ("subject: test", "subject: test\n    target: many", "target: 'many' is no exact decimal"),
        ("subject: test", "subject: test\n    quality: {least: '5', most: '1'}", "above quality.most"),
        ("subject: test", "subject: test\n    quality: {outlier: '0.5'}", "outlier must be 1 or more"),
        ("subject: test", "subject: test\n    period: fortnight", "period is 'fortnight'"),
        ("subject: test", "subject: test\n    period: month\n    privacy: {min_cell: '5'}", "publish is shorter"),
        ("subject: test", "subject: test\n    privacy: {min_cell: many}", "min_cell must be a whole number"),
        ("indicators:", "others:", "must hold a list named indicators"),
    ],
)
def test_what_is_wrong_is_said(tmp_path, old, new, words):
    if words == "&a One":
        words = "cannot be read"
        new = "name_en: &a One\n    basis: *a"
    found = problems(tmp_path, GOOD.replace(old, new, 1))
    assert any(words in sentence for sentence in found), found


def test_every_problem_is_listed_together(tmp_path):
    text = GOOD.replace("version: 1", "version: x").replace("state: count", "state: y").replace("[coc]", "[z]")
    assert len(problems(tmp_path, text)) == 3


def test_a_centre_adds_and_never_redefines(tmp_path):
    own = GOOD.replace("code: test.one", "code: own.one").replace("issuer: province", "issuer: centre")
    assert {one.code for one in load(tmp_path, GOOD, own).definitions.values()} == {"test.one", "own.one"}


def test_a_centre_that_redefines_is_told(tmp_path):
    found = problems(tmp_path, GOOD, GOOD.replace("issuer: province", "issuer: centre"))
    assert any("begins with own." in sentence for sentence in found)
    assert any("is defined already" in sentence for sentence in found)


def test_two_versions_never_hold_on_one_day(tmp_path):
    first = GOOD.replace("valid_from: 2025-01-01", "valid_from: 2025-01-01\n    valid_to: 2027-01-01")
    later = GOOD.split("\n", 1)[1].replace("version: 1", "version: 2").replace("2025-01-01", "2026-01-01")
    assert any("before test.one@1 has ended" in one for one in problems(tmp_path, first + later))


def test_two_versions_never_begin_on_one_day(tmp_path):
    later = GOOD.split("\n", 1)[1].replace("version: 1", "version: 2")
    assert any("before test.one@1 has ended" in one for one in problems(tmp_path, GOOD + later))


def test_a_later_version_ends_one_without_an_end(tmp_path):
    """So that a published definition need not be changed, with its hash, when the next one comes."""
    later = GOOD.split("\n", 1)[1].replace("version: 1", "version: 2").replace("2025-01-01", "2026-01-01")
    found = load(tmp_path, GOOD + later)
    assert [one.version for day in ((2025, 12, 31), (2026, 1, 1)) for one in found.valid(date(*day))] == [1, 2]


def test_the_version_of_the_day_counts(tmp_path):
    first = GOOD.replace("valid_from: 2025-01-01", "valid_from: 2025-01-01\n    valid_to: 2026-01-01")
    later = GOOD.split("\n", 1)[1].replace("version: 1", "version: 2").replace("2025-01-01", "2026-01-01")
    found = load(tmp_path, first + later)
    assert [one.version for one in found.valid(date(2025, 12, 31))] == [1]
    assert [one.version for one in found.valid(date(2026, 1, 1))] == [2]
    assert found.valid(date(2024, 1, 1)) == ()
