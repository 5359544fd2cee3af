"""What the database can do at best: the same rows in the same batches, each committed before the next begins.

Stands alone: `bare_store.py`, then one line of JSON on its standard input. It reads the rows from a database that was
filled, makes the same tables with the same indexes beside it, and writes frame by frame what a commit had held.
"""

import contextlib
import json
import sqlite3
import sys
import time
from collections.abc import Sequence
from itertools import chain
from pathlib import Path

# Of the tables of a ledger: those that grow with what arrives. Foreign keys and triggers are left out.
FRAME, RECORD, STREAM = "federation_frame", "federation_record", "federation_stream"
TOGETHER = 100
HEAD = f"UPDATE {STREAM} SET epoch = {{0}}, frame_no = {{0}}, frame_hash = {{0}}, head_pos = {{0}} WHERE id = {{0}}"


def say(**words: object) -> None:
    """One line for whoever started this."""
    print(json.dumps(words), flush=True)


def open_sqlite(order: dict) -> tuple[list, list, object]:
    """The rows of a file, and an empty file with the same tables, synchronous as the node has it."""
    with sqlite3.connect(order["source"]) as source:
        frames = source.execute(f"SELECT * FROM {FRAME} WHERE sender <> '' ORDER BY at_us, stream_id, pos").fetchall()
        records = source.execute(f"SELECT * FROM {RECORD}").fetchall()
        wanted = f"'{FRAME}', '{RECORD}', '{STREAM}', '{order['effect']}'"
        schema = source.execute(f"SELECT sql FROM sqlite_master WHERE tbl_name IN ({wanted}) AND sql <> ''").fetchall()
        streams = source.execute(f"SELECT * FROM {STREAM}").fetchall()
    Path(order["target"]).unlink(missing_ok=True)
    target = sqlite3.connect(order["target"], isolation_level=None)
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "wal_autocheckpoint=1000"):
        target.execute(f"PRAGMA {pragma}")
    for (sql,) in schema:
        if not sql.startswith("CREATE TRIGGER"):
            target.execute(sql)
    marks = ",".join("?" * len(streams[0]))
    target.executemany(f"INSERT INTO {STREAM} VALUES ({marks})", streams)
    return frames, records, target


def open_postgresql(order: dict) -> tuple[list, list, object]:
    """The rows of a database, and the same tables empty in another schema of it."""
    import psycopg  # noqa: PLC0415 - only with this database

    target = psycopg.connect(order["source"], autocommit=True)
    frames = target.execute(f"SELECT * FROM {FRAME} WHERE sender <> '' ORDER BY at_us, stream_id, pos").fetchall()
    records = target.execute(f"SELECT * FROM {RECORD}").fetchall()
    target.execute("SET synchronous_commit = on")
    target.execute("DROP SCHEMA IF EXISTS bare CASCADE")
    target.execute("CREATE SCHEMA bare")
    for table in (FRAME, RECORD, STREAM, order["effect"]):
        target.execute(f"CREATE TABLE bare.{table} (LIKE public.{table} INCLUDING ALL)")
    target.execute(f"INSERT INTO bare.{STREAM} SELECT * FROM public.{STREAM}")
    target.execute("SET search_path = bare")
    return frames, records, target


def batches(order: dict, frames: Sequence[tuple], records: Sequence[tuple]) -> list[tuple[list, list, list]]:
    """What each commit holds: rows of frames, of records, and heads to move; cut where our commits were."""
    mine: dict[tuple, list] = {}
    for row in records:
        mine.setdefault((row[2], row[3]), []).append(row)
    found: list[tuple[list, list, list]] = [([], [], [])]
    ends = iter(order["commits"])
    end, total = next(ends, None), 0
    for frame in frames:
        if end is not None and total >= end and found[-1][0]:
            found.append(([], [], []))
            while end is not None and total >= end:
                end = next(ends, None)
        new = mine.get((frame[0], frame[1]), [])
        found[-1][0].append(frame)
        found[-1][1].extend(new)
        total += len(new)
    for group, _, heads in found:
        last = {frame[0]: frame for frame in group}
        heads.extend((frame[2], frame[3], frame[4], frame[1], frame[0]) for frame in last.values())
    return found


def rows_at_once(table: str, rows: Sequence[tuple], columns: str = "") -> str:
    """An insertion of so many rows in one statement, which SQLite takes faster than a row a statement."""
    row = f"({','.join('?' * len(rows[0]))})"
    return f"INSERT INTO {table} {columns} VALUES {','.join([row] * len(rows))}"


def fill_sqlite(cursor: object, table: str, rows: Sequence[tuple], columns: str = "") -> None:
    """A hundred rows a statement, and the rest one by one."""
    whole = len(rows) - len(rows) % TOGETHER
    for start in range(0, whole, TOGETHER):
        some = rows[start : start + TOGETHER]
        cursor.execute(rows_at_once(table, some, columns), tuple(chain.from_iterable(some)))
    cursor.executemany(rows_at_once(table, rows[:1], columns), rows[whole:])


def fill_postgresql(cursor: object, table: str, rows: Sequence[tuple], columns: str = "") -> None:
    """One statement with a list for each column: faster than a statement a row, also where those are pipelined."""
    kinds = {bytes: "bytea", int: "bigint", str: "text"}
    lists = ",".join(f"%b::{kinds[type(value)]}[]" for value in rows[0])
    cursor.execute(f"INSERT INTO {table} {columns} SELECT * FROM unnest({lists})", list(map(list, zip(*rows))))  # noqa: B905 - rows of one table


def commit_all(order: dict, found: list[tuple[list, list, list]], target: object) -> float:
    """Write it all; how many seconds that took."""
    is_sqlite = order["database"] == "sqlite"
    fill, mark = (fill_sqlite, "?") if is_sqlite else (fill_postgresql, "%b")
    # PostgreSQL hears what a commit holds in one go, and is waited for once.
    pipeline = contextlib.nullcontext() if is_sqlite else target.pipeline()
    payload = bytes(order["payload_bytes"])
    cursor = target.cursor()
    begun_s = time.perf_counter()
    with pipeline as piped:
        for frames, records, heads in found:
            cursor.execute("BEGIN")
            fill(cursor, FRAME, frames)
            if records:
                fill(cursor, RECORD, records)
                if order["effects"]:
                    fill(cursor, order["effect"], [(row[0], payload) for row in records], "(rid, payload)")
            cursor.executemany(HEAD.format(mark), heads)
            cursor.execute("COMMIT")
            if piped is not None:
                piped.sync()
    return time.perf_counter() - begun_s


def main() -> None:
    """Do the one order there is."""
    order = json.loads(sys.stdin.readline())
    is_sqlite = order["database"] == "sqlite"
    frames, records, target = (open_sqlite if is_sqlite else open_postgresql)(order)
    found = batches(order, frames, records)
    before_s = time.process_time()
    seconds = commit_all(order, found, target)
    say(seconds=seconds, cpu_s=time.process_time() - before_s, records=len(records), commits=len(found))


if __name__ == "__main__":
    main()
