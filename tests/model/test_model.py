"""The quick half of `make model`: the proposed rules hold in every state, each wrong variant is caught."""

import json
from itertools import chain

import pytest

from tests.model import __main__ as command
from tests.model import configurations
from tests.model.chain import Chains
from tests.model.configurations import Configuration
from tests.model.search import explore


def _params(*groups):
    return [pytest.param(one, id=one.name) for one in chain(*groups)]


def _quick(group):
    return [one for one in group if one.is_quick]


@pytest.mark.parametrize(
    "one", _params(_quick(configurations.PROPOSED), _quick(configurations.RELAY), [configurations.EQUIVALENT])
)
def test_the_rules_hold_in_every_state(one: Configuration):
    found = one.search()
    assert found.holds, [*found.trace, found.wrong]
    assert found.states > 100


@pytest.mark.parametrize("one", _params(configurations.WRONG, configurations.MORE_WRONG, configurations.WRONG_RELAY))
def test_a_wrong_variant_is_caught(one: Configuration):
    found = one.search()
    assert one.is_killed(found), found.wrong
    assert found.trace


def test_there_are_fifteen_wrong_variants():
    assert len({one.name for one in configurations.WRONG}) == 15


def test_no_rules_save_a_record_from_the_loss_of_both_disks():
    assert configurations.BOUND.is_killed(configurations.BOUND.search())


def test_a_trace_is_a_way_from_the_start_to_the_fault():
    found = configurations.WRONG[0].search()
    assert found.trace[0] == "child writes r1 and tells the user so"
    assert found.trace[-1] == "parent takes e2.1(r1): effect+cursor"


class Counting:
    """Counts to ten; nine is wrong."""

    def start(self):
        return 0

    def next(self, state):
        return [(("adds", step), state + step) for step in (1, 2) if state + step <= 10]

    def wrong(self, state):
        return "nine" if state == 9 else None

    def tell(self, label):
        return f"{label[0]} {label[1]}"


def test_the_search_finds_the_shortest_way():
    found = explore(Counting())
    assert (found.wrong, len(found.trace)) == ("nine", 5)


def test_a_search_that_stops_early_does_not_hold():
    model = Counting()
    model.wrong = lambda state: None
    assert explore(model).holds
    assert not explore(model, most=5).holds


def test_a_chain_is_known_by_its_last_frame():
    chains = Chains()
    first = chains.after(chains.after(0, 1, 0), 1, 1)
    other = chains.after(chains.prev[first], 1, 2)
    assert chains.after(chains.prev[first], 1, 1) == first
    assert chains.same_number(other, first) == other
    assert chains.common(first, other) == chains.prev[first]
    assert not chains.holds(other, first)


def test_the_command_ends_in_one_line_of_json(capsys, monkeypatch):
    few = (configurations.DELIVERY[0],)
    monkeypatch.setattr(configurations, "PROPOSED", few)
    monkeypatch.setattr(configurations, "RELAY", configurations.RELAY[:1])
    monkeypatch.setattr(configurations, "MORE_WRONG", configurations.MORE_WRONG[:3])  # the others are searched above
    assert command.main(["--quick"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert json.loads(lines[-1])["mutants_killed"] == "15/15"
    assert "mutants killed 15/15" in lines


def test_the_command_fails_when_a_variant_survives(monkeypatch):
    harmless = Configuration("harmless", configurations.DELIVERY[0].model, "I1")
    monkeypatch.setattr(configurations, "PROPOSED", (configurations.DELIVERY[0],))
    monkeypatch.setattr(configurations, "RELAY", ())
    monkeypatch.setattr(configurations, "MORE_WRONG", ())
    monkeypatch.setattr(configurations, "WRONG", (*configurations.WRONG[:14], harmless))
    assert command.main(["--quick"]) == 1
