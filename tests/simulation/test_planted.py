"""Bugs that are planted here, and not in the product, are found within twenty seeds."""

from collections.abc import Sequence

import pytest

from federation.intake import Intake
from federation.receipt import Ack
from tests.simulation.checker import judge
from tests.simulation.world import Plan, simulate

SEEDS = range(1, 21)
ROUGH = Plan(days=0.1, children=3, busy=15, up_s=60, down_s=1200, faults=("weather", "cut", "crash", "failpoint"))


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
    honest = simulate(seed, ROUGH)
    assert judge(honest.history, honest.exports).words() == []
