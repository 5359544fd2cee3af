"""What was given up by the rules is no damage; every way to give up more, or to change what stays, is named."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from federation import given_up, tables
from federation.examination.finding import Fault
from federation.export import export_frames
from federation.failpoint import FailpointReached, arm, disarm
from federation.receipt import open_ack, sign_ack
from federation.safety import advance_safe, heads, prune, safe_acks
from federation.v1 import frame_pb2
from federation.v1 import link_pb2 as wire
from federation.verify import bundle, manifest
from federation.verify.proof import prove
from tests.federation.pairs import Centre, meet, now, outgoing, pump, resume
from tests.federation.stores import edit
from tests.federation.test_examination import (  # noqa: F401 - fixtures
    centres,
    examine,
    frame,
    open_storage,
    stream_id,
)
from tests.federation.test_mend import copies, everything, mended

ALL = 400


def declare(holder: Centre, giver: Centre) -> None:
    """A backup of the holder was restored on trial; the giver hears what is safe since."""
    held = holder.storage.read(heads)
    holder.storage.write(lambda session: advance_safe(session, held))
    sender = resume(giver, holder)
    acks = holder.storage.read(
        lambda session: safe_acks(session, name=holder.name, peer=giver.name, registry=holder.registry(), now=now())
    )
    for ack in acks:
        giver.hear(sender, wire.Envelope(ack=sign_ack(ack, holder.keystore)))


def forget(centre: Centre, *, limit: int = 2, days: int = 31) -> int:
    """Everything that may go, a few frames a step."""
    at, total = now() + timedelta(days=days), 0
    for _ in range(100):
        count = centre.storage.write(
            lambda session: prune(session, signer=centre.keystore, registry=centre.registry(), now=at, limit=limit)
        )
        if not count:
            return total
        total += count
    raise AssertionError("it never ends")


@pytest.fixture
def commune(centres) -> Centre:  # noqa: F811 - a fixture
    """A commune whose frames are safe at the district and were given up; the beginning of an epoch is among them."""
    declare(centres["731"], centres["26374"])
    assert forget(centres["26374"]) > 5
    return centres["26374"]


def floor(centre: Centre) -> int:
    return next(row.floor for row in centre.rows(tables.stream) if row.id == stream_id(centre, centre))


def faults(centre: Centre) -> set[Fault]:
    return {one.fault for one in examine(centre)}


def test_what_was_given_up_by_the_rules_is_no_damage(centres, commune) -> None:  # noqa: F811 - a fixture
    given = [row for row in commune.rows(tables.frame) if not row.raw]
    assert {0} < {row.frame_no for row in given}
    for step in (1, 2, 200):
        assert examine(commune, step=step) == []
    commune.say("later", "still")
    pump(commune, centres["731"])
    declare(centres["731"], commune)
    assert forget(commune, days=62) > 0
    assert examine(commune) == []


@pytest.mark.parametrize(
    "column",
    ["frame_hash = :bytes", "key_id = :bytes", "epoch = :epoch", "size = size + 1", "end_count = end_count + 1"],
)
def test_a_change_below_the_floor_is_named_and_mended_from_above(centres, commune, column) -> None:  # noqa: F811 - a fixture
    before = everything(commune)
    number = stream_id(commune, commune)
    words = {"bytes": bytes(32), "epoch": bytes(16)}
    values = {name: value for name, value in words.items() if f":{name}" in column}
    change = f"UPDATE federation_frame SET {column} WHERE stream_id = :id AND pos = 3"  # noqa: S608 - words of this file
    edit(commune.storage, change, id=number, **values)
    found = examine(commune)
    assert found[0].fault is Fault.BYTES
    assert found[0].stream.origin == commune.name
    assert found[0].pos <= 3 <= found[0].last_pos
    mended(commune, copies(centres["731"]))
    assert examine(commune) == []
    after = everything(commune)
    assert {name: rows for name, rows in after.items() if name != "frame"} == {
        name: rows for name, rows in before.items() if name != "frame"
    }


def test_a_frame_removed_below_the_floor_is_named(commune) -> None:
    edit(
        commune.storage,
        "DELETE FROM federation_frame WHERE stream_id = :id AND pos = 2",
        id=stream_id(commune, commune),
    )
    found = examine(commune)
    assert (found[0].fault, found[0].pos, found[0].last_pos) == (Fault.BYTES, 1, 2)


def test_a_frame_emptied_above_the_floor_is_named(commune) -> None:
    above = floor(commune) + 1
    number = stream_id(commune, commune)
    edit(
        commune.storage,
        "UPDATE federation_frame SET raw = :raw WHERE stream_id = :id AND pos = :pos",
        raw=b"",
        id=number,
        pos=above,
    )
    assert [(one.fault, one.pos) for one in examine(commune) if one.fault is Fault.BYTES] == [(Fault.BYTES, above)]


def test_a_floor_raised_by_hand_is_named_and_put_back(centres) -> None:  # noqa: F811 - a fixture
    commune = centres["26374"]
    before = everything(commune)
    number = stream_id(commune, commune)
    edit(
        commune.storage, "UPDATE federation_frame SET raw = :raw WHERE stream_id = :id AND pos <= 3", raw=b"", id=number
    )
    edit(commune.storage, "UPDATE federation_stream SET floor = 3 WHERE id = :id", id=number)
    found = examine(commune)
    assert {one.fault for one in found} - {Fault.EPOCH} == {Fault.FLOOR, Fault.BYTES}
    assert sorted(one.pos for one in found if one.fault is Fault.BYTES) == [1, 2, 3]
    assert all(one.done for one in mended(commune, copies(centres["731"])))
    assert examine(commune) == []
    assert everything(commune) == before


def test_a_floor_that_its_own_centre_signed_counts_for_nothing_without_a_receipt(centres) -> None:  # noqa: F811 - a fixture
    """Whoever holds database and key of the centre can sign; that the parent calls it safe he cannot."""
    commune = centres["26374"]
    number = stream_id(commune, commune)

    def lie(session) -> None:
        connection = session.connection()
        held = next(one for one in given_up.chain.load_all(connection) if one.id == number)
        query = select(tables.frame).where(tables.frame.c.stream_id == number, tables.frame.c.pos <= 3)
        rows = connection.execute(query.order_by(tables.frame.c.pos)).all()
        given_up.note(connection, held, rows, centres["731"].name, commune.keystore, now())

    commune.storage.write(lie)
    edit(
        commune.storage, "UPDATE federation_frame SET raw = :raw WHERE stream_id = :id AND pos <= 3", raw=b"", id=number
    )
    edit(commune.storage, "UPDATE federation_stream SET floor = 3 WHERE id = :id", id=number)
    found = examine(commune)
    assert "no kept receipt" in next(one.reason for one in found if one.fault is Fault.FLOOR)
    assert sorted(one.pos for one in found if one.fault is Fault.BYTES) == [1, 2, 3]


def test_a_cursor_raised_by_hand_gives_nothing_up(centres) -> None:  # noqa: F811 - a fixture
    commune = centres["26374"]
    edit(commune.storage, "UPDATE federation_cursor SET safe_pos = pos")
    assert forget(commune, days=ALL) == 0


def test_an_epoch_row_below_the_floor_is_named_and_derived_again(centres, commune) -> None:  # noqa: F811 - a fixture
    number = stream_id(commune, commune)
    before = sorted(map(repr, commune.rows(tables.epoch)))
    edit(commune.storage, "UPDATE federation_epoch SET previous_frame_no = 9 WHERE stream_id = :id", id=number)
    assert faults(commune) == {Fault.EPOCH}
    assert all(one.done for one in mended(commune, copies(centres["731"])))
    assert sorted(map(repr, commune.rows(tables.epoch))) == before


def test_what_is_damaged_or_parked_here_is_not_given_up(centres) -> None:  # noqa: F811 - a fixture
    commune = centres["26374"]
    number = stream_id(commune, commune)
    edit(
        commune.storage,
        "UPDATE federation_frame SET raw = :raw WHERE stream_id = :id AND pos = 3",
        raw=b"damaged",
        id=number,
    )
    declare(centres["731"], commune)
    forget(commune)
    assert floor(commune) == 2
    assert {(one.fault, one.pos) for one in examine(commune)} >= {(Fault.BYTES, 3)}


@pytest.mark.parametrize("place", ["safety.before_give_up", "safety.in_give_up", "safety.after_give_up"])
def test_a_death_in_the_middle_gives_nothing_up(centres, place) -> None:  # noqa: F811 - a fixture
    commune = centres["26374"]
    declare(centres["731"], commune)
    arm(f"{place}:raise")
    try:
        with pytest.raises(FailpointReached):
            forget(commune)
    finally:
        disarm()
    assert all(row.raw for row in commune.rows(tables.frame))
    assert floor(commune) == 0
    assert examine(commune) == []


def test_who_lost_what_it_called_safe_is_named_and_nothing_more_is_given_up(world, tmp_path) -> None:
    commune, district = Centre(world, "26374", tmp_path), Centre(world, "731", tmp_path)
    try:
        commune.say("old")
        pump(commune, district)
        old = district.save()
        for number in range(3):
            commune.say(str(number))
        pump(commune, district)
        declare(district, commune)
        assert forget(commune, limit=1, days=0) == 0
        district.restore(old)
        sender = meet(commune, district)
        assert "SAFE_LOST" in [code for code, _, _ in commune.alarms()]
        assert forget(commune, days=ALL) == 0
        pump(commune, district, sender)
        assert district.effects() == ["old", "0", "1", "2"]
        assert forget(commune, days=ALL) == 0
        declare(district, commune)
        assert forget(commune, days=ALL) == 4
    finally:
        commune.storage.close()
        district.storage.close()


def test_who_lost_what_was_given_up_gets_nothing_out_of_place_and_no_more_is_given_up(world, tmp_path) -> None:
    commune, district = Centre(world, "26374", tmp_path), Centre(world, "731", tmp_path)
    try:
        for number in range(6):
            commune.say(str(number))
        pump(commune, district)
        declare(district, commune)
        at = now() + timedelta(days=31)
        commune.storage.write(
            lambda session: prune(session, signer=commune.keystore, registry=commune.registry(), now=at, limit=2)
        )
        district.restore(None)
        assert outgoing(commune, resume(commune, district)) == []
        assert "PRUNED" in [code for code, _, _ in commune.alarms()]
        assert forget(commune, days=ALL) == 0
    finally:
        commune.storage.close()
        district.storage.close()


# the stand-alone verifier ---------------------------------------------------------------------------------------------


def proved(centre: Centre, raw: bytes | None = None):
    raw = raw or centre.storage.read(lambda session: export_frames(session, centre.registry(), centre.keystore, now()))
    return prove(raw, centre.world.root_pem)


def test_a_bundle_is_proved_from_where_it_begins_and_says_who_holds_the_rest(centres, commune) -> None:  # noqa: F811 - a fixture
    verdict = proved(commune)
    assert verdict.holds, verdict.faults
    found = {(one.lane, one.audience): one for one in verdict.beginnings}
    regular = found["regular", "up"]
    row = frame(commune, commune, floor(commune) + 1)
    assert (regular.epoch, regular.frame_no) == (bytes(row.epoch), row.frame_no)
    assert {one.held_by for one in verdict.beginnings} == {centres["731"].name}
    assert proved(centres["731"]).beginnings == []


@pytest.mark.parametrize("limit", range(1, 9))
def test_it_is_proved_wherever_the_beginning_is(centres, limit) -> None:  # noqa: F811 - a fixture
    commune = centres["26374"]
    declare(centres["731"], commune)
    at = now() + timedelta(days=31)
    commune.storage.write(
        lambda session: prune(session, signer=commune.keystore, registry=commune.registry(), now=at, limit=limit)
    )
    assert proved(commune).holds
    assert examine(commune) == []


def test_without_the_receipt_or_with_another_a_cut_beginning_does_not_hold(centres, commune) -> None:  # noqa: F811 - a fixture
    def export(change) -> bytes:
        raw = commune.storage.read(lambda session: export_frames(session, commune.registry(), commune.keystore, now()))
        members = bundle.unpack(raw)
        del members[bundle.MANIFEST], members[bundle.SIGNATURE]
        change(members)
        signer = commune.keystore
        listed = manifest.write(signer.name, signer.key_id, now().isoformat(), members)
        members[bundle.MANIFEST], members[bundle.SIGNATURE] = listed, signer.sign(manifest.DOMAIN + listed)
        return bundle.pack(members)

    def floors(members):
        return sorted(name for name in members if name.startswith("floors/"))

    def without(members):
        for name in floors(members):
            del members[name]

    def of_another_stream(members):
        first, second, *_ = floors(members)
        members[first] = members[second]

    def signed_by(signer):
        def change(members):
            for name in floors(members):
                raw, _ = bundle.split(members[name])
                ack = open_ack(frame_pb2.SignedAck(ack=raw, signature=b""), lambda *_: AnyKey())
                forged = sign_ack(ack, signer)
                members[name] = bundle.join([forged.ack, forged.signature])

        return change

    assert proved(commune, export(lambda members: None)).holds
    for change in (without, of_another_stream, signed_by(commune.keystore), signed_by(centres["75"].keystore)):
        verdict = proved(commune, export(change))
        assert not verdict.holds
        assert {one.code for one in verdict.faults} & {"GAP", "FLOOR"}


class AnyKey:
    """Believes everything."""

    def verify(self, _signature: bytes, _message: bytes) -> None:
        return


def test_a_beginning_that_nobody_calls_safe_does_not_hold(centres) -> None:  # noqa: F811 - a fixture
    commune = centres["26374"]
    number = stream_id(commune, commune)
    edit(commune.storage, "UPDATE federation_stream SET floor = 3 WHERE id = :id", id=number)
    assert {one.code for one in proved(commune).faults} == {"GAP"}
    edit(commune.storage, "UPDATE federation_stream SET floor = 0 WHERE id = :id", id=number)
    edit(
        commune.storage, "UPDATE federation_frame SET raw = :raw WHERE stream_id = :id AND pos = 3", raw=b"", id=number
    )
    assert not proved(commune).holds
