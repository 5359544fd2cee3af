"""Bugs that are planted here, and not in the product, are found within twenty seeds."""

from collections.abc import Sequence

import pytest
from sqlalchemy import insert

from federation import tables
from federation.intake import Intake
from federation.receipt import Ack
from tests.simulation.checker import judge
from tests.simulation.world import Plan, simulate

SEEDS = range(1, 21)
ROUGH = Plan(days=0.1, children=3, busy=15, up_s=60, down_s=1200, faults=("weather", "cut", "crash", "failpoint"))


REPEATING = Plan(days=0.2, children=2, busy=6, up_s=120, down_s=1800, faults=("weather", "repeat"))


class EagerIntake(Intake):
    """Acknowledges what it is about to store."""

    async def _take(self, lane, arrivals) -> Sequence[object]:
        house, now = self._house, self._house.clock.now()

        def rehearse(session):
            with session.begin_nested() as rehearsal:
                replies = house.receiver.take(session, self._peer, arrivals, now)
                rehearsal.rollback()
            return replies

        for reply in await house.write(rehearse):
            if isinstance(reply, Ack):
                await self._reply(reply)
        await house.clock.sleep(0.1)
        return await super()._take(lane, arrivals)


def assert_holds(seed, plan):
    honest = simulate(seed, plan)
    assert judge(honest.history, honest.exports).words() == []


def first_found(plan):
    """The verdict over the first seed that shows something, and that seed."""
    for seed in SEEDS:
        seen = simulate(seed, plan)
        verdict = judge(seen.history, seen.exports)
        if not verdict.holds():
            return seed, verdict
    return None, None


@pytest.mark.timeout(600)
def test_an_acknowledgement_before_the_commit_is_found(monkeypatch):
    monkeypatch.setattr("federation.session.Intake", EagerIntake)
    seed, verdict = first_found(ROUGH)
    assert seed is not None
    assert any(words.startswith("acknowledged and not on the disk") for words in verdict.lost)
    monkeypatch.undo()
    assert_holds(seed, ROUGH)


def forgetful_claim(connection, rows):
    values = [dict(zip(tables.record.c.keys(), row, strict=True)) for row in rows]
    if values:
        connection.execute(insert(tables.record).prefix_with("OR REPLACE"), values)
    return [True] * len(rows)


@pytest.mark.timeout(600)
def test_a_receiver_that_does_not_look_at_rids_is_found(monkeypatch):
    monkeypatch.setattr("federation.chain.claim", forgetful_claim)
    seed, verdict = first_found(REPEATING)
    assert seed is not None
    assert verdict.doubled
    monkeypatch.undo()
    assert_holds(seed, REPEATING)
