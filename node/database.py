"""Where everything is kept: one writer that commits groups of steps durably, and readers that cannot write.

Entry points hand `step(session)` to `write` or `submit`. One thread runs the steps that wait, each in a SAVEPOINT of
its own, and commits them together: a group costs one sync of the disk. Only then do their futures resolve, so whoever
was told "recorded" can rely on it. A step that fails takes back only itself; a commit that fails fails all.

A disk that fills up refuses with StorageFull and loses nothing that was accepted. A ballast file beside an SQLite
database is given up then, so that urgent steps still find room; ordinary ones are refused until the ballast fits again.
"""

import logging
import queue
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn, TypeVar

from alembic.migration import MigrationContext
from alembic.operations import Operations
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection, Engine, MetaData, make_url
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from federation.failpoint import failpoint
from node.ballast import Ballast
from node.clock import Clock
from node.engines import as_node_error, is_in_transaction, is_sqlite, reader_engine, writer_engine
from node.errors import NodeError, StorageFull, Unavailable
from node.soundness import refusal
from node.trail import AFTER_COMMIT

T = TypeVar("T")
Listener = Callable[[frozenset[str]], None]

log = logging.getLogger(__name__)

LONGEST_QUEUE = 10_000
LARGEST_GROUP = 256
LONGEST_GROUP_S = 0.05
_TOPICS = "touched"


class StepSession(Session):
    """A session whose transaction belongs to the writer: a step cannot commit."""

    def commit(self) -> NoReturn:
        """Refuse: only the database commits."""
        msg = "a step does not commit; its entry point does, through the database"
        raise RuntimeError(msg)


@dataclass(slots=True)
class _Task:
    step: Callable[[Session], Any]
    future: Future[Any]
    urgent: bool
    value: Any = None
    after: Sequence[Callable[[], None]] = ()


@dataclass(frozen=True, slots=True)
class Owner:
    """Who owns tables: a name for its version table, its own linear history, and the tables as the code knows them."""

    name: str
    migrations: Path
    metadata: MetaData | None = None


class SchemaError(Exception):
    """The database is damaged, or other code than this made it; the message is a sentence for who started the node."""


_MIGRATING = threading.Lock()  # alembic's `op` is one per process


def migrate(engine: Engine, owners: Sequence[Owner]) -> dict[str, str]:
    """Bring each owner's tables to the head of its history; owners not named (modules switched off) are left alone."""
    heads = {}
    for owner in owners:
        script = ScriptDirectory(str(owner.migrations), version_locations=[str(owner.migrations)])
        try:
            heads[owner.name] = script.get_current_head() or ""
            with _MIGRATING, engine.connect() as connection:
                _upgrade(connection, script, owner)
        except CommandError as error:
            raise SchemaError(f"the tables of '{owner.name}' do not fit this version of the code: {error}") from error
        except DBAPIError as error:
            raise SchemaError(refusal(engine.url, error)) from error
    return heads


def _upgrade(connection: Connection, script: ScriptDirectory, owner: Owner) -> None:
    options = {
        "version_table": f"alembic_{owner.name}",
        "transactional_ddl": True,  # our connections begin transactions themselves, so SQLite's DDL is in them
        "fn": lambda revision, _context: script._upgrade_revs("heads", revision),  # noqa: SLF001 - as alembic's own env does
    }
    context = MigrationContext.configure(connection, opts=options)
    with Operations.context(context), context.begin_transaction():
        context.run_migrations()


def touch(session: Session, topic: str) -> None:
    """Announce that something of the topic changed; listeners hear it after the commit."""
    session.info.setdefault(_TOPICS, set()).add(topic)


