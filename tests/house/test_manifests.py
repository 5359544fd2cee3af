"""A module is described by a file that can be read without importing it, and keeps a ledger of what it has earned."""

import tomllib
from pathlib import PurePosixPath
from typing import Any

from tests.house import tree

FIELDS = {"name", "title", "summary", "tiers", "maturity", "extra", "rules"}
TIERS = {"ioc", "oc", "coc"}
LEVELS = {
    "bronze": ("starts", "stops", "migrates", "routes_name_permission", "routes_scope_area"),
    "silver": ("works_without_parent", "jobs_bounded", "figures_show_age"),
    "gold": ("load_measured", "personal_data_retention", "texts_in_vietnamese"),
}
RULES = [rule for rules in LEVELS.values() for rule in rules]


def problems(folder: str, manifest: dict[str, Any]) -> list[str]:
    """What a manifest lacks, has too much of, or claims without having earned it."""
    found = [f"unknown field {field}" for field in manifest.keys() - FIELDS]
    found += [f"no {field}" for field in FIELDS - {"extra"} - manifest.keys()]
    if manifest.get("name") != folder:
        found.append(f"named {manifest.get('name')}")
    if not manifest.get("tiers") or set(manifest["tiers"]) - TIERS:
        found.append("tiers are some of ioc, oc, coc")
    rules = manifest.get("rules", {})
    found += [f"unknown rule {rule}" for rule in rules.keys() - set(RULES)]
    found += [f"rule {rule} is not in the ledger" for rule in RULES if rule not in rules]
    found += [f"rule {rule}: {state}" for rule, state in rules.items() if not _is_state(state)]
    return found + _unearned(manifest.get("maturity"), rules)


def _is_state(state: object) -> bool:
    return state in {"done", "todo"} or (isinstance(state, str) and len(state.removeprefix("exempt: ").split()) > 1)


def _unearned(maturity: object, rules: dict[str, str]) -> list[str]:
    if maturity not in LEVELS:
        return [f"maturity is one of {', '.join(LEVELS)}"]
    order = list(LEVELS)
    owed = [rule for level in order[: order.index(str(maturity)) + 1] for rule in LEVELS[level]]
    return [f"claims {maturity} while {rule} is to be done" for rule in owed if rules.get(rule) == "todo"]


def manifests() -> list[str]:
    return [name for name in tree.files() if name.startswith("modules/") and name.endswith("/manifest.toml")]


def test_manifests_are_complete_and_honest() -> None:
    found = []
    for name in manifests():
        folder = PurePosixPath(name).parent.name
        found += [f"{name}: {problem}" for problem in problems(folder, tomllib.loads(tree.text(name)))]
    assert found == []


def test_every_module_has_its_papers() -> None:
    folders = {PurePosixPath(name).parts[1] for name in tree.python("modules") if len(PurePosixPath(name).parts) > 2}
    assert folders
    wanted = [
        f"modules/{folder}/{paper}" for folder in folders for paper in ("manifest.toml", "module.py", "README.md")
    ]
    assert [name for name in wanted if name not in tree.files()] == []


def test_the_check_sees_a_bad_manifest() -> None:
    good = {
        "name": "a",
        "title": "A",
        "summary": "s",
        "tiers": ["coc"],
        "maturity": "bronze",
        "rules": dict.fromkeys(RULES, "done"),
    }
    assert problems("a", good) == []
    assert problems("b", good) == ["named a"]
    assert problems("a", {**good, "tiers": ["district"]}) == ["tiers are some of ioc, oc, coc"]
    assert problems("a", {**good, "colour": "red"}) == ["unknown field colour"]
    assert problems("a", {**good, "rules": {**good["rules"], "starts": "todo"}}) == [
        "claims bronze while starts is to be done"
    ]
    assert problems("a", {**good, "rules": {**good["rules"], "starts": "nearly"}}) == ["rule starts: nearly"]
    assert problems("a", {**good, "rules": {k: v for k, v in good["rules"].items() if k != "stops"}}) == [
        "rule stops is not in the ledger"
    ]
