"""The rig sees nothing lost where nothing is lost, and sees each loss that is arranged."""

import pytest

from tests.powercut.conftest import Built
from tests.powercut.rig import Verdict, Wishes, run

pytestmark = pytest.mark.usefixtures("compiler")


def cut(cycles: int, **wishes: str) -> Verdict:
    said: list[str] = []
    verdict = run(Wishes(cycles=cycles, seed=11, marks=90, cuts_a_life=8, tell=said.append, **wishes))
    assert verdict.cycles == cycles, said
    return verdict


def test_a_loss_of_power_takes_nothing_that_was_promised(compiler: Built) -> None:
    verdict = cut(12)
    assert verdict.examples == []
    assert verdict.ok
    assert verdict.lives == 2  # the second goes on from what a cut of the first has left
    assert verdict.promises_at_cuts > 0
    assert verdict.acks_at_cuts > 0


@pytest.mark.parametrize("synchronous", ["NORMAL", "OFF"])
def test_a_database_that_does_not_sync_is_seen_to_lose(synchronous: str) -> None:
    verdict = cut(5, synchronous=synchronous)
    assert not verdict.ok
    assert verdict.lost > 0


def test_a_promise_before_the_commit_is_seen() -> None:
    verdict = cut(8, plant="early-promise", after="kept")
    assert not verdict.ok
    assert verdict.counts["lost_writes"] > 0


def test_a_receipt_before_the_commit_is_seen() -> None:
    verdict = cut(8, plant="early-ack", after="ack")
    assert not verdict.ok
    assert verdict.counts["lost_acks"] > 0
