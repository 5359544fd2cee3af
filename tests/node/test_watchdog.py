"""A sign of life goes out while the node moves, and only then."""

import asyncio
import socket
import threading

import pytest

from federation.peer import PeerState
from node import watchdog
from node.watchdog import STUCK_S, Progress, Watchdog

PARENT = "n-pppppppppppppppp.lienthong.internal"


@pytest.fixture
def manager(tmp_path):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as opened:
        opened.bind(str(tmp_path / "notify"))
        opened.settimeout(5)
        yield opened


async def test_ready_then_signs_then_stopping(centre, manager):
    progress = Progress(centre.context.database, list, centre.clock)
    dog = asyncio.create_task(Watchdog(manager.getsockname(), 5.0, progress, centre.clock).run())
    heard = [await asyncio.to_thread(manager.recv, 200) for _ in range(2)]
    assert heard == [b"READY=1", b"WATCHDOG=1"]
    await asyncio.sleep(0.05)  # it lies down until the next sign is due
    centre.clock.advance(5.0)
    assert await asyncio.to_thread(manager.recv, 200) == b"WATCHDOG=1"
    dog.cancel()
    assert await asyncio.to_thread(manager.recv, 200) == b"STOPPING=1"


async def test_no_sign_while_the_writer_hangs(centre, manager, monkeypatch):
    monkeypatch.setattr(watchdog, "WRITER_WITHIN_S", 0.05)
    let_go = threading.Event()
    centre.context.database.submit(lambda _session: let_go.wait(20))
    progress = Progress(centre.context.database, list, centre.clock)
    dog = asyncio.create_task(Watchdog(manager.getsockname(), 5.0, progress, centre.clock).run())
    heard = [await asyncio.to_thread(manager.recv, 200) for _ in range(2)]
    let_go.set()
    dog.cancel()
    assert heard[0] == b"READY=1"
    assert heard[1].startswith(b"STATUS=the database's writer")


async def test_frames_that_stand_still_are_no_progress(centre):
    peers = [PeerState(name=PARENT, relation="parent", connected=True, in_flight=1, waiting={"urgent": 5})]
    progress = Progress(centre.context.database, lambda: peers, centre.clock)
    assert await progress.problem() == ""
    centre.clock.advance(STUCK_S + 1)
    assert PARENT in await progress.problem()
    peers[0] = PeerState(name=PARENT, relation="parent", connected=True, in_flight=1, waiting={"urgent": 4})
    assert await progress.problem() == ""


async def test_a_silent_neighbour_is_no_standstill(centre):
    peers = [PeerState(name=PARENT, relation="parent", connected=False, waiting={"urgent": 5})]
    progress = Progress(centre.context.database, lambda: peers, centre.clock)
    assert await progress.problem() == ""
    centre.clock.advance(30 * 86400)
    assert await progress.problem() == ""
