"""A module is described by a file that can be read without importing it, and what its ledger calls done is done."""

import tomllib
from pathlib import Path, PurePosixPath
from typing import Any

import pytest

from node.catalog import read_manifests
from node.maturity import LEVELS, RULES, ledger_problems, open_rules
from tests.fakes.module_node import ModuleNode
from tests.house import tree
from tests.house.earned import CHECKS, Subject, is_bounded, look, not_shown, without_english


def problems(manifest: dict[str, Any]) -> list[str]:
    """What a ledger lacks, has too much of, or claims without having earned it."""
    rules = manifest.get("rules", {})
    found = [f"rule {rule} is not in the ledger" for rule in RULES if rule not in rules]
    earned = [level for level in LEVELS if not ledger_problems(level, rules)]
    if not found and earned and manifest.get("maturity") != earned[-1]:
        found.append(f"maturity is {manifest.get('maturity')}, and the ledger says {earned[-1]}")
    return found + ledger_problems(manifest.get("maturity"), rules)


def manifests() -> list[str]:
    return [name for name in tree.files() if name.startswith("modules/") and name.endswith("/manifest.toml")]


def test_manifests_are_complete() -> None:
    assert read_manifests(tree.ROOT / "modules")[1] == []
    found = []
    for name in manifests():
        found += [f"{name}: {problem}" for problem in problems(tomllib.loads(tree.text(name)))]
    assert found == []


@pytest.mark.parametrize("name", tree.module_names())
async def test_what_is_called_done_is_done(name: str, tmp_path: Path) -> None:
    with ModuleNode(tmp_path, name) as node:
        rules = node.context.manifests[name].rules
        found = await look(Subject(node, rules, tree.ROOT))
    assert "\n".join(f"{rule}: {one}" for rule, wrong in found.items() for one in wrong) == ""
    assert set(found) == {rule for rule in RULES if rules[rule].startswith("done")}


def test_every_rule_has_its_look() -> None:
    assert tuple(CHECKS) == RULES
    assert [rule for rule, check in CHECKS.items() if check.find is None and not check.needs_name] == []


def test_every_module_has_its_papers() -> None:
    folders = {PurePosixPath(name).parts[1] for name in tree.python("modules") if len(PurePosixPath(name).parts) > 2}
    assert folders
    wanted = [
        f"modules/{folder}/{paper}" for folder in folders for paper in ("manifest.toml", "module.py", "README.md")
    ]
    assert [name for name in wanted if name not in tree.files()] == []


def test_the_check_sees_a_bad_ledger() -> None:
    rules = dict.fromkeys(RULES, "done")
    good = {"maturity": "gold", "rules": rules}
    assert problems(good) == []
    assert problems({**good, "maturity": "silver"}) == ["maturity is silver, and the ledger says gold"]
    assert problems({**good, "rules": {**rules, "starts": "todo"}}) == [
        "maturity is gold, but rules.starts is still to be done"
    ]
    assert open_rules({**rules, "starts": "todo"}) == ("starts",)
    (wrong,) = ledger_problems("gold", {**rules, "starts": "nearly"})
    assert wrong.startswith("rules.starts is 'nearly'; it must be done")
    assert ledger_problems("gold", {**rules, "starts": "exempt: "})
    assert ledger_problems("gold", {**rules, "starts": "exempt: it keeps nothing"}) == []
    assert "rule stops is not in the ledger" in problems(
        {**good, "rules": {k: v for k, v in rules.items() if k != "stops"}}
    )
    assert ledger_problems("iron", {}) == ["maturity is 'iron'; it must be one of bronze, silver, gold"]
    assert ledger_problems("gold", {**rules, "strats": "done"}) == ["rules.strats is unknown; did you mean starts?"]


def test_the_checks_see_what_shows_nothing() -> None:
    assert not_shown("tests/gone.py::test_a", tree.ROOT, "citizen") == ["there is no tests/gone.py"]
    here = "tests/house/test_manifests.py"
    assert not_shown(f"{here}::test_gone", tree.ROOT, "citizen") == [f"{here} has no test named test_gone"]
    assert not_shown(f"{here}::problems", tree.ROOT, "citizen") == [f"{here} has no test named problems"]
    assert not_shown("docs/figures.md#nowhere", tree.ROOT, "citizen") == ["docs/figures.md has no section #nowhere"]
    assert not_shown("docs/figures.md#for-people", tree.ROOT, "hydraulics") == [
        "docs/figures.md does not speak of hydraulics"
    ]
    assert not_shown("docs/figures.md#for-people", tree.ROOT, "citizen") == []


def test_the_checks_see_a_screen_without_english_and_a_job_without_end() -> None:
    page = 'E = {"Số": "Number"}\nt("Số")\nt("Nơi")\nst.header("Trụ nước")\nst.header("x")\n'
    assert list(without_english("page.py", page)) == [
        "page.py: 'Nơi' has no English",
        "page.py: 'Trụ nước' is not said through words(...)",
    ]
    assert not is_bounded(problems)
    assert is_bounded(_limited)


def _limited(query: Any) -> Any:
    return _deeper(query)


def _deeper(query: Any) -> Any:
    return query.limit(3)
