"""One of the two centres of the rig: the product's own database, ledger, sealer, sender and receiver, on real keys.

What it is given to say is kept in a row of its own beside the ledger, in the same step; what it hears leaves a row, in
the step that stores the frame. So one can see whether a loss of power tore apart what was one.
"""

import os
from concurrent.futures import Future
from pathlib import Path

from sqlalchemy import event, text
from sqlalchemy.orm import Session

import federation
from federation import tables
from federation.delivery import Delivery, ParentAddress
from federation.ledger import UP, Lane, append, down
from federation.receiver import Inbound
from node.clock import SystemClock
from node.database import Database, Owner, migrate
from pki.keystore import Keystore
from pki.registry import RegistryFile
from tests.fakes.authority import small_federation
from tests.fakes.link import FakeLink, FakeNet

TREE = (("75", "Tỉnh", "ioc", None), ("731", "Thành phố", "oc", "75"), ("26374", "Phường", "coc", "731"))
CHILD, PARENT = "26374", "731"
KIND = "test.note"
_MIGRATIONS = Path(federation.__path__[0]) / "migrations"
_OWN_TABLES = (
    "CREATE TABLE IF NOT EXISTS said (mark TEXT PRIMARY KEY)",
    "CREATE TABLE IF NOT EXISTS heard (n INTEGER PRIMARY KEY, origin TEXT, lane TEXT, mark TEXT, rid BLOB)",
)


def found(folder: Path) -> Path:
    """A federation of three tiers whose keys lie in the folder that is returned, one folder each."""
    world = small_federation(folder, centres=TREE)
    for code in (CHILD, PARENT):
        world.registry_file(code)  # brings the copy in its folder up to date
    return world.folder


class Centre:
    """A centre that runs, or whose database is looked at."""

    def __init__(self, world: Path, code: str, folder: Path, *, synchronous: str | None = None) -> None:
        """Open the database as the node does; `synchronous` overrules its pragma, which only this rig does."""
        self.code = code
        self.clock = SystemClock()
        self.keystore = Keystore.load(world / code / "keys")
        self.name = self.keystore.name
        self.registry = RegistryFile(self.keystore.registry_path, self.keystore.root_pem, self.clock.now)
        folder.mkdir(exist_ok=True)
        self.database = Database(f"sqlite:///{folder / 'node.db'}", self.clock)
        if synchronous is not None:
            pragma = f"PRAGMA synchronous={synchronous}"
            event.listen(self.database.engine, "connect", lambda raw, _record: raw.execute(pragma).close())
        migrate(self.database.engine, [Owner("federation", _MIGRATIONS, tables.metadata)])
        self.database.write(_make_own_tables)
        self.delivery = Delivery(
            storage=self.database,
            keystore=self.keystore,
            registry=self.registry,
            handlers={KIND: _hear},
            clock=self.clock,
            random=os.urandom,
            on_change=lambda topic: None,
        )
        self.database.on_commit(lambda topics: self.delivery.wake() if "ledger" in topics else None)

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.delivery.port}"

    async def start(self, net: FakeNet, parent: "Centre | None" = None) -> None:
        """Seal, and dial the parent or let the child in."""
        link = FakeLink(net, self.keystore, _gate(self))
        address = ParentAddress(parent.address) if parent else None
        await self.delivery.start(parent=address, listen=None if parent else "127.0.0.1:0", link=link)

    async def stop(self) -> None:
        await self.delivery.stop()
        self.database.close()

    def say(self, mark: str, padding: int, lane: Lane, to: "Centre") -> Future[None]:
        """Record something for the other one; the future is the promise."""
        audience = UP if self.code == CHILD else down(to.name)
        payload = f"{mark} ".encode() + os.urandom(padding)

        def step(session: Session) -> None:
            session.execute(text("INSERT INTO said VALUES (:mark)"), {"mark": mark})
            append(session, lane=lane, audience=audience, kind=KIND, payload=payload, now=self.clock.now())

        return self.database.submit(step, urgent=lane is Lane.URGENT)


def mark_of(payload: bytes) -> str:
    return payload.split(b" ", 1)[0].decode()


def _make_own_tables(session: Session) -> None:
    for statement in _OWN_TABLES:
        session.execute(text(statement))


def _hear(session: Session, inbound: Inbound) -> None:
    values = {"origin": inbound.origin, "lane": inbound.lane, "mark": mark_of(inbound.payload)}
    statement = "INSERT INTO heard (origin, lane, mark, rid) VALUES (:origin, :lane, :mark, :rid)"
    session.execute(text(statement), values | {"rid": inbound.rid.bytes})


def _gate(centre: Centre):
    from pki.gate import Gate

    return Gate(centre.keystore.root_pem, lambda: centre.registry.current)
