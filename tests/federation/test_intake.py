"""Frames of one connection on their way to the writer: several commits may be under way, and none is said too early."""

import asyncio
from types import SimpleNamespace

import pytest

from federation.frame import StreamKey
from federation.intake import Intake
from federation.ledger import UP
from federation.receiver import Behind, Opened
from federation.v1 import link_pb2 as wire
from tests.federation.pairs import now

STREAM = StreamKey("child", "regular", UP)


class Desk:
    """A receiver and a writer that commits when it is told to; what is said goes into `said`."""

    def __init__(self) -> None:
        self.peer = "child"
        self.said: list[wire.Envelope] = []
        self.steps: list[tuple[object, asyncio.Future]] = []
        self.tasks: list[asyncio.Task] = []
        self.taken: list[int] = []
        self.heard = asyncio.Event()
        self.house = SimpleNamespace(
            receiver=self,
            clock=SimpleNamespace(now=now, monotonic=lambda: 0.0),
            current={},
            run=self.run,
            write=self.write,
            on_news=lambda: None,
            on_grown=lambda _streams: None,
            ring=lambda *_args, **_more: None,
        )
        self.intake = Intake(self.house, self, self.spawn)
        self.house.current["child"] = self.intake

    def spawn(self, work) -> None:
        self.tasks.append(asyncio.ensure_future(work))

    async def send(self, envelope) -> None:
        self.said.append(envelope)
        self.heard.set()

    async def run(self, work, *args):
        return work(*args)

    async def write(self, step, *, urgent):
        self.steps.append((step, asyncio.get_running_loop().create_future()))
        return await self.steps[-1][1]

    def open(self, delivery, _peer):
        return Opened(STREAM, delivery.frame, ())

    def take(self, _session, _peer, arrivals, _now):
        self.taken.append(len(arrivals))
        return [Behind(STREAM, (bytes(16), int(arrivals[-1].frame), bytes(32)))]

    def commit(self) -> None:
        step, future = self.steps.pop(0)
        future.set_result(step(None))

    async def until_said(self, count: int) -> None:
        while len(self.said) < count:
            self.heard.clear()
            await self.heard.wait()

    async def settle(self) -> None:
        """Let everybody run until nobody does anything any more."""
        for _ in range(200):
            await asyncio.sleep(0)


@pytest.fixture
async def desk():
    made = Desk()
    yield made
    for task in made.tasks:
        task.cancel()
    await asyncio.gather(*made.tasks, return_exceptions=True)


def bring(desk: Desk, count: int) -> None:
    for number in range(count):
        desk.intake.queue(wire.FrameDelivery(frame=b"%d" % number, origin="child", lane="regular", audience=UP))


async def test_the_next_frames_are_handed_over_before_the_commit_and_nothing_is_said_before_it(desk) -> None:
    bring(desk, 48)
    await desk.settle()
    assert len(desk.steps) == 3
    assert desk.said == []
    desk.commit()
    await desk.until_said(1)
    await desk.settle()
    assert [envelope.nack.cursor.frame_no for envelope in desk.said] == [15]
    desk.commit()
    desk.commit()
    await desk.until_said(3)
    assert [envelope.nack.cursor.frame_no for envelope in desk.said] == [15, 31, 47]


async def test_so_many_commits_are_under_way_and_no_more(desk) -> None:
    for _ in range(7):
        bring(desk, 16)
        await desk.settle()
    assert len(desk.steps) == 4


async def test_what_a_later_commit_stores_is_not_said_before_the_earlier_ones_answer(desk) -> None:
    bring(desk, 32)
    await desk.settle()
    first, second = desk.steps
    second[1].set_result(second[0](None))
    await desk.settle()
    assert desk.said == []
    first[1].set_exception(OSError("no room"))
    await desk.until_said(2)
    assert [envelope.WhichOneof("body") for envelope in desk.said] == ["refusal", "nack"]


async def test_little_waits_for_the_commit_before_it_and_goes_with_what_came_meanwhile(desk) -> None:
    for _ in range(3):
        bring(desk, 2)
        await desk.settle()
    assert len(desk.steps) == 1
    desk.commit()
    await desk.settle()
    assert len(desk.steps) == 1
    desk.commit()
    await desk.settle()
    assert [envelope.nack.cursor.frame_no for envelope in desk.said] == [1]
    assert desk.taken == [2, 4]
