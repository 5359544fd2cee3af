"""A district dies while frames are on their way: twice by SIGKILL from outside, once in the middle of a commit.

To be sure that something is on its way, the receiving process is stopped (SIGSTOP) for a moment: it takes nothing and
acknowledges nothing, while its neighbour keeps sending. What the neighbour itself counts as sent and not acknowledged
is what was in flight; the kill follows while that is so.

Each step begins when the district's links stand: a node answers over HTTP before its neighbours have dialled it again.
"""

import asyncio
import contextlib
import os
import signal
from collections.abc import Iterator, Sequence

from node.demo.check.load import report
from node.demo.check.office import Office
from node.demo.check.requests import Request
from node.demo.check.scene import LINKED_WITHIN_S, DidNotHold, Scene

# A neighbour gives a line up that was silent for 15 s: the stop must be over, and counted, before that.
_STOPPED_S = 10.0
_DEATH_WITHIN_S = LINKED_WITHIN_S
_TRIES = 3
# The receiver's transaction of the n-th frame after the start: records stored, effects done, nothing committed yet.
# Each transaction before it is slowed down, so that the senders' own count of what is in flight can be read.
_IN_COMMIT = "receiver.before_commit:kill@3"
_SLOWLY = "receiver.before_cursor:delay=500"


async def kill_the_receiver(scene: Scene, district: str, requests: Sequence[Request]) -> None:
    """The district hangs, its communes' frames stay unacknowledged, and then it is killed."""
    communes = [scene.offices[centre.code] for centre in scene.plan.children(district)]
    how = "SIGKILL while communes wait for its receipts"
    await _kill_while(scene, district, requests, stopped=district, senders=communes, how=how)


async def kill_the_sender(scene: Scene, district: str, requests: Sequence[Request]) -> None:
    """The province hangs, the district's frames stay unacknowledged, and then the district is killed."""
    how = "SIGKILL while it waits for the province's receipts"
    top, senders = scene.plan.root.code, [scene.offices[district]]
    await _kill_while(scene, district, requests, stopped=top, senders=senders, how=how)


async def _kill_while(
    scene: Scene, district: str, requests: Sequence[Request], *, stopped: str, senders: Sequence[Office], how: str
) -> None:
    """Kill the district while the senders wait for the stopped centre; reports come in all the while."""
    await scene.linked(district)
    async with asyncio.TaskGroup() as group:
        reporting = group.create_task(report(scene, requests))
        for _ in range(_TRIES):
            with _stopped(scene, stopped):
                in_flight = await _in_flight(scene, senders, scene.offices[stopped].name, reporting)
                if in_flight:
                    scene.running.children.kill(district)
                    break
            await scene.linked(district)
    _note(scene, how, in_flight)
    await _start_again(scene, district)


async def kill_in_a_commit(scene: Scene, district: str, requests: Sequence[Request]) -> None:
    """The district is started so that it kills itself inside the receiver's transaction.

    The count of what is in flight is read from outside and may come too late; then it dies once more.
    """
    await scene.running.children.stop([district])
    async with asyncio.TaskGroup() as group:
        group.create_task(report(scene, requests))
        for _ in range(_TRIES):
            in_flight = await _die_in_a_commit(scene, district)
            if in_flight:
                break
    _note(scene, f"failpoint {_IN_COMMIT}", in_flight)
    await _start_again(scene, district)


async def _start_again(scene: Scene, district: str) -> None:
    site = scene.sites[district]
    scene.running.start_node(site)
    await scene.running.ready(site)
    await scene.linked(district)


async def _die_in_a_commit(scene: Scene, district: str) -> int:
    """Start it and wait for its death, not for its readiness: frames may be waiting already. What was in flight."""
    name = scene.offices[district].name
    neighbours = [scene.province, *(scene.offices[centre.code] for centre in scene.plan.children(district))]
    scene.running.start_node(scene.sites[district], {"LIENTHONG_FAILPOINT": f"{_IN_COMMIT},{_SLOWLY}"})
    in_flight = 0

    async def died() -> bool:
        nonlocal in_flight
        seen = sum([count or 0 for count in await asyncio.gather(*(one.in_flight(name) for one in neighbours))])
        if scene.running.children.pid(district) is None:
            return True
        in_flight = seen
        return False

    await scene.until(f"{district} dies at its failpoint", died, within_s=_DEATH_WITHIN_S, again_s=0.01)
    ended = scene.running.children.take_exits()
    if [one.code for one in ended] != [-signal.SIGKILL]:
        raise DidNotHold(f"{district} was to die by SIGKILL in a commit, but ended with {[one.code for one in ended]}")
    return in_flight


@contextlib.contextmanager
def _stopped(scene: Scene, code: str) -> Iterator[None]:
    """While this lasts, the centre's process hangs; it goes on afterwards, unless it was killed."""
    pid = scene.running.children.pid(code)
    if pid is None:
        raise DidNotHold(f"{code} is not running")
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        if scene.running.children.pid(code) == pid:
            os.kill(pid, signal.SIGCONT)


async def _in_flight(scene: Scene, senders: Sequence[Office], to: str, reporting: "asyncio.Task[None]") -> int:
    """Frames sent and not acknowledged, by the senders' own count, once all reports are in or the moment is over.

    Zero if a sender gave the line up first, or sent nothing while the other one hung.
    """
    until_s = scene.clock.monotonic() + _STOPPED_S
    while True:
        counts = await asyncio.gather(*(office.in_flight(to) for office in senders))
        counted = sum(count or 0 for count in counts)
        is_over = scene.clock.monotonic() > until_s
        if is_over or None in counts or (counted and reporting.done()):
            return counted
        await scene.clock.sleep(0.03)


def _note(scene: Scene, how: str, in_flight: int) -> None:
    scene.found.setdefault("kills", []).append({"how": how, "in_flight_at_kill": in_flight})
    scene.tell(f"district killed: {how}; in flight {in_flight}")
    if in_flight == 0:
        raise DidNotHold(f"nothing was in flight at the kill in {_TRIES} tries ({how})")
