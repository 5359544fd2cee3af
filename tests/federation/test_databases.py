"""Delivery on the databases that a node has, and the fake one held to the same promises."""

import os
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
from federation.frame import NO_HASH, Frame, Genesis, Record, decode_record, encode_record, seal_frame
from federation.ledger import Lane, down, enclosure, new_rid
from federation.storage import Storage, touch
from tests.fakes.authority import FakeFederation
from tests.fakes.storage import FakeStorage
from tests.federation.pairs import Centre, deliver, keep, now, pump
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


def test_a_record_in_two_frames_of_one_step_has_one_effect_and_lies_in_the_first(centres) -> None:
    commune, district = centres["26374"], centres["731"]
    texts = [f"{number:03}" for number in range(250)]
    raws = [encode_record(Record(new_rid(now(), os.urandom), "test.note", 1, now(), 0, one.encode())) for one in texts]
    parts = [[], raws[:1], raws[1:121], [*raws[121:], *raws[100:130]], [raws[0]]]
    frames = chained(commune.keystore, parts)
    answers = district.take(commune, *(deliver(frame.raw, commune.name) for frame in frames))
    assert [answer.WhichOneof("body") for answer in answers] == ["ack"]
    assert district.effects() == texts
    rows = {bytes(row.rid): (row.pos, row.position) for row in district.rows(tables.record)}
    place = {index: (3, index - 1) if index < 121 else (4, index - 121) for index in range(1, 250)}
    places = {decode_record(raw).rid.bytes: place.get(index, (2, 0)) for index, raw in enumerate(raws)}
    assert rows == places


def test_what_is_wrong_with_one_frame_of_a_step_does_not_touch_the_others(centres) -> None:
    commune, district = centres["26374"], centres["731"]

    def record(text: str, kind: str = "test.note") -> bytes:
        return encode_record(Record(new_rid(now(), os.urandom), kind, 1, now(), 0, text.encode()))

    parts = [[], [record("a"), record("b")], [record("c"), record("x", "test.no"), b"?"], [record("d")]]
    frames = chained(commune.keystore, parts)
    district.take(commune, *(deliver(frame.raw, commune.name) for frame in frames))
    assert district.effects() == ["a", "b", "c", "d"]
    parked = sorted((row.pos, row.position, row.code) for row in district.rows(tables.parked))
    assert parked == [(3, 1, "NOT_TODAY"), (3, 2, "RECORD")]
    assert len(district.rows(tables.record)) == 5


def chained(signer, parts: list[list[bytes]]) -> list[Frame]:
    """Frames of one epoch with these records, the first of them a genesis."""
    made: list[Frame] = []
    for number, records in enumerate(parts):
        before = made[-1] if made else None
        made.append(
            seal_frame(
                signer=signer,
                lane="regular",
                audience="up",
                epoch=bytes(16),
                frame_no=number,
                first_seq=before.header.first_seq + before.header.count if before else 1,
                prev_frame_hash=before.hash if before else NO_HASH,
                records=records,
                sealed_at=now(),
                genesis=None if before else Genesis(b"", 0, NO_HASH, "first"),
            )
        )
    return made
