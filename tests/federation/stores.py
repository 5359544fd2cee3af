"""The two databases that a node can have, for tests that edit them behind its back."""

from collections.abc import Callable
from pathlib import Path

from sqlalchemy import text

from federation import tables
from federation.storage import Storage
from node.clock import SystemClock
from node.database import Database, Owner, migrate

FREE_SQLITE = "PRAGMA defer_foreign_keys = ON"
FREE_POSTGRESQL = "SET LOCAL session_replication_role = replica"
FEDERATION = Owner("federation", Path(__file__).parents[2] / "federation" / "migrations", tables.metadata)


def opener(new_url: Callable[[Path], str]) -> Callable[[Path], Storage]:
    """Opens a centre's database, the same one each time for the same file name."""
    urls: dict[Path, str] = {}

    def opened(file: Path) -> Database:
        if file not in urls:
            urls[file] = new_url(file)
        database = Database(urls[file], SystemClock())
        migrate(database.engine, [FEDERATION])
        return database

    return opened


def edit(storage: Storage, statement: str, **values: object) -> None:
    """SQL as somebody with the database's password writes it: triggers and foreign keys do not hinder."""

    def step(session) -> None:
        is_sqlite = session.get_bind().dialect.name == "sqlite"
        session.execute(text(FREE_SQLITE if is_sqlite else FREE_POSTGRESQL))
        done = session.execute(text(statement), values)
        assert done.rowcount != 0, f"nothing was edited by {statement}"

    storage.write(step)
