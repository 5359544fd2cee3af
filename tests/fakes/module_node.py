"""A whole node with one module switched on: real database, keys and routes, a clock that stands still, no neighbour."""

import asyncio
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path

from sqlalchemy import select
from starlette.testclient import TestClient

import modules
from federation import tables as federation_tables
from federation.frame import decode_record
from node import account
from node.app import Node
from node.figures.feeding import sources
from node.figures.rounds import Rounds
from node.role import Role
from node.settings import Settings
from tests.fakes.authority import DONG_NAI, small_federation
from tests.fakes.clock import START, FakeClock
from ui.client import RefusedError

TOP = Path(__file__).resolve().parents[2]
TERRITORY = TOP / "deploy" / "dongnai" / "territory.toml"
NOBODY = "127.0.0.1:9"
PASSWORD = "mot-mat-khau-dai"
OWN = "http://127.0.0.1:8001"


def folder_of(name):
    """The folder of a module, wherever the package `modules` finds it."""
    found = [Path(place) / name for place in modules.__path__ if (Path(place) / name / "manifest.toml").is_file()]
    if not found:
        raise LookupError(f"there is no module {name} in {', '.join(modules.__path__)}")
    return found[-1]


class ModuleNode:
    """One centre of Đồng Nai that has the module; its parent is dialled where nobody listens."""

    def __init__(self, folder, name, *, code="26374", more=""):
        self.name, self.clock, self.folder = name, FakeClock(), folder
        self._code, self._more, self._place = code, more, folder_of(name)
        federation = small_federation(folder, START - timedelta(hours=1), DONG_NAI)
        federation.registry_file(code)
        self._home = federation.home(code)
        self._stack = ExitStack()
        self.node = self._open()

    def _open(self):
        code, title, tier, parent = next(one for one in DONG_NAI if one[0] == self._code)
        file = self._home / "node.toml"
        file.write_text(
            f'[node]\ntier = "{tier}"\ncode = "{code}"\ntitle = "{title}"\nfolder = "."\n'
            f'[territory]\nfile = "{TERRITORY}"\n[accounts]\nsecond_factor = []\n[modules]\nenabled = ["{self.name}"]\n'
            + (f'[parent]\naddress = "{NOBODY}"\n' if parent else "")
            + self._more,
            "utf-8",
        )
        top = self._place.parent
        definitions = top.parent / "indicators"
        return Node(Settings.load(file), clock=self.clock, modules_folder=top, definitions_folder=definitions)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self._stack.close()
        if self.node is not None:
            self.node.close()
            self.node = None

    def again(self):
        """The same centre started anew, as after a night without power."""
        self.close()
        self._stack = ExitStack()
        self.node = self._open()
        return self.node

    async def live_a_moment(self):
        """Start it, let each job of the module take its first step, stop it; give the jobs that failed."""
        node, wanted = self.node, {job.name for job in self.module.jobs}
        await node.start()
        try:
            async with asyncio.timeout(30):
                while not all(one.last_ok_at or one.failures for one in node.jobs.states() if one.name in wanted):  # noqa: ASYNC110 - what is waited for is only looked at
                    await asyncio.sleep(0.01)
            return [one for one in node.jobs.states() if one.name in wanted and one.failures]
        finally:
            await node.stop()
            self.node = None

    @property
    def context(self):
        return self.node.context

    @property
    def module(self):
        return next(one for one in self.context.modules if one.name == self.name)

    @property
    def place(self):
        return self._place

    def client(self):
        client = TestClient(self.node.app, base_url=OWN, follow_redirects=False, raise_server_exceptions=False)
        self._stack.callback(client.close)
        return client

    def signed_in(self, username="can.bo", role=Role.OPERATOR, area_code=None):
        """The browser of somebody who has an account for an area (None: for everything here)."""
        hashed = account.hash_password(username, PASSWORD)
        now = self.clock.now()
        self.context.database.write(
            lambda one: account.add(
                one,
                username=username,
                display_name=username.title(),
                role=role,
                area_code=area_code,
                password_hash=hashed,
                actor="test",
                now=now,
            )
        )
        client = self.client()
        answer = client.post("/api/v1/session", json={"username": username, "password": PASSWORD})
        assert answer.status_code == 200, answer.text
        return client

    def told(self):
        """The kinds of the records that wait to be sealed and sent, but those that every centre writes of itself."""
        pending = federation_tables.metadata.tables["federation_pending"]
        rows = self.context.database.read(
            lambda session: session.execute(select(pending).order_by(pending.c.pos)).mappings().all()
        )
        return [kind for row in rows if (kind := decode_record(row["raw"]).kind).startswith("incident.")]

    def close_figures(self):
        """Let the period end, and sign what the books say of it."""
        asyncio.run(Rounds(self.context, sources(self.context)).take())


class Asking:
    """The part of ui.client.Client that a module's page uses, before a node in this process."""

    def __init__(self, browser):
        self.browser = browser

    def _answered(self, answer):
        if answer.status_code >= 400:
            raise RefusedError(answer.status_code, answer.json())
        return answer

    def module_get(self, name, path, **query):
        asked = {key: value for key, value in query.items() if value not in {None, ""}}
        return self._answered(self.browser.get(f"/modules/{name}/{path}", params=asked)).json()

    def module_post(self, name, path, body):
        return self._answered(self.browser.post(f"/modules/{name}/{path}", json=body)).json()

    def module_bytes(self, name, path):
        return self._answered(self.browser.get(f"/modules/{name}/{path}")).content
