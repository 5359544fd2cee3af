"""The centre that is measured, in a process of its own: real database, real delivery, and a handler that counts."""

import asyncio
import os
from pathlib import Path
from typing import Any

from sqlalchemy import Column, Integer, LargeBinary, MetaData, Table, insert
from sqlalchemy.orm import Session

from bench.actor import answer, next_order
from federation import tables
from federation.delivery import Delivery
from federation.frame import Inbound
from federation.storage import touch
from node.clock import SystemClock
from node.database import Database, Owner, migrate
from pki.keystore import Keystore
from pki.registry import RegistryFile

try:
    from node.collector import leave_out_what_stays
except ImportError:  # an earlier source tree, which has nothing like it

    def leave_out_what_stays() -> None:
        """Nothing, as it was then."""


KIND = "bench.figure"
HISTORY = Owner("federation", Path(__file__).parents[1] / "federation" / "migrations", tables.metadata)
_TOPIC = "bench"
_metadata = MetaData()
effect = Table(
    "bench_effect",
    _metadata,
    Column("id", Integer, primary_key=True),
    Column("rid", LargeBinary, nullable=False),
    Column("payload", LargeBinary, nullable=False),
)
_EFFECT = insert(effect)


class Parent:
    """A node of delivery that knows when it had committed how many records."""

    def __init__(self, order: dict[str, Any]) -> None:
        """Open the keys and the database, which may be one of an earlier run."""
        self._clock = SystemClock()
        self._effects = bool(order["effects"])
        self._applied = 0
        self._commits: list[tuple[float, int]] = []
        self._database = Database(order["url"], self._clock)
        migrate(self._database.engine, [HISTORY])
        _metadata.create_all(self._database.engine)
        self._database.on_commit(self._committed)
        keys = Keystore.load(Path(order["keys"]))
        self._delivery = Delivery(
            storage=self._database,
            keystore=keys,
            registry=RegistryFile(keys.registry_path, keys.root_pem, self._clock.now),
            handlers={KIND: self._apply},
            clock=self._clock,
            random=os.urandom,
            on_change=lambda _topic: None,
        )

    def _apply(self, session: Session, inbound: Inbound) -> None:
        self._applied += 1
        touch(session, _TOPIC)
        if self._effects:
            values = {"rid": inbound.rid.bytes, "payload": inbound.payload}
            session.connection().execute(_EFFECT, values)

    def _committed(self, topics: frozenset[str]) -> None:
        if _TOPIC in topics:
            self._commits.append((self._clock.monotonic(), self._applied))

    async def start(self, listen: str) -> None:
        """Let children in, and say where."""
        await self._delivery.start(parent=None, listen=listen)
        leave_out_what_stays()  # as a node does
        answer(port=self._delivery.port, at_s=self._clock.monotonic())

    async def wait(self, records: int, limit_s: float) -> None:
        """Say when so many records were committed, and how many each commit brought the total to."""
        until_s = self._clock.monotonic() + limit_s
        while self._applied < records and self._clock.monotonic() < until_s:  # noqa: ASYNC110 - others have no time
            await asyncio.sleep(0.02)
        while self._applied and (not self._commits or self._commits[-1][1] < self._applied):  # noqa: ASYNC110 - as above
            await asyncio.sleep(0.02)
        done = list(self._commits)
        answer(at_s=done[-1][0] if done else 0.0, records=self._applied, commits=[total for _, total in done])

    async def stop(self) -> None:
        """End the delivery and close the database."""
        await self._delivery.stop()
        self._database.close()


async def main() -> None:
    """Obey until nobody gives orders."""
    order = next_order()
    if order is None:
        return
    parent = Parent(order)
    await parent.start(order["listen"])
    while (order := await asyncio.to_thread(next_order)) is not None:
        await parent.wait(order["records"], order["limit_s"])
    await parent.stop()


if __name__ == "__main__":
    asyncio.run(main())
