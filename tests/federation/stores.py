"""The two databases that a node can have, for tests that edit them behind its back."""

import shutil
from collections.abc import Callable
from pathlib import Path

from sqlalchemy import create_engine, inspect, text

from federation import tables
from federation.storage import Storage
from node.clock import SystemClock
from node.database import Database, Owner, migrate
from tests.fakes.postgresql import Postgresql

FREE_SQLITE = "PRAGMA defer_foreign_keys = ON"
FREE_POSTGRESQL = "SET LOCAL session_replication_role = replica"
FEDERATION = Owner("federation", Path(__file__).parents[2] / "federation" / "migrations", tables.metadata)


def opener(new_url: Callable[[Path], str], *, has_tables: bool = False) -> Callable[[Path], Storage]:
    """Opens a centre's database, the same one each time for the same file name."""
    urls: dict[Path, str] = {}

    def opened(file: Path) -> Database:
        if file not in urls:
            urls[file] = new_url(file)
        database = Database(urls[file], SystemClock())
        if not has_tables:
            migrate(database.engine, [FEDERATION])
        return database

    return opened


def migrated(url: str) -> str:
    """The database at that URL, after its history ran."""
    database = Database(url, SystemClock())
    migrate(database.engine, [FEDERATION])
    database.close()
    return url


def on_sqlite(model: Path) -> Callable[[Path], Storage]:
    """Opens files that begin as copies of one; its history runs once."""
    if not model.exists():
        migrated(f"sqlite:///{model}")

    def new_url(file: Path) -> str:
        shutil.copy(model, file)
        return f"sqlite:///{file}"

    return opener(new_url, has_tables=True)


def on_postgresql(server: Postgresql) -> Callable[[Path], Storage]:
    """Opens databases that begin as copies of one; its history runs once for each server."""
    if server not in _models:
        _models[server] = migrated(server.new_database())
    return opener(lambda _file: server.new_database(_models[server]), has_tables=True)


def empty(url: str) -> None:
    """Take every row out of the tables of a PostgreSQL database, what the tests added included."""
    engine = create_engine(url)
    with engine.begin() as connection:
        names = inspect(connection).get_table_names()
        found = ", ".join(name for name in names if not name.startswith("alembic_"))
        connection.execute(text(FREE_POSTGRESQL))
        connection.execute(text(f"TRUNCATE {found} RESTART IDENTITY CASCADE"))
    engine.dispose()


_models: dict[Postgresql, str] = {}


def edit(storage: Storage, statement: str, **values: object) -> None:
    """SQL as somebody with the database's password writes it: triggers and foreign keys do not hinder."""

    def step(session) -> None:
        is_sqlite = session.get_bind().dialect.name == "sqlite"
        session.execute(text(FREE_SQLITE if is_sqlite else FREE_POSTGRESQL))
        done = session.execute(text(statement), values)
        assert done.rowcount != 0, f"nothing was edited by {statement}"

    storage.write(step)
