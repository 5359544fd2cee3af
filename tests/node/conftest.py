"""A centre on a fake clock, with its real database, keys and routes, and nobody at the other end of its links."""

import os
import re
from dataclasses import dataclass
from pathlib import Path

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from node import account
from node import audit as node_audit
from node.access import FACTOR_KEY, SessionTokens, secret_file, session_secret
from node.api import accounts, audit, docs, entry, guard, health, live, local_accounts, modules, own, problem, session
from node.catalog import load
from node.context import NodeContext
from node.database import Database, migrate
from node.histories import owners
from node.pace import Pace
from node.role import Role
from node.second_factor import FactorKey
from node.settings import Settings
from node.standing import own_centre
from node.territory import Territory
from tests.fakes.authority import THREE_TIERS, small_federation
from tests.fakes.clock import FakeClock
from tests.fakes.postgresql import NoPostgresql, Postgresql

TOP = Path(__file__).resolve().parents[2]
TERRITORY = TOP / "deploy" / "dongnai" / "territory.toml"
MODULES = TOP / "tests" / "fakes" / "module"
PACKAGE = "tests.fakes.module"
PASSWORD = "mot-mat-khau-dai"


def write_settings(folder, *, tier="oc", code="731", title="OC thành phố Biên Hòa", more=""):
    file = folder / "node.toml"
    file.write_text(
        f'[node]\ntier = "{tier}"\ncode = "{code}"\ntitle = "{title}"\nfolder = "data"\n'
        f'[territory]\nfile = "{TERRITORY}"\n{more}',
        "utf-8",
    )
    return file


def form_of(page):
    return re.search(r'name="form" value="([0-9a-f]{64})"', page)[1]


@dataclass
class Centre:
    context: NodeContext
    clock: FakeClock
    app: FastAPI

    def client(self, **more):
        return TestClient(self.app, base_url="http://127.0.0.1:8001", follow_redirects=False, **more)

    def add(self, username, role=Role.OPERATOR, area_code=None):
        hashed = account.hash_password(username, PASSWORD)
        self.context.database.write(
            lambda one: account.add(
                one,
                username=username,
                display_name=username.title(),
                role=role,
                area_code=area_code,
                password_hash=hashed,
                actor="test",
                now=self.clock.now(),
            )
        )

    def signed_in(self, role=Role.OPERATOR, username=None, area_code=None):
        name = username or role.value
        self.add(name, role, area_code)
        client = self.client()
        answer = client.post("/api/v1/session", json={"username": name, "password": PASSWORD})
        assert answer.status_code == 200, answer.text
        return client

    def page(self, client=None):
        """A browser that has opened the page to sign in on, and the token of its form."""
        client = client or self.client()
        return client, form_of(client.get("/login").text)

    def audited(self):
        self.context.database.write(lambda one: None)
        return self.context.database.read(lambda one: node_audit.recent(one, limit=500))


@pytest.fixture(scope="session")
def federation(tmp_path_factory):
    return small_federation(tmp_path_factory.mktemp("federation"), centres=THREE_TIERS)


@pytest.fixture(scope="session")
def postgresql():
    """A real server; without one the test is skipped with the reason, and fails in CI."""
    try:
        server = Postgresql()
    except NoPostgresql as error:
        if os.environ.get("CI") == "true":
            pytest.fail(str(error))
        pytest.skip(str(error))
    yield server
    server.stop()


@pytest.fixture
def centre(tmp_path, federation):
    clock = FakeClock()
    more = (
        '[modules]\nenabled = ["sample"]\n[modules.sample]\ngreeting = "chào bà con"\n[accounts]\nsecond_factor = []\n'
    )
    settings = Settings.load(write_settings(tmp_path, more=more))
    (tmp_path / "data").mkdir(mode=0o700)
    catalog = load(settings.modules, settings.node.tier, MODULES, PACKAGE)
    database = Database(settings.database_url, clock)
    migrate(database.engine, owners(catalog))
    keystore, registry = federation.keystore("731"), federation.registry_file("731")
    context = NodeContext(
        settings=settings,
        centre=own_centre(settings, keystore, registry.current),
        territory=Territory.load(TERRITORY),
        database=database,
        clock=clock,
        random=os.urandom,
        registry=registry,
        tokens=SessionTokens(session_secret(tmp_path / "data", os.urandom), keystore.name, clock),
        factor_key=FactorKey(secret_file(tmp_path / "data", FACTOR_KEY, os.urandom)),
        pace=Pace(clock),
        modules=catalog.modules,
        module_settings=catalog.settings,
        manifests=catalog.manifests,
    )
    app = guard.GuardedApplication(openapi_url=None, docs_url=None, redoc_url=None, max_body_size=guard.LARGEST_BODY)
    problem.install(app)
    for part in (health, entry, session, own, accounts, audit, modules, docs, live):
        app.include_router(part.router)
    app.include_router(local_accounts.router)
    for module in catalog.modules:
        for router in module.routers:
            app.include_router(router, prefix=f"/modules/{module.name}")
    app.state.node = context
    app.state.live = live.Live({}, clock)
    yield Centre(context, clock, app)
    database.close()
