"""Every edit of a database is named with the record it hurt, on both databases, and what others hold shows the rest."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import delete, select

from federation import tables
from federation.examination.finding import Fault, Finding
from federation.examination.walk import Walk, walk_through
from federation.ledger import Lane, Sealer, down
from federation.storage import Storage
from tests.fakes.authority import FakeFederation
from tests.federation.pairs import Centre, now, pump
from tests.federation.stores import edit, on_postgresql, on_sqlite


@pytest.fixture(params=["sqlite", "postgresql"])
def open_storage(request) -> Callable[[Path], Storage]:
    if request.param == "sqlite":
        return on_sqlite(request.getfixturevalue("model"))
    return on_postgresql(request.getfixturevalue("postgresql"))


@pytest.fixture
def centres(world: FakeFederation, tmp_path: Path, open_storage) -> Iterator[dict[str, Centre]]:
    """A commune whose records are at the district and the province; two epochs, two lanes, parked ones."""
    made = {code: Centre(world, code, tmp_path, open_storage) for code in ("75", "731", "26374")}
    commune, district, province = made["26374"], made["731"], made["75"]
    for text in ("a", "b", "c"):
        commune.say(text, f"{text}{text}")
    commune.say("now", lane=Lane.URGENT)
    commune.append("poison", kind="test.no")
    commune.restart()
    commune.say("after the restart", "and more")
    district.say("down", audience=down(commune.name))
    pump(commune, district)
    pump(district, province)
    pump(district, commune)
    yield made
    for centre in made.values():
        centre.storage.close()


def examine(centre: Centre, *, step: int = 200) -> list[Finding]:
    walk = Walk(lambda: centre.world.registry)

    def read(look):
        if look == walk.step:
            return centre.storage.read(lambda session: walk.step(session, step))
        return centre.storage.read(look)

    return list(walk_through(read, walk))


def stream_id(centre: Centre, origin: Centre, lane: str = "regular", audience: str = "up") -> int:
    return next(
        row.id
        for row in centre.rows(tables.stream)
        if (row.origin, row.lane, row.audience) == (origin.name, lane, audience)
    )


def frame(centre: Centre, origin: Centre, pos: int):
    where = (tables.frame.c.stream_id == stream_id(centre, origin)) & (tables.frame.c.pos == pos)
    return centre.storage.read(lambda session: session.execute(select(tables.frame).where(where)).one())


def flipped(raw: bytes, at: int) -> bytes:
    at %= len(raw)
    return raw[:at] + bytes([raw[at] ^ 1]) + raw[at + 1 :]


@pytest.mark.parametrize("step", [1, 2, 200])
def test_nothing_is_wrong_with_what_nobody_touched(centres, step) -> None:
    for centre in centres.values():
        assert examine(centre, step=step) == []


@pytest.mark.parametrize("holder", ["26374", "731", "75"])
@pytest.mark.parametrize("at", [3, 90, 250, -70, -1])
def test_a_flipped_byte_names_its_frame(centres, holder, at) -> None:
    centre, commune = centres[holder], centres["26374"]
    row = frame(centre, commune, 3)
    where = {"id": stream_id(centre, commune), "pos": 3}
    edit(
        centre.storage,
        "UPDATE federation_frame SET raw = :raw WHERE stream_id = :id AND pos = :pos",
        raw=flipped(bytes(row.raw), at),
        **where,
    )
    [found] = examine(centre)
    assert (found.fault, found.stream.origin, found.stream.lane) == (Fault.BYTES, commune.name, "regular")
    assert (found.stream.audience, found.epoch, found.frame_no) == ("up", bytes(row.epoch), row.frame_no)
    assert (found.seq, found.last_seq, found.pos) == (3, 4, 3)
    assert "frame 2, seq 3-4" in found.sentence


@pytest.mark.parametrize("holder", ["26374", "731"])
def test_a_frame_removed_in_the_middle_is_named(centres, holder) -> None:
    centre, commune = centres[holder], centres["26374"]
    row = frame(centre, commune, 3)
    edit(centre.storage, "DELETE FROM federation_frame WHERE stream_id = :id AND pos = 3", id=row.stream_id)
    [found] = [one for one in examine(centre) if one.fault is not Fault.INDEX]
    assert (found.fault, found.epoch, found.frame_no, found.last_frame_no) == (Fault.MISSING, bytes(row.epoch), 2, 2)
    assert (found.seq, found.last_seq, found.pos, found.last_pos) == (3, 4, 3, 3)


def test_a_gap_that_was_closed_again_is_named_all_the_same(centres) -> None:
    commune = centres["26374"]
    number = stream_id(commune, commune)
    edit(commune.storage, "DELETE FROM federation_frame WHERE stream_id = :id AND pos = 3", id=number)
    for pos in range(4, 7):
        move = "UPDATE federation_frame SET pos = pos - 1 WHERE stream_id = :id AND pos = :pos"
        edit(commune.storage, move, id=number, pos=pos)
    found = examine(commune)
    missing = next(one for one in found if one.fault is Fault.MISSING)
    assert (missing.frame_no, missing.last_frame_no, missing.seq, missing.last_seq) == (2, 2, 3, 4)


def test_the_end_of_an_epoch_removed_is_named(centres) -> None:
    commune = centres["26374"]
    number = stream_id(commune, commune)
    last = max(row.pos for row in commune.rows(tables.frame) if row.stream_id == number and row.frame_no == 0) - 1
    edit(commune.storage, "DELETE FROM federation_frame WHERE stream_id = :id AND pos = :pos", id=number, pos=last)
    found = next(one for one in examine(commune) if one.fault is Fault.MISSING)
    assert found.frame_no == found.last_frame_no == last - 1


COLUMNS = {
    "epoch": "epoch = decode('00112233445566778899aabbccddeeff', 'hex')",
    "frame_no": "frame_no = frame_no + 100",
    "size": "size = size + 1",
    "end_count": "end_count = end_count + 1",
    "sender": "sender = 'n-somebodyelse.lienthong.internal'",
    "at_us": "at_us = at_us - 1",
}


@pytest.mark.parametrize("column", COLUMNS)
def test_a_changed_row_names_its_frame(centres, column) -> None:
    commune = centres["26374"]
    change = COLUMNS[column]
    if "sqlite" in str(commune.storage.engine.url):
        change = change.replace("decode('", "x'").replace("', 'hex')", "'")
    number = stream_id(commune, commune)
    statement = f"UPDATE federation_frame SET {change} WHERE stream_id = :id AND pos = 3"  # noqa: S608 - our own words
    edit(commune.storage, statement, id=number)
    found = [one for one in examine(commune) if one.fault is Fault.ROW]
    assert (found[0].frame_no, found[0].seq, found[0].last_seq) == (2, 3, 4)
    assert column in found[0].reason


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ("UPDATE federation_stream SET frame_no = frame_no - 1 WHERE id = :id", Fault.HEAD),
        ("UPDATE federation_stream SET head_count = head_count + 1 WHERE id = :id", Fault.HEAD),
        ("UPDATE federation_stream SET origin_no = 99 WHERE id = :id", Fault.STREAM),
        ("UPDATE federation_epoch SET previous_frame_no = 9 WHERE stream_id = :id AND first_pos = 1", Fault.EPOCH),
        ("DELETE FROM federation_epoch WHERE stream_id = :id AND first_pos > 1", Fault.EPOCH),
        ("DELETE FROM federation_record WHERE stream_id = :id AND pos = 3 AND position = 1", Fault.INDEX),
        ("UPDATE federation_record SET pos = 4 WHERE stream_id = :id AND pos = 3 AND position = 1", Fault.INDEX),
        ("UPDATE federation_record SET position = 1 WHERE stream_id = :id AND pos = 3 AND position = 0", Fault.INDEX),
        ("UPDATE federation_cursor SET pos = 99 WHERE stream_id = :id", Fault.CURSOR),
        ("UPDATE federation_cursor SET count = count - 1 WHERE stream_id = :id", Fault.CURSOR),
        ("UPDATE federation_receipt SET received_at_us = 1 WHERE stream_id = :id", Fault.RECEIPT),
        ("UPDATE federation_receipt SET receiver = 'somebody' WHERE stream_id = :id", Fault.RECEIPT),
    ],
)
def test_a_changed_row_beside_the_frames_is_named(centres, change, fault) -> None:
    commune = centres["26374"]
    edit(commune.storage, change, id=stream_id(commune, commune))
    found = examine(commune)
    assert fault in {one.fault for one in found}
    assert {one.stream.origin for one in found} == {commune.name}
    if fault is Fault.INDEX:
        assert {one.seq for one in found} <= {3, 4}


def test_a_record_that_is_said_to_be_parked_or_is_not_is_named(centres) -> None:
    district = centres["731"]
    edit(district.storage, "UPDATE federation_parked SET kind = 'test.note'")
    [found] = examine(district)
    assert (found.fault, found.stream.origin) == (Fault.PARKED, centres["26374"].name)
    assert found.rid


def test_a_record_that_waits_and_was_changed_is_named(centres) -> None:
    commune = centres["26374"]
    commune.append("waits")
    raw = bytes(commune.rows(tables.pending)[0].raw)
    edit(commune.storage, "UPDATE federation_pending SET raw = :raw", raw=flipped(raw, 5))
    assert [one.fault for one in examine(commune)] == [Fault.PENDING]


@pytest.mark.parametrize("is_head_moved", [False, True])
def test_a_cut_tail_is_named(centres, is_head_moved) -> None:
    """Also where the head was set back with it: then the parent's receipts say so."""
    commune = centres["26374"]
    number = stream_id(commune, commune)
    head = next(row for row in commune.rows(tables.stream) if row.id == number)
    cut_from = head.head_pos - 1
    last = frame(commune, commune, cut_from - 1)
    edit(commune.storage, "DELETE FROM federation_frame WHERE stream_id = :id AND pos >= :pos", id=number, pos=cut_from)
    if is_head_moved:
        forget(commune, number, last)
    found = [one for one in examine(commune) if one.fault is Fault.CUT]
    assert [(one.stream.origin, one.stream.lane, one.stream.audience) for one in found] == [
        (commune.name, "regular", "up")
    ]
    assert (found[0].epoch, found[0].last_frame_no) == (bytes(head.epoch), head.frame_no)


