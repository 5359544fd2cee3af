"""The tutorial is true: its own blocks become a module that starts, rises, counts, shows, and passes every check."""

import ast
import os
import shutil
import subprocess
import sys
from datetime import timedelta

import pytest
from streamlit.testing.v1 import AppTest

import modules
from node.catalog import CatalogError, load, read_manifests
from node.maturity import RULES
from node.settings import ModulesSection
from node.territory import Tier
from tests.fakes.module_node import Asking, ModuleNode
from tests.house import module_page, test_banned, test_names, test_sizes, test_tiers, tree
from tests.house.earned import Subject, look
from tests.house.routes import NOTHING, routes
from tests.house.test_manifests import problems
from ui.widgets import visitor

BASE = "/modules/hydrant/api/hydrants"
HYDRANT = {"number": "TN-01", "place": "Trước chợ", "lat": 10.8813, "lon": 106.958}
FILES = module_page.blocks(tree.text(module_page.PAGE))
# What the page says that a module has; a block that is lost or renamed is seen here.
OWED = (
    *(
        "modules/hydrant/manifest.toml",
        "modules/hydrant/module.py",
        "modules/hydrant/README.md",
        "indicators/hydrant.yaml",
    ),
    *("modules/hydrant/migrations/0001_hydrants.py", "tests/modules/hydrant/test_hydrant.py"),
)

# Rule -> a change of one block that breaks it, and the sentence that whoever did it reads.
BROKEN = {
    "starts": (
        "modules/hydrant/inspections.py",
        "until = context.clock.now() - timedelta",
        "until = context.clock.past() - timedelta",
        "job hydrant.retention: AttributeError",
    ),
    "works_without_parent": (
        "modules/hydrant/routes.py",
        "order_by(post.c.number)",
        "order_by(post.c.nummer)",
        "/modules/hydrant/api/hydrants answers 500",
    ),
    "migrates": (
        "modules/hydrant/tables.py",
        '    Index("hydrant_inspection_at", "at"),\n',
        "",
        "the history and the code differ",
    ),
    "routes_name_permission": (
        "modules/hydrant/routes.py",
        "def hydrants(request: Request, reader: Reader)",
        "def hydrants(request: Request, reader: str = '')",
        "GET /modules/hydrant/api/hydrants names no permission",
    ),
    "routes_scope_area": (
        "modules/hydrant/manifest.toml",
        "::test_only_the_own_area_is_seen",
        "::test_only_the_own_aria_is_seen",
        "has no test named test_only_the_own_aria_is_seen",
    ),
    "jobs_bounded": (
        "modules/hydrant/inspections.py",
        ".limit(MOST_A_STEP)",
        "",
        "job hydrant.retention: forget_inspectors limits nothing",
    ),
    "figures_show_age": (
        "modules/hydrant/readings.py",
        "inspection.c.at >= asked.begin, inspection.c.at < asked.end",
        "inspection.c.at >= asked.begin",
        "hydrant.working: the source does not keep to asked.begin and asked.end",
    ),
    "personal_data_retention": (
        "modules/hydrant/README.md",
        "`inspector_days` (365)",
        "a year",
        "does not say `inspector_days` (365)",
    ),
    "texts_in_vietnamese": (
        "modules/hydrant/page.py",
        '    "cần kiểm tra": "to be checked",\n',
        "",
        "'cần kiểm tra' has no English",
    ),
}


def build(folder, files):
    """Put blocks of the page where a checkout would have them, beside what the checkout has already."""
    shutil.copytree(tree.ROOT / "indicators", folder / "indicators")
    module_page.write(folder, {"modules/__init__.py": tree.text("modules/__init__.py"), **files})
    (folder / "tests" / "fakes").symlink_to(tree.ROOT / "tests" / "fakes")
    return folder


def changed(files, path, old, new):
    """The blocks with one of them changed in one place."""
    assert files[path].count(old) == 1, f"{path} does not hold {old!r} once"
    return {**files, path: files[path].replace(old, new)}


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    return build(tmp_path_factory.mktemp("guide"), FILES)


@pytest.fixture
def importable(monkeypatch):
    """A folder whose modules the package `modules` finds beside its own, forgotten afterwards."""

    def add(folder):
        monkeypatch.setattr(modules, "__path__", [*modules.__path__, str(folder / "modules")])
        return folder

    yield add
    for name in [name for name in sys.modules if name.startswith("modules.hydrant")]:
        del sys.modules[name]


@pytest.fixture
def ward(built, importable, tmp_path):
    importable(built)
    with ModuleNode(tmp_path, "hydrant") as node:
        yield node


def test_the_page_gives_every_file_of_a_module():
    assert set(OWED) <= FILES.keys()
    assert [path for path in FILES if not path.startswith(("modules/hydrant/", "indicators/", "tests/modules/"))] == []


def test_a_dry_hydrant_rises_is_counted_and_shown(ward, monkeypatch):
    operator = ward.signed_in("dan.quan")
    path = f"{BASE}/{operator.post(BASE, json=HYDRANT).json()['id']}/inspections"
    ward.clock.advance(timedelta(days=1).total_seconds())
    operator = ward.signed_in("hai")
    assert [operator.post(path, json={"works": True}).status_code for _ in range(3)] == [201] * 3
    assert ward.told() == []
    monkeypatch.setattr(visitor, "client", lambda: Asking(operator))
    screen = AppTest.from_file(str(ward.place / "page.py"), default_timeout=60).run()
    assert not screen.exception
    assert screen.dataframe[0].value["Kết quả"].tolist() == ["có nước"]
    screen.radio[0].set_value(False)
    screen = screen.button[0].click().run()
    assert "đã được báo thành sự cố" in screen.warning[0].value
    assert ward.told() == ["incident.alert"]
    screen.query_params["lang"] = "en"
    screen = screen.run()
    assert screen.header[0].value == "Fire hydrants"
    assert screen.dataframe[0].value["Found"].tolist() == ["dry"]
    ward.clock.advance(timedelta(days=1).total_seconds())
    ward.close_figures()
    asked = ward.signed_in("ba").get("/api/v1/figures", params={"indicator": "hydrant.working"}).json()
    (figure,) = asked["items"]
    assert (figure["value"], figure["name"]) == ("75", "Tỷ lệ trụ nước có nước khi kiểm tra")
    assert (figure["coverage"]["received"], figure["coverage"]["expected"]) == (1, 1)
    assert figure["as_of"]


