"""One run: twelve centres, some days in which everything goes wrong, a quiet end, and what was seen of it."""

import asyncio
import json
import logging
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from random import Random
from typing import Any
from unittest.mock import patch

from federation import delivery
from federation.failpoint import watched
from pki.private_file import write_private
from tests.simulation import export, faults, tree
from tests.simulation.centre import Post
from tests.simulation.disk import SimDatabase
from tests.simulation.loop import HERE, VirtualLoop, run
from tests.simulation.net import Line, Net
from tests.simulation.people import People

DAY_S = 86_400.0
SETTLING_S = 3_600.0
_LOOK_S = 20.0
_COUNT_S = 3.0  # how often a centre counts for its screens what waits: nobody looks at one here


@dataclass(frozen=True, kw_only=True)
class Plan:
    """How large, how long and how bad."""

    days: float = 3.0
    children: int = 10
    faults: Sequence[str] = tuple(faults.ALL)
    up_s: float = 45.0
    down_s: float = 9_000.0
    busy: float = 0.7  # of people, in multiples of an ordinary day


@dataclass(frozen=True, kw_only=True)
class Cast:
    """The parts that a test may replace to plant a bug."""

    database: Callable[..., SimDatabase] = SimDatabase


@dataclass
class Seen:
    """What is left of a run: the history, what each centre gave out, and a digest over both."""

    seed: int
    history: list[dict[str, Any]]
    exports: dict[str, list[dict[str, Any]]]
    digest: str
    facts: dict[str, Any] = field(default_factory=dict)


class World:
    """Everything that there is in one run."""

    def __init__(self, seed: int, plan: Plan, cast: Cast, loop: VirtualLoop, folder: Path) -> None:
        self.seed, self.plan, self.cast, self.loop, self.folder = seed, plan, cast, loop, folder
        self.federation = tree.federation(plan.children)
        self.history: list[dict[str, Any]] = []
        self.hash = sha256()
        self.passed: Counter[str] = Counter()
        self.refused: Counter[str] = Counter()
        self.happened: Counter[str] = Counter()
        self.crashes = self.messages = self._calls = 0
        self.is_mended = False
        self.habits: list[asyncio.Task[None]] = []
        self.net = Net(loop, self._told)
        parents = {}
        for code, _, _, parent in tree.centres(plan.children):
            write_private(folder / f"{code}.signed", self.federation.authority.registry_raw)
            if parent:
                parents[code] = parent
                self.net.lines[code] = Line(code, parent, self.chance("line", code))
        self.posts = {code: Post(self, code) for code, *_ in tree.centres(plan.children)}
        self.people = {code: People(post, self.chance("people", code)) for code, post in self.posts.items()}
        names = {code: post.name for code, post in self.posts.items()}
        self.note("tree", parents=parents, names=names, faults=list(plan.faults))

    def chance(self, *names: str) -> Random:
        """A source of chance for one purpose, so that a change in one place moves nothing in another."""
        return Random(" ".join((str(self.seed), *names)))  # noqa: S311 - chance, no secret

    # what is written down -------------------------------------------------------------------------------------------

    def note(self, what: str, **facts: Any) -> None:
        line = {"what": what, "at": round(self.loop.time(), 6), **facts}
        self.hash.update(json.dumps(line, sort_keys=True).encode())
        self.history.append(line)

    def begin(self, centre: str, mark: str, kind: str) -> int:
        self._calls += 1
        self.note("begin", call=self._calls, centre=centre, mark=mark, kind=kind)
        return self._calls

    def end(self, call: int, outcome: str) -> None:
        self.note("end", call=call, outcome=outcome)

    def is_commune(self, code: str) -> bool:
        return code not in {tree.PROVINCE, tree.DISTRICT}

    def copied(self, post: Post) -> int:
        """A backup is made: the number of it, for `set_back`."""
        self._calls += 1
        self.note("copied", centre=post.code, copy=self._calls)
        return self._calls

    def set_back(self, post: Post, copy: int) -> None:
        """A disk becomes what it was; what its neighbours hold of it must come back."""
        lines = self.net.lines.values()
        near = {one.parent for one in lines if one.child == post.code}
        near |= {one.child for one in lines if one.parent == post.code}
        held = sorted(set().union(*(export.marks_of(self.posts[code], post) for code in sorted(near))))
        self.note("set back", centre=post.code, copy=copy, held=held)

    def count(self, fault: str) -> None:
        self.happened[fault] += 1

    def _told(self, line: str, way: str, kind: str, size: int) -> None:
        self.messages += 1
        if kind != "registry":  # its certificates differ from run to run
            self.hash.update(f"{self.loop.time():.6f} {line} {way} {kind} {size}".encode())

    # what happens -----------------------------------------------------------------------------------------------------

    async def live(self) -> None:
        """The bad days, and then the quiet in which everything must arrive."""
        for post in self.posts.values():
            post.power_on()
        self.begin_habits([*self._working_days(), *faults.habits(self, self.plan.faults)])
        await asyncio.sleep(self.plan.days * DAY_S)
        await self.calm()

    def begin_habits(self, habits: Sequence[Coroutine[Any, Any, None]]) -> None:
        self.habits += [asyncio.ensure_future(habit) for habit in habits]

    def _working_days(self) -> list[Coroutine[Any, Any, None]]:
        found = []
        for code, people in self.people.items():
            is_commune = self.is_commune(code)
            pace = self.plan.busy / DAY_S
            doings = [(people.act, 20 if is_commune else 120), (people.say, 30)]
            doings += [(people.open, 8)] if is_commune else [(people.tell_a_child, 30)]
            found += [people.busy(1 / (pace * times), act) for act, times in doings]
        return found

    async def calm(self) -> None:
        """Nothing goes wrong any more: wait until nothing waits any more."""
        for habit in self.habits:
            habit.cancel()
        await asyncio.gather(*self.habits, return_exceptions=True)
        for line in self.net.lines.values():
            line.heal()
        for post in self.posts.values():
            post.disk.clear()
            post.set_clock(timedelta(0))
            post.power_on()
            post.start.order = None
        self.note("calm")
        self.is_mended = True
        until_s = self.loop.time() + SETTLING_S
        while self.loop.time() < until_s:
            await asyncio.sleep(_LOOK_S)
            replayed = sum([post.start.delivery.replay_parked(post.start.clock.now()) for post in self.posts.values()])
            if not replayed and not any(export.waiting(self)):
                break
        self.note("settled", waiting=list(export.waiting(self)))
        for post in self.posts.values():
            post.start.die(is_told=False)


