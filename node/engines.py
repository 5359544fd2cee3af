"""The two connections of a database: one that writes, durably, and those that only read."""

import contextlib
import os
import sqlite3
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.pool import QueuePool

from node.errors import NodeError, StorageFull, Unavailable

_SQLITE_LOST = {"SQLITE_IOERR", "SQLITE_CANTOPEN", "SQLITE_BUSY", "SQLITE_CORRUPT", "SQLITE_NOTADB"}
_POSTGRES_DISK_FULL = "53100"
_LEDGER_LOCK = 0x4C54_0001  # one writer per PostgreSQL database, whoever started it
_LOCK_PATIENCE = "5s"
_LOCK_NOT_AVAILABLE = "55P03"  # SQLSTATE

READERS = 12


def is_sqlite(url: str) -> bool:
    """Say whether the URL names an SQLite file."""
    return make_url(url).get_backend_name() == "sqlite"


def writer_engine(url: str) -> Engine:
    """Open the one connection that writes: WAL and FULL on SQLite, synchronous commit on PostgreSQL."""
    if is_sqlite(url):
        return _sqlite(_closed_file(make_url(url)), "BEGIN IMMEDIATE", _writer_pragmas, size=1)
    engine = create_engine(url, pool_size=1, max_overflow=0, pool_pre_ping=True)
    event.listen(engine, "connect", _only_writer)
    event.listen(engine, "close", _let_go)
    return engine


def reader_engine(url: str) -> Engine:
    """Open connections that cannot write, each transaction a snapshot."""
    if is_sqlite(url):
        file = Path(str(make_url(url).database)).absolute()
        address = URL.create("sqlite", database=file.as_uri(), query={"mode": "ro", "uri": "true"})
        return _sqlite(address, "BEGIN", _reader_pragmas, size=READERS)
    return create_engine(
        url,
        pool_size=READERS,
        max_overflow=0,
        pool_pre_ping=True,
        isolation_level="REPEATABLE READ",
        execution_options={"postgresql_readonly": True},
    )


def as_node_error(error: BaseException) -> BaseException:
    """Turn a full disk and a lost database into errors that a person can act upon; leave the rest as it is."""
    if not isinstance(error, DBAPIError):
        return error
    name = getattr(error.orig, "sqlite_errorname", "") or ""
    known: NodeError | None = None
    if name == "SQLITE_FULL" or getattr(error.orig, "sqlstate", None) == _POSTGRES_DISK_FULL:
        known = StorageFull("chưa ghi nhận: máy chủ đã hết dung lượng lưu trữ")
    elif (
        error.connection_invalidated
        or any(name.startswith(code) for code in _SQLITE_LOST)
        or (isinstance(error, OperationalError) and not name)
    ):
        known = Unavailable("chưa ghi nhận: cơ sở dữ liệu không đáp ứng")
    if known is None:
        return error
    known.__cause__ = error
    return known


def is_in_transaction(connection: Connection) -> bool:
    """Say whether the database still knows our transaction; SQLite ends it by itself on a full disk."""
    raw = connection.connection.dbapi_connection
    return raw.in_transaction if isinstance(raw, sqlite3.Connection) else True


def _sqlite(url: URL, begin: str, pragmas: Any, *, size: int) -> Engine:  # noqa: ANN401 - a pool listener
    engine = create_engine(
        url,
        poolclass=QueuePool,
        pool_size=size,
        max_overflow=0,
        connect_args={"timeout": 10, "check_same_thread": False},
    )
    event.listen(engine, "connect", pragmas)

    def begin_ours(connection: Connection) -> None:
        connection.exec_driver_sql(begin)

    event.listen(engine, "begin", begin_ours)
    return engine


def _closed_file(url: URL) -> URL:
    """Create the file readable by its owner only, before SQLite creates it by the umask."""
    if url.database:
        os.close(os.open(url.database, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
    return url


def _writer_pragmas(raw: sqlite3.Connection, _record: object) -> None:
    raw.isolation_level = None  # the begin event starts transactions, not the driver
    for pragma in (
        "journal_mode=WAL",
        "synchronous=FULL",
        "foreign_keys=ON",
        "secure_delete=ON",  # what is deleted for good is overwritten, also where SQLite was built without it
        "wal_autocheckpoint=1000",
        "journal_size_limit=67108864",
    ):
        raw.execute(f"PRAGMA {pragma}").close()


def _reader_pragmas(raw: sqlite3.Connection, _record: object) -> None:
    raw.isolation_level = None
    raw.execute("PRAGMA query_only=ON").close()


def _only_writer(raw: Any, _record: object) -> None:  # noqa: ANN401 - psycopg is an extra
    with raw.cursor() as cursor:
        cursor.execute("SET synchronous_commit = on")
        # A server lets go of the lock of a process that has just ended a moment after it ended.
        cursor.execute("SELECT set_config('lock_timeout', %s, false)", (_LOCK_PATIENCE,))
        held = _takes_the_lock(cursor)
        if not held:
            raw.rollback()
        cursor.execute("RESET lock_timeout")
    raw.commit()
    if not held:
        raise Unavailable("another process writes in this PostgreSQL database")


def _let_go(raw: Any, _record: object) -> None:  # noqa: ANN401 - psycopg is an extra
    """Give the lock back at once; the server would notice the end of this connection only a moment later."""
    if not raw.closed:
        with contextlib.suppress(Exception), raw.cursor() as cursor:
            raw.rollback()
            cursor.execute("SELECT pg_advisory_unlock_all()")
            raw.commit()


def _takes_the_lock(cursor: Any) -> bool:  # noqa: ANN401 - psycopg is an extra
    try:
        cursor.execute("SELECT pg_advisory_lock(%s)", (_LEDGER_LOCK,))
    except Exception as error:
        if getattr(error, "sqlstate", None) != _LOCK_NOT_AVAILABLE:
            raise
        return False
    return True
