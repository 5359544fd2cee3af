"""Which failures are the machine's, to be tried again, and not the record's, to be parked."""

import sqlite3

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError, InterfaceError, InternalError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from federation.failpoint import FailpointReached

_SQLITE_ERROR = 1
_PRIMARY = 0xFF


def is_storage_failure(error: BaseException) -> bool:
    """Whether a step failed because of the disk, the database server or memory, whatever it was given."""
    if isinstance(error, (FailpointReached, MemoryError, OSError, PoolTimeout)):
        return True
    if not isinstance(error, DBAPIError):
        return False
    if error.connection_invalidated:
        return True
    if isinstance(error.orig, sqlite3.Error):
        code = getattr(error.orig, "sqlite_errorcode", _SQLITE_ERROR) & _PRIMARY
        return isinstance(error, (OperationalError, InternalError)) and code != _SQLITE_ERROR
    return isinstance(error, (OperationalError, InterfaceError, InternalError))


def is_transaction_lost(connection: Connection) -> bool:
    """Whether the database ended the transaction by itself, as SQLite does on a full disk: nothing may follow in it."""
    raw = connection.connection.dbapi_connection
    return isinstance(raw, sqlite3.Connection) and not raw.in_transaction
