"""The stand-alone verifier reads which states of figures a bundle proves, and misses no broken chain of revisions."""

from dataclasses import replace

import pytest

from federation.verify import figures
from federation.verify.proof import prove
from node.figures.figure import Coverage, Status
from node.figures.period import Period
from node.figures.state import Cell, StateType
from node.figures.wire import KIND, Fold, Statement, encode_sheet, encode_state, state_hash
from tests.federation.test_verify import NOW, Stream, export, federation

__all__ = ["federation"]
FIRST = Statement(
    indicator="test.one",
    version=1,
    definition_hash=bytes(32),
    area_code="26374",
    period=Period.parse("2025-06-01"),
    revision=1,
    status=Status.FINAL,
    kind=StateType.COUNT,
    cells={(): Cell(n=3)},
)
SECOND = replace(
    FIRST, revision=2, supersedes=state_hash(encode_state(FIRST)), reason="late_data", cells={(): Cell(n=4)}
)
TOTAL = replace(FIRST, fold=Fold(Coverage(expected=4, received=3), bytes(32)))


def verdict_of(federation, *sheets):
    stream = Stream(federation.commune, audience="up", lane="regular")
    stream.begin()
    for sheet in sheets:
        stream.add(
            encode_sheet(NOW, [one if isinstance(one, bytes) else encode_state(one) for one in sheet]), kind=KIND
        )
    return prove(export(federation, [stream]), federation.root_pem)


def test_the_two_implementations_agree_on_a_state():
    payload = encode_sheet(NOW, [encode_state(SECOND), encode_state(TOTAL)])
    second, total = figures.states_in("n-a", KIND, payload)
    assert (second.indicator, second.version, second.area_code, second.period) == ("test.one", 1, "26374", "2025-06-01")
    assert (second.revision, second.status, second.is_total) == (2, "A", False)
    assert second.digest == state_hash(encode_state(SECOND))
    assert second.supersedes == state_hash(encode_state(FIRST))
    assert total.is_total
    assert figures.states_in("n-a", "incident.alert", payload) == []


def test_every_state_is_counted_and_revisions_follow_each_other(federation):
    verdict = verdict_of(federation, [FIRST, TOTAL], [SECOND])
    assert verdict.faults == []
    assert verdict.centres[federation.commune.name].figures == 3


@pytest.mark.parametrize(
    "sheets",
    [
        [[FIRST], [replace(SECOND, supersedes=bytes(32))]],
        [[FIRST], [replace(SECOND, supersedes=state_hash(encode_state(TOTAL)))]],
        [[replace(FIRST, cells={(): Cell(n=9)})], [SECOND]],
        [[FIRST], [encode_state(replace(FIRST, supersedes=bytes(32)))]],
        [[FIRST], [b"\xff"]],
    ],
)
def test_a_broken_chain_of_revisions_names_its_centre(federation, sheets):
    verdict = verdict_of(federation, *sheets)
    assert {fault.centre for fault in verdict.faults} >= {federation.commune.name}


def test_a_beginning_that_was_given_up_is_no_fault(federation):
    assert verdict_of(federation, [SECOND]).faults == []
