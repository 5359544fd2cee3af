"""Writing many rows at once, as each database takes them fastest.

What runs for every record goes to the driver as it is. SQLite gets statements of a hundred rows: while one runs, the
other threads go on, and the writer asks for its turn once and not for each row. PostgreSQL gets one statement with a
list for each column.
"""

from collections.abc import Sequence
from functools import cache
from itertools import chain
from typing import Any

from sqlalchemy import Connection, Integer, LargeBinary, Table
from sqlalchemy.types import TypeEngine

_TOGETHER = 100
_NOTHING = " ON CONFLICT DO NOTHING"


def write(connection: Connection, table: Table, rows: Sequence[tuple[Any, ...]], *, only_new: bool = False) -> int:
    """Insert rows with a value for each column; how many, as `only_new` passes over those that are there."""
    if not rows:
        return 0
    end = _NOTHING if only_new else ""
    if connection.dialect.name != "sqlite":
        return connection.exec_driver_sql(_of_lists(table, end), tuple(map(list, zip(*rows, strict=True)))).rowcount
    count, whole = 0, len(rows) - len(rows) % _TOGETHER
    for start in range(0, whole, _TOGETHER):
        values = tuple(chain.from_iterable(rows[start : start + _TOGETHER]))
        count += connection.exec_driver_sql(_of_rows(table, _TOGETHER, end), values).rowcount
    if whole < len(rows):
        count += connection.exec_driver_sql(_of_rows(table, 1, end), list(rows[whole:])).rowcount
    return count


@cache
def _of_rows(table: Table, count: int, end: str) -> str:
    row = f"({', '.join('?' * len(table.c))})"
    return f"INSERT INTO {table.name} ({_columns(table)}) VALUES {', '.join([row] * count)}{end}"  # noqa: S608 - our own table


@cache
def _of_lists(table: Table, end: str) -> str:
    lists = ", ".join(f"%b::{_array(column.type)}[]" for column in table.c)
    return f"INSERT INTO {table.name} ({_columns(table)}) SELECT * FROM unnest({lists}){end}"  # noqa: S608 - our own table


def _columns(table: Table) -> str:
    return ", ".join(table.c.keys())


def _array(kind: TypeEngine[Any]) -> str:
    if isinstance(kind, LargeBinary):
        return "bytea"
    return "bigint" if isinstance(kind, Integer) else "text"
