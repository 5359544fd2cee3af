"""What was damaged is put back from a neighbour's copy or derived anew, and nothing is put back that does not fit."""

import pytest

from federation import tables
from federation.examination.copies import NoCopies, Shelf, compare, read_file, state_heads
from federation.examination.finding import Fault
from federation.examination.mend import mend
from federation.export import export_frames
from federation.ledger import Sealer
from federation.v1 import copies_pb2
from tests.federation.pairs import Centre, now, pump
from tests.federation.stores import edit
from tests.federation.test_examination import (  # noqa: F401 - fixtures
    centres,
    examine,
    flipped,
    forget,
    frame,
    open_storage,
    stream_id,
)


def copies(holder: Centre, *, heads: bool = True) -> Shelf:
    """A bundle of another centre, as a file brings it, and its heads."""
    registry = holder.world.registry
    raw = holder.storage.read(lambda session: export_frames(session, registry, holder.keystore, now()))
    shelf = read_file(raw, registry.public_key)
    for signed in holder.storage.read(lambda session: state_heads(session, holder.keystore, now(), registry)):
        assert not heads or shelf.add_head(signed)
    return shelf


def against(centre: Centre, shelf: Shelf):
    return centre.storage.read(
        lambda session: list(compare(session.connection(), shelf, centre.world.registry, centre.name))
    )


def mended(centre: Centre, shelf: Shelf):
    outcome = []
    for _ in range(3):
        found = examine(centre) + against(centre, shelf)
        if not found:
            break
        outcome += centre.storage.write(lambda session, found=found: mend(session, found, shelf, now(), centre.name))
    return outcome


def everything(centre: Centre) -> dict[str, list]:
    """All rows; when a frame arrived is nobody's to give back, so it is left out."""
    names = ("record", "stream", "epoch", "parked", "cursor", "pending")
    found = {name: sorted(map(repr, centre.rows(getattr(tables, name)))) for name in names}
    timeless = [
        tuple(value for name, value in row._mapping.items() if name != "at_us") for row in centre.rows(tables.frame)
    ]
    return found | {"frame": sorted(map(repr, timeless))}


@pytest.mark.parametrize(
    ("holder", "giver", "change"),
    [
        ("26374", "731", "UPDATE federation_frame SET raw = :raw WHERE stream_id = :id AND pos = 3"),
        ("731", "26374", "UPDATE federation_frame SET raw = :raw WHERE stream_id = :id AND pos = 3"),
        ("731", "75", "UPDATE federation_frame SET raw = :raw WHERE stream_id = :id AND pos = 6"),
        ("26374", "731", "DELETE FROM federation_frame WHERE stream_id = :id AND pos IN (2, 3, 5)"),
        ("26374", "731", "DELETE FROM federation_frame WHERE stream_id = :id AND pos >= 5"),
        ("731", "75", "DELETE FROM federation_frame WHERE stream_id = :id AND pos >= 5"),
        ("26374", "731", "UPDATE federation_frame SET frame_no = 99, size = 1 WHERE stream_id = :id AND pos = 3"),
        ("26374", "731", "UPDATE federation_stream SET head_count = 1, next_seq = 1 WHERE id = :id"),
        ("26374", "731", "UPDATE federation_epoch SET previous_frame_no = 9 WHERE stream_id = :id"),
        ("26374", "731", "DELETE FROM federation_record WHERE stream_id = :id AND pos = 3"),
        ("731", "26374", "UPDATE federation_record SET position = 7 WHERE stream_id = :id AND position = 1"),
        ("26374", "731", "UPDATE federation_cursor SET pos = 99 WHERE stream_id = :id"),
        ("26374", "731", "UPDATE federation_parked SET kind = 'other'"),
    ],
)
def test_what_was_edited_is_as_before(centres, holder, giver, change) -> None:  # noqa: F811 - a fixture
    centre, commune = centres[holder], centres["26374"]
    if "parked" in change:
        centre = centres["731"]
    before = everything(centre)
    pos = 6 if "pos = 6" in change else 3
    raw = {"raw": flipped(bytes(frame(centre, commune, pos).raw), -2)} if ":raw" in change else {}
    number = {"id": stream_id(centre, commune)} if ":id" in change else {}
    edit(centre.storage, change, **raw, **number)
    assert examine(centre) != []
    outcome = mended(centre, copies(centres[giver]))
    assert [one for one in outcome if not one.done] == []
    assert examine(centre) == []
    assert everything(centre) == before


