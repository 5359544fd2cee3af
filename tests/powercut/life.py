"""The process that is watched: two centres at work, and a note in the log at every promise that one of them makes.

    python -m tests.powercut.life WORLD HOME SEED MARKS LIFE [--synchronous NORMAL] [--plant early-ack]

`try CODE MARK` before something is handed to the database, `kept CODE MARK` when its future has resolved, `sent CODE
HASH` before a frame leaves, `ack BYTES` before a receipt leaves. The order of these lines among the writes and the
syncs is the order in which things happened.
"""

import argparse
import asyncio
import hashlib
import time
from concurrent.futures import Future
from pathlib import Path
from random import Random

from sqlalchemy import text

from federation.ledger import Lane
from federation.v1.link_pb2 import Envelope
from node.database import Database
from tests.fakes.link import FakeChannel, FakeNet
from tests.powercut.centre import CHILD, PARENT, Centre
from tests.powercut.preload import noter

CLIENTS = 5
DRAINED_WITHIN_S = 20.0


def main() -> None:
    wishes = argparse.ArgumentParser()
    wishes.add_argument("world", type=Path)
    wishes.add_argument("home", type=Path)
    wishes.add_argument("seed", type=int)
    wishes.add_argument("marks", type=int)
    wishes.add_argument("life", type=int)
    wishes.add_argument("--synchronous")
    wishes.add_argument("--plant")
    asyncio.run(Life(wishes.parse_args()).run())


class Life:
    def __init__(self, wishes: argparse.Namespace) -> None:
        self.wishes = wishes
        self.random = Random(wishes.seed)  # noqa: S311 - chance, no secret
        self.note = noter()
        self.left = wishes.marks

    async def run(self) -> None:
        wishes, net = self.wishes, FakeNet()
        listen_to_channels(self)
        child, parent = (
            Centre(wishes.world, code, wishes.home / code, synchronous=wishes.synchronous) for code in (CHILD, PARENT)
        )
        plant(wishes.plant, child, parent)
        await parent.start(net)
        await child.start(net, parent)
        async with asyncio.TaskGroup() as group:
            for number in range(CLIENTS):
                pair = (parent, child) if number == 0 else (child, parent)
                group.create_task(self._client(number, net, *pair))
        await drained(child, parent, 5.0 if wishes.plant else DRAINED_WITHIN_S)  # a planted bug may lose a wake-up
        await child.stop()
        await parent.stop()

    async def _client(self, number: int, net: FakeNet, centre: Centre, to: Centre) -> None:
        """Say one thing after the other, as people do, and wait for each promise."""
        while self.left > 0:
            self.left -= 1
            mark = f"m{self.wishes.life}.{number}.{self.left}"
            self.note(f"try {centre.code} {mark}")
            padding = self.random.choice((40, 300, 300, 1500, 9000))
            lane = self.random.choice((Lane.URGENT, Lane.REGULAR))
            promise = centre.say(mark, padding, lane, to)
            promise.add_done_callback(self._promised(centre.code, mark))
            await asyncio.wrap_future(promise)
            if self.random.random() < 0.01:
                net.cut()
            await asyncio.sleep(self.random.choice((0, 0, 0.001, 0.01)))

    def _promised(self, code: str, mark: str):
        def told(promise: Future[None]) -> None:
            if promise.exception() is None:
                self.note(f"kept {code} {mark}")

        return told


def listen_to_channels(life: Life) -> None:
    """Note what leaves on any channel just before it does."""
    leave = FakeChannel.send

    async def send(channel: FakeChannel, envelope: Envelope) -> None:
        match envelope.WhichOneof("body"):
            case "ack":
                life.note(f"ack {envelope.ack.SerializeToString().hex()}")
            case "frame":
                digest = hashlib.sha256(envelope.frame.frame).hexdigest()
                life.note(f"sent {envelope.frame.origin} {digest}")
        await leave(channel, envelope)

    FakeChannel.send = send


def plant(bug: str | None, child: Centre, parent: Centre) -> None:
    """A bug that this rig is there to see: a step's future resolves as soon as the step has run."""
    for centre in {"early-promise": (child,), "early-ack": (parent,)}.get(bug or "", ()):
        promise_before_commit(centre.database)


def promise_before_commit(database: Database) -> None:
    run = database._step

    def step(connection, task, topics) -> bool:
        done = run(connection, task, topics)
        if done:
            task.future.set_result(task.value)
            task.future = Future()
            time.sleep(0.003)  # whoever waits goes on before the commit, not only perhaps
        return done

    database._step = step


async def drained(child: Centre, parent: Centre, within_s: float = DRAINED_WITHIN_S) -> bool:
    """Wait until each has heard all that the other has said; False if that takes too long."""
    deadline = child.clock.monotonic() + within_s
    while child.clock.monotonic() < deadline:
        if all(_count(one, "said") == _count(other, "heard") for one, other in ((child, parent), (parent, child))):
            return True
        await asyncio.sleep(0.01)
    return False


def _count(centre: Centre, table: str) -> int:
    return centre.database.read(lambda session: session.execute(text(f"SELECT count(*) FROM {table}")).scalar_one())  # noqa: S608 - our own name


if __name__ == "__main__":
    main()
