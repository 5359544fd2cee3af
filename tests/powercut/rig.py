"""Lives under watch, and cuts of the power at moments of them."""

import asyncio
import json
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from tests.powercut import events, preload
from tests.powercut.centre import CHILD, PARENT, found
from tests.powercut.disk import Disk, Loss
from tests.powercut.events import Event, Kind
from tests.powercut.inspection import Findings, inspect
from tests.powercut.promises import Promises

TOP = Path(__file__).resolve().parents[2]
LIFE_WITHIN_S = 120.0
LOSSES = ("lost_writes", "lost_frames", "lost_acks", "not_delivered")
_ENOUGH = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    cycles: int
    seed: int
    synchronous: str | None = None
    plant: str | None = None
    marks: int = 250
    cuts_a_life: int = 25
    after: str | None = None
    """Cut only just after notes that begin with this word, and everybody loses all that was not synced."""
    tell: Callable[[str], None] = print


@dataclass(slots=True)
class Verdict:
    """Counts over all cuts; `examples` has the first findings of each sort in words."""

    cycles: int = 0
    lives: int = 0
    events: int = 0
    syncs: int = 0
    promises_at_cuts: int = 0
    acks_at_cuts: int = 0
    unsynced_at_cuts: int = 0
    cuts: Counter[str] = field(default_factory=Counter)
    counts: Counter[str] = field(default_factory=Counter)
    failed_cuts: int = 0
    examples: list[str] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        return self.failed_cuts == 0 and self.promises_at_cuts > 0 and self.unsynced_at_cuts > 0

    @property
    def lost(self) -> int:
        """Everything that was promised and is gone."""
        return sum(self.counts[name] for name in LOSSES)

    def add(self, where: str, findings: Findings) -> None:
        if findings.any():
            self.failed_cuts += 1
        for name in Findings.__slots__:
            said = getattr(findings, name)
            self.counts[name] += len(said)
            self.examples += [f"{where}: {name}: {one}" for one in said[:_ENOUGH] if self.counts[name] <= 4 * _ENOUGH]

    def as_line(self, wishes: Wishes) -> str:
        counts = {name: self.counts[name] for name in Findings.__slots__}
        facts = {
            "ok": self.ok,
            "cycles": self.cycles,
            "lost": self.lost,
            **counts,
            "failed_cuts": self.failed_cuts,
            "seed": wishes.seed,
            "synchronous": wishes.synchronous or "as the product sets it",
            "lives": self.lives,
            "events": self.events,
            "syncs": self.syncs,
            "promises_at_cuts": self.promises_at_cuts,
            "acks_at_cuts": self.acks_at_cuts,
            "unsynced_at_cuts": self.unsynced_at_cuts,
            "cuts": dict(self.cuts),
        }
        return json.dumps(facts | ({"plant": wishes.plant} if wishes.plant else {}), ensure_ascii=False)


@dataclass(frozen=True, slots=True)
class _Cut:
    """After how many events, and who lost what."""

    at: int
    losses: dict[str, Loss]


def run(wishes: Wishes) -> Verdict:
    """As many cuts as wished, over as many lives as that takes; each life goes on from a cut of the one before."""
    verdict, random = Verdict(), Random(wishes.seed)  # noqa: S311 - chance, no secret
    folder = Path(tempfile.mkdtemp(prefix="lienthong-powercut-")).resolve()
    try:
        library = preload.build(folder)
        world = found(folder / "world")
        base, promises = folder / "base", Promises()
        for code in (CHILD, PARENT):
            (base / code).mkdir(parents=True)
        while verdict.cycles < wishes.cycles:
            life = _Life(wishes, folder, world, library, verdict.lives)
            count = min(wishes.cuts_a_life, wishes.cycles - verdict.cycles)
            base, promises = life.live_and_cut(base, promises, count, random, verdict)
            verdict.lives += 1
            wishes.tell(f"life {verdict.lives}: {verdict.cycles} cuts, {dict(verdict.counts)}")
    finally:
        if verdict.ok or wishes.plant or wishes.synchronous:
            shutil.rmtree(folder, ignore_errors=True)
        else:
            wishes.tell(f"kept: {folder}")
    return verdict


