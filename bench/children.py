"""Many centres in one process, each with keys, a database and a delivery of its own; they share one registry."""

import asyncio
import os
import shutil
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from bench.actor import answer, next_order
from bench.parent import HISTORY, KIND
from federation import tables
from federation.delivery import Delivery, ParentAddress
from federation.ledger import UP, Lane, Sealer, append
from node.clock import SystemClock
from node.database import Database, migrate
from pki.keystore import Keystore
from pki.registry import RegistryFile

_clock = SystemClock()


class Child:
    """One centre below the parent."""

    def __init__(self, keys: Path, file: Path, registry: RegistryFile) -> None:
        """Open keys and database; the file has its tables."""
        self.keystore = Keystore.load(keys)
        self.database = Database(f"sqlite:///{file}", _clock)
        self._registry = registry
        self.made = 0
        self.delivery: Delivery | None = None
        self._sealer = Sealer(self.keystore, os.urandom, _clock.now)

    def fill(self, frames: int, records: int, size: int) -> None:
        """Sign a backlog as a node does: records appended, then sealed, frame by frame."""

        def step(session: Session) -> None:
            payload, now = os.urandom(size), _clock.now()
            for _ in range(records):
                append(session, lane=Lane.REGULAR, audience=UP, kind=KIND, payload=payload, now=now)

        for _ in range(frames):
            self.database.write(step)
            self.database.write(self._sealer.step)
        self.made += frames * records

    def say_now(self, records: int, size: int) -> None:
        """Append as its running node does; the delivery seals and sends by itself."""

        def step(session: Session) -> None:
            now = _clock.now()
            for _ in range(records):
                append(session, lane=Lane.REGULAR, audience=UP, kind=KIND, payload=bytes(size), now=now)
            append(session, lane=Lane.URGENT, audience=UP, kind=KIND, payload=bytes(size), now=now)

        self.database.write(step)
        self.made += records + 1

    async def start(self, parent: ParentAddress) -> None:
        """Dial the parent and send what waits."""
        self.delivery = delivery = Delivery(
            storage=self.database,
            keystore=self.keystore,
            registry=self._registry,
            handlers={},
            clock=_clock,
            random=os.urandom,
            on_change=lambda _topic: None,
        )
        self.database.on_commit(lambda topics: delivery.wake() if "ledger" in topics else None)
        await delivery.start(parent=parent, listen=None)

    def acknowledged(self) -> bool:
        """Whether the parent has signed for everything; as the running delivery knows it, without asking the disk."""
        if self.delivery is None:
            return False
        state = self.delivery.peers()
        return bool(state) and state[0].connected and not state[0].in_flight and not self.waiting()

    def waiting(self) -> int:
        """Records without a receipt, sealed or not."""

        def step(session: Session) -> int:
            stream, cursor = tables.stream, tables.cursor
            joined = stream.outerjoin(cursor, cursor.c.stream_id == stream.c.id)
            query = select(stream.c.head_count, cursor.c.count).select_from(joined)
            sealed = sum(total - (known or 0) for total, known in session.execute(query))
            return sealed + len(session.execute(select(tables.pending.c.pos)).all())

        return self.database.read(step)

    async def stop(self) -> None:
        """End the delivery and close the database."""
        if self.delivery is not None:
            await self.delivery.stop()
        self.database.close()


async def settle(children: list[Child], limit_s: float) -> None:
    """Say when every child has a receipt for everything, and when half of them had."""
    until_s = _clock.monotonic() + limit_s
    waiting = list(children)
    half_s = 0.0
    while waiting and _clock.monotonic() < until_s:
        await asyncio.sleep(0.1)
        waiting = [child for child in waiting if not child.acknowledged()]
        if not half_s and len(waiting) <= len(children) / 2:
            half_s = _clock.monotonic()
    answer(at_s=_clock.monotonic(), half_at_s=half_s, unsettled=len(waiting))


def open_all(order: dict[str, Any]) -> list[Child]:
    """All children of this process, each with a copy of one empty database."""
    folder = Path(order["folder"])
    empty = folder / "empty.db"
    database = Database(f"sqlite:///{empty}", _clock)
    migrate(database.engine, [HISTORY])
    database.close()
    first = Keystore.load(Path(order["keys"][0]))
    registry = RegistryFile(first.registry_path, first.root_pem, _clock.now)
    children = []
    for number, keys in enumerate(order["keys"]):
        file = folder / f"{number}.db"
        shutil.copy(empty, file)
        children.append(Child(Path(keys), file, registry))
    return children


async def obey(children: list[Child], order: dict[str, Any]) -> None:
    """Carry out one order."""
    match order["do"]:
        case "fill":
            for child in children:
                child.fill(order["frames"], order["records"], order["size"])
            answer(records=sum(child.made for child in children))
        case "start":
            begun_s = _clock.monotonic()
            await asyncio.gather(*(child.start(ParentAddress(order["parent"])) for child in children))
            answer(at_s=begun_s)
        case "say":
            for child in children:
                await asyncio.to_thread(child.say_now, order["records"], order["size"])
            answer(records=sum(child.made for child in children))
        case "settle":
            await settle(children, order["limit_s"])


async def main() -> None:
    """Obey until nobody gives orders."""
    order = next_order()
    if order is None:
        return
    children = open_all(order)
    answer(children=len(children))
    while (order := await asyncio.to_thread(next_order)) is not None:
        await obey(children, order)
    await asyncio.gather(*(child.stop() for child in children))


if __name__ == "__main__":
    asyncio.run(main())