async def test_it_has_earned_what_it_says(ward, built):
    manifest = ward.context.manifests["hydrant"]
    assert problems({"maturity": manifest.maturity, "rules": manifest.rules}) == []
    found = await look(Subject(ward, manifest.rules, built))
    assert [f"{rule}: {one}" for rule, wrong in found.items() for one in wrong] == []
    assert tuple(manifest.rules) == RULES
    assert [one for one in routes(ward.node.app) if one.guard == NOTHING] == []
    codes = [*(kind.code for kind in ward.module.incident_kinds), *(one.indicator for one in ward.module.indicators)]
    assert [code for code in codes if f"`{code}`" not in FILES["modules/hydrant/README.md"]] == []


async def test_a_block_that_is_changed_wrongly_is_named(importable, tmp_path):
    files = FILES
    for path, old, new, _ in BROKEN.values():
        files = changed(files, path, old, new)
    folder = importable(build(tmp_path / "guide", files))
    with ModuleNode(tmp_path, "hydrant") as node:
        found = await look(Subject(node, node.context.manifests["hydrant"].rules, folder))
    assert {rule for rule, wrong in found.items() if wrong} == set(BROKEN)
    for rule, (*_, sentence) in BROKEN.items():
        assert any(sentence in one for one in found[rule]), (rule, found[rule])


def test_the_door_names_what_is_wrong_with_it(importable, tmp_path):
    files = changed(FILES, "modules/hydrant/tables.py", '"hydrant_post",', '"post",')
    files = changed(files, "modules/hydrant/inspections.py", 'code="hydrant.dry"', 'code="dry"')
    files = changed(files, "modules/hydrant/module.py", 'file="page.py"', 'file="pages.py"')
    folder = importable(build(tmp_path / "guide", files)) / "modules"
    on = ModulesSection.model_validate({"enabled": ["hydrant"], "hydrant": {"check_day": 3}})
    with pytest.raises(CatalogError) as caught:
        load(on, Tier.COC, folder)
    said = "\n".join(caught.value.problems)
    for sentence in (
        "table post must begin with hydrant_",
        "incident kind dry must begin with hydrant.",
        "there is no file pages.py",
        "did you mean check_days?",
    ):
        assert sentence in said, said
    module_page.write(tmp_path / "guide", changed(FILES, "modules/hydrant/manifest.toml", '"silver"', '"gold"'))
    (said,) = read_manifests(folder)[1]
    assert said.endswith("maturity is gold, but rules.load_measured is still to be done")


def test_an_indicator_under_another_name_stops_the_node(importable, tmp_path):
    files = changed(FILES, "indicators/hydrant.yaml", "code: hydrant.working", "code: hydrant.workin")
    importable(build(tmp_path / "guide", files))
    with pytest.raises(CatalogError, match=r"feeds hydrant\.working, which no file .*; did you mean hydrant\.workin\?"):
        ModuleNode(tmp_path, "hydrant")


def test_it_is_written_as_the_house_writes():
    for path, text in FILES.items():
        if path.endswith(".py"):
            module = ast.parse(text, path)
            found = [*test_sizes.long_functions(path, module), *test_tiers.comparisons(path, module)]
            found += [*test_banned.banned(path, module), *test_names.drawers([path]), *test_names.shadows([path])]
            if path.startswith("modules/") and "/migrations/" not in path:
                found += test_names.undocumented(path, module)
            assert found == []


def run(folder, *command, **environment):
    """One of our own commands in a folder; its words if it is not content."""
    done = subprocess.run(
        [sys.executable, "-m", *map(str, command)],
        cwd=folder,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    return "" if done.returncode == 0 else done.stdout + done.stderr


def test_style_and_types_are_those_of_the_house(built):
    ours = ("--no-cache", "--config", tree.ROOT / "pyproject.toml")
    written = ("modules/hydrant", "tests/modules")
    assert run(built, "ruff", "check", *ours, "--config", f"src = ['{tree.ROOT}', '.']", *written) == ""
    assert run(built, "ruff", "format", "--check", *ours, *written) == ""
    sources = sorted((built / "modules" / "hydrant").glob("*.py"))
    cache = tree.ROOT / ".mypy_cache"  # warm where `make lint` ran before
    assert run(tree.ROOT, "mypy", "--cache-dir", cache, *sources, MYPYPATH=str(built)) == ""


def test_its_own_test_passes(built):
    ours = ("-c", tree.ROOT / "pyproject.toml", "--rootdir", built, "-o", f"pythonpath={built} {tree.ROOT}")
    assert run(built, "pytest", *ours, "tests/modules/hydrant") == ""


def test_the_cutter_refuses_what_it_should():
    block = "```python {}\nx = 1\n```\n"
    assert module_page.blocks("```python\nx\n```\n" + block.format("a/b.py")) == {"a/b.py": "x = 1\n"}
    with pytest.raises(ValueError, match="twice"):
        module_page.blocks(block.format("a/b.py") * 2)
    with pytest.raises(ValueError, match="leads away"):
        module_page.blocks(block.format("../b.py"))
