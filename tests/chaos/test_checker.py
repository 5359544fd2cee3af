"""The checker, put to the test: whatever is taken away from, doubled in or moved within an export is seen."""

import ast
import copy
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.chaos import checker
from tests.chaos.checker import Verdict, judge

Lines = list[dict[str, Any]]
NAMES = {"75": "n-top", "731": "n-mid", "26374": "n-low"}
PARENTS = {"75": "", "731": "75", "26374": "731"}
MARKS = ("dauaaaaaz", "dauaaaabz", "dauaaaacz", "dauaaaadz")


def history() -> Lines:
    """Four calls: three that were told "recorded", of which two one after the other, and one that nobody knows of."""
    lines = [{"what": "tree", "at": 1, "parents": PARENTS, "names": NAMES}]
    for number, (mark, outcome) in enumerate(zip(MARKS, ("ok", "ok", "unknown", "ok"), strict=True)):
        call = {"call": number, "centre": "26374", "mark": mark}
        lines.append({"what": "begin", "at": 2 * number + 2, **call})
        lines.append({"what": "end", "at": 2 * number + 3, "call": number, "outcome": outcome})
    return lines


def stream(origin: str, epochs: list[list[str]]) -> Lines:
    """A stream to the parent, one alert per mark, over epochs."""
    place = {"origin": NAMES[origin], "lane": "urgent", "audience": "parent"}
    lines: Lines = []
    order = 0
    for number, marks in enumerate(epochs):
        epoch, before = f"e{origin}{number}", f"e{origin}{number - 1}" if number else ""
        lines.append({"what": "epoch", **place, "epoch": epoch, "previous_epoch": before})
        for seq, mark in enumerate(marks, start=1):
            order += 1
            rest = {"frame": seq, "seq": seq, "order": order, "rid": f"{origin}-{mark}", "marks": [mark]}
            lines.append({"what": "record", **place, "epoch": epoch, "kind": "incident.alert", **rest})
    head = {"what": "head", **place, "epoch": epoch, "frame": len(epochs[-1]), "order": order}
    return [*lines, head]


def effects(marks: tuple[str, ...]) -> Lines:
    return [{"what": "incident", "order": n, "id": f"i-{mark}", "mark": mark} for n, mark in enumerate(marks, start=1)]


def whole(lines: Lines) -> Lines:
    return [*lines, {"what": "end", "lines": len(lines)}]


def exports() -> dict[str, Lines]:
    low, mid = stream("26374", [[*MARKS[:2]], [*MARKS[2:]]]), stream("731", [[*MARKS]])
    return {
        "26374": whole(low + effects(MARKS)),
        "731": whole(low + mid + effects(MARKS)),
        "75": whole(mid + effects(MARKS)),
    }


def changed(code: str, change: Callable[[Lines], Lines]) -> Verdict:
    given = copy.deepcopy(exports())
    given[code] = change(given[code])
    return judge(history(), given)


def same_sequence(lines: Lines) -> list[tuple[int, int]]:
    """Pairs of lines that belong to one sequence, whose order means something."""

    def key(line: dict[str, Any]) -> tuple[Any, ...]:
        return line["what"], line.get("origin"), line.get("lane"), line.get("audience")

    numbers = range(len(lines))
    return [
        (one, other) for one in numbers for other in numbers if one < other and key(lines[one]) == key(lines[other])
    ]


def test_nothing_is_said_against_what_is_right() -> None:
    assert judge(history(), exports()) == Verdict()


@pytest.mark.parametrize("code", list(NAMES))
def test_a_line_that_is_deleted_is_seen(code: str) -> None:
    for number, line in enumerate(exports()[code]):
        verdict = changed(code, lambda lines, n=number: lines[:n] + lines[n + 1 :])
        assert verdict.lost or verdict.phantom, line
        if line["what"] == "record":
            assert verdict.lost, line


@pytest.mark.parametrize("code", list(NAMES))
def test_a_line_that_is_doubled_is_seen(code: str) -> None:
    for number, line in enumerate(exports()[code]):
        verdict = changed(code, lambda lines, n=number: lines[: n + 1] + lines[n:])
        assert not verdict.holds(), line
        if line["what"] in ("record", "incident"):
            assert verdict.doubled, line


@pytest.mark.parametrize("code", list(NAMES))
def test_lines_that_changed_places_are_seen(code: str) -> None:
    def swapped(lines: Lines, one: int, other: int) -> Lines:
        lines[one], lines[other] = lines[other], lines[one]
        return lines

    for one, other in same_sequence(exports()[code]):
        verdict = changed(code, lambda lines, a=one, b=other: swapped(lines, a, b))
        assert verdict.out_of_order, (one, other)


def without(marks: tuple[str, ...]) -> dict[str, Lines]:
    """Exports in which all numbers are right, and the top never heard of some marks."""
    rest = tuple(mark for mark in MARKS if mark not in marks)
    mid = stream("731", [[*rest]])
    given = exports()
    given["731"] = whole(stream("26374", [[*MARKS[:2]], [*MARKS[2:]]]) + mid + effects(MARKS))
    given["75"] = whole(mid + effects(rest))
    return given


def test_what_was_promised_and_is_nowhere_is_seen_though_all_numbers_are_right() -> None:
    assert judge(history(), without(MARKS[3:])).lost
    assert judge(history(), without(MARKS[2:3])) == Verdict()  # nobody was told that this one is recorded


def test_an_effect_that_happened_twice_is_seen_though_all_numbers_are_right() -> None:
    given = exports()
    given["75"] = whole(stream("731", [[*MARKS]]) + effects((*MARKS, MARKS[1])))
    verdict = judge(history(), given)
    assert verdict.doubled
    assert not verdict.lost


def test_an_order_that_is_not_that_of_the_calls_is_seen_though_all_numbers_are_right() -> None:
    turned = (MARKS[1], MARKS[0], *MARKS[2:])
    low, mid = stream("26374", [[*turned]]), stream("731", [[*turned]])
    given = {"26374": whole(low + effects(turned)), "731": whole(low + mid + effects(turned))}
    assert judge(history(), given | {"75": whole(mid + effects(turned))}).out_of_order


def test_what_nobody_said_is_seen() -> None:
    more = (*MARKS, "dauzzzzzz")
    given = exports()
    given["75"] = whole(stream("731", [[*more]]) + effects(more))
    assert judge(history(), given).phantom


def test_what_was_refused_must_not_be_there() -> None:
    lines = history()
    lines[2]["outcome"] = "failed"
    assert judge(lines, exports()).phantom


def test_a_call_without_an_end_may_have_gone_either_way() -> None:
    lines = [line for line in history() if (line["what"], line.get("call")) != ("end", 3)]
    assert judge(lines, exports()) == Verdict()
    assert judge(lines, without(MARKS[3:])) == Verdict()


def test_a_centre_that_gives_nothing_out_is_seen() -> None:
    given = exports()
    del given["75"]
    assert judge(history(), given).lost


def test_the_checker_imports_nothing_of_ours() -> None:
    module = ast.parse(Path(checker.__file__).read_text("utf-8"))
    names = {alias.name for node in ast.walk(module) if isinstance(node, ast.Import) for alias in node.names}
    names |= {node.module or "" for node in ast.walk(module) if isinstance(node, ast.ImportFrom)}
    assert {name.partition(".")[0] for name in names} <= sys.stdlib_module_names