class Database:
    """The storage of one node, open from its creation until `close`."""

    def __init__(self, url: str, clock: Clock, *, ballast_bytes: int = 0) -> None:
        """Open the engines and start the writer; the schema is `migrate`'s."""
        self._clock = clock
        self.url = url
        self.engine: Engine = writer_engine(url)
        self._reader = reader_engine(url)
        file = make_url(url).database if is_sqlite(url) else None
        self._ballast = Ballast(Path(file).parent, ballast_bytes) if file and ballast_bytes else None
        self._queue: queue.Queue[_Task | None] = queue.Queue(LONGEST_QUEUE)
        self._listeners: list[Listener] = []
        self._closing = threading.Lock()
        self._closed = False
        self._thread = threading.Thread(target=self._work, name="writer", daemon=True)
        self._thread.start()

    def on_commit(self, listener: Callable[[frozenset[str]], None]) -> None:
        """Call the listener with the topics after each commit that touched any, on the writer's thread: be brief."""
        self._listeners.append(listener)

    def submit(self, step: Callable[[Session], T], *, urgent: bool = False) -> Future[T]:
        """Queue a step; the future resolves after its commit returned. Urgent ones may use the last of a full disk."""
        future: Future[T] = Future()
        with self._closing:
            if self._closed:
                raise Unavailable("chưa ghi nhận: trung tâm đang dừng")
            try:
                self._queue.put_nowait(_Task(step, future, urgent))
            except queue.Full:
                raise Unavailable("chưa ghi nhận: hệ thống đang quá tải") from None
        return future

    def write(self, step: Callable[[Session], T], *, urgent: bool = False) -> T:
        """Carry a step out and wait until it is committed."""
        if threading.current_thread() is self._thread:
            msg = "a step that waits for another step waits for ever"
            raise RuntimeError(msg)
        return self.submit(step, urgent=urgent).result()

    def read(self, step: Callable[[Session], T]) -> T:
        """Carry a step out on a snapshot that cannot be written to, in the caller's thread."""
        try:
            with Session(self._reader) as session:
                return step(session)
        except Exception as error:
            known = as_node_error(error)
            if known is error:
                raise
            raise known from error

    def close(self) -> None:
        """Finish the steps that are queued, then let go of the database; harmless when repeated."""
        with self._closing:
            if not self._closed:
                self._closed = True
                self._queue.put(None)
        self._thread.join()
        self._reader.dispose()
        self.engine.dispose()

    # the writer's thread -------------------------------------------------------------------------------------------

    def _work(self) -> None:
        while (first := self._queue.get()) is not None:
            self._group(first)

    def _group(self, first: _Task) -> None:
        done: list[_Task] = []
        topics: set[str] = set()
        try:
            with self.engine.connect() as connection, connection.begin():
                self._steps(connection, first, done, topics)
                failpoint("database.before_commit")
            failpoint("database.after_commit")
        except BaseException as error:  # noqa: BLE001 - whoever waits for a commit must hear that there was none
            self._fail([first] if not done and not first.future.done() else done, error)
            return
        for task in done:
            task.future.set_result(task.value)
        for task in done:
            for call in task.after:
                call()
        self._announce(frozenset(topics))

    def _steps(self, connection: Connection, first: _Task, done: list[_Task], topics: set[str]) -> None:
        """Run what is waiting, each step in its savepoint, within the limits of a group."""
        until = self._clock.monotonic() + LONGEST_GROUP_S
        task: _Task | None = first
        count = 0
        while task is not None:
            count += 1
            if task.future.set_running_or_notify_cancel() and self._step(connection, task, topics):
                done.append(task)
            if not is_in_transaction(connection):
                raise StorageFull("chưa ghi nhận: máy chủ đã hết dung lượng lưu trữ")
            task = self._next() if count < LARGEST_GROUP and self._clock.monotonic() < until else None

    def _next(self) -> _Task | None:
        try:
            task = self._queue.get_nowait()
        except queue.Empty:
            return None
        if task is None:
            self._queue.put(None)
        return task

    def _step(self, connection: Connection, task: _Task, topics: set[str]) -> bool:
        """Run one step; on failure take back its own work and tell its caller at once."""
        session = StepSession(connection, join_transaction_mode="create_savepoint", expire_on_commit=False)
        try:
            if self._ballast and not task.urgent:
                self._ballast.check_room()
            task.value = task.step(session)
            Session.commit(session)
        except Exception as error:  # noqa: BLE001 - it is the caller's error, and goes to the caller
            self._fail([task], error)
            if is_in_transaction(connection):
                session.rollback()
            return False
        else:
            topics |= session.info.get(_TOPICS, set())
            task.after = session.info.get(AFTER_COMMIT, ())
            return True
        finally:
            if is_in_transaction(connection):
                session.close()

    def _fail(self, tasks: Sequence[_Task], error: BaseException) -> None:
        known = as_node_error(error)
        if isinstance(known, StorageFull) and self._ballast:
            self._ballast.give_up()
        if not isinstance(known, NodeError) and len(tasks) != 1:
            log.error("commit failed", exc_info=error)
        for task in tasks:
            if not task.future.done():
                task.future.set_exception(known)

    def _announce(self, topics: frozenset[str]) -> None:
        for listener in self._listeners if topics else ():
            try:
                listener(topics)
            except Exception:
                log.exception("a commit listener failed")
