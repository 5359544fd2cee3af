"""The bytes of a state: one way of writing, strict reading, and golden bytes that stay readable."""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from federation.receiver import Unacceptable
from node.figures import catalogue, wire
from node.figures.figure import Coverage, Status
from node.figures.period import DAY_S, Period, PeriodError, between, last_closed
from node.figures.state import Cell, StateType
from node.figures.wire import (
    Fold,
    Statement,
    decode_sheet,
    decode_state,
    encode_sheet,
    encode_state,
    misfit,
    parts_root,
)
from node.v1 import figure_pb2

GOLDEN = Path(__file__).with_name("state.hex")
NOW = datetime(2025, 6, 2, 1, tzinfo=UTC)
DEFINITION = catalogue.load().find("citizen.reports", 1)
SAID = Statement(
    indicator="citizen.reports",
    version=1,
    definition_hash=bytes(range(32)),
    area_code="26374",
    period=Period.parse("2025-06-01"),
    revision=2,
    status=Status.LATE,
    kind=StateType.COUNT,
    cells={("flood",): Cell(n=3), ("road",): Cell(n=1)},
    supersedes=bytes(32),
    reason="late_data",
    fold=Fold(Coverage(expected=4, received=3, silent=1), bytes(reversed(range(32)))),
)
DECIMALS = replace(
    SAID,
    kind=StateType.HIST,
    cells={(): Cell(n=3, counts=(1, 0, 2), total=Decimal("-12.5"))},
    period=Period.parse("2025-06-01T08:00:05/PT5S"),
    fold=None,
)


def test_golden_bytes_are_made_and_read_for_ever():
    for said, line in zip((SAID, DECIMALS), GOLDEN.read_text("ascii").splitlines(), strict=True):
        assert encode_state(said).hex() == line
        assert decode_state(bytes.fromhex(line)) == said


def test_a_sheet_keeps_the_bytes_of_each_state():
    states = [encode_state(SAID), encode_state(DECIMALS)]
    as_of, found = decode_sheet(encode_sheet(NOW, states))
    assert as_of == NOW
    assert [raw for raw, _ in found] == states
    assert [said for _, said in found] == [SAID, DECIMALS]


@pytest.mark.parametrize(
    "change",
    [
        {"indicator": "Citizen"},
        {"indicator": "citizen"},
        {"version": 0},
        {"revision": 0},
        {"revision": 1},
        {"supersedes": b"x"},
        {"definition_hash": b""},
        {"area_code": "26374x"},
        {"area_code": ""},
        {"period": "2025-6-1"},
        {"period": "2025-06-01T00:00:00/PT86400S"},
        {"status": "Z"},
        {"type": "float"},
        {"reason": "Vì trễ"},
    ],
)
def test_impossible_states_are_refused(change):
    message = figure_pb2.FigureState.FromString(encode_state(SAID))
    for name, value in change.items():
        setattr(message, name, value)
    with pytest.raises(Unacceptable):
        decode_state(message.SerializeToString())


@pytest.mark.parametrize(
    "cell",
    [
        {"n": 2**63},
        {"sum": "1"},
        {"dimensions": ["Lũ"]},
        {"dimensions": ["a"] * 9},
        {"value": "1.0"},
        {"counts": [1]},
    ],
)
def test_impossible_cells_are_refused(cell):
    message = figure_pb2.FigureState.FromString(encode_state(SAID))
    message.cells[0].CopyFrom(figure_pb2.FigureCell(**cell))
    with pytest.raises(Unacceptable):
        decode_state(message.SerializeToString())


def test_one_cell_twice_and_impossible_folds_are_refused():
    message = figure_pb2.FigureState.FromString(encode_state(SAID))
    message.cells.append(message.cells[0])
    with pytest.raises(Unacceptable):
        decode_state(message.SerializeToString())
    message = figure_pb2.FigureState.FromString(encode_state(SAID))
    message.fold.received = 5
    with pytest.raises(Unacceptable):
        decode_state(message.SerializeToString())


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"\xff",
        encode_sheet(datetime(1999, 1, 1, tzinfo=UTC), [encode_state(SAID)]),
        encode_sheet(NOW, []),
        encode_sheet(NOW, [encode_state(SAID)] * 201),
        encode_sheet(NOW, [b"\xff"]),
    ],
)
def test_impossible_sheets_are_refused(payload):
    with pytest.raises(Unacceptable):
        decode_sheet(payload)


@given(st.binary(max_size=400))
def test_junk_is_refused_and_never_crashes(raw):
    try:
        decode_state(raw)
    except Unacceptable:
        return


def test_what_a_definition_does_not_allow():
    fitting = replace(SAID, definition_hash=DEFINITION.hash)
    assert misfit(DEFINITION, fitting) is None
    for change in (
        {"kind": StateType.RATIO, "cells": {}},
        {"cells": {("nowhere",): Cell(n=1)}},
        {"cells": {(): Cell(n=1)}},
        {"cells": {("flood", "1"): Cell(n=1)}},
    ):
        assert misfit(DEFINITION, replace(fitting, **change))


def test_the_root_names_exactly_the_parts_that_were_used():
    parts = [("n-a", 1, bytes(32)), ("n-b", 2, bytes(32))]
    root = parts_root(parts)
    assert root == parts_root(reversed(parts))
    assert root not in {
        parts_root(parts[:1]),
        parts_root([*parts, parts[0]]),
        parts_root([("n-a", 2, bytes(32)), parts[1]]),
    }
    assert wire.state_hash(b"a") != wire.state_hash(b"b")


# periods -------------------------------------------------------------------------------------------------------------


@given(st.datetimes(datetime(2001, 1, 1), datetime(2199, 1, 1)), st.sampled_from([2, 5, 60, 3600, DAY_S]))  # noqa: DTZ001 - made aware below
def test_every_moment_lies_in_one_period_that_its_key_names(moment, seconds):
    moment = moment.replace(tzinfo=UTC)
    period = Period.of(moment, seconds)
    assert period.begin <= moment < period.end
    assert Period.parse(period.key) == period
    assert period.after().begin == period.end
    assert period.after().before() == period
    assert last_closed(moment, seconds).end == period.begin


def test_a_day_begins_at_midnight_in_vietnam():
    period = Period.of(datetime(2025, 5, 31, 17, tzinfo=UTC), DAY_S)
    assert (period.key, period.local_date.isoformat()) == ("2025-06-01", "2025-06-01")
    assert Period.of(datetime(2025, 5, 31, 16, 59, 59, tzinfo=UTC), DAY_S).key == "2025-05-31"
    assert len(list(between(period, period.before(-3)))) == 4


@pytest.mark.parametrize(
    "key", ["", "2025-06-31", "2025-06-01T00:00:03/PT5S", "2025-06-01T00:00:00/PT7S", "1999-01-01"]
)
def test_what_names_no_period(key):
    with pytest.raises(PeriodError):
        Period.parse(key)
