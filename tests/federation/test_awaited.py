"""What waits for a receipt, on each database: when it ends, when it rings, and that nothing else ends it."""

import tempfile
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from federation import heads, tables
from federation.awaited import Watch, settle, standing
from federation.ledger import PARENT, UP, Lane, Upto, append, down
from tests.federation.pairs import Centre, now, pump
from tests.federation.stores import on_postgresql, on_sqlite

WITHIN = timedelta(minutes=15)


@pytest.fixture(params=["sqlite", "postgresql"])
def stores(request, tmp_path):
    return (
        on_sqlite(tmp_path / "model.db")
        if request.param == "sqlite"
        else on_postgresql(request.getfixturevalue("postgresql"))
    )


def say(centre: Centre, audience: str, upto: Upto = Upto.PARENT, lane: Lane = Lane.URGENT) -> UUID:
    def step(session: Session) -> UUID:
        return append(session, lane=lane, audience=audience, kind="test.note", payload=b"x", now=now(), upto=upto)

    rid = centre.storage.write(step)
    centre.seal()
    return rid


def open_ones(centre: Centre) -> set[UUID]:
    registry = centre.registry()
    centre.storage.write(lambda session: settle(session, name=centre.name, registry=registry, now=now()))
    rows = centre.rows(tables.awaited)
    return {UUID(bytes=bytes(row.rid)) for row in rows if row.satisfied_at_us is None}


def watch_of(centre: Centre) -> Watch:
    return Watch(name=centre.name, registry=centre.registry, within=WITHIN, now=now())


def test_waits_end_ring_and_are_shown_on_both_databases(world, tmp_path, stores) -> None:
    child, parent = (Centre(world, code, tmp_path, stores) for code in ("26374", "731"))
    watch = watch_of(child)
    near, far, own = say(child, PARENT), say(child, PARENT, Upto.TOP), say(child, UP)
    say(child, UP, lane=Lane.REGULAR)
    say(child, down("n-" + "b" * 16 + ".lienthong.internal"))
    assert open_ones(child) == {near, far, own}
    late = now() + timedelta(minutes=16)
    assert [one.rid for one in child.storage.write(lambda session: watch.step(session, late))] == [far]
    assert sorted(code for code, *_ in child.alarms()) == ["NO_RECEIPT"] * 3
    pump(child, parent)
    assert open_ones(child) == {far}
    registry = child.registry()
    known = child.storage.read(lambda session: standing(session, far, name=child.name, registry=registry))
    assert [one.holder for one in known.confirmed] == [parent.name]
    assert (known.missing, known.is_late) == (world.name("75"), True)
    assert child.storage.write(lambda session: heads.Teller(child.name).step(session, registry, now()))
    child.seal()
    pump(child, parent)
    listener = heads.Listener(parent.name, registry, now() + timedelta(days=3))
    assert parent.storage.write(listener.watch) == 0
    assert parent.rows(tables.told_head)
    for centre in (child, parent):
        centre.storage.close()


def test_receipts_of_frames_that_were_taken_out_end_no_wait(world, tmp_path) -> None:
    child, parent = Centre(world, "26374", tmp_path), Centre(world, "731", tmp_path)
    say(child, PARENT)
    pump(child, parent)
    child.storage.write(lambda session: session.execute(update(tables.receipt).values(pos=0)))
    second = say(child, PARENT)
    assert second in open_ones(child)


def test_the_top_waits_for_nobody(world, tmp_path) -> None:
    top = Centre(world, "75", tmp_path)
    say(top, UP)
    watch = watch_of(top)
    assert top.storage.write(lambda session: watch.step(session, now() + timedelta(days=1))) == []
    assert top.rows(tables.awaited) == []
    assert top.alarms() == []


_STEPS = st.lists(st.sampled_from(["near", "far", "up", "carry", "look", "restart"]), min_size=1, max_size=12)


@given(_STEPS)
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_wait_ends_with_a_receipt_and_only_then(world, steps) -> None:
    """Whatever the order: what is open is what no receipt of the right centre covers, and each rings at most once."""
    with tempfile.TemporaryDirectory() as folder:
        child, parent = Centre(world, "26374", Path(folder)), Centre(world, "731", Path(folder))
        watch, carried, mine = watch_of(child), set[UUID](), dict[UUID, Upto]()
        for step in steps:
            if step == "carry":
                pump(child, parent)
                carried = {rid for rid, upto in mine.items() if upto is Upto.PARENT}
            elif step == "look":
                child.storage.write(lambda session: watch.step(session, now() + timedelta(hours=1)))
            elif step == "restart":
                child.restart()
            else:
                upto = Upto.TOP if step == "far" else Upto.PARENT
                mine[say(child, UP if step == "up" else PARENT, upto)] = upto
            assert open_ones(child) == mine.keys() - carried
        rung = child.storage.read(lambda session: session.execute(select(tables.alarm.c.subject)).scalars().all())
        assert len(rung) == len(set(rung))
        assert set(rung) <= {str(rid) for rid in mine}
        for centre in (child, parent):
            centre.storage.close()