def forget(centre: Centre, number: int, last) -> None:
    """Set everything back to a frame as if nothing had followed, except what others signed."""
    edit(
        centre.storage,
        "UPDATE federation_stream SET epoch = :epoch, frame_no = :no, frame_hash = :hash, head_pos = :pos, "
        "head_count = :count, next_seq = :seq WHERE id = :id",
        epoch=bytes(last.epoch),
        no=last.frame_no,
        hash=bytes(last.frame_hash),
        pos=last.pos,
        count=last.end_count,
        seq=last.end_count + 1 if last.frame_no else 1,
        id=number,
    )
    for table, pos in ((tables.record, tables.record.c.pos), (tables.epoch, tables.epoch.c.first_pos)):
        gone = delete(table).where(table.c.stream_id == number, pos > last.pos)
        centre.storage.write(lambda session, gone=gone: session.execute(gone))


def test_a_chain_rewritten_with_the_centres_own_key_is_named_by_receipts(centres, tmp_path) -> None:
    commune = centres["26374"]
    number = stream_id(commune, commune)
    last = frame(commune, commune, 2)
    edit(commune.storage, "DELETE FROM federation_frame WHERE stream_id = :id AND pos > 2", id=number)
    forget(commune, number, last)
    sealer = Sealer(commune.keystore, lambda _count: bytes(last.epoch), now)
    commune.sealer = sealer
    for _ in range(6):
        commune.say("never was", "said so")
    found = examine(commune)
    assert {one.fault for one in found} >= {Fault.REWRITTEN}
    assert {one.stream.origin for one in found} == {commune.name}
