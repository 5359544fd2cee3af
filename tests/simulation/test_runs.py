"""The simulation in short: two seeds, a day each; the long one is `make sim`."""

import pytest

from tests.simulation import offline
from tests.simulation.__main__ import seeds_of
from tests.simulation.checker import judge
from tests.simulation.runs import Order, carry_out
from tests.simulation.world import Plan, simulate

DAY = Plan(days=1, children=3)


@pytest.mark.parametrize("seed", [1, 2])
def test_a_day_in_which_everything_goes_wrong_loses_nothing_and_doubles_nothing(seed):
    run = carry_out(Order(seed, DAY))
    assert run["words"] == []
    assert run["holds"]
    assert set(DAY.faults) - {"weather"} <= set(run["faults"])
    assert not [words for words in run["errors"] if words.startswith("CRITICAL")]


def test_the_same_seed_is_the_same_run_and_another_seed_is_another():
    plan = Plan(days=0.05, children=2)
    first, second, other = (simulate(seed, plan) for seed in (7, 7, 8))
    assert first.digest == second.digest != other.digest
    assert first.history == second.history
    assert first.exports == second.exports


def test_after_days_without_a_line_the_first_incident_overtakes_the_backlog():
    seen, found = offline.come_back(1, days=3)
    assert judge(seen.history, seen.exports).words() == []
    assert found.first_incident_s <= 2
    assert found.records == 3 * offline.FIGURES_A_DAY


def test_seeds_are_a_range_or_a_list():
    assert seeds_of("1-3,7") == [1, 2, 3, 7]
