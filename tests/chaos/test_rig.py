"""A short run of the rig, and what the checker says of its real exports once one line is not as it was."""

import copy
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import pytest

from tests.chaos.checker import Line, judge, load
from tests.chaos.federation import CENTRES
from tests.chaos.rig import PLACES, WANTED_SHARE, Wishes, run

SAMPLES = 12


@pytest.mark.timeout(400)
async def test_nothing_is_lost_or_doubled_when_nodes_die_and_lines_break(tmp_path: Path) -> None:
    said: list[str] = []
    facts = await run(Wishes(cycles=4, seed=3, tell=said.append, folder=tmp_path))
    assert facts["ok"], (facts, said)
    assert (facts["lost"], facts["doubled"], facts["out_of_order"], facts["phantom"]) == (0, 0, 0, 0)
    assert facts["kills"] >= 4
    assert facts["in_flight_share"] >= WANTED_SHARE
    assert facts["judged"]["ok"] > 20
    assert facts["duty"]["steps"]["ok"] > 0
    _spoil(tmp_path)


def _spoil(folder: Path) -> None:
    """Delete, double or move a line of a receiver's real export: the checker must see it."""
    random = Random(1)  # noqa: S311 - chance, no secret
    history = load(folder / "history.jsonl")
    exports = {code: load(folder / f"export-{code}.jsonl") for code in CENTRES}
    assert judge(history, exports).holds()
    for code in ("731", "75"):
        lines = exports[code]
        records = [n for n, line in enumerate(lines) if line["what"] in ("record", "incident")]
        for number in random.sample(records, SAMPLES):
            assert _judged(history, exports, code, lambda all_, n=number: all_[:n] + all_[n + 1 :]).lost
            assert _judged(history, exports, code, lambda all_, n=number: all_[: n + 1] + all_[n:]).doubled
        neighbours = [n for n in records if n + 1 in records and _sequence(lines[n]) == _sequence(lines[n + 1])]
        for number in random.sample(neighbours, SAMPLES):
            swapped = [lines[number + 1], lines[number]]
            verdict = _judged(
                history, exports, code, lambda all_, n=number, two=swapped: all_[:n] + two + all_[n + 2 :]
            )
            assert verdict.out_of_order


def _judged(history: list[Line], exports: dict[str, list[Line]], code: str, change: Callable[[list[Line]], Any]):
    return judge(history, copy.copy(exports) | {code: change(exports[code])})


def _sequence(line: Line) -> tuple[Any, ...]:
    return line["what"], line.get("origin"), line.get("lane"), line.get("audience")


def test_every_place_is_one_that_the_code_passes() -> None:
    from federation.failpoint import NAMES

    named = {name for places in PLACES.values() for name in places}
    assert named <= NAMES
    assert len(named) >= 24