def simulate(seed: int, plan: Plan | None = None, cast: Cast | None = None, live: Any = None) -> Seen:
    """Carry out a run from its seed; the same seed gives the same digest."""
    folder = Path(tempfile.mkdtemp(prefix="lienthong-sim-"))
    errors = _Errors()
    worlds: list[World] = []

    async def whole() -> Seen:
        loop = asyncio.get_running_loop()
        world = World(seed, plan or Plan(), cast or Cast(), loop, folder)
        worlds.append(world)
        with watched(lambda name: HERE.get() and HERE.get().passes(name)):
            await (live or World.live)(world)
        return _seen(world, errors)

    try:
        with errors.heard(), patch.object(delivery, "REFRESH_S", _COUNT_S):
            return run(whole())
    finally:
        for world in worlds:
            for post in world.posts.values():
                post.disk.close()
        shutil.rmtree(folder, ignore_errors=True)


def _seen(world: World, errors: "_Errors") -> Seen:
    exports = {code: export.lines(world, post) for code, post in world.posts.items()}
    for lines in exports.values():
        for line in lines:
            world.hash.update(json.dumps(line, sort_keys=True).encode())
    facts = {
        "events": len(world.history) + world.messages,
        "messages": world.messages,
        "crashes": world.crashes,
        "faults": dict(sorted(world.happened.items())),
        "refused": dict(sorted(world.refused.items())),
        "failpoints": dict(sorted(world.passed.items())),
        "errors": dict(errors.found),
        "node_days": round(world.loop.time() / DAY_S * len(world.posts), 2),
    }
    return Seen(world.seed, world.history, exports, world.hash.hexdigest(), facts)


class _Errors(logging.Handler):
    """What the product itself calls an error while it lives."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.found: Counter[str] = Counter()

    def emit(self, record: logging.LogRecord) -> None:
        here = HERE.get()
        if here is None or not here.is_dead:
            cause = record.exc_info[1] if record.exc_info else None
            self.found[f"{record.levelname} {record.msg} {type(cause).__name__}"] += 1

    def heard(self) -> Any:
        return _Heard(self)


class _Heard:
    def __init__(self, handler: _Errors) -> None:
        self.handler = handler
        self.loggers = [logging.getLogger(name) for name in ("federation", "node")]

    def __enter__(self) -> None:
        self.before = [(one.level, one.propagate) for one in self.loggers]
        for one in self.loggers:
            one.addHandler(self.handler)
            one.setLevel(logging.ERROR)
            one.propagate = False

    def __exit__(self, *_: object) -> None:
        for one, (level, propagate) in zip(self.loggers, self.before, strict=True):
            one.removeHandler(self.handler)
            one.setLevel(level)
            one.propagate = propagate
