"""A district dies while frames are on their way: twice by SIGKILL from outside, once in the middle of a commit.

To be sure that something is on its way, the receiving process is stopped (SIGSTOP) for a moment: it takes nothing and
acknowledges nothing, while its neighbour keeps sending. What the neighbour itself counts as sent and not acknowledged
is what was in flight; the kill follows while that is so.
"""

import asyncio
import os
import signal
from collections.abc import Sequence

from node.demo.check.load import report
from node.demo.check.office import Office
from node.demo.check.requests import Request
from node.demo.check.scene import DidNotHold, Scene

_FLIGHT_WITHIN_S = 15.0
_DEATH_WITHIN_S = 30.0
_TRIES = 3
# The receiver's transaction of the n-th frame after the start: records stored, effects done, nothing committed yet.
# Each transaction before it is slowed down, so that the senders' own count of what is in flight can be read.
_IN_COMMIT = "receiver.before_commit:kill@3"
_SLOWLY = "receiver.before_cursor:delay=500"


async def kill_the_receiver(scene: Scene, district: str, requests: Sequence[Request]) -> None:
    """The district hangs, its communes' frames stay unacknowledged, and then it is killed."""
    site = scene.sites[district]
    _send(scene, district, signal.SIGSTOP)
    await report(scene, requests)
    communes = [scene.offices[centre.code] for centre in scene.plan.children(district)]
    in_flight = await _in_flight(scene, communes, to=scene.offices[district].name)
    scene.running.children.kill(district)
    _note(scene, "SIGKILL while communes wait for its receipts", in_flight)
    scene.running.start_node(site)
    await scene.running.ready(site)


async def kill_the_sender(scene: Scene, district: str, requests: Sequence[Request]) -> None:
    """The province hangs, the district's frames stay unacknowledged, and then the district is killed."""
    site, top = scene.sites[district], scene.plan.root.code
    _send(scene, top, signal.SIGSTOP)
    try:
        await report(scene, requests)
        in_flight = await _in_flight(scene, [scene.offices[district]], to=scene.province.name)
        scene.running.children.kill(district)
    finally:
        _send(scene, top, signal.SIGCONT)
    _note(scene, "SIGKILL while it waits for the province's receipts", in_flight)
    scene.running.start_node(site)
    await scene.running.ready(site)


async def kill_in_a_commit(scene: Scene, district: str, requests: Sequence[Request]) -> None:
    """The district is started so that it kills itself inside the receiver's transaction.

    The count of what is in flight is read from outside and may come too late; then it dies once more.
    """
    site = scene.sites[district]
    await scene.running.children.stop([district])
    async with asyncio.TaskGroup() as group:
        group.create_task(report(scene, requests))
        for _ in range(_TRIES):
            in_flight = await _die_in_a_commit(scene, district)
            if in_flight:
                break
    _note(scene, f"failpoint {_IN_COMMIT}", in_flight)
    scene.running.start_node(site)
    await scene.running.ready(site)


async def _die_in_a_commit(scene: Scene, district: str) -> int:
    """Start it and wait for its death, not for its readiness: frames may be waiting already. What was in flight."""
    name = scene.offices[district].name
    neighbours = [scene.province, *(scene.offices[centre.code] for centre in scene.plan.children(district))]
    scene.running.start_node(scene.sites[district], {"LIENTHONG_FAILPOINT": f"{_IN_COMMIT},{_SLOWLY}"})
    in_flight = 0

    async def died() -> bool:
        nonlocal in_flight
        seen = sum(await asyncio.gather(*(one.in_flight(name) for one in neighbours)))
        if scene.running.children.pid(district) is None:
            return True
        in_flight = seen
        return False

    await scene.until(f"{district} dies at its failpoint", died, within_s=_DEATH_WITHIN_S, again_s=0.01)
    ended = scene.running.children.take_exits()
    if [one.code for one in ended] != [-signal.SIGKILL]:
        raise DidNotHold(f"{district} was to die by SIGKILL in a commit, but ended with {[one.code for one in ended]}")
    return in_flight


def _send(scene: Scene, code: str, number: signal.Signals) -> None:
    pid = scene.running.children.pid(code)
    if pid is None:
        raise DidNotHold(f"{code} is not running")
    os.kill(pid, number)


async def _in_flight(scene: Scene, offices: Sequence[Office], *, to: str) -> int:
    """Frames sent and not acknowledged, by the senders' own count, once there are any."""
    counted = 0

    async def any_in_flight() -> bool:
        nonlocal counted
        counted = sum([await office.in_flight(to) for office in offices])
        return counted > 0

    await scene.until("frames in flight", any_in_flight, within_s=_FLIGHT_WITHIN_S, again_s=0.03)
    return counted


def _note(scene: Scene, how: str, in_flight: int) -> None:
    scene.found.setdefault("kills", []).append({"how": how, "in_flight_at_kill": in_flight})
    scene.tell(f"district killed: {how}; in flight {in_flight}")
    if in_flight == 0:
        raise DidNotHold(f"nothing was in flight at the kill ({how})")
