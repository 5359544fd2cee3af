"""What goes wrong, by name: each fault is a habit of the world that goes on until it is quiet.

`ALL` are those that the protocol promises to survive without a person.
"""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from datetime import timedelta
from random import Random
from typing import TYPE_CHECKING, Any

from federation.failpoint import NAMES
from tests.simulation.centre import Order, Post
from tests.simulation.net import Line

if TYPE_CHECKING:
    from tests.simulation.world import World

HOUR_S = 3600.0
Habit = Coroutine[Any, Any, None]
_POINTS = sorted(NAMES)


async def _again(chance: Random, mean_s: float) -> None:
    await asyncio.sleep(chance.expovariate(1 / mean_s))


# what befalls a line ----------------------------------------------------------------------------------------------


async def weather(world: "World", line: Line, chance: Random) -> None:
    """A line is down most of the time, as after a storm, and up for a minute or two."""
    while True:
        line.down()
        await _again(chance, world.plan.down_s)
        line.set(is_up=True, is_mute=False)
        world.note("line up", line=line.child)
        await _again(chance, world.plan.up_s)


async def cut(world: "World", line: Line, chance: Random) -> None:
    while True:
        await _again(chance, world.plan.up_s * 5)
        if line.is_up:
            world.count("cut")
            line.cut()


async def mute(world: "World", line: Line, chance: Random) -> None:
    """A line looks alive and carries nothing."""
    while True:
        await _again(chance, 3 * HOUR_S)
        while not line.is_up:
            await line.changed.wait()
        await _again(chance, 10)
        world.count("mute")
        line.set(is_mute=True)
        await _again(chance, 40)
        line.set(is_mute=False)


async def slow(world: "World", line: Line, chance: Random) -> None:
    while True:
        await _again(chance, 4 * HOUR_S)
        world.count("slow")
        line.set(delay_s=(0.2, chance.choice((0.5, 2.0, 6.0))))
        await _again(chance, 2 * HOUR_S)
        line.set(delay_s=(0.005, 0.05))


async def lossy(world: "World", line: Line, chance: Random) -> None:
    """Frames, receipts and nacks are lost, doubled and put out of order."""
    while True:
        await _again(chance, 4 * HOUR_S)
        world.count("lossy")
        line.set(loss=chance.uniform(0, 0.2), double=chance.uniform(0, 0.3), reorder=chance.uniform(0, 0.3))
        await _again(chance, 3 * HOUR_S)
        line.set(loss=0.0, double=0.0, reorder=0.0)


async def garble(world: "World", line: Line, chance: Random) -> None:
    """One end brings what its origin did not sign, streams that are not its to bring, and receipts of nobody."""
    while True:
        await _again(chance, 10 * HOUR_S)
        world.count("garble")
        line.set(garble=0.1)
        await _again(chance, 3 * HOUR_S)
        line.set(garble=0.0)


# what befalls a centre --------------------------------------------------------------------------------------------


async def crash(world: "World", post: Post, chance: Random) -> None:
    """The process dies between two steps of it, at any time."""
    while True:
        await _again(chance, 8 * HOUR_S)
        if post.is_alive:
            world.count("crash")
            post.start.die(is_told=chance.random() < 0.5)
        await _away(post, chance)


async def failpoint(world: "World", post: Post, chance: Random) -> None:
    """The process dies where it hurts."""
    while True:
        await _again(chance, 2 * HOUR_S)
        if not post.is_alive:
            continue
        order = Order(chance.choice(_POINTS), chance.randint(1, 4), chance.random() < 0.5)
        start, start.order = post.start, order
        for _ in range(20):
            await asyncio.sleep(60)
            if start.is_dead:
                world.count("failpoint")
                break
        start.order = None
        if start.is_dead:
            await _away(post, chance)


async def _away(post: Post, chance: Random) -> None:
    await _again(chance, chance.choice((2, 30, 600)))
    post.power_on()


async def disk_full(world: "World", post: Post, chance: Random) -> None:
    while True:
        await _again(chance, 24 * HOUR_S)
        world.count("disk-full")
        post.disk.fill()
        await _again(chance, HOUR_S / 2)
        post.disk.clear()


async def clock(world: "World", post: Post, chance: Random) -> None:
    """The wall clock is set wrong, forward or back, and set right some time."""
    while True:
        await _again(chance, 12 * HOUR_S)
        world.count("clock")
        post.set_clock(timedelta(seconds=chance.choice((-1, 1)) * chance.expovariate(1 / (3 * HOUR_S))))
        await _again(chance, 6 * HOUR_S)
        post.set_clock(timedelta(0))


async def poison(world: "World", post: Post, chance: Random) -> None:
    """A centre says something that those above cannot apply yet."""
    while True:
        await _again(chance, 12 * HOUR_S)
        world.count("poison")
        await world.people[post.code].say_poison()


async def repeat(world: "World", post: Post, chance: Random) -> None:
    """A centre says old records again under their rids, in new frames."""
    while True:
        await _again(chance, 3 * HOUR_S)
        world.count("repeat")
        await world.people[post.code].repeat()


async def child_restore(world: "World", post: Post, chance: Random) -> None:
    """A commune is set back to an earlier copy of its disk."""
    if world.is_commune(post.code):
        await _set_back_now_and_then(world, post, chance)


async def parent_restore(world: "World", post: Post, chance: Random) -> None:
    """The centre above is set back to an earlier copy of its disk."""
    if not world.is_commune(post.code) and post.parent is not None:
        await _set_back_now_and_then(world, post, chance)


async def _set_back_now_and_then(world: "World", post: Post, chance: Random) -> None:
    while True:
        await _again(chance, 12 * HOUR_S)
        copy, since = post.disk.copy(), world.copied(post)
        await _again(chance, 6 * HOUR_S)
        if post.is_alive:
            post.start.die(is_told=chance.random() < 0.5)
        world.count("restore")
        world.set_back(post, since)
        post.disk.set_back(copy)
        await _away(post, chance)


OF_A_LINE: dict[str, Callable[..., Habit]] = {
    "weather": weather,
    "cut": cut,
    "mute": mute,
    "slow": slow,
    "lossy": lossy,
    "garble": garble,
}
OF_A_CENTRE: dict[str, Callable[..., Habit]] = {
    "crash": crash,
    "failpoint": failpoint,
    "disk-full": disk_full,
    "clock": clock,
    "poison": poison,
}
ALL: Sequence[str] = (*OF_A_LINE, *OF_A_CENTRE)
# What an earlier copy of a disk forgot, the neighbours give back; then a record may stand in two frames.
SETS_BACK: dict[str, Callable[..., Habit]] = {
    "child-restore": child_restore,
    "parent-restore": parent_restore,
    "repeat": repeat,
}


def habits(world: "World", names: Sequence[str]) -> list[Habit]:
    """Everything that goes wrong in this world, each with a chance of its own."""
    found = []
    for name in names:
        if name in OF_A_LINE:
            lines = sorted(world.net.lines.items())
            found += [OF_A_LINE[name](world, line, world.chance(name, code)) for code, line in lines]
        else:
            posts = sorted(world.posts.items())
            found += [(OF_A_CENTRE | SETS_BACK)[name](world, post, world.chance(name, code)) for code, post in posts]
    return found
