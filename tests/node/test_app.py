"""Three nodes in one process, put together as they are served, with their real links on loopback."""

import asyncio
import os
from contextlib import closing

import httpx
import pytest
from sqlalchemy import inspect

from node import account, presence
from node.api.docs import routes
from node.app import Node
from node.catalog import MODULES as CATALOG_MODULES
from node.catalog import load, read_manifests
from node.clock import SystemClock
from node.database import Database, migrate
from node.folder import FolderError
from node.histories import owners
from node.maturity import RULES
from node.role import Role
from node.settings import ModulesSection, Settings, SettingsError
from node.territory import Tier
from node.version import VERSION
from pki.errors import KeystoreError
from tests.fakes.authority import THREE_TIERS, small_federation
from tests.fakes.ports import free_port
from tests.node.conftest import MODULES, PACKAGE, PASSWORD, TOP, write_settings

OWN = "http://127.0.0.1:8001"


class Province:
    """A federation on the disk, and nodes that are made of it."""

    def __init__(self, folder):
        self.federation = small_federation(folder, centres=THREE_TIERS)
        for code, *_ in THREE_TIERS:
            self.federation.registry_file(code)  # what the links bring to a centre that joined earlier
        self.ports = {code: free_port() for code, *_ in THREE_TIERS}
        self.nodes = []

    def settings(self, code, *, title="", more="", tier=""):
        found, parent = next((one, one[3]) for one in THREE_TIERS if one[0] == code)
        home = self.federation.home(code)
        sections = f'[link]\nlisten = "127.0.0.1:{self.ports[code]}"\n' if found[2] != "coc" else ""
        sections += f'[parent]\naddress = "127.0.0.1:{self.ports[parent]}"\n' if parent else ""
        file = write_settings(home, tier=tier or found[2], code=code, title=title or found[1], more=sections + more)
        file.write_text(file.read_text("utf-8").replace('folder = "data"', 'folder = "."'), "utf-8")
        return Settings.load(file)

    def node(self, code, **more):
        made = Node(self.settings(code, **more), modules_folder=MODULES, modules_package=PACKAGE)
        self.nodes.append(made)
        return made


@pytest.fixture
def province(tmp_path):
    made = Province(tmp_path)
    yield made
    for node in made.nodes:
        node.close()


@pytest.fixture
def district(province):
    return province.node("731", more='[modules]\nenabled = ["sample"]\n')


def client_of(node):
    return httpx.AsyncClient(transport=httpx.ASGITransport(node.app, raise_app_exceptions=False), base_url=OWN)


async def until(holds):
    async with asyncio.timeout(30):
        while not holds():  # noqa: ASYNC110 - what is waited for is only looked at
            await asyncio.sleep(0.02)


async def test_three_nodes_in_one_process_see_each_other(province):
    ioc, oc, coc = (province.node(code) for code, *_ in THREE_TIERS)
    names = [node.context.centre.name for node in (ioc, oc, coc)]
    assert [node.context.centre.parent for node in (ioc, oc, coc)] == [None, *names[:2]]
    for node in (ioc, oc, coc):
        await node.start()
    try:

        def connected(node):
            return {peer.name for peer in node.context.peers() if peer.connected}

        await until(lambda: connected(ioc) == {names[1]})
        await until(lambda: connected(oc) == {names[0], names[2]})
        await until(lambda: connected(coc) == {names[1]})
        for node in (ioc, oc, coc):
            assert node.jobs.states()[0].failures == 0
    finally:
        for node in (coc, oc, ioc):
            await node.stop()
    for name in ("node.lock", "node.db"):
        assert (ioc.context.settings.node.folder / name).exists()
    again = province.node("75")
    assert again.context.centre.name == names[0]


async def test_every_route_names_a_permission_or_is_public(district):
    found = list(routes(district.app))
    unnamed = [f"{route.method} {route.path}" for route in found if route.permission is None]
    assert unnamed == []
    assert {route.path for route in found} >= {"/login", "/ws", "/api/v1/incidents", "/modules/sample/notes", "/docs"}
    for route in found:
        if route.permission != "công khai" and route.method not in {"WS", "HEAD"}:
            async with client_of(district) as client:
                path = route.path.replace("{", "").replace("}", "")
                answer = await client.request(route.method, path)
            assert answer.status_code == 401, (route, answer.status_code)


async def test_what_anybody_may_see(district):
    async with client_of(district) as client:
        assert (await client.get("/healthz")).json() == {"status": "ok"}
        centre = (await client.get("/api/v1/centre")).json()
        assert centre == {
            "name": district.context.centre.name,
            "code": "731",
            "title": "OC thành phố Biên Hòa",
            "tier": "oc",
            "tree_label": district.context.territory.tree_label,
            "modules": ["sample"],
            "version": VERSION,
        }
        entrance = await client.get("/")
        assert (entrance.status_code, entrance.headers["location"]) == (303, "/modules/sample/")
        style = await client.get("/static/node.css")
        assert style.headers["content-type"].startswith("text/css")
        assert "prefers-color-scheme: dark" in style.text


