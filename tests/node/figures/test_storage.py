"""States and readings on SQLite and on PostgreSQL, under the migrated tables."""

import os
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from federation.ledger import new_rid
from node.database import Database, migrate
from node.figures import catalogue, rows
from node.figures.period import DAY_S, Period
from node.figures.reading import Asked, fold_readings
from node.figures.rows import Stated
from node.figures.wire import encode_state, state_hash
from node.histories import own
from node.incident import readings
from node.incident.act import Desk, open_incident, perform
from node.incident.value import IncidentKind, Severity
from node.territory import Centre, Tier
from tests.fakes.clock import FakeClock
from tests.node.figures.test_wire import SAID

NOW = datetime(2025, 6, 2, 1, tzinfo=UTC)
ME = Centre("n-a", "26374", "COC phường Tam Phước", Tier.COC, "26374", None)
KIND = IncidentKind("citizen.road", "Đường", None)


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request, tmp_path):
    is_sqlite = request.param == "sqlite"
    url = f"sqlite:///{tmp_path / 'node.db'}" if is_sqlite else request.getfixturevalue("postgresql").new_database()
    with closing(Database(url, FakeClock())) as found:
        migrate(found.engine, own())
        yield found


def stated(revision=1, period="2025-06-01", rid=None, **more):
    said = replace(SAID, revision=revision, supersedes=b"" if revision == 1 else bytes(32), period=Period.parse(period))
    raw = encode_state(replace(said, **more))
    return Stated(
        rid=rid or new_rid(NOW, os.urandom),
        centre="n-a",
        statement=replace(said, **more),
        raw=raw,
        hash=state_hash(raw),
        as_of=NOW,
        signed_at=NOW + timedelta(minutes=revision),
        received_at=NOW,
        via="n-b",
    )


def test_states_are_kept_as_they_came_and_once(database):
    first, second, other = stated(), stated(2, fold=None), stated(period="2025-05-31")
    assert database.write(lambda session: rows.keep(session, [first])) == 1
    assert database.write(lambda session: rows.keep(session, [first])) == 0
    database.write(lambda session: rows.keep(session, [second]))
    database.write(lambda session: rows.keep(session, [other]))
    period = Period.parse("2025-06-01")
    found = database.read(lambda session: rows.in_periods(session, [period]))
    assert found == [first, second]
    assert rows.newest(reversed(found)) == second
    assert rows.newest([]) is None
    assert database.read(lambda session: rows.of_centre(session, "n-b", [period])) == []
    assert database.read(lambda session: rows.known_periods(session, 9)) == [period, period.before()]
    heard = database.read(lambda session: rows.periods_heard_since(session, NOW, DAY_S, period.before(9).begin))
    assert heard == {period}, "the other two were folds"
    assert database.read(lambda session: rows.periods_heard_since(session, NOW + timedelta(1), DAY_S, NOW)) == set()


def ask(database, source, days):
    definition = catalogue.load().find(source.indicator, 1)
    last = Period.of(NOW, DAY_S)
    periods = [last.before(back) for back in reversed(range(days))]
    asked = Asked(centre=ME.name, periods=periods, definition=definition)
    found = database.read(lambda session: list(source.read(session, asked)))
    return [fold_readings(definition, periods, found)[period] for period in periods]


def test_the_incident_book_can_be_read_again_for_days_that_are_over(database):
    """One of two days ago is received soon and resolved today; one stays open; one is another centre's."""

    def opening(session, centre, now, severity):
        return open_incident(
            session,
            centre=centre,
            kind=KIND,
            severity=severity,
            title="Ổ gà",
            description="",
            area_code="26374",
            place=None,
            category="",
            thumbnail=None,
            actor="x",
            now=now,
            random=os.urandom,
        )

    def act(incident, name, now, **fields):
        desk = Desk(ME, "x", now)
        database.write(lambda session: perform(session, desk, incident.id, name, version=None, fields=fields))

    before = NOW - timedelta(days=2)
    one = database.write(lambda session: opening(session, ME, before, Severity.HIGH))
    database.write(lambda session: opening(session, ME, NOW, Severity.LOW))
    elsewhere = replace(ME, name="n-z", code="26377")
    database.write(lambda session: session.execute(readings.incident.update().values(own_number=None)))
    database.write(lambda session: opening(session, elsewhere, NOW, Severity.LOW))
    act(one, "receive", before + timedelta(minutes=40))
    act(one, "resolve", NOW, note="xong")
    sources = {source.indicator: source for source in readings.SOURCES}
    opened = ask(database, sources["incident.opened"], 3)
    assert [{place: cell.n for place, cell in cells.items()} for cells in opened] == [
        {("citizen.road", "3"): 1},
        {},
        {("citizen.road", "1"): 1},
    ]
    assert [cells[()].value for cells in ask(database, sources["incident.open"], 4)] == [0, 1, 1, 1]
    first = ask(database, sources["incident.first_ack"], 3)
    assert first[0][()].counts == (0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0)
    assert first[1:] == [{}, {}]
    in_time = ask(database, sources["incident.resolved_in_time"], 3)
    assert (in_time[2][()].numerator, in_time[2][()].denominator) == (0, 1), "urgent, and two days old"
