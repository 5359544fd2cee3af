"""What axe-core finds on a page as it stands, by the rules of WCAG 2.2 AA."""

from importlib import resources
from pathlib import Path

TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
CONTRAST = Path(__file__).with_name("contrast.js").read_text("utf-8")
GRAVE = {"serious", "critical"}
_WIDE = """() => Math.max(...[document.documentElement, document.querySelector('[data-testid=stMain]')]
  .filter(Boolean).map((one) => one.scrollWidth)) - innerWidth"""
_RUN = """async (tags) => {
  const found = await axe.run(document, { runOnly: { type: "tag", values: tags }, resultTypes: ["violations"] });
  return found.violations.map((one) => ({
    rule: one.id, impact: one.impact, help: one.help,
    where: one.nodes.slice(0, 5).map((node) => `${node.target.flat(3).join(" ")} ${node.html.slice(0, 160)}`),
  }));
}"""


def violations(page, *, without=()):
    """Serious and critical violations as readable lines; rules in `without` are named with their reason where used."""
    page.evaluate(resources.files("axe_playwright_python").joinpath("axe.min.js").read_text("utf-8"))
    found = page.evaluate(_RUN, TAGS)
    return [
        f"{one['rule']} ({one['impact']}): {one['help']}: {where}"
        for one in found
        if one["impact"] in GRAVE and one["rule"] not in without
        for where in one["where"]
    ]


def strains(page):
    """What keeps somebody from reading a page: barriers, weak contrast, scrolling to the side."""
    wide = page.evaluate(_WIDE)
    return [*violations(page), *page.evaluate(CONTRAST), *([f"{wide} px too wide"] if wide > 0 else [])]
