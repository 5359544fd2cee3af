import os
import signal
import sqlite3
import subprocess
import sys
import threading
from concurrent.futures import Future, wait
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import func, insert, select, text
from sqlalchemy.exc import DBAPIError

from federation import failpoint
from node.clock import SystemClock
from node.database import Database, Owner, SchemaError, migrate, touch
from node.errors import StorageFull, Unavailable
from node.tables import audit, metadata
from tests.fakes.clock import START, FakeClock

TOP = Path(__file__).resolve().parents[2]
NODE = Owner("node", TOP / "node" / "migrations", metadata)
SAMPLE = Owner("sample", TOP / "tests" / "fakes" / "module" / "sample" / "migrations")


def line(act="a", detail="{}"):
    return lambda session: session.execute(
        insert(audit).values(at=START, actor="t", act=act, subject="s", detail=detail)
    )


def acts(database):
    return database.read(lambda session: list(session.scalars(select(audit.c.act).order_by(audit.c.position))))


def open_database(folder, **more):
    return opened(f"sqlite:///{folder / 'node.db'}", **more)


def opened(url, **more):
    database = Database(url, FakeClock(), **more)
    migrate(database.engine, [NODE])
    return database


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request, tmp_path):
    is_sqlite = request.param == "sqlite"
    url = f"sqlite:///{tmp_path / 'node.db'}" if is_sqlite else request.getfixturevalue("postgresql").new_database()
    with closing(opened(url)) as found:
        yield found


@pytest.fixture
def sqlite(tmp_path):
    with closing(open_database(tmp_path)) as found:
        yield found


class Held:
    """Holds the writer inside a step, so that what follows gathers in one group."""

    def __init__(self, database):
        self.entered, self.go = threading.Event(), threading.Event()
        self.future = database.submit(self._step)
        assert self.entered.wait(10)

    def _step(self, session):
        self.entered.set()
        assert self.go.wait(10)

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.go.set()


def test_a_step_is_on_the_disk_when_write_returns(sqlite, tmp_path):
    sqlite.write(line("kept"))
    with closing(sqlite3.connect(tmp_path / "node.db")) as other:
        assert other.execute("SELECT act FROM audit").fetchall() == [("kept",)]


def test_the_writer_syncs_fully_in_wal_mode(sqlite):
    def pragmas(session):
        return [session.scalar(text(f"PRAGMA {name}")) for name in ("journal_mode", "synchronous", "foreign_keys")]

    assert sqlite.write(pragmas) == ["wal", 2, 1]


def test_the_file_is_for_its_owner_only(sqlite, tmp_path):
    sqlite.write(line())
    modes = {file.name: file.stat().st_mode & 0o777 for file in tmp_path.iterdir() if file.name.startswith("node.db")}
    assert set(modes.values()) == {0o600}, modes


def test_what_waits_is_committed_together(database):
    heard = []
    database.on_commit(heard.append)
    with Held(database):
        futures = [
            database.submit(lambda session, n=n: (line(f"n{n}")(session), touch(session, f"t{n}"))) for n in range(5)
        ]
    wait(futures, 10)
    assert len(acts(database)) == 5
    assert heard == [frozenset({"t0", "t1", "t2", "t3", "t4"})]


def test_a_failing_step_takes_back_only_itself(database):
    def bad(session):
        line("bad")(session)
        touch(session, "bad")
        raise ValueError("no")

    heard = []
    database.on_commit(heard.append)
    with Held(database):
        before, failing, after = database.submit(line("before")), database.submit(bad), database.submit(line("after"))
    with pytest.raises(ValueError, match="no"):
        failing.result(10)
    wait([before, after], 10)
    assert acts(database) == ["before", "after"]
    assert heard == []


def test_a_step_that_breaks_a_constraint_takes_back_only_itself(database):
    def twice(session):
        session.execute(insert(audit).values(position=1000, at=START, actor="t", act="x", subject="s", detail="{}"))

    with Held(database):
        futures = [database.submit(twice), database.submit(twice), database.submit(line("after"))]
    wait(futures, 10)
    assert [future.exception() is None for future in futures] == [True, False, True]
    assert sorted(acts(database)) == ["after", "x"]


