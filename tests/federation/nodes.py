"""Whole nodes of delivery in one process, on real keys: what the tests of links and of three tiers start and stop."""

import asyncio
import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from federation import tables
from federation.delivery import Delivery, ParentAddress
from federation.ledger import PARENT, UP, Lane, append, down
from federation.link import Link
from federation.receiver import Handler, Inbound, Unacceptable
from node.clock import SystemClock
from pki.keystore import Keystore
from pki.registry import RegistryFile
from tests.fakes.authority import FakeFederation
from tests.fakes.storage import FakeStorage

PATIENCE_S = 30.0


class ShiftedClock(SystemClock):
    """The machine's clock, set wrong on purpose."""

    ahead = timedelta(0)

    def now(self) -> datetime:
        return super().now() + self.ahead


class Node:
    """A centre with a folder, a database and delivery; what it applied is in its own database, by its handler."""

    def __init__(self, federation: FakeFederation, code: str, *, handlers: dict[str, Handler] | None = None) -> None:
        self.federation = federation
        self.code = code
        self.name = federation.name(code)
        self.extra_handlers = handlers or {}
        self.link: Callable[[Node], Link] | None = None
        self.port = 0
        self.changes: list[str] = []
        self.settled = 0
        self.open()

    def open(self) -> None:
        file = self.federation.home(self.code) / "node.db"
        self.storage = FakeStorage(file)
        self.applied: list[Inbound] = []
        self.registry: RegistryFile = self.federation.registry_file(self.code)
        self.clock = ShiftedClock()
        self.use(self.federation.keystore(self.code))

    def use(self, keystore: Keystore) -> None:
        """Begin with these keys, which a test may have forged."""
        self.keystore = keystore
        self.delivery = Delivery(
            storage=self.storage,
            keystore=keystore,
            registry=self.registry,
            handlers={"test.note": self._apply, "test.bad": _refuse, "test.bug": _fail} | self.extra_handlers,
            clock=self.clock,
            random=os.urandom,
            on_change=self.changes.append,
            on_settled=self._count_settled,
        )
        self.storage.on_commit = lambda topics: self.delivery.wake() if "ledger" in topics else None

    def _count_settled(self, session: Session) -> None:
        self.settled += 1

    def _apply(self, session: Session, inbound: Inbound) -> None:
        self.applied.append(inbound)

    async def start(
        self, parent: "Node | None" = None, *, listen: bool = True, port: int = 0, bypass: str | None = None
    ) -> "Node":
        address = ParentAddress(f"127.0.0.1:{parent.port}") if parent else None
        await self.delivery.start(
            parent=address,
            listen=f"127.0.0.1:{port}" if listen else None,
            link=self.link(self) if self.link else None,
            bypass=bypass,
        )
        self.port = self.delivery.port or self.port
        return self

    async def stop(self) -> None:
        await self.delivery.stop()
        self.storage.close()

    async def restart(self, parent: "Node | None" = None, *, port: int = 0) -> None:
        await self.stop()
        applied = self.applied
        self.open()
        self.applied = applied
        await self.start(parent, port=port)

    def lose_disk(self) -> None:
        """Begin again with an empty database; the keys are left."""
        for suffix in ("", "-wal", "-shm"):
            (self.federation.home(self.code) / f"node.db{suffix}").unlink(missing_ok=True)
        self.open()

    def say(self, text: str, *, lane: Lane = Lane.URGENT, audience: str = UP, kind: str = "test.note") -> None:
        now = datetime.now(UTC)
        self.storage.write(
            lambda session: append(session, lane=lane, audience=audience, kind=kind, payload=text.encode(), now=now)
        )

    def say_to(self, child: "Node", text: str) -> None:
        self.say(text, audience=down(child.name))

    def say_to_parent(self, text: str) -> None:
        self.say(text, audience=PARENT)

    def heard(self, origin: "Node | None" = None) -> list[str]:
        return [one.payload.decode() for one in self.applied if origin is None or one.origin == origin.name]

    def alarms(self) -> list[tuple[str, str, str]]:
        rows = self.storage.read(lambda session: session.execute(select(tables.alarm)).all())
        return [(row.code, row.peer, row.origin) for row in rows]

    def peer(self, other: "Node"):
        return next((one for one in self.delivery.peers() if one.name == other.name), None)

    def held(self) -> list[tuple[str, str, str, int, bytes]]:
        """Every frame as (origin, lane, audience, position, bytes)."""
        query = (
            select(tables.stream.c.origin, tables.stream.c.lane, tables.stream.c.audience)
            .add_columns(tables.frame.c.pos, tables.frame.c.raw)
            .join(tables.frame, tables.frame.c.stream_id == tables.stream.c.id)
            .order_by(tables.stream.c.id, tables.frame.c.pos)
        )
        rows = self.storage.read(lambda session: session.execute(query).all())
        return [(row.origin, row.lane, row.audience, row.pos, bytes(row.raw)) for row in rows]


def _refuse(session: Session, inbound: Inbound) -> None:
    raise Unacceptable("NOT_TODAY", "the handler says no")


def _fail(session: Session, inbound: Inbound) -> None:
    msg = "a programming error"
    raise KeyError(msg)


async def until(condition: Callable[[], object], what: str = "") -> None:
    """Wait for a condition; the limit is patience with a busy machine, no claim about speed."""
    deadline = asyncio.get_running_loop().time() + PATIENCE_S
    while not condition():
        assert asyncio.get_running_loop().time() < deadline, what or "this did not happen"
        await asyncio.sleep(0.02)