class _Life:
    def __init__(self, wishes: Wishes, folder: Path, world: Path, library: Path, number: int) -> None:
        self.wishes, self.world, self.library, self.number = wishes, world, library, number
        self.folder = folder / f"life{number}"
        self.folder.mkdir()

    def live_and_cut(
        self, base: Path, promises: Promises, count: int, random: Random, verdict: Verdict
    ) -> tuple[Path, Promises]:
        """Run one life from a state, cut it so many times; gives one of these states, for the next life."""
        log = self._live(base)
        verdict.events += len(log)
        verdict.syncs += sum(one.kind is Kind.SYNC for one in log)
        cuts = sorted((_choose(log, random, self.wishes.after) for _ in range(count)), key=lambda cut: cut.at)
        disk, done = Disk(base), 0
        promises = promises.copy()
        going_on = random.randrange(count)
        for number, cut in enumerate(cuts):
            for event in log[done : cut.at]:
                disk.do(event)
                if event.kind is Kind.NOTE:
                    promises.hear(event.data.decode())
            done = cut.at
            home = self.folder / f"cut{number}"
            disk.lay_down(home, random, cut.losses)
            if number == going_on:
                following = shutil.copytree(home, self.folder / "next"), promises.copy()
            where = f"life {self.number}, event {cut.at}, {_words(cut.losses)}"
            findings = asyncio.run(inspect(self.world, home, promises))
            verdict.add(where, findings)
            verdict.cycles += 1
            verdict.promises_at_cuts += len(promises.kept)
            verdict.acks_at_cuts += len(promises.acks)
            verdict.unsynced_at_cuts += disk.unsynced
            verdict.cuts[_words(cut.losses)] += 1
            if not findings.any():
                shutil.rmtree(home)
        if verdict.failed_cuts:  # a state that has lost something would be blamed again in every later life
            return self._afresh(), Promises()
        return following

    def _afresh(self) -> Path:
        for code in (CHILD, PARENT):
            (self.folder / "fresh" / code).mkdir(parents=True)
        return self.folder / "fresh"

    def _live(self, base: Path) -> list[Event]:
        home, log = self.folder / "home", self.folder / "log"
        shutil.copytree(base, home)
        command = [sys.executable, "-m", "tests.powercut.life", str(self.world), str(home)]
        command += [str(self.wishes.seed * 1000 + self.number), str(self.wishes.marks), str(self.number)]
        for name in ("synchronous", "plant"):
            if value := getattr(self.wishes, name):
                command += [f"--{name}", value]
        environment = preload.environment(self.library, watch=home, log=log)
        ran = subprocess.run(
            command, cwd=TOP, env=environment, capture_output=True, text=True, timeout=LIFE_WITHIN_S, check=False
        )
        if ran.returncode:
            raise RuntimeError(f"a life ended with {ran.returncode}: {ran.stderr[-2000:]}")
        shutil.rmtree(home)
        return list(events.read(log))


def _choose(log: list[Event], random: Random, after: str | None) -> _Cut:
    """A moment, every second time just after a promise, and who loses what of the unsynced."""
    if after:
        notes = [number for number, event in enumerate(log) if event.kind is Kind.NOTE and _word(event) == after]
        return _Cut(random.choice(notes) + 1, dict.fromkeys((CHILD, PARENT), Loss.ALL))
    at = random.randint(1, len(log))
    if random.random() < 0.5:
        notes = [number for number, event in enumerate(log) if event.kind is Kind.NOTE]
        at = random.choice(notes) + 1
    losses = dict.fromkeys((CHILD, PARENT), Loss.NOTHING)
    for code in random.choice(((CHILD,), (PARENT,), (CHILD, PARENT), (CHILD, PARENT))):
        losses[code] = random.choice((Loss.ALL, Loss.TAIL, Loss.SECTORS))
    return _Cut(at, losses)


def _word(note: Event) -> str:
    return note.data.decode().partition(" ")[0]


def _words(losses: dict[str, Loss]) -> str:
    return ", ".join(f"{code} loses {loss}" for code, loss in losses.items() if loss is not Loss.NOTHING)
