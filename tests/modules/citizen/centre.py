"""One commune with the citizen module on: the node's own database, access and errors; only the registry is a fake."""

import json
import os
from dataclasses import dataclass, replace
from pathlib import Path

from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlalchemy import select

from federation import tables as federation_tables
from federation.frame import decode_record
from modules.citizen.module import MODULE
from modules.citizen.settings import CitizenSettings
from modules.citizen.tables import report
from node import account, login
from node.access import SessionTokens
from node.api import problem
from node.context import NodeContext
from node.database import Database, Owner, migrate
from node.pace import Pace
from node.role import Role
from node.second_factor import FactorKey
from node.settings import Settings
from node.tables import audit, metadata
from node.territory import Centre, Territory, Tier
from tests.fakes.clock import FakeClock

TOP = Path(__file__).resolve().parents[3]
BASE = "/modules/citizen"
ME = "n-aaaaaaaaaaaaaaaa.lienthong.internal"
PARENT = "n-bbbbbbbbbbbbbbbb.lienthong.internal"
JSON = {"accept": "application/json"}
PAGE = {"accept": "text/html"}
TERRITORY = TOP / "deploy" / "dongnai" / "territory.toml"
TAM_PHUOC = {"lat": "10.8813", "lon": "106.958"}
PHUOC_TAN = {"lat": "10.9137", "lon": "106.946"}
HA_NOI = {"lat": "21.0285", "lon": "105.8542"}


@dataclass(frozen=True)
class Entry:
    name: str
    code: str
    title: str


class FakeRegistry:
    """The current registry, as far as titles are asked of it."""

    def __init__(self):
        self.entries = {
            ME: Entry(ME, "26374", "COC phường Tam Phước"),
            PARENT: Entry(PARENT, "731", "OC thành phố Biên Hòa"),
        }

    @property
    def current(self):
        return self

    def centre(self, name):
        return self.entries.get(name)


@dataclass(frozen=True)
class FakePeer:
    name: str
    relation: str
    connected: bool
    last_heard_at: object = None


def form(**changed):
    """A complete report; None leaves a field out."""
    fields = {
        "key": os.urandom(16).hex(),
        "category": "environment",
        "urgency": "normal",
        "description": "Rác đổ thành đống trước chợ, bốc mùi.",
        **TAM_PHUOC,
    } | changed
    return {name: value for name, value in fields.items() if value is not None}


class CitizenCentre:
    def __init__(self, folder, *, tier=Tier.COC, area="26374", settings=None):
        self.clock = FakeClock()
        self.peers = []
        self.database = Database(f"sqlite:///{folder}/node.db", self.clock)
        migrate(
            self.database.engine,
            [
                Owner("node", TOP / "node" / "migrations", metadata),
                Owner("federation", TOP / "federation" / "migrations", federation_tables.metadata),
                Owner("citizen", TOP / "modules" / "citizen" / "migrations", MODULE.tables),
            ],
        )
        self.context = NodeContext(
            settings=Settings(
                node={"tier": tier, "code": area, "title": "COC phường Tam Phước", "folder": folder},
                territory={"file": TERRITORY},
            ),
            centre=Centre(ME, area, "COC phường Tam Phước", tier, area, parent=PARENT),
            territory=Territory.load(TERRITORY),
            database=self.database,
            clock=self.clock,
            random=os.urandom,
            kinds={kind.code: kind for kind in MODULE.incident_kinds},
            registry=FakeRegistry(),
            tokens=SessionTokens(bytes(32), ME, self.clock),
            factor_key=FactorKey(bytes(32)),
            pace=Pace(self.clock),
            modules=(MODULE,),
            module_settings={"citizen": settings or CitizenSettings()},
            peers=lambda: self.peers,
        )
        self.app = FastAPI()
        problem.install(self.app)
        self.app.state.node = self.context
        for router in (*MODULE.routers, *MODULE.public):
            self.app.include_router(router, prefix=BASE)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.database.close()

    def browser(self, **cookies):
        return TestClient(self.app, base_url="http://127.0.0.1:8001", cookies=cookies, follow_redirects=False)

    def staff(self, role=Role.OPERATOR, area="26374", username=None):
        username = username or f"{role.value}.{area or 'all'}"
        now = self.clock.now()

        def step(session):
            account.add(
                session,
                username=username,
                display_name=username,
                role=role,
                area_code=area,
                password_hash="-",
                actor="test",
                now=now,
            )
            return login.begin(session, jti=username, username=username, now=now)

        ends = self.database.write(step)
        token = self.context.tokens.sign(username=username, jti=username, expires_at=ends)
        return self.browser(**{self.context.tokens.cookie: token})

    def send(self, browser, photo=None, headers=JSON, **changed):
        files = {"photo": photo} if photo is not None else {"nothing": ("", b"")}
        return browser.post(f"{BASE}/api/reports", data=form(**changed), files=files, headers=headers)

    def act(self, browser_or_none, incident_id, name, **fields):
        from uuid import UUID

        from node.incident.act import Desk, perform

        desk = Desk(centre=self.context.centre, actor="can.bo", now=self.clock.now())
        return self.database.write(
            lambda session: perform(session, desk, UUID(incident_id), name, version=None, fields=fields)
        )

    def resolve(self, incident_id, note="Đã dọn sạch"):
        self.act(None, incident_id, "receive")
        self.act(None, incident_id, "resolve", note=note)

    def rows(self, table=report):
        return self.database.read(lambda session: session.execute(select(table)).mappings().all())

    def audit(self, act):
        return [
            (row["actor"], row["subject"], json.loads(row["detail"])) for row in self.rows(audit) if row["act"] == act
        ]

    def records(self):
        """What waits to be sealed and sent, in order: (kind, audience, lane, payload)."""
        waiting = self.rows(federation_tables.metadata.tables["federation_pending"])
        opened = [(row, decode_record(row["raw"])) for row in sorted(waiting, key=lambda row: row["pos"])]
        return [(record.kind, row["audience"], row["lane"], record.payload) for row, record in opened]

    def changed(self, **settings):
        """The same running centre with other settings of the module."""
        values = {"citizen": CitizenSettings(**settings)}
        self.context = replace(self.context, module_settings=values)
        self.app.state.node = self.context