def test_a_failing_commit_fails_all_of_its_group(database):
    failpoint.arm("database.before_commit:raise")
    try:
        with Held(database):
            futures = [database.submit(line(f"n{n}")) for n in range(3)]
        wait(futures, 10)
    finally:
        failpoint.disarm()
    assert all(isinstance(future.exception(), failpoint.FailpointReached) for future in futures)
    database.write(line("later"))
    assert acts(database) == ["later"]


def test_nobody_is_told_before_the_commit(database):
    """The future of a step that has run is still open while its group is."""
    with Held(database) as held:
        early = database.submit(line("early"))
        assert not held.future.done()
        assert not early.done()
    early.result(10)


def test_a_reader_cannot_write_and_sees_one_moment(database):
    with pytest.raises(DBAPIError, match=r"read-?only"):
        database.read(line())

    def twice(session):
        first = session.scalar(select(func.count()).select_from(audit))
        database.write(line())
        return first, session.scalar(select(func.count()).select_from(audit))

    assert database.read(twice) == (0, 0)
    assert acts(database) == ["a"]


def test_a_step_cannot_commit_or_wait_for_another(database):
    with pytest.raises(RuntimeError, match="does not commit"):
        database.write(lambda session: session.commit())
    with pytest.raises(RuntimeError, match="waits for ever"):
        database.write(lambda session: database.write(line()))


def test_a_cancelled_step_is_not_taken(database):
    with Held(database):
        cancelled = database.submit(line("never"))
        assert cancelled.cancel()
        kept = database.submit(line("kept"))
    kept.result(10)
    assert acts(database) == ["kept"]


def test_a_listener_that_fails_stops_nothing(database):
    def bad(_topics):
        raise ValueError("listener")

    heard = []
    database.on_commit(bad)
    database.on_commit(heard.append)
    database.write(lambda session: touch(session, "x"))
    database.write(lambda session: touch(session, "y"))
    assert heard[0] == frozenset({"x"})


def test_closing_finishes_what_is_queued_and_refuses_more(tmp_path):
    database = open_database(tmp_path)
    with Held(database):
        futures = [database.submit(line(f"n{n}")) for n in range(20)]
        closing_thread = threading.Thread(target=database.close)
        closing_thread.start()
    closing_thread.join(10)
    assert all(future.exception() is None for future in futures)
    with pytest.raises(Unavailable):
        database.submit(line())
    database.close()


def test_a_full_disk_refuses_in_words_and_recovers_alone(tmp_path):
    """SQLite's own limit on pages stands for the disk: the same SQLITE_FULL at the same place."""
    with closing(open_database(tmp_path)) as database:
        database.write(line("before"))
        used = database.write(lambda session: session.scalar(text("PRAGMA page_count")))
        database.write(lambda session: session.execute(text(f"PRAGMA max_page_count = {used}")))
        with pytest.raises(StorageFull, match="chưa ghi nhận"):
            database.write(line("lost", detail="x" * 200_000))
        assert acts(database) == ["before"]
        database.write(lambda session: session.execute(text("PRAGMA max_page_count = 1000000")))
        database.write(line("after", detail="x" * 200_000))
        assert acts(database) == ["before", "after"]


def test_ordinary_steps_are_refused_while_the_ballast_does_not_fit(tmp_path, monkeypatch):
    with closing(open_database(tmp_path, ballast_bytes=64 * 1024)) as database:
        assert (tmp_path / "ballast").stat().st_size == 64 * 1024
        database._ballast.give_up()
        assert not (tmp_path / "ballast").exists()
        real = os.statvfs
        room = {"free": 0}

        def statvfs(path):
            found = real(path)
            return type("Disk", (), {"f_bavail": room["free"], "f_frsize": found.f_frsize})

        monkeypatch.setattr("node.ballast.os.statvfs", statvfs)
        with pytest.raises(StorageFull):
            database.write(line("ordinary"))
        database.write(line("urgent"), urgent=True)
        room["free"] = 10**9
        database.write(line("again"))
        assert acts(database) == ["urgent", "again"]
        assert (tmp_path / "ballast").exists()