def test_a_tail_cut_with_everything_that_spoke_of_it_comes_back_and_the_chain_goes_on(centres) -> None:  # noqa: F811 - a fixture
    """A roll-back of the whole file: nothing here contradicts it, only the parent's head does."""
    commune, district = centres["26374"], centres["731"]
    number = stream_id(commune, commune)
    frames = commune.frames()
    edit(commune.storage, "DELETE FROM federation_frame WHERE stream_id = :id AND pos > 2", id=number)
    edit(commune.storage, "DELETE FROM federation_receipt WHERE stream_id = :id AND pos > 2", id=number)
    edit(commune.storage, "UPDATE federation_cursor SET pos = 2, count = 2 WHERE stream_id = :id", id=number)
    forget(commune, number, frame(commune, commune, 2))
    assert examine(commune) == []
    shelf = copies(district)
    found = against(commune, shelf)
    assert {one.fault for one in found} == {Fault.CUT}
    assert {(one.stream.origin, one.stream.lane) for one in found} == {(commune.name, "regular")}
    assert found[0].frame_no == 0 or found[0].frame_no == 2
    assert all(one.done for one in mended(commune, shelf))
    assert commune.frames() == frames
    assert examine(commune) + against(commune, shelf) == []
    commune.restart()
    commune.say("later")
    pump(commune, district)
    assert "later" in district.effects()
    assert len(district.effects()) == len(set(district.effects()))


def test_heads_in_a_file_show_what_a_database_no_longer_knows(centres) -> None:  # noqa: F811 - a fixture
    commune, district = centres["26374"], centres["731"]
    registry = commune.world.registry
    heads = district.storage.read(
        lambda session: state_heads(session, district.keystore, now(), registry, commune.name)
    )
    raw = copies_pb2.HeldHeads(heads=heads).SerializeToString()
    assert against(commune, read_file(raw, registry.public_key)) == []
    number = stream_id(commune, commune)
    edit(commune.storage, "DELETE FROM federation_frame WHERE stream_id = :id AND pos = 6", id=number)
    forget(commune, number, frame(commune, commune, 5))
    [found] = against(commune, read_file(raw, registry.public_key))
    assert (found.fault, found.frame_no, found.seq) == (Fault.CUT, 1, 1)


def test_a_chain_rewritten_with_the_centres_own_key_is_named_and_not_papered_over(centres) -> None:  # noqa: F811 - a fixture
    commune, district = centres["26374"], centres["731"]
    number = stream_id(commune, commune)
    last = frame(commune, commune, 2)
    for table in ("frame", "receipt"):
        edit(commune.storage, f"DELETE FROM federation_{table} WHERE stream_id = :id AND pos > 2", id=number)  # noqa: S608 - our own words
    forget(commune, number, last)
    commune.sealer = Sealer(commune.keystore, lambda _count: bytes(last.epoch), now)
    for _ in range(4):
        commune.say("never was")
    shelf = copies(district)
    found = [one for one in against(commune, shelf) if one.fault is Fault.REWRITTEN]
    assert (found[0].stream.origin, found[0].epoch, found[0].frame_no) == (commune.name, bytes(last.epoch), 2)
    outcome = mended(commune, shelf)
    assert not any(one.done for one in outcome if one.finding.fault is Fault.REWRITTEN)


def test_a_copy_that_is_signed_but_another_frame_is_not_put_in(centres) -> None:  # noqa: F811 - a fixture
    """A relay answers with a frame of the right origin from another place of the chain."""
    commune, district = centres["26374"], centres["731"]
    number = stream_id(commune, commune)
    shelf = copies(district)
    third = next(one for one in shelf.frames.values() if one.raw == bytes(frame(commune, commune, 3).raw))
    other = next(one for one in shelf.frames.values() if one.raw == bytes(frame(commune, commune, 2).raw))
    shelf.frames[third.header.stream, third.header.prev_frame_hash] = other
    edit(commune.storage, "DELETE FROM federation_frame WHERE stream_id = :id AND pos = 3", id=number)
    found = [one for one in examine(commune) if one.fault is Fault.MISSING]
    outcome = commune.storage.write(lambda session: mend(session, found, shelf, now(), commune.name))
    assert [(one.done, "two ways" in one.how) for one in outcome] == [(False, True)]
    assert len([row for row in commune.rows(tables.frame) if row.stream_id == number]) == 5


def test_forged_copies_never_reach_the_shelf(centres) -> None:  # noqa: F811 - a fixture
    commune = centres["26374"]
    shelf = Shelf(commune.world.registry.public_key)
    for at in (4, 60, -3):
        assert not shelf.add(flipped(commune.frames()[2], at))
    assert shelf.frames == {}
    with pytest.raises(NoCopies):
        read_file(b"nothing of the kind", commune.world.registry.public_key)
