"""A centre's disk in memory, and the node's own database on it without its thread.

A crash takes back what was not committed. The disk can be full, and it can be set back to an earlier copy.
"""

import sqlite3
import threading
from collections.abc import Callable
from concurrent.futures import Future
from contextvars import Context, copy_context
from queue import Queue
from random import Random
from typing import Any

from sqlalchemy import Column, Connection, Engine, Integer, MetaData, String, Table, create_engine, event
from sqlalchemy.orm import Session
from sqlalchemy.pool import StaticPool
from sqlalchemy.util import LRUCache

from federation import tables
from federation.storage import RANDOM
from node.clock import Clock
from node.database import Database
from node.tables import metadata as node_metadata
from tests.simulation.loop import Crash, VirtualLoop

_ROOMY = 1_000_000_000
_COMPILED: LRUCache = LRUCache(2000)  # twelve centres ask the same questions
with create_engine("sqlite://").connect() as _first:  # which finds out what this SQLite can do
    _DIALECT = _first.dialect
own_metadata = MetaData()

# What this centre said and what took effect here, each written in the transaction of the record or of its effect.
said = Table(
    "sim_said",
    own_metadata,
    Column("number", Integer, primary_key=True),
    Column("mark", String, nullable=False),
)
effect = Table(
    "sim_effect",
    own_metadata,
    Column("number", Integer, primary_key=True),
    Column("origin", String, nullable=False),
    Column("mark", String, nullable=False),
)


class Disk:
    """What is left of a centre when its process is gone."""

    def __init__(self) -> None:
        self.raw = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
        for pragma in ("foreign_keys=ON", "journal_mode=MEMORY", "synchronous=OFF", "cache_size=-20000"):
            self.raw.execute(f"PRAGMA {pragma}").close()
        self.engine: Engine = create_engine("sqlite://", creator=lambda: self.raw, poolclass=StaticPool)
        self.engine._compiled_cache, self.engine.dialect = _COMPILED, _DIALECT  # a compiled text belongs to a dialect
        event.listen(self.engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN IMMEDIATE"))
        for metadata in (tables.metadata, node_metadata, own_metadata):
            metadata.create_all(self.engine)

    def fill(self) -> None:
        """From now on nothing more fits than what the last pages have room for."""
        self._limit(self.raw.execute("PRAGMA page_count").fetchone()[0])

    def clear(self) -> None:
        """There is room again."""
        self._limit(_ROOMY)

    def _limit(self, pages: int) -> None:
        self.raw.execute(f"PRAGMA max_page_count={pages}").fetchall()

    def copy(self) -> bytes:
        """A backup."""
        return self.raw.serialize()

    def set_back(self, copy: bytes) -> None:
        """Become what a backup says."""
        self.raw.deserialize(copy)
        self.raw.execute("PRAGMA foreign_keys=ON").close()

    def close(self) -> None:
        self.engine.dispose()
        self.raw.close()


class SimDatabase(Database):
    """The node's database: its own group commit and its own errors, driven by the loop instead of by a thread."""

    def __init__(self, disk: Disk, clock: Clock, loop: VirtualLoop, chance: Random) -> None:
        self._clock = clock
        self.url = "sqlite://"
        self.engine = self._reader = disk.engine
        self._ballast = None
        self._queue = Queue()
        self._listeners = []
        self._closing = threading.Lock()
        self._closed = False
        self._thread = threading.Thread()
        self._loop, self._chance = loop, chance
        self._context: Context = copy_context()
        self._open: dict[int, Future[Any]] = {}
        self._count = 0
        self._is_due = False
        self._writing: Connection | None = None  # one connection serves all, so who asks meanwhile shares it
        self._reading: Session | None = None

    def submit(self, step: Callable[[Session], Any], *, urgent: bool = False) -> Future[Any]:
        if self._closed:
            raise Crash
        future = super().submit(self._with_chance(step), urgent=urgent)
        self._count += 1
        number = self._count
        self._open[number] = future
        future.add_done_callback(lambda _: self._open.pop(number, None))
        if not self._is_due:
            self._is_due = True
            late_s = self._chance.choice((0.0005, 0.001, 0.002, 0.02))
            self._loop.call_later(late_s, self._drain, context=self._context)
        return future

    def write(self, step: Callable[[Session], Any], *, urgent: bool = False) -> Any:
        future = self.submit(step, urgent=urgent)
        self._drain()
        return future.result()

    def read(self, step: Callable[[Session], Any]) -> Any:
        if self._closed:
            raise Crash
        if self._reading is not None:  # asked by another reader
            return step(self._reading)
        if self._writing is None:
            return super().read(lambda session: self._read_in(session, step))
        with Session(
            self._writing, join_transaction_mode="create_savepoint"
        ) as session:  # asked by a step of the writer
            return step(session)

    def _read_in(self, session: Session, step: Callable[[Session], Any]) -> Any:
        self._reading = session
        try:
            return step(session)
        finally:
            self._reading = None

    def _steps(self, connection: Connection, *rest: Any) -> None:
        self._writing = connection
        try:
            super()._steps(connection, *rest)
        finally:
            self._writing = None

    def _with_chance(self, step: Callable[[Session], Any]) -> Callable[[Session], Any]:
        def lent(session: Session) -> Any:
            session.info[RANDOM] = self._chance.randbytes
            return step(session)

        return lent

    def _drain(self) -> None:
        self._is_due = False
        while not self._closed and (first := self._next()) is not None:
            self._group(first)

    def power_off(self) -> None:
        """The process is gone: nobody hears any more how it ended."""
        self._closed = True
        for future in list(self._open.values()):
            if not future.done():
                future.set_exception(Crash())
