"""A node is an IOC, an OC or a COC by its configuration alone: no code asks which.

On 1 July 2025 a tier vanished overnight. Code that compares with a tier would have been wrong the next morning.
"""

import ast
import re

import pytest

from tests.house import tree

HOMES = {
    "node/settings.py",
    "node/territory.py",
    "node/demo/check/promotion.py",  # asks a commune whose settings file was changed whether it is an OC now
}
LITERALS = {"ioc", "oc", "coc"}
IN_PAGES = re.compile(r"""\btier\b\s*(?:[!=]==?|\bin\b)|(?:[!=]==?)\s*["'](?:ioc|oc|coc)["']""")


def _is_tier(node: ast.AST) -> bool:
    if isinstance(node, ast.Attribute):
        return tree.dotted(node).split(".")[-2:-1] == ["Tier"]
    if isinstance(node, ast.Constant):
        return node.value in LITERALS
    if isinstance(node, ast.Tuple | ast.List | ast.Set):
        return any(_is_tier(item) for item in node.elts)
    if isinstance(node, ast.Call) and tree.dotted(node.func).split(".")[-1] in {"Tier", "frozenset", "set"}:
        return tree.dotted(node.func).endswith("Tier") or any(_is_tier(argument) for argument in node.args)
    return False


def comparisons(name: str, module: ast.Module) -> list[str]:
    """Places where code decides by tier: a comparison, a match case, a table keyed by tiers."""
    found = set()
    for node in ast.walk(module):
        if isinstance(node, ast.Compare) and any(_is_tier(side) for side in (node.left, *node.comparators)):
            found.add(node.lineno)
        if isinstance(node, ast.MatchValue) and _is_tier(node.value):
            found.add(node.value.lineno)
        if isinstance(node, ast.Dict) and any(key is not None and _is_tier(key) for key in node.keys):
            found.add(node.lineno)
    return [f"{name}:{line}" for line in sorted(found)]


def test_no_code_decides_by_tier() -> None:
    names = [name for name in tree.python(*tree.PRODUCT) if name not in HOMES]
    assert [line for name in names for line in comparisons(name, tree.syntax(name))] == []


def test_no_page_decides_by_tier() -> None:
    names = [
        name for name in tree.texts() if name.startswith(tree.PRODUCT) and name.endswith((".js", ".html", ".jinja"))
    ]
    assert [name for name in names if IN_PAGES.search(tree.text(name))] == []


@pytest.mark.parametrize(
    "line",
    [
        "if tier == Tier.IOC: ...",
        "if territory.Tier.COC is centre.tier: ...",
        "if centre.tier in (Tier.IOC, Tier.OC): ...",
        "if centre.tier in frozenset({Tier.IOC}): ...",
        "if tier != 'coc': ...",
        "match tier:\n    case Tier.OC: ...",
        "x = {Tier.IOC: 1, Tier.OC: 2}[tier]",
    ],
)
def test_the_check_sees(line: str) -> None:
    assert comparisons("bad.py", ast.parse(line))


def test_the_check_sees_a_page_and_leaves_words_alone() -> None:
    assert IN_PAGES.search('if (centre.tier === "ioc") {')
    assert IN_PAGES.search('{% if centre.tier == "coc" %}')
    assert not IN_PAGES.search("label.textContent = centre.tier;")
    assert comparisons("good.py", ast.parse("if tier not in manifest.tiers: ...\nx = Tier.IOC")) == []