def test_each_owner_has_a_history_of_its_own(tmp_path):
    with closing(open_database(tmp_path)) as database:
        newest = f"node_{max(file.name for file in NODE.migrations.glob('0*.py'))[:4]}"
        assert migrate(database.engine, [NODE, SAMPLE]) == {"node": newest, "sample": "sample_0001"}
        database.write(lambda session: session.execute(text("INSERT INTO sample_note (text) VALUES ('kept')")))
        migrate(database.engine, [NODE])  # the module is switched off
        assert database.read(lambda session: session.scalar(text("SELECT text FROM sample_note"))) == "kept"
        assert migrate(database.engine, [NODE, SAMPLE])["sample"] == "sample_0001"


def test_a_history_that_the_code_does_not_know_is_named(tmp_path):
    with closing(open_database(tmp_path)) as database:
        database.write(lambda session: session.execute(text("UPDATE alembic_node SET version_num = 'node_9999'")))
        with pytest.raises(SchemaError, match="'node'"):
            migrate(database.engine, [NODE])


WRITES = """
import sys
from federation.failpoint import arm
from node.clock import SystemClock
from node.database import Database
from sqlalchemy import text
arm(sys.argv[2])
database = Database(sys.argv[1], SystemClock())
for number in range(100):
    database.write(lambda session: session.execute(text(f"INSERT INTO t VALUES ({number})")))
    print(number, flush=True)
"""


@pytest.mark.parametrize(("point", "kept"), [("database.before_commit:kill@6", 5), ("database.after_commit:kill@6", 6)])
def test_what_was_answered_survives_a_kill_around_the_commit(tmp_path, point, kept):
    url = f"sqlite:///{tmp_path / 'node.db'}"
    with closing(sqlite3.connect(tmp_path / "node.db")) as made:
        made.execute("CREATE TABLE t (n INTEGER)")
    done = subprocess.run(
        [sys.executable, "-c", WRITES, url, point], cwd=TOP, capture_output=True, text=True, check=False
    )
    assert done.returncode == -signal.SIGKILL, done.stderr
    answered = [int(line) for line in done.stdout.split()]
    with closing(sqlite3.connect(tmp_path / "node.db")) as after:
        rows = [row[0] for row in after.execute("SELECT n FROM t ORDER BY n")]
    assert answered == list(range(5))
    assert rows == list(range(kept))


def test_one_process_writes_in_a_postgresql_database(postgresql):
    url = postgresql.new_database()
    with closing(opened(url)) as first, closing(Database(url, FakeClock())) as second:
        first.write(line("first"))
        with pytest.raises(Unavailable, match="another process"):
            second.write(line("second"))
        assert acts(second) == ["first"]


def test_the_audit_cannot_be_changed(database):
    database.write(line("kept"))
    changes = ["UPDATE audit SET act = 'x'", "DELETE FROM audit"]
    changes += ["TRUNCATE audit"] if database.url.startswith("postgresql") else []
    for change in changes:
        with pytest.raises(DBAPIError, match="append-only"):
            database.write(lambda session, change=change: session.execute(text(change)))
    assert acts(database) == ["kept"]


def test_the_queue_has_an_end(tmp_path, monkeypatch):
    monkeypatch.setattr("node.database.LONGEST_QUEUE", 3)
    with closing(Database(f"sqlite:///{tmp_path / 'node.db'}", SystemClock())) as database, Held(database):
        futures: list[Future[None]] = [database.submit(lambda session: None) for _ in range(3)]
        with pytest.raises(Unavailable, match="quá tải"):
            database.submit(lambda session: None)
        assert not any(future.done() for future in futures)
