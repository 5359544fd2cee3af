"""The kills of the check begin only when the state they need is there, also on a machine that takes its time."""

import signal
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from node.demo.check import kills
from node.demo.check.scene import LINKED_WITHIN_S, DidNotHold, Scene
from node.demo.plan import DemoPlan
from node.demo.sites import place

PROVINCE, DISTRICT, COMMUNES = "75", "731", ("26374", "26377")


class Time:
    """A clock that goes forward when somebody sleeps."""

    def __init__(self):
        self.now_s = 0.0

    def monotonic(self):
        return self.now_s

    async def sleep(self, seconds):
        self.now_s += seconds


class Programs:
    """Real processes that do nothing, so that they can be stopped and killed."""

    def __init__(self):
        self.running, self.kills = {}, []
        for code in (PROVINCE, DISTRICT):
            self.start(code)

    @property
    def children(self):
        return self

    def start(self, code):
        self.running[code] = subprocess.Popen([sys.executable, "-S", "-c", "input()"], stdin=subprocess.PIPE)

    def start_node(self, site):
        self.start(site.centre.code)

    async def ready(self, site):
        assert site.centre.code in self.running

    def pid(self, code):
        return self.running[code].pid if code in self.running else None

    def kill(self, code):
        self.kills.append(code)
        process = self.running.pop(code)
        process.kill()
        process.wait()

    def is_stopped(self, code):
        """Also when the signal was sent and a busy machine has not delivered it yet."""
        status = dict(line.split(":\t") for line in Path(f"/proc/{self.pid(code)}/status").read_text().splitlines())
        return status["State"][0] in "Tt" or bool(int(status["ShdPnd"], 16) & 1 << signal.SIGSTOP - 1)

    def end(self):
        for code in list(self.running):
            self.kill(code)


class Office:
    """A centre whose links come up late, and whose frames are in flight while the neighbour hangs."""

    def __init__(self, name, world):
        self.name, self.world = name, world

    async def links(self):
        up = self.world.now_s >= self.world.up_at_s
        return [{"peer": f"n-{code}", "connected": up} for code in (PROVINCE, DISTRICT, *COMMUNES)]

    async def in_flight(self, to):
        return self.world.count(to.removeprefix("n-"))


class World(Time):
    """All of it; a process that is stopped before the links stand never gets a frame."""

    def __init__(self):
        super().__init__()
        self.programs = Programs()
        self.up_at_s = 0.0
        self.lost_times = 0
        self.stops = []

    def count(self, code):
        if not self.programs.is_stopped(code):
            return 0
        self.stops.append(self.now_s)
        if self.lost_times:
            self.lost_times -= 1
            self.up_at_s = self.now_s + 20
            return None
        return 5 if self.now_s >= self.up_at_s else 0


@pytest.fixture
def world():
    made = World()
    yield made
    made.programs.end()


@pytest.fixture
def scene(world, tmp_path):
    plan = DemoPlan.load()
    return Scene(
        clock=world,
        sites=place(tmp_path / "demo", plan, habit=False),
        running=world.programs,
        authority=None,
        people={},
        offices={centre.code: Office(f"n-{centre.code}", world) for centre in plan.centres},
        http=httpx.AsyncClient(),
        tell=lambda _text: None,
    )


@pytest.mark.parametrize(("kill", "stopped"), [(kills.kill_the_receiver, DISTRICT), (kills.kill_the_sender, PROVINCE)])
async def test_nobody_is_stopped_before_the_links_of_the_district_stand(world, scene, kill, stopped):
    world.up_at_s = 70.0
    await kill(scene, DISTRICT, [])
    assert min(world.stops) >= 70.0
    assert world.programs.kills == [DISTRICT]
    assert scene.found["kills"][0]["in_flight_at_kill"] > 0
    assert not world.programs.is_stopped(stopped)


async def test_a_line_that_was_given_up_meanwhile_is_waited_for_again(world, scene):
    world.lost_times = 2
    await kills.kill_the_sender(scene, DISTRICT, [])
    assert world.programs.kills == [DISTRICT]
    assert max(world.stops) >= 40.0


async def test_a_kill_with_nothing_on_the_way_is_none(world, scene):
    world.lost_times = 99
    with pytest.raises(DidNotHold, match="in 3 tries"):
        await kills.kill_the_sender(scene, DISTRICT, [])
    assert not world.programs.is_stopped(PROVINCE)


async def test_links_that_never_stand_are_named(world, scene):
    world.up_at_s = 10 * LINKED_WITHIN_S
    with pytest.raises(DidNotHold, match=r"missing: 731-75, 731-26374, 731-26377\): not within"):
        await kills.kill_the_sender(scene, DISTRICT, [])
    assert world.programs.kills == []
