"""The judge of duty sees a step that is lost, doubled, moved or invented, and an incident that nobody answers for."""

import ast
from pathlib import Path

import pytest

from tests.chaos import duty
from tests.chaos.duty import judge

NAMES = {"731": "n-d", "26374": "n-c"}
INCIDENT = "ab12"


def history(outcome: str = "ok") -> list[dict]:
    lines: list[dict] = [{"what": "tree", "names": NAMES}]
    for call, centre, act in (("viec-26374-1", "26374", "escalate"), ("viec-26374-2", "26374", "note")):
        lines.append({"what": "step begins", "call": call, "centre": centre, "act": act, "incident": INCIDENT})
        lines.append({"what": "step ends", "call": call, "outcome": outcome})
    return lines


def export(*notes: str, holder: str = "n-c", state: str = "offered") -> list[dict]:
    lines: list[dict] = [{"what": "duty", "incident": INCIDENT, "holder": holder, "state": state}]
    for number, note in enumerate(notes, start=1):
        lines.append(
            {"what": "step", "incident": INCIDENT, "number": number, "centre": "n-c", "act": "x", "note": note}
        )
    return [*lines, {"what": "end", "lines": len(lines)}]


GOOD = ("opened", "Quá khả năng: viec-26374-1", "viec-26374-2")


def judged(below=None, above=None, outcome="ok"):
    return judge(history(outcome), {"26374": below or export(*GOOD), "731": above or export(*GOOD, state="elsewhere")})


def test_nothing_is_said_against_what_is_right() -> None:
    assert judged().words() == []


def test_a_step_that_was_said_to_be_done_and_is_nowhere_is_lost() -> None:
    assert judged(below=export(*GOOD[:2]), above=export(*GOOD[:2])).lost


def test_a_step_that_was_said_not_to_be_done_must_not_be_there() -> None:
    assert judged(outcome="failed").phantom
    assert judged(outcome="unknown").words() == []


def test_a_step_that_is_told_twice_or_in_another_order_or_by_nobody_is_seen() -> None:
    assert judged(above=export(*GOOD, GOOD[2])).doubled
    assert judged(above=export(GOOD[0], GOOD[2], GOOD[1])).out_of_order
    assert judged(above=export(*GOOD, "viec-26374-9")).phantom


@pytest.mark.parametrize(("holder", "state"), [("n-c", "elsewhere"), ("n-d", "held")])
def test_an_incident_for_which_nobody_answers_is_seen(holder, state) -> None:
    assert judged(below=export(*GOOD, holder=holder, state=state)).nobody_or_two


def test_two_who_answer_for_one_incident_are_seen() -> None:
    assert judged(above=export(*GOOD, holder="n-d", state="held")).nobody_or_two


def test_an_export_that_lacks_a_line_or_is_not_there_is_seen() -> None:
    whole = export(*GOOD)
    assert judged(below=[whole[0], *whole[2:]]).lost
    assert judge(history(), {"26374": whole}).lost


def test_the_judge_imports_nothing_of_ours() -> None:
    tree = ast.parse(Path(duty.__file__).read_text("utf-8"))
    imported = {one.module or "" for one in ast.walk(tree) if isinstance(one, ast.ImportFrom)}
    imported |= {name.name for one in ast.walk(tree) if isinstance(one, ast.Import) for name in one.names}
    assert {name.partition(".")[0] for name in imported} <= {
        "json",
        "sys",
        "collections",
        "dataclasses",
        "pathlib",
        "typing",
    }
