"""A database for tests of delivery: one writer thread, each step its own transaction; a file, so that it survives."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Engine, create_engine, event
from sqlalchemy.orm import Session

from federation.tables import metadata

T = TypeVar("T")


class FakeStorage:
    """Passes the same test as the node's database; `on_commit` is called with what the step touched."""

    def __init__(self, file: Path, *, synchronous: str = "OFF") -> None:
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="fake-writer")
        self.engine = _engine(f"sqlite:///{file}", synchronous)
        self.on_commit: Callable[[frozenset[str]], None] = lambda topics: None
        self.fail_with: Exception | None = None
        metadata.create_all(self.engine)

    def submit(self, step: Callable[[Session], T], *, urgent: bool = False) -> Future[T]:
        return self._writer.submit(self._run, step)

    def write(self, step: Callable[[Session], T], *, urgent: bool = False) -> T:
        return self.submit(step).result()

    def read(self, step: Callable[[Session], T]) -> T:
        with Session(self.engine) as session:
            return step(session)

    def close(self) -> None:
        self._writer.shutdown(wait=True)
        self.engine.dispose()

    def _run(self, step: Callable[[Session], T]) -> T:
        if self.fail_with is not None:
            raise self.fail_with
        with Session(self.engine) as session, session.begin():
            value = step(session)
            topics = frozenset(session.info.get("touched", ()))
            after = session.info.get("after_commit", ())
        for call in after:
            call()
        if topics:
            self.on_commit(topics)
        return value


def _engine(url: str, synchronous: str) -> Engine:
    engine = create_engine(url, connect_args={"timeout": 30})

    @event.listens_for(engine, "connect")
    def _open(connection: Any, record: object) -> None:
        connection.isolation_level = None
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute(f"PRAGMA synchronous={synchronous}")

    @event.listens_for(engine, "begin")
    def _begin(connection: Any) -> None:
        connection.exec_driver_sql("BEGIN")

    return engine
