"""Cycles of deaths and broken lines while citizens report, and the verdict of the checker at the end."""

import asyncio
import json
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from random import Random
from typing import Any

from tests.chaos.clients import Clients, History
from tests.chaos.federation import CENTRES, Federation
from tests.chaos.operators import Operators
from tests.chaos.proxy import Fault

TOP = Path(__file__).resolve().parents[2]
CITIZENS_EACH = 3
WANTED_SHARE = 0.75
# What may ring when processes die and lines break. That somebody was rolled back, forked or parked something may not.
EXPECTED_ALARMS = frozenset({"PEER_REFUSED", "SESSION_FENCED", "TLS_REFUSED"})
_FLIGHT_WITHIN_S, _DEATH_WITHIN_S, _DRAIN_WITHIN_S = 3.0, 6.0, 120.0
_AGAIN_S = 0.01
_LONGEST_CYCLE_S = 30.0

# Where a node may be told to die, and at which passage at the latest.
_EVERYWHERE = {"database.before_commit": 30, "database.after_commit": 30, "session.before_hello": 2}
_EVERYWHERE |= {"session.after_hello": 2}
_SENDING = {"ledger.after_append": 20, "sender.before_read": 30, "sender.before_send": 12, "sender.after_send": 12}
_SENDING |= {"sealer.before_sign": 12, "sealer.after_store": 12, "sealer.before_commit": 12, "sealer.after_commit": 12}
_SENDING |= {"sender.before_receipt": 8, "sender.in_receipt": 8, "sender.after_receipt": 8}
_RECEIVING = {f"receiver.{name}": 12 for name in ("before_verify", "after_verify", "before_store", "after_store")}
_RECEIVING |= {f"receiver.{name}": 12 for name in ("before_effect", "after_effect", "before_cursor", "before_commit")}
_RECEIVING |= {f"receiver.{name}": 12 for name in ("after_commit", "before_ack", "after_ack")}
PLACES = {
    "75": _EVERYWHERE | _RECEIVING,
    "731": _EVERYWHERE | _RECEIVING | _SENDING,
    "26374": _EVERYWHERE | _SENDING,
    "26377": _EVERYWHERE | _SENDING,
}


@dataclass(slots=True)
class Counted:
    """What happened, counted while it did."""

    cycles: int = 0
    kills: int = 0
    in_flight: int = 0
    at_random: int = 0
    failpoints: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    deaths: Counter[str] = field(default_factory=Counter)
    drained: bool = False

    @property
    def share(self) -> float:
        return self.in_flight / self.kills if self.kills else 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    cycles: int
    seed: int
    tell: Callable[[str], None]
    folder: Path | None = None  # kept, whatever the verdict


async def run(wishes: Wishes) -> dict[str, Any]:
    """All cycles, then the verdict as it is printed; the folder stays if something did not hold."""
    folder = wishes.folder or Path(tempfile.mkdtemp(prefix="lienthong-chaos-")).resolve()
    federation, counted = Federation(folder), Counted()
    begun_s = federation.clock.monotonic()
    try:
        await federation.start()
        history = History(folder / "history.jsonl")
        history.write("tree", parents={code: federation.parent(code) for code in CENTRES}, names=federation.names)
        await _Chaos(wishes, federation, history, counted).run()
        history.close()
        await federation.stop()
        federation.give_out(folder)
        judged = await asyncio.to_thread(_judge, "checker", folder, wishes.tell)
        duty = await asyncio.to_thread(_judge, "duty", folder, wishes.tell)
        alarms = federation.alarms()
    finally:
        await federation.stop()
    ok = (
        judged.pop("holds")
        and duty["holds"]
        and counted.drained
        and counted.share >= WANTED_SHARE
        and set(alarms) <= EXPECTED_ALARMS
    )
    facts = {
        "ok": ok and counted.cycles == wishes.cycles,
        "cycles": counted.cycles,
        "kills": counted.kills,
        "in_flight_share": round(counted.share, 3),
        **judged,
        "lost": judged["lost"] + duty["lost"],
        "doubled": judged["doubled"] + duty["doubled"],
        "duty": duty,
        "digest": sha256((folder / "history.jsonl").read_bytes()).hexdigest(),
        "seed": wishes.seed,
        "drained": counted.drained,
        "kills_at_random": counted.at_random,
        "kills_at_failpoints": sum(counted.failpoints.values()),
        "failpoints": dict(sorted(counted.failpoints.items())),
        "deaths": dict(counted.deaths),
        "link_faults": dict(counted.faults),
        "alarms": alarms,
        "took_s": round(federation.clock.monotonic() - begun_s, 1),
    }
    if facts["ok"] and wishes.folder is None:
        shutil.rmtree(folder, ignore_errors=True)
    return facts if facts["ok"] else facts | {"kept": str(folder)}


