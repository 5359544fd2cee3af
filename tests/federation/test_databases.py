"""Delivery on the databases that a node has, and the fake one held to the same promises."""

from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import UUID

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import delete, insert, select, update
from sqlalchemy.exc import DBAPIError

from federation import survey, tables
from federation.alarm import latest, raise_alarm
from federation.ledger import Lane, down, enclosure
from federation.storage import Storage, touch
from tests.fakes.authority import FakeFederation
from tests.fakes.storage import FakeStorage
from tests.federation.pairs import Centre, keep, now, pump
from tests.federation.stores import on_postgresql, on_sqlite


@pytest.fixture(params=["fake", "sqlite", "postgresql"])
def open_storage(request) -> Callable[[Path], Storage]:
    if request.param == "fake":
        return FakeStorage
    if request.param == "sqlite":
        return on_sqlite(request.getfixturevalue("model"))
    return on_postgresql(request.getfixturevalue("postgresql"))


@pytest.fixture
def centres(world: FakeFederation, tmp_path: Path, open_storage) -> Iterator[dict[str, Centre]]:
    made = {code: Centre(world, code, tmp_path, open_storage) for code in ("75", "731", "26374")}
    yield made
    for centre in made.values():
        centre.storage.close()


def test_a_step_is_all_or_nothing_and_says_what_it_touched(tmp_path, open_storage) -> None:
    storage = open_storage(tmp_path / "a.db")
    heard: list[frozenset[str]] = []
    if isinstance(storage, FakeStorage):
        storage.on_commit = heard.append
    else:
        storage.on_commit(heard.append)

    def step(session, *, fails: bool) -> int:
        raise_alarm(session.connection(), "TEST", at=now(), peer="p", subject=str(fails), detail="d")
        touch(session, "ledger")
        if fails:
            raise RuntimeError("changed its mind")
        return 7

    with pytest.raises(RuntimeError):
        storage.write(lambda session: step(session, fails=True))
    assert storage.submit(lambda session: step(session, fails=False)).result() == 7
    assert [one.code for one in storage.read(latest)] == ["TEST"]
    storage.close()
    assert heard == [frozenset({"ledger"})]


def test_the_whole_way_up_and_down_and_parked_and_mended(centres) -> None:
    commune, district, province = centres["26374"], centres["731"], centres["75"]
    commune.say("a", "b", "c")
    commune.say("now", lane=Lane.URGENT)
    commune.append("poison", kind="test.no")
    commune.append("bug", kind="test.bug")
    commune.append("d")
    commune.seal()
    district.say("down", audience=down(commune.name))
    pump(commune, district)
    pump(district, province)
    pump(district, commune)
    for above in (district, province):
        assert sorted(above.effects()) == ["a", "b", "c", "d", "now"]
        assert {row.code for row in above.rows(tables.parked)} == {"NOT_TODAY", "HANDLER"}
        assert above.frames(commune.name) == commune.frames()
    assert commune.effects() == ["down"]
    rid = district.rows(tables.record)[0].rid
    assert district.storage.read(lambda session: enclosure(session, UUID(bytes=bytes(rid))))
    district.handlers["test.no"] = district.handlers["test.bug"] = keep
    district.restart()
    assert district.storage.write(lambda session: district.receiver.replay_parked(session, now())) == 2
    assert sorted(district.effects()) == ["a", "b", "bug", "c", "d", "now", "poison"]
    commune.restart()
    commune.say("after the restart")
    pump(commune, district)
    assert "after the restart" in district.effects()
    names = [commune.name, province.name]
    seen = district.storage.read(lambda session: survey.look(session, district.world.registry, district.name, names))
    assert seen.waiting == {commune.name: {}, province.name: {"regular": 1}}
    assert seen.parked == {}


def test_a_handler_that_breaks_a_rule_of_the_database_parks_its_record_alone(centres) -> None:
    commune, district = centres["26374"], centres["731"]

    def twice(session, inbound) -> None:
        values = {"pos": 1, "lane": "x", "audience": "x", "rid": bytes(16), "raw": b""}
        session.connection().execute(insert(tables.pending).values(values))
        session.connection().execute(insert(tables.pending).values(values))

    district.handlers["test.twice"] = twice
    district.restart()
    commune.append("a")
    commune.append("b", kind="test.twice")
    commune.append("c")
    commune.seal()
    pump(commune, district)
    assert district.effects() == ["a", "c"]
    assert [row.code for row in district.rows(tables.parked)] == ["HANDLER"]
    assert district.rows(tables.pending) == []


def test_the_migrations_make_what_the_tables_say(centres) -> None:
    storage = centres["75"].storage
    if isinstance(storage, FakeStorage):
        pytest.skip("the fake makes its tables from their description")
    with storage.engine.connect() as connection:
        options = {
            "include_object": lambda item, name, kind, *_: kind != "table" or (name or "").startswith("federation_")
        }
        assert compare_metadata(MigrationContext.configure(connection, opts=options), tables.metadata) == []


@pytest.mark.parametrize("change", [update(tables.alarm).values(detail="nothing"), delete(tables.alarm)])
def test_the_database_itself_refuses_to_edit_alarms(centres, change) -> None:
    storage = centres["75"].storage
    if isinstance(storage, FakeStorage):
        pytest.skip("the fake has no triggers")
    storage.write(
        lambda session: raise_alarm(session.connection(), "TEST", at=now(), peer="p", subject="s", detail="d")
    )
    with pytest.raises(DBAPIError, match="only added"):
        storage.write(lambda session: session.execute(change))
    assert len(storage.read(lambda session: session.execute(select(tables.alarm)).all())) == 1
