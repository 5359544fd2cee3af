"""A thin line on virtual time: what is urgent waits for one chunk at most, however large what is being brought."""

import asyncio
import hashlib
from concurrent.futures import Future

import pytest

from federation.bulk.carrier import Pace
from federation.bulk.manifest import CHUNK_BYTES
from tests.fakes.storage import FakeStorage
from tests.federation.bulk.lanes import START, Centre, Line
from tests.simulation.loop import run

LINE_BYTES_S = 32 * 1024  # 256 kbit/s
RECORD_BYTES = 1024
CHUNK_S = CHUNK_BYTES / LINE_BYTES_S
RECORD_S = RECORD_BYTES / LINE_BYTES_S
DATA = hashlib.shake_256(b"clip").digest(40 * CHUNK_BYTES)


class LoopClock:
    """The loop's own virtual time."""

    def now(self):
        return START

    def monotonic(self):
        return asyncio.get_running_loop().time()

    async def sleep(self, seconds):
        await asyncio.sleep(seconds)


class InlineStorage(FakeStorage):
    """A writer that is done at once, so that no thread runs beside virtual time."""

    def submit(self, step, *, urgent=False):
        done = Future()
        try:
            done.set_result(self._run(step))
        except Exception as error:  # noqa: BLE001 - it belongs to the one who waits
            done.set_exception(error)
        return done


class ThinLine(Line):
    """One line for both: a chunk and a record take it one after the other, each for as long as its bytes need."""

    def __init__(self, child, parent):
        super().__init__(child, parent)
        self.taken = asyncio.Lock()

    async def bring(self, chunk):
        async with self.taken:
            await asyncio.sleep(len(chunk.data) / LINE_BYTES_S)
        return await super().bring(chunk)

    async def record(self):
        async with self.taken:
            await asyncio.sleep(RECORD_S)


def made(folder, *, is_polite):
    """A commune that brings DATA to its district over a thin line."""
    upper, lower = Centre("upper", folder / "upper"), Centre("lower", folder / "lower", None)
    for centre in (upper, lower):
        centre.clock = LoopClock()
    lower.parent, lower.line = upper, ThinLine("lower", upper)
    for centre in (upper, lower):
        centre.storage.close()
        centre.open(InlineStorage)
    lower.rules.own[hashlib.sha256(DATA).digest()] = DATA
    lower.carrier.pace = Pace(1e9, lower.clock)
    lower.carrier.is_quiet = lambda: lower.is_quiet or not is_polite
    return upper, lower


async def burst(folder, *, is_polite, records=20):
    """Seconds until a burst of records, one acknowledged after the other, is through in the middle of a transfer."""
    upper, lower = made(folder, is_polite=is_polite)
    lower.start()
    upper.ask(DATA, "lower")
    while len(lower.line.chunks) < 5:  # noqa: ASYNC110 - what is waited for is only looked at
        await asyncio.sleep(0.1)
    began = asyncio.get_running_loop().time()
    lower.is_quiet = False
    for _ in range(records):
        await lower.line.record()
    passed_s = asyncio.get_running_loop().time() - began
    lower.is_quiet = True
    while not upper.copy(DATA):  # noqa: ASYNC110 - as above
        await asyncio.sleep(1.0)
    for centre in (lower, upper):
        await centre.stop()
    return passed_s


@pytest.mark.parametrize("records", [1, 20])
def test_urgent_records_wait_for_one_chunk_at_most(tmp_path, records):
    passed_s = run(burst(tmp_path, is_polite=True, records=records))
    assert passed_s <= records * RECORD_S + CHUNK_S + 1e-6


def test_a_sender_that_does_not_wait_its_turn_is_seen_by_this_measure(tmp_path):
    assert run(burst(tmp_path, is_polite=False)) > 20 * RECORD_S + 5 * CHUNK_S
