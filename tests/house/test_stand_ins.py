"""What the fakes stand for and the fakes themselves, put the same questions."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError, OperationalError

from federation.tables import metadata
from node.clock import SystemClock
from node.database import Database, touch
from tests.fakes.clock import FakeClock
from tests.fakes.storage import FakeStorage

Clock = SystemClock | FakeClock
Storage = Database | FakeStorage


@pytest.fixture(params=[SystemClock, FakeClock])
def clock(request: pytest.FixtureRequest) -> Clock:
    made: Clock = request.param()
    return made


def test_a_clock_says_the_time_in_utc(clock: Clock) -> None:
    assert clock.now().tzinfo is not None
    assert clock.now().utcoffset() == timedelta(0)


def test_a_clock_never_counts_backwards(clock: Clock) -> None:
    readings = [clock.monotonic() for _ in range(100)]
    assert readings == sorted(readings)


async def test_a_sleeper_wakes_when_its_time_has_passed(clock: Clock) -> None:
    before = clock.monotonic()
    sleeper = asyncio.create_task(clock.sleep(0.01))
    await asyncio.sleep(0)
    if isinstance(clock, FakeClock):
        assert not sleeper.done()
        clock.advance(0.02)
    await sleeper
    assert clock.monotonic() > before


async def test_a_sleeper_can_be_called_off(clock: Clock) -> None:
    sleeper = asyncio.create_task(clock.sleep(3600))
    await asyncio.sleep(0)
    sleeper.cancel()
    with pytest.raises(asyncio.CancelledError):
        await sleeper


@pytest.fixture(params=[Database, FakeStorage])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Storage, list[frozenset[str]]]]:
    heard: list[frozenset[str]] = []
    made: Storage
    if request.param is Database:
        made = Database(f"sqlite:///{tmp_path / 'a.db'}", SystemClock())
        metadata.create_all(made.engine)
        made.on_commit(heard.append)
    else:
        made = FakeStorage(tmp_path / "a.db")
        made.on_commit = heard.append
    made.write(lambda session: session.execute(text("CREATE TABLE t (n INTEGER PRIMARY KEY)")))
    yield made, heard
    made.close()


Kept = tuple[Storage, list[frozenset[str]]]


def _insert(number: int) -> Callable[..., int]:
    def step(session) -> int:
        session.execute(text("INSERT INTO t VALUES (:n)"), {"n": number})
        touch(session, f"topic {number}")
        return number

    return step


def _numbers(storage: Storage) -> list[int]:
    return [n for (n,) in storage.read(lambda session: session.execute(text("SELECT n FROM t ORDER BY n")).all())]


def test_a_step_is_kept_when_its_answer_is_there(storage: Kept) -> None:
    kept, heard = storage
    assert kept.write(_insert(1)) == 1
    assert kept.submit(_insert(2)).result(10) == 2
    assert _numbers(kept) == [1, 2]
    kept.write(lambda session: None)
    assert {topic for topics in heard for topic in topics} == {"topic 1", "topic 2"}


def test_a_step_that_fails_takes_back_only_itself(storage: Kept) -> None:
    kept, _ = storage
    futures = [kept.submit(_insert(number)) for number in (1, 1, 2)]
    outcomes = [future.exception(10) for future in futures]
    assert [isinstance(outcome, IntegrityError) for outcome in outcomes] == [False, True, False]
    assert _numbers(kept) == [1, 2]


def test_steps_run_one_after_the_other_in_one_thread(storage: Kept) -> None:
    kept, _ = storage
    threads: list[int] = []
    futures = [kept.submit(lambda session: threads.append(threading.get_ident())) for _ in range(20)]
    for future in futures:
        future.result(10)
    assert len(threads) == 20
    assert len(set(threads)) == 1


def test_a_reader_cannot_write(storage: Kept) -> None:
    kept, _ = storage
    if isinstance(kept, FakeStorage):
        pytest.skip("the fake trusts its tests to read only; nothing it proves depends on it")
    with pytest.raises(OperationalError, match="readonly"):
        kept.read(_insert(1))
    assert _numbers(kept) == []