async def test_the_reference_needs_nothing_from_outside(district):
    async with client_of(district) as client:
        page = await client.get("/docs")
        assert page.status_code == 200
        assert "/api/v1/incidents" in page.text
        assert "incident.read" in page.text
        assert "http://" not in page.text
        assert "https://" not in page.text
        assert "<script" not in page.text
        english = await client.get("/docs", params={"lang": "en"})
        assert "Every route of the centre" in english.text
        document = (await client.get("/openapi.json")).json()
        assert document["openapi"].startswith("3.1")
        assert "/modules/sample/notes" in document["paths"]


async def test_without_a_module_for_everybody_the_entrance_is_the_sign_in_page(province):
    async with client_of(province.node("75")) as client:
        assert (await client.get("/")).headers["location"] == "/login"


async def test_a_module_is_listed_with_its_screens(district):
    hashed = account.hash_password("truc", PASSWORD)
    district.context.database.write(
        lambda session: account.add(
            session,
            username="truc",
            display_name="Trực",
            role=Role.OPERATOR,
            area_code=None,
            password_hash=hashed,
            actor="test",
            now=district.context.clock.now(),
        )
    )
    async with client_of(district) as client:
        await client.post("/api/v1/session", json={"username": "truc", "password": PASSWORD})
        assert (await client.get("/api/v1/modules")).json() == [
            {
                "name": "sample",
                "title": "Mô-đun mẫu",
                "summary": "Ghi chú của trung tâm; chỉ dùng trong phép thử.",
                "maturity": "bronze",
                "open_rules": list(RULES[5:]),
                "pages": [
                    {
                        "title": "Ghi chú",
                        "title_en": "Ghi chú",
                        "file": "modules/sample/page.py",
                        "permission": None,
                    }
                ],
            }
        ]
        assert (await client.get("/api/v1/links")).json()["items"] == []
        assert (await client.get("/api/v1/situation")).status_code == 200
        assert (await client.post("/modules/sample/notes", params={"text": "x"})).json() == {"by": "truc"}
        assert (await client.get("/modules/sample/")).json()["notes"] == 1


async def test_a_node_on_postgresql_delivers_like_any_other(province, postgresql):
    more = f'[database]\nurl = "{postgresql.new_database()}"\n[modules]\nenabled = ["sample"]\n'
    ioc, oc = province.node("75"), province.node("731", more=more)
    for node in (ioc, oc):
        await node.start()
    try:
        name = oc.context.centre.name

        def heard():
            latest = ioc.context.database.read(presence.latest)
            return name in latest

        await until(heard)
        assert oc.context.database.read(presence.latest)[name].centre == name
    finally:
        for node in (oc, ioc):
            await node.stop()


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_every_history_reaches_its_head_and_matches_the_tables(kind, request, tmp_path):
    is_sqlite = kind == "sqlite"
    url = f"sqlite:///{tmp_path / 'node.db'}" if is_sqlite else request.getfixturevalue("postgresql").new_database()
    manifests, _ = read_manifests(CATALOG_MODULES)
    names = [name for name, manifest in manifests.items() if "coc" in manifest.tiers]
    catalog = load(ModulesSection.model_validate({"enabled": names}), Tier.COC)
    with closing(Database(url, SystemClock())) as database:
        everybody = owners(catalog)
        heads = migrate(database.engine, everybody)
        assert set(heads) == {"node", "federation", *(module.name for module in catalog.modules if module.tables)}
        with database.engine.connect() as connection:
            for owner in everybody:
                there = inspect(connection)
                for table in owner.metadata.tables.values():
                    found = {column["name"] for column in there.get_columns(table.name)}
                    assert found == {column.name for column in table.columns}, table.name


def test_one_process_owns_a_folder(province, district):
    with pytest.raises(FolderError, match=f"pid {os.getpid()}"):
        province.node("731")
    district.close()
    province.node("731")


def test_keys_of_another_centre_are_refused(province):
    settings = province.settings("731")
    file = settings.node.folder / "node.toml"
    file.write_text(file.read_text("utf-8").replace('code = "731"', 'code = "735"'), "utf-8")
    with pytest.raises(SettingsError, match=r"node.code: is 735, but the keys .* are those of centre 731"):
        Node(Settings.load(file))


def test_a_key_that_others_may_read_is_refused(province):
    settings = province.settings("731")
    (settings.keys / "sign.key").chmod(0o644)
    with pytest.raises(KeystoreError):
        Node(settings)
    assert not (settings.node.folder / "node.db").exists()


def test_a_commune_becomes_a_district_by_its_settings_alone(province):
    first = province.node("26374")
    first.close()
    second = province.node("26374", tier="oc", title="OC mới")
    assert second.context.centre.tier.value == "oc"
    assert second.context.centre.name == first.context.centre.name


def test_the_version_is_the_packages():
    assert f'version = "{VERSION}"' in (TOP / "pyproject.toml").read_text("utf-8")


def test_a_module_that_is_switched_off_keeps_its_tables(province, district):
    district.context.database.write(_note)
    district.close()
    without = province.node("731")
    assert [module.name for module in without.context.modules] == []
    without.close()
    again = province.node("731", more='[modules]\nenabled = ["sample"]\n')
    count = again.context.database.read(
        lambda session: session.connection().exec_driver_sql("SELECT count(*) FROM sample_note").scalar()
    )
    assert count == 1


def _note(session):
    session.connection().exec_driver_sql("INSERT INTO sample_note (text) VALUES ('kept')")
