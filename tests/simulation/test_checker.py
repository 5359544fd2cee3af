"""The judge must be awake: each line that is removed, doubled, moved or invented is called by its name."""

import copy

import pytest

from tests.simulation.checker import judge
from tests.simulation.world import Plan, simulate

SHORT = Plan(days=0.1, children=3, faults=("weather", "lossy"), up_s=120, down_s=1200, busy=12)


@pytest.fixture(scope="module")
def seen():
    return simulate(5, SHORT)


@pytest.fixture
def facts(seen):
    return copy.deepcopy(seen.history), copy.deepcopy(seen.exports)


def find(lines, **wanted):
    return next(n for n, line in enumerate(lines) if all(line.get(key) == value for key, value in wanted.items()))


def sorts(verdict):
    return {name for name, count in verdict.counts().items() if count}


def test_an_honest_run_holds(facts):
    history, exports = facts
    assert judge(history, exports).words() == []
    assert sum(line["what"] == "effect" for line in exports["75"]) > 10
    assert sum(line["what"] == "event" for line in exports["75"]) > 10


@pytest.mark.parametrize("code", ["75", "731"])
def test_an_effect_that_is_not_there_is_lost(facts, code):
    history, exports = facts
    del exports[code][find(exports[code], what="effect")]
    assert sorts(judge(history, exports)) == {"lost"}


def test_an_effect_that_is_there_twice_is_doubled(facts):
    history, exports = facts
    exports["75"].append(exports["75"][find(exports["75"], what="effect")])
    assert "doubled" in sorts(judge(history, exports))


def test_effects_in_another_order_are_out_of_order(facts):
    history, exports = facts
    effects = [n for n, line in enumerate(exports["75"]) if line["what"] == "effect"]
    first = effects[0]
    second = next(n for n in effects[1:] if exports["75"][n]["stream"] == exports["75"][first]["stream"])
    exports["75"][first], exports["75"][second] = exports["75"][second], exports["75"][first]
    assert sorts(judge(history, exports)) == {"out_of_order"}


def test_a_frame_that_is_not_there_is_lost(facts):
    history, exports = facts
    del exports["731"][find(exports["731"], what="frame", pos=2)]
    assert "lost" in sorts(judge(history, exports))


def test_a_centre_that_gives_nothing_out_lost_everything(facts):
    history, exports = facts
    exports["26001"] = []
    assert "lost" in sorts(judge(history, exports))


def test_what_was_recorded_and_is_not_at_its_own_centre_is_lost(facts):
    history, exports = facts
    mark = exports["26001"].pop(find(exports["26001"], what="said"))["mark"]
    assert any(mark in words for words in judge(history, exports).lost)


def test_what_was_refused_and_is_there_is_a_phantom(facts):
    history, exports = facts
    mark = exports["26001"][find(exports["26001"], what="said")]["mark"]
    call = history[find(history, what="begin", mark=mark)]["call"]
    history[find(history, what="end", call=call)]["outcome"] = "failed"
    assert sorts(judge(history, exports)) == {"phantom"}


def test_what_nobody_is_known_to_have_finished_may_be_there_or_not(facts):
    history, exports = facts
    mark = exports["26001"][find(exports["26001"], what="said")]["mark"]
    call = history[find(history, what="begin", mark=mark)]["call"]
    history[find(history, what="end", call=call)]["outcome"] = "unknown"
    assert judge(history, exports).holds()


def test_another_frame_under_one_number_that_rang_nowhere_is_an_undetected_fork(facts):
    history, exports = facts
    frame = dict(exports["731"][find(exports["731"], what="frame", pos=2)])
    exports["731"].append({**frame, "what": "evidence", "hash": "00" * 32})
    assert sorts(judge(history, exports)) == {"undetected_forks"}
    origin, lane, audience = frame["stream"].split(" ")
    alarm = {
        "what": "alarm",
        "code": "FORK",
        "peer": "",
        "origin": origin,
        "subject": f"{lane}/{audience}/1",
        "detail": "",
    }
    exports["731"].append(alarm)
    assert sorts(judge(history, exports)) == {"false_alarms"}  # nobody was set back in this run
    history[0]["faults"].append("clone")
    assert judge(history, exports).holds()


def test_word_of_a_roll_back_where_nobody_was_set_back_means_that_an_acknowledgement_was_a_lie(facts):
    history, exports = facts
    alarm = {"what": "alarm", "code": "PARENT_ROLLBACK", "peer": "", "origin": "", "subject": "", "detail": ""}
    exports["26001"].append(alarm)
    assert sorts(judge(history, exports)) == {"lost"}


def test_two_that_may_close_and_none_that_answers_are_both_called(facts):
    history, exports = facts
    home = exports["26001"]
    mine = home[find(home, what="incident", holder=history[0]["names"]["26001"])]
    before = dict(mine)
    mine["custody"] = "given"
    assert "custody" in sorts(judge(history, exports))
    mine.update(before)
    there = exports["731"]
    other = next(line for line in there if line["what"] == "incident" and line["custody"] == "elsewhere")
    other.update(custody="held", holder=history[0]["names"]["731"])
    assert "custody" in sorts(judge(history, exports))


def test_a_step_that_was_told_twice_is_doubled(facts):
    history, exports = facts
    there = exports["75"]
    place = find(there, what="event")
    there.insert(place, there[place])
    assert "doubled" in sorts(judge(history, exports))


def test_a_step_that_is_not_there_is_lost(facts):
    history, exports = facts
    del exports["75"][find(exports["75"], what="event", number=1)]
    assert "lost" in sorts(judge(history, exports))


def test_a_record_that_stays_parked_is_stuck(facts):
    history, exports = facts
    parked = {"what": "parked", "stream": "x urgent up", "code": "C", "reason": "r", "applied": False}
    exports["75"].append(parked)
    assert sorts(judge(history, exports)) == {"stuck"}