def _judge(name: str, folder: Path, tell: Callable[[str], None]) -> dict[str, Any]:
    """Ask a judge, which is a process of its own and knows nothing of the product."""
    command = [sys.executable, "-m", f"tests.chaos.{name}", str(folder)]
    ran = subprocess.run(command, cwd=TOP, capture_output=True, text=True, check=False)
    tell(ran.stderr.rstrip() or f"the {name} has nothing to say against it")
    verdict: dict[str, Any] = json.loads(ran.stdout)
    return verdict


class _Chaos:
    def __init__(self, wishes: Wishes, federation: Federation, history: History, counted: Counted) -> None:
        self.wishes, self.federation, self.history, self.counted = wishes, federation, history, counted
        self.random = Random(wishes.seed)  # noqa: S311 - chance, no secret
        self.clock = federation.clock

    async def run(self) -> None:
        clients = Clients(self.federation.communes, self.history, self.random)
        clients.start(CITIZENS_EACH)
        sites = {code: self.federation.sites[code] for code in CENTRES}
        operators = Operators(sites, self.federation.operators, self.history, self.wishes.seed)
        operators.start()
        armed = ""
        victim = ""
        for number in range(self.wishes.cycles):
            async with asyncio.timeout(_LONGEST_CYCLE_S + _DEATH_WITHIN_S):
                if armed:
                    await self._cycle(victim, armed, again="")
                    armed = ""
                else:
                    victim = self.random.choice(("75", "731", "731", "26374", "26377"))
                    is_last = number + 1 == self.wishes.cycles  # whoever is told to die later than that stays dead
                    armed = "" if is_last else self._place(victim)
                    if not await self._cycle(victim, "", again=armed):
                        armed = ""  # it died of it already, while it was coming up
            self.counted.cycles = number + 1
            self.wishes.tell(f"cycle {number + 1}: {self._words()}")
        self._heal()
        await operators.stop()
        await clients.stop()
        self.counted.drained = await self.federation.drained(_DRAIN_WITHIN_S)

    async def _cycle(self, victim: str, armed: str, *, again: str) -> bool:
        """Break lines, let one node die, bring it up again (told where to die next); False if it died at once."""
        self._break_lines()
        await asyncio.sleep(self.random.uniform(0.1, 0.8))
        if armed:
            await self._die_at(victim, armed)
        else:
            await self._kill(victim)
        if self.random.random() < 0.5:
            self._heal()
        if await self.federation.bring_up(victim, again):
            self._heal()
            return True
        self._note_death(victim, again)
        await self.federation.bring_up(victim)
        self._heal()
        return False

    async def _kill(self, victim: str) -> None:
        """SIGKILL, as soon as something is under way."""
        deadline = self.clock.monotonic() + _FLIGHT_WITHIN_S
        while True:
            seen = self._in_flight(victim)
            if seen or self.clock.monotonic() > deadline:
                break
            await asyncio.sleep(_AGAIN_S)
        self.federation.running.children.kill(victim)
        self._count(victim, seen)
        self.counted.at_random += 1

    async def _die_at(self, victim: str, armed: str) -> None:
        """Wait for the node to pass the place where it is to die; if it does not, kill it as any other."""
        self.history.unknown[victim] = 0
        if await self.federation.died(victim, _DEATH_WITHIN_S):
            self._note_death(victim, armed)
        else:
            await self._kill(victim)

    def _note_death(self, victim: str, armed: str) -> None:
        status = self.federation.bury(victim)
        if status != -9:
            raise RuntimeError(f"{victim} was to die at {armed}, but ended with {status}")
        self._count(victim, self._in_flight(victim) + self.history.unknown[victim])
        self.counted.failpoints[armed.partition(":")[0]] += 1

    def _count(self, victim: str, in_flight: int) -> None:
        self.counted.kills += 1
        self.counted.in_flight += in_flight > 0
        self.counted.deaths[victim] += 1
        self.history.write("death", centre=victim, in_flight=in_flight)

    def _in_flight(self, victim: str) -> int:
        calls = sum(centre == victim for centre in self.history.open.values())
        return calls + self.federation.under_way(victim)

    def _place(self, victim: str) -> str:
        """One of the places where this node may die, those first that nobody died at yet."""
        places = PLACES[victim]
        least = min(self.counted.failpoints[name] for name in places)
        name = self.random.choice([name for name in places if self.counted.failpoints[name] == least])
        return f"{name}:kill@{self.random.randint(1, places[name])}"

    def _break_lines(self) -> None:
        for child in self.random.sample(sorted(self.federation.links), self.random.choice((0, 1, 1, 2))):
            fault = self.random.choice((Fault.CUT, Fault.STALL, Fault.DELAY))
            self.federation.links[child].set(fault, self.random.uniform(0.02, 0.2) if fault is Fault.DELAY else 0.0)
            self.counted.faults[fault] += 1
            self.history.write("fault", link=child, fault=fault)

    def _heal(self) -> None:
        for proxy in self.federation.links.values():
            proxy.set(Fault.NONE)

    def _words(self) -> str:
        one = self.counted
        return f"{one.kills} kills, {one.in_flight} with work in flight, {len(self.history.open)} calls open"
