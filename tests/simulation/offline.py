"""Thirty days without a line: `python -m tests.simulation.offline` tells how soon and how fast it is made good.

A commune works on alone, with its daily figures and its incidents. When the line is there again, the first incident is
at the district within two seconds of virtual time, although some ten thousand figures wait before it.
"""

import asyncio
import json
import sys
import time
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, insert, select
from sqlalchemy.orm import Session

from federation.ledger import UP, Lane, append
from node.incident import rows
from tests.simulation import checker, export, tree
from tests.simulation.centre import FIGURE
from tests.simulation.disk import effect, said
from tests.simulation.world import DAY_S, Plan, Seen, World, simulate

COMMUNE = "26001"
FIGURES_A_DAY = 400
INCIDENTS_A_DAY = 3
_MOST_S = 600


@dataclass
class Return:
    """How a commune came back; seconds are of virtual time, rates of a processor's."""

    first_incident_s: float = 0.0
    since_line_s: float = 0.0
    drained_s: float = 0.0
    records: int = 0
    cpu_s: float = 0.0

    @property
    def records_per_cpu_s(self) -> int:
        return round(self.records / max(self.cpu_s, 1e-9))


def come_back(seed: int, days: int = 30) -> tuple[Seen, Return]:
    """The days alone, the return, and the quiet end."""
    found = Return()

    async def live(world: World) -> None:
        for line in world.net.lines.values():
            line.down()
        for post in world.posts.values():
            post.power_on()
        await _alone(world, days)
        await _return(world, found)
        await world.calm()

    return simulate(seed, Plan(children=1, faults=()), live=live), found


async def _alone(world: World, days: int) -> None:
    people = world.people[COMMUNE]
    for day in range(days):
        for _ in range(INCIDENTS_A_DAY):
            await asyncio.sleep(DAY_S / INCIDENTS_A_DAY / 2)
            await people.open()
            await people.act()
            await asyncio.sleep(DAY_S / INCIDENTS_A_DAY / 2)
        marks = [f"{COMMUNE}.{day}-{number}." for number in range(FIGURES_A_DAY)]
        calls = [world.begin(COMMUNE, mark, "figure") for mark in marks]
        await asyncio.wrap_future(
            people.post.start.database.submit(lambda session, marks=marks: _say(world, session, marks))
        )
        for call in calls:
            world.end(call, "ok")


def _say(world: World, session: Session, marks: list[str]) -> None:
    """A day's figures in one transaction."""
    post = world.posts[COMMUNE]
    now = post.start.clock.now()
    for mark in marks:
        append(session, lane=Lane.REGULAR, audience=UP, kind=FIGURE, payload=mark.encode(), now=now)
        session.execute(insert(said).values(mark=f"{post.name} regular up {mark}"))


async def _return(world: World, found: Return) -> None:
    line, loop = world.net.lines[COMMUNE], world.loop
    line.set(is_up=True)
    begun_s, greeted_s = loop.time(), None
    while not _count(world, rows.incident.c.id):
        await asyncio.sleep(0.02)
        if greeted_s is None and line.pairs:
            greeted_s = loop.time()
        assert loop.time() < begun_s + _MOST_S, "no incident arrives"
    found.since_line_s = round(loop.time() - begun_s, 2)
    found.first_incident_s = round(loop.time() - (greeted_s or begun_s), 2)
    begun_cpu_s = time.process_time()
    before = _count(world, effect.c.number)
    while any(words.startswith(f"{COMMUNE} -> ") for words in export.waiting(world)):
        await asyncio.sleep(0.5)
        assert loop.time() < begun_s + _MOST_S, "the backlog does not drain"
    found.cpu_s = time.process_time() - begun_cpu_s
    found.records = _count(world, effect.c.number) - before
    found.drained_s = round(loop.time() - begun_s, 2)


def _count(world: World, column: Any) -> int:
    with Session(world.posts[tree.DISTRICT].disk.engine) as session:
        return session.scalar(select(func.count(column))) or 0


def main() -> int:
    seen, found = come_back(1)
    verdict = checker.judge(seen.history, seen.exports)
    ok = verdict.holds() and found.first_incident_s <= 2
    facts = {
        "first_incident_s": found.first_incident_s,
        "since_line_s": found.since_line_s,
        "drained_s": found.drained_s,
        "records": found.records,
        "records_per_cpu_s": found.records_per_cpu_s,
    }
    line = json.dumps({"ok": ok, **facts, **verdict.counts(), "digest": seen.digest})
    sys.stdout.write("\n".join([*verdict.words(), line]) + "\n")
    return 0 if ok else 1


if __name__ == "__main__":
    sys.exit(main())
