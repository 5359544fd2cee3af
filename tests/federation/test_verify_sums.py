"""Totals added up again by the stand-alone verifier: nothing can be altered, dropped or doubled without a name."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from federation.verify import sums
from federation.verify.proof import prove
from node.figures.figure import Coverage, Status
from node.figures.period import Period
from node.figures.state import Cell, StateType, fold_all
from node.figures.wire import KIND, Fold, Statement, encode_sheet, encode_state, parts_root, state_hash
from tests.federation.test_verify import NOW, Stream, export, federation
from tests.node.figures.test_state import FOLDED, cells

__all__ = ["federation"]
LEAF = Statement(
    indicator="test.one",
    version=1,
    definition_hash=bytes(32),
    area_code="26374",
    period=Period.parse("2025-06-01"),
    revision=1,
    status=Status.FINAL,
    kind=StateType.COUNT,
    cells={("a",): Cell(n=3), ("b",): Cell(n=1)},
)
OTHER = replace(LEAF, area_code="731", cells={("a",): Cell(n=5)})


def total(federation, *leaves, **changed):
    """What a parent signs of these states; each is a pair of who signed it and the state."""
    parts = tuple(sorted((keys.name, said.revision, state_hash(encode_state(said))) for keys, said in leaves))
    folded = fold_all(leaves[0][1].kind, [said.cells for _, said in leaves])
    fold = Fold(Coverage(expected=len(parts), received=len(parts)), parts_root(parts), parts)
    return replace(leaves[0][1], **{"area_code": "75", "cells": folded, "fold": fold, **changed})


def verdict_of(federation, *said):
    """The bundle of a centre that holds these streams: who signed what."""
    streams = []
    for keys, states in said:
        stream = Stream(keys, audience="up", lane="regular")
        stream.begin()
        raws = [one if isinstance(one, bytes) else encode_state(one) for one in states]
        if raws:
            stream.add(encode_sheet(NOW, raws), kind=KIND)
        streams.append(stream)
    return prove(export(federation, streams), federation.root_pem)


def leaves(federation):
    return (federation.commune, LEAF), (federation.district, OTHER)


def test_a_total_is_held_against_the_states_of_the_communes(federation):
    one, other = leaves(federation)
    whole = total(federation, one, other)
    verdict = verdict_of(federation, (one[0], [LEAF]), (other[0], [OTHER]), (federation.province, [whole]))
    assert verdict.faults == []
    assert verdict.centres[federation.province.name].totals == 1


def test_an_altered_sum_names_who_signed_it(federation):
    one, other = leaves(federation)
    whole = total(federation, one, other, cells={("a",): Cell(n=9), ("b",): Cell(n=1)})
    verdict = verdict_of(federation, (one[0], [LEAF]), (other[0], [OTHER]), (federation.province, [whole]))
    assert [(fault.code, fault.centre) for fault in verdict.faults] == [("FIGURE_SUM", federation.province.name)]


def test_a_child_that_is_dropped_or_replaced_is_named(federation):
    one, other = leaves(federation)
    whole = total(federation, one, other)
    for there in ([], [replace(LEAF, cells={("a",): Cell(n=3)})]):
        verdict = verdict_of(federation, (one[0], there), (other[0], [OTHER]), (federation.province, [whole]))
        assert [(fault.code, fault.centre) for fault in verdict.faults] == [("FIGURE_PART", federation.commune.name)]


def test_a_child_that_is_counted_twice_is_seen(federation):
    one, other = leaves(federation)
    corrected = replace(LEAF, revision=2, supersedes=state_hash(encode_state(LEAF)))
    whole = total(federation, one, (one[0], corrected), other)
    said = (federation.province, [whole])
    verdict = verdict_of(federation, (one[0], [LEAF, corrected]), (other[0], [OTHER]), said)
    assert [(fault.code, fault.centre) for fault in verdict.faults] == [("FIGURE_ROOT", federation.province.name)]


def test_a_part_of_another_formula_or_a_total_in_the_place_of_a_part_is_seen(federation):
    one, other = leaves(federation)
    for changed in ({"definition_hash": bytes([1]) * 32}, {"period": Period.parse("2025-06-02")}):
        strange = replace(OTHER, **changed)
        whole = total(federation, one, (other[0], strange))
        said = ((one[0], [LEAF]), (other[0], [strange]), (federation.province, [whole]))
        faults = verdict_of(federation, *said).faults
        assert [(fault.code, fault.centre) for fault in faults] == [("FIGURE_PART", federation.district.name)]


def test_parts_that_do_not_give_the_root_are_seen(federation):
    one, other = leaves(federation)
    whole = total(federation, one, other)
    broken = replace(whole, fold=replace(whole.fold, parts=whole.fold.parts[:1]))
    verdict = verdict_of(federation, (one[0], [LEAF]), (other[0], [OTHER]), (federation.province, [broken]))
    assert [fault.code for fault in verdict.faults] == ["FIGURE_ROOT"]


@pytest.mark.parametrize("kind", FOLDED)
def test_the_two_implementations_add_alike(kind):
    @given(st.lists(cells(kind), min_size=1, max_size=4))
    def alike(several):
        said = [replace(LEAF, kind=kind, cells={("a",): one}) for one in several]
        whole = replace(LEAF, kind=kind, cells=fold_all(kind, [one.cells for one in said]))
        again = sums.together(kind.value, [sums.cells_of(encode_state(one)) for one in said])
        assert again == sums.cells_of(encode_state(whole))

    alike()
