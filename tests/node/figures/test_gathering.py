"""What a centre makes of the states that it holds: replayed, late, out of order, lied about, skewed, unknown."""

from dataclasses import replace
from datetime import timedelta

import pytest

from node.figures import closing, hearing, rows
from node.figures.book import open_book
from node.figures.closing import Sheet
from node.figures.detail import detail
from node.figures.figure import Coverage, Status
from node.figures.gathering import gather
from node.figures.period import DAY_S
from node.figures.proving import Verdict, prove
from node.figures.state import Cell
from node.figures.view import unread
from node.figures.wire import Fold, encode_state
from tests.node.figures.conftest import CATALOGUE

COMMUNES = ("26374", "26377", "26173", "26179")


@pytest.fixture
def day(figures):
    """A day with one incident in each of two communes, closed by all and heard by all."""
    figures.midnight()
    figures.post("26374").open_litter()
    figures.post("26173").open_flood()
    figures.midnight()
    figures.close(*COMMUNES)
    figures.carry()
    return figures


def look(figures, code, indicator="incident.opened", area=""):
    post, period = figures.post(code), figures.last()
    place = closing.place_of(post.context, figures.clock.now(), area)
    definition = CATALOGUE.find(indicator, 1)
    return post.database.read(
        lambda session: detail(session, open_book(session, place, period, CATALOGUE, DAY_S), definition)
    )


def sign(figures, code, *statements):
    post, now = figures.post(code), figures.clock.now()
    sheet = Sheet(statements[0].period, statements)
    post.database.write(lambda session: closing.sign(session, post.context, [sheet], now))


def own(figures, code, indicator="incident.opened"):
    name = figures.post(code).name
    return [
        one
        for one in figures.states(code)
        if one.centre == name and one.statement.indicator == indicator and one.statement.fold is None
    ]


def test_zero_is_said_and_is_not_silence(day):
    found = day.gathered("75")
    assert (found.coverage, found.figure(1).value) == (Coverage(expected=4, received=4), 2)
    shares = {part.centre: part.stated.statement.cells for part in found.parts}
    assert shares[day.post("26377").name] == {}
    assert day.gathered("75", "incident.first_ack").figure(1).is_empty


def test_a_replayed_record_changes_nothing(day):
    before = day.states("75")
    for line in day.tree.lines.values():
        line.forget()
        line.repeats = 2
    day.carry()
    assert day.states("75") == before
    day.close(*COMMUNES)
    day.total("75")
    day.total("75")
    assert len(day.totals("75")) == 1


def test_revisions_out_of_order_come_to_the_same(day):
    first = own(day, "26374")[0]
    second = replace(
        first.statement, revision=2, supersedes=first.hash, reason="late_data", cells={("other", "2"): Cell(n=9)}
    )
    third = replace(second, revision=3, supersedes=bytes(32), cells={("other", "2"): Cell(n=4)})
    later = first.signed_at + timedelta(minutes=1)
    made = [
        replace(first, statement=said, raw=encode_state(said), rid=type(first.rid)(int=number), signed_at=later)
        for number, said in ((1, second), (2, third))
    ]
    definition, period = CATALOGUE.find("incident.opened", 1), day.last()
    place = closing.place_of(day.post("75").context, day.clock.now())
    states = [one for one in day.states("75") if one.statement.indicator == "incident.opened"]
    results = {
        gather(place, definition, period, order).figure(1).value
        for order in ([*states, *made], [*reversed(made), *states], [made[1], *states, made[0]])
    }
    assert results == {5}


def test_late_data_changes_its_own_period_only(day):
    earlier = day.last()
    day.total("75")
    day.midnight()
    day.close(*COMMUNES)
    day.carry()
    day.total("75")
    before = day.states("75")
    said = own(day, "26374")[0].statement
    day.later(hours=5)
    late = replace(
        said, period=earlier, revision=2, supersedes=bytes(32), reason="late_data", cells={("other", "2"): Cell(n=7)}
    )
    sign(day, "26374", late)
    day.carry()
    day.total("75")
    assert day.states("75") == before
    again = day.gathered("75", period=earlier)
    assert (again.figure(2).value, again.status, again.coverage.late) == (8, Status.FINAL, 0), "a correction"
    assert [
        one.statement.revision
        for one in day.states("75", earlier)
        if one.statement.fold and one.statement.indicator == "incident.opened"
    ] == [1, 2]


def test_an_earlier_revision_stays_and_still_verifies(day):
    day.total("75")
    day.post("75").seal()
    said = own(day, "26374")[0]
    sign(day, "26374", replace(said.statement, revision=2, supersedes=said.hash, cells={("other", "2"): Cell(n=3)}))
    day.carry()
    day.total("75")
    day.post("75").seal()
    found = look(day, "75")
    assert [(one["revision"], one["value"], one["verified"]) for one in found["revisions"]] == [
        (1, "2", True),
        (2, "4", True),
    ]
    share = next(one for one in found["centres"] if one["code"] == "26374")
    assert [(one["revision"], one["verified"]) for one in share["revisions"]] == [(1, True), (2, True)]
    assert share["revisions"][0]["signer_title"] == "COC phường Tam Phước"


def test_a_changed_byte_in_the_store_is_seen(day):
    post = day.post("75")
    stated = next(one for one in day.states("75") if one.centre == day.post("26374").name)
    registry = post.registry.current
    assert post.database.read(lambda session: prove(session, registry, stated)).verdict is Verdict.VALID
    altered = replace(stated, raw=stated.raw[:-1] + bytes([stated.raw[-1] ^ 1]))
    assert post.database.read(lambda session: prove(session, registry, altered)).verdict is Verdict.INVALID


