"""The settings that a centre starts from: where citizens come in, they come in through a process of its own."""

from pathlib import Path

import pytest
from rich.console import Console

from modules.citizen.module import MODULE
from node.demo import telling
from node.demo.people import Person
from node.demo.plan import DemoPlan
from node.demo.sites import place
from node.intake.settings import DoorSettings
from node.settings import Settings

DEPLOY = Path(__file__).parents[2] / "deploy"
TEMPLATES = sorted((DEPLOY / "nodes").glob("*.toml")) + sorted((DEPLOY / "compose").glob("*.toml"))


@pytest.mark.parametrize("file", TEMPLATES, ids=lambda file: f"{file.parent.name}-{file.stem}")
def test_a_page_for_everybody_has_a_process_of_its_own(file):
    settings = Settings.load(file)
    has_page = bool(MODULE.public) and "citizen" in settings.modules.enabled
    assert bool(settings.intake.listen) is has_page
    if has_page:
        assert DoorSettings.load(file).listen == settings.intake.listen
        assert settings.intake.listen != settings.http.listen


def test_the_demo_says_that_citizens_come_in_through_it(tmp_path):
    plan = DemoPlan.load()
    sites = place(tmp_path, plan, habit=False, with_intake=True)
    folk = {
        (one.code, "operator"): Person(
            code=one.code, username="canbo", display_name="", role="operator", password="x", fresh=False
        )
        for one in plan.centres
    }
    console = Console(record=True, width=200, file=(tmp_path / "out").open("w"))
    console.print(telling.addresses(sites, folk, ()), soft_wrap=True)
    told = [line for line in console.export_text().splitlines() if "người dân / citizen" in line]
    assert len(told) == len(plan.leaves())
    for site, line in zip((sites[leaf.code] for leaf in plan.leaves()), told, strict=True):
        assert site.citizens_url in line
        assert telling.DOOR in line
        assert str(site.http) not in line
