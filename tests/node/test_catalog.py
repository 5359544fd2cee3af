import sys
from dataclasses import replace

import pytest
from fastapi import APIRouter
from sqlalchemy import Column, Integer, MetaData, Table

from node import catalog
from node.catalog import CatalogError, load, read_manifests
from node.figures.reading import Source
from node.incident.value import IncidentKind
from node.job import Job
from node.module import Module, Page
from node.settings import ModulesSection
from node.territory import Tier
from tests.node.conftest import MODULES, PACKAGE

MANIFEST = """
name = "{name}"
title = "T"
summary = "S"
tiers = ["oc", "coc"]
maturity = "bronze"
extra = "vision"
"""


def switched(*names, **sections):
    return ModulesSection.model_validate({"enabled": names, **sections})


def problems(section, folder, package="made"):
    with pytest.raises(CatalogError) as caught:
        load(section, Tier.OC, folder, package)
    return caught.value.problems


@pytest.fixture
def made(tmp_path, monkeypatch):
    """A package `made` to put modules into, forgotten afterwards."""
    monkeypatch.syspath_prepend(str(tmp_path))
    folder = tmp_path / "made"
    folder.mkdir()
    (folder / "__init__.py").write_text("")

    def add(name, module="", manifest=MANIFEST):
        (folder / name).mkdir()
        (folder / name / "manifest.toml").write_text(manifest.format(name=name), "utf-8")
        (folder / name / "module.py").write_text(
            module or f"from node.module import Module\nM = Module(name='{name}')\n"
        )
        return folder

    yield add
    for name in [name for name in sys.modules if name == "made" or name.startswith("made.")]:
        del sys.modules[name]


def test_what_is_switched_off_is_not_imported(made):
    made("good")
    folder = made("explosive", "raise SystemExit('imported')")
    found = load(switched("good"), Tier.OC, folder, "made")
    assert set(found.manifests) == {"good", "explosive"}
    assert [module.name for module in found.modules] == ["good"]
    assert "made.explosive.module" not in sys.modules


def test_the_sample_module_passes_the_door():
    found = load(switched("sample", sample={"limit": 3}), Tier.COC, MODULES, PACKAGE)
    assert [module.name for module in found.modules] == ["sample"]
    assert found.settings["sample"].limit == 3
    assert found.enabled[0].title == "Mô-đun mẫu"


def test_the_real_modules_pass_the_door():
    manifests, wrong = read_manifests(catalog.MODULES)
    assert wrong == []
    for name, manifest in manifests.items():
        load(switched(name), Tier(manifest.tiers[0]))


def test_all_problems_are_listed_together(made):
    made("empty", "X = 1")
    made("needy", "import no_such_vision_stack")
    made("broken", "raise ValueError('at import')")
    made("misnamed", "from node.module import Module\nM = Module(name='other')\n")
    made("bad_manifest", manifest="name = 'other'\ntitel = 'T'\ntiers = ['district']\n")
    folder = made("province", manifest=MANIFEST.replace('"oc", "coc"', '"ioc"'))
    names = ["empty", "needy", "broken", "misnamed", "bad_manifest", "province", "gone", "empty"]
    found = problems(switched(*names, gon={"x": 1}, empty={"y": 1}), folder)
    for wanted in (
        "modules.enabled: empty is named twice",
        "modules/empty: module.py must hold exactly one Module(...), and holds 0",
        "modules/needy: cannot be imported: no_such_vision_stack is not installed; install the extra [vision]",
        "modules/broken: cannot be imported: ValueError: at import (module.py, line 1)",
        "modules/misnamed: module.py says name 'other'",
        "modules/bad_manifest/manifest.toml: titel is unknown; did you mean title?",
        "modules/bad_manifest/manifest.toml: title is missing",
        "modules/bad_manifest/manifest.toml: says name = 'other', but its folder is bad_manifest",
        "modules/bad_manifest/manifest.toml: tiers must be some of coc, ioc, oc",
        "modules/province: is for ioc, and this node is oc",
        "modules.gon: is unknown",
    ):
        assert any(problem.startswith(wanted) for problem in found), (wanted, found)
    assert any("there is no module gone" in problem for problem in found)


def test_what_its_author_forgot_is_said_in_plain_words(made):
    made("torn", "import made.torn.routes")
    folder = made("bare")
    (folder / "bare" / "module.py").unlink()
    (folder / "plain").mkdir()
    assert problems(switched("torn", "bare", "plain"), folder) == (
        "modules/torn: cannot be imported: there is no routes.py in its folder",
        "modules/bare: cannot be imported: there is no module.py in its folder",
        "modules/plain: has no manifest.toml, which says what it is",
    )


def test_an_indicator_that_nobody_defines_stops_the_node():
    fed = Module(name="sample", indicators=(Source("sample.floods", lambda *_: ()),))
    found = catalog.Catalog(manifests={"sample": SAMPLE}, modules=(fed,))
    catalog.check_definitions(found, ["sample.floods"])
    with pytest.raises(CatalogError, match=r"sample.floods, which no file .*; did you mean sample.flood\?"):
        catalog.check_definitions(found, ["sample.flood"])


def test_a_wrong_section_of_a_module_is_said_like_one_of_the_node():
    found = problems(switched("sample", sample={"limit": 0, "greting": "x"}), MODULES, PACKAGE)
    assert any(problem.startswith("modules/sample: modules.sample.limit:") for problem in found)
    assert any("modules.sample.greting: is unknown; did you mean greeting?" in problem for problem in found)


SAMPLE = load(switched("sample"), Tier.OC, MODULES, PACKAGE).manifests["sample"]


def outside():
    tables = MetaData()
    Table("incident", tables, Column("id", Integer, primary_key=True))
    return tables


@pytest.mark.parametrize(
    ("module", "sentence"),
    [
        (Module(name="sample", tables=outside()), "table incident must begin with sample_"),
        (
            Module(name="sample", incident_kinds=(IncidentKind("x.y", "X"),)),
            "incident kind x.y must begin with sample.",
        ),
        (
            Module(name="sample", indicators=(Source("x.y", lambda *_: ()),)),
            "indicator x.y must begin with sample.",
        ),
        (Module(name="sample", pages=(Page(title="P", file="no.py"),)), "there is no file no.py"),
        (Module(name="sample", pages=(Page(title="P", file="../../clock.py"),)), "there is no file"),
        (Module(name="sample", jobs=(Job(name="j", period_s=0, step=print),)), "period_s must be positive"),
        (Module(name="sample", jobs=(Job(name="j", period_s=1, step=print),)), "job j must begin with sample."),
        (Module(name="sample", routers=(APIRouter(),)), None),
    ],
)
def test_the_door(module, sentence):
    found = [problem for check in catalog._CHECKS for problem in check(module, SAMPLE)]
    assert (found == []) if sentence is None else any(sentence in problem for problem in found)


def test_tables_need_a_history(tmp_path):
    module = Module(name="sample", tables=MetaData())
    (found,) = catalog._check_tables(module, replace(SAMPLE, folder=tmp_path))
    assert found.startswith("has tables, but no history in migrations/")


def test_two_modules_cannot_open_the_same_kind():
    kind = IncidentKind("a.flood", "Ngập")
    found = catalog._duplicates([Module(name="a", incident_kinds=(kind,)), Module(name="b", incident_kinds=(kind,))])
    assert found == ["modules/b: incident kind a.flood is also in a"]