def test_a_total_that_lies_is_shown_and_never_added(day):
    day.total("731")
    day.carry()
    honest = look(day, "75")
    assert [(one["title"], one["agrees"]) for one in honest["totals"]] == [("OC thành phố Biên Hòa", True)]
    claim = day.totals("731")[0]
    lie = replace(claim.statement, revision=2, supersedes=claim.hash, cells={("other", "2"): Cell(n=900)})
    sign(day, "731", lie)
    day.carry()
    found = look(day, "75")
    assert found["value"] == "2"
    assert [(one["value"], one["agrees"]) for one in found["totals"]] == [("900", False)]
    assert "KHÔNG khớp" in found["totals"][0]["agrees_title"]


def test_a_total_of_other_parts_is_not_called_a_lie(day):
    day.total("731")
    day.carry()
    said = own(day, "26374")[0]
    sign(day, "26374", replace(said.statement, revision=2, supersedes=said.hash, cells={("other", "2"): Cell(n=3)}))
    day.carry()
    assert [one["agrees"] for one in look(day, "75")["totals"]] == [None]


def test_a_centre_speaks_of_its_own_area_only(day):
    said = own(day, "26374")[0].statement
    sign(day, "26374", replace(said, area_code="26377", revision=2, supersedes=bytes(32)))
    day.carry()
    assert [code for code, _ in day.post("731").parked()] == ["AREA"]
    assert day.gathered("75").figure(1).value == 2


def test_a_state_that_its_definition_does_not_allow_is_parked(day):
    said = own(day, "26374")[0].statement
    sign(day, "26374", replace(said, revision=2, supersedes=bytes(32), cells={("nowhere", "2"): Cell(n=3)}))
    day.carry()
    assert [code for code, _ in day.post("75").parked()] == ["INVALID"]


@pytest.mark.parametrize("change", [{"indicator": "own.dogs"}, {"version": 9}, {"definition_hash": bytes(32)}])
def test_what_has_no_known_definition_is_kept_and_shown_and_not_added(day, change):
    said = own(day, "26374")[0].statement
    sign(day, "26374", replace(said, **change, revision=2, supersedes=bytes(32), cells={("nowhere", "2"): Cell(n=3)}))
    day.carry()
    assert day.post("75").parked() == []
    assert day.gathered("75").figure(1).value == 2
    post, period = day.post("75"), day.last()
    place = closing.place_of(post.context, day.clock.now())
    (stranger,) = post.database.read(
        lambda session: unread(open_book(session, place, period, CATALOGUE, DAY_S), CATALOGUE)
    )
    assert (stranger["title"], stranger["state_title"]) == ("COC phường Tam Phước", "Chưa biết định nghĩa")


def test_a_clock_that_is_ahead_is_seen_beside_the_number(figures):
    figures.midnight()
    commune, now = figures.post("26374"), figures.clock.now()
    real, commune.context.clock = commune.context.clock, None
    ahead = now + timedelta(hours=26)
    sheets = commune.database.read(
        lambda session: closing.own_sheets(session, commune.context, CATALOGUE, closing_sources(commune), ahead)
    )
    commune.database.write(lambda session: closing.sign(session, commune.context, sheets, ahead))
    commune.context.clock = real
    figures.carry()
    figures.midnight()
    stated = [one for one in figures.states("75") if one.centre == commune.name]
    assert stated
    assert all(one.is_clock_ahead for one in stated)
    share = next(one for one in look(figures, "75")["centres"] if one["code"] == "26374")
    assert share["revisions"][0]["clock_ahead"]


def closing_sources(post):
    from node.figures.feeding import sources

    return sources(post.context)


def test_what_a_centre_lost_and_is_given_back_counts_again(day):
    commune = day.post("26374")
    held = [one for one in day.states("75") if one.centre == commune.name]
    commune.database.write(lambda session: session.execute(rows.figure_state.delete()))
    assert own(day, "26374") == []
    payloads = {one.rid: None for one in held}
    assert len(payloads) == 1
    inbound = _given_back(day, held)
    registry = commune.registry.current
    commune.database.write(lambda session: hearing.hear(session, inbound, registry, CATALOGUE, now=day.clock.now()))
    day.close("26374")
    assert [one.statement.revision for one in own(day, "26374")] == [1]


def _given_back(day, held):
    from types import SimpleNamespace

    from node.figures.wire import encode_sheet

    first = held[0]
    payload = encode_sheet(first.as_of, [one.raw for one in held])
    return SimpleNamespace(
        rid=first.rid, origin=first.centre, sender=day.post("731").name, created_at=first.signed_at, payload=payload
    )


def test_where_zero_is_not_said_aloud_a_word_of_anything_is_enough(day):
    definition = CATALOGUE.find("dvc.petitions_in_time", 1)
    quiet = replace(definition, expect=replace(definition.expect, zero_is_significant=False))
    place = closing.place_of(day.post("75").context, day.clock.now())
    states = day.states("75")
    spoke = closing.spoke_at(states)[day.last()]
    found = gather(place, quiet, day.last(), [], spoke_at=spoke)
    assert (found.coverage.received, found.figure(0).is_empty) == (4, True)
    assert gather(place, definition, day.last(), [], spoke_at=spoke).coverage.received == 0


def test_a_fold_says_from_how_many_it_was_made(day):
    day.total("75")
    fold = day.totals("75")[0].statement.fold
    assert fold == Fold(Coverage(expected=4, received=4), day.gathered("75").root)
