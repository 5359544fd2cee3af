"""Taking frames in: rights, signature, chain, effects; each refusal leaves nothing behind but its alarm."""

import random
import sqlite3
from types import SimpleNamespace

import pytest
from sqlalchemy.exc import OperationalError

from federation import tables
from federation.comparison import compare_heads
from federation.failpoint import FailpointReached, arm, disarm
from federation.frame import NO_HASH, Genesis, Record, encode_record, open_frame, seal_frame
from federation.hello import WINDOW_BYTES, WINDOW_FRAMES, make_hello
from federation.ledger import Lane, down, enclosure, new_rid
from federation.receiver import Unacceptable
from federation.v1 import link_pb2 as wire
from tests.federation.pairs import Centre, deliver, keep, now, pump


@pytest.fixture
def centres(world, tmp_path):
    made = {code: Centre(world, code, tmp_path) for code in ("75", "731", "735", "26374", "26173")}
    yield made
    disarm()
    for centre in made.values():
        centre.storage.close()


@pytest.fixture
def commune(centres):
    return centres["26374"]


@pytest.fixture
def district(centres):
    return centres["731"]


def bodies(envelopes):
    return [envelope.WhichOneof("body") for envelope in envelopes]


def codes(envelopes):
    return [envelope.refusal.code for envelope in envelopes if envelope.WhichOneof("body") == "refusal"]


def forged(signer, texts, **changes):
    values = {
        "signer": signer.keystore,
        "lane": "regular",
        "audience": "up",
        "epoch": bytes(16),
        "frame_no": 0,
        "first_seq": 1,
        "prev_frame_hash": NO_HASH,
        "records": [
            encode_record(Record(new_rid(now(), random.randbytes), "test.note", 1, now(), 0, text.encode()))
            for text in texts
        ],
        "sealed_at": now(),
    }
    return seal_frame(**(values | changes))


def test_records_arrive_once_and_in_order_and_are_acknowledged(commune, district) -> None:
    commune.say("a", "b")
    frames = commune.frames()
    answers = district.take(commune, *[deliver(raw, commune.name) for raw in frames])
    assert bodies(answers) == ["ack"]
    assert district.effects() == ["a", "b"]
    assert district.frames(commune.name) == frames


def test_the_same_frame_again_is_acknowledged_again_without_effect(commune, district) -> None:
    commune.say("a")
    deliveries = [deliver(raw, commune.name) for raw in commune.frames()]
    district.take(commune, *deliveries)
    for delivery in deliveries:
        assert bodies(district.take(commune, delivery)) == ["ack"]
    assert district.effects() == ["a"]


def test_a_thousand_permuted_and_doubled_frames_leave_the_state_of_the_ordered_ones(commune, district) -> None:
    for number in range(200):
        commune.say(str(number), lane=Lane.URGENT)
    deliveries = [deliver(raw, commune.name, "urgent") for raw in commune.frames(lane="urgent")]
    storm = deliveries * 5
    random.Random(7).shuffle(storm)  # noqa: S311 - chance, no secret
    assert len(storm) >= 1000
    for start in range(0, len(storm), 8):
        district.take(commune, *storm[start : start + 8])
    for delivery in deliveries:
        district.take(commune, delivery)
    assert district.effects() == [str(number) for number in range(200)]
    assert district.frames(commune.name, "urgent") == commune.frames(lane="urgent")
    assert district.alarms() == []


def test_a_frame_after_a_hole_is_not_kept_and_the_cursor_is_told(commune, district) -> None:
    commune.say("a")
    commune.say("b")
    frames = commune.frames()
    answers = district.take(commune, deliver(frames[0], commune.name), deliver(frames[2], commune.name))
    assert bodies(answers) == ["ack", "nack"]
    assert answers[1].nack.cursor.frame_no == 0
    assert district.effects() == []
    assert len(district.frames(commune.name)) == 1
    answers = district.take(commune, deliver(frames[1], commune.name), deliver(frames[2], commune.name))
    assert bodies(answers) == ["ack"]
    assert district.effects() == ["a", "b"]


def test_a_first_frame_that_is_no_genesis_is_asked_for_from_the_beginning(commune, district) -> None:
    commune.say("a")
    answers = district.take(commune, deliver(commune.frames()[1], commune.name))
    assert bodies(answers) == ["nack"]
    assert not answers[0].nack.HasField("cursor")


@pytest.mark.parametrize(
    ("sender", "receiver", "origin", "audience"),
    [
        ("26374", "731", "26173", "up"),  # a commune writes as one below another district
        ("26374", "731", "731", "up"),  # as its own parent
        ("731", "75", "735", "up"),  # a district as its sibling
        ("731", "75", "26374", "parent"),  # a relay passes on what was for itself alone
        ("731", "75", "26374", "down:x"),
        ("731", "26374", "75", "down:26374"),  # an order that only seems to come from the parent
        ("731", "26374", "731", "up"),
        ("735", "26374", "735", "down:26374"),  # from an uncle
    ],
)
def test_a_neighbour_may_bring_only_what_the_registry_lets_it(centres, sender, receiver, origin, audience) -> None:
    if audience.startswith("down:"):
        audience = down(centres[receiver].name)
    who, to, source = centres[sender], centres[receiver], centres[origin]
    genesis = forged(source, [], genesis=Genesis(b"", 0, NO_HASH, "first"), audience=audience)
    answers = to.take(who, deliver(genesis.raw, source.name, audience=audience))
    assert codes(answers) == ["ORIGIN_MISMATCH"]
    assert to.alarms() == [("ORIGIN_MISMATCH", who.name, source.name)]
    assert to.rows(tables.frame) == []


def test_a_frame_that_says_another_origin_than_its_delivery_is_refused(centres) -> None:
    commune, district, sibling = centres["26374"], centres["731"], centres["26173"]
    sibling.say("a")
    answers = district.take(commune, deliver(sibling.frames()[0], commune.name))
    assert codes(answers) == ["ORIGIN_MISMATCH"]


def test_a_relay_that_signs_in_the_name_of_its_child_is_found_out(centres) -> None:
    commune, district, province = centres["26374"], centres["731"], centres["75"]

    class Forger:
        name = commune.name
        key_id = commune.keystore.key_id
        sign = district.keystore.sign

    class Named(Forger):
        key_id = district.keystore.key_id

    for signer in (Forger(), Named()):
        start = Genesis(b"", 0, NO_HASH, "first")
        frame = seal_frame(
            signer=signer,
            lane="regular",
            audience="up",
            epoch=bytes(16),
            frame_no=0,
            first_seq=1,
            prev_frame_hash=NO_HASH,
            records=[],
            sealed_at=now(),
            genesis=start,
        )
        answers = province.take(district, deliver(frame.raw, commune.name))
        assert codes(answers) == ["BAD_ORIGIN_SIG"]
    assert set(province.alarms()) == {("BAD_ORIGIN_SIG", district.name, commune.name)}
    assert province.rows(tables.frame) == []


def test_any_flipped_byte_of_a_relayed_frame_names_the_origin_and_is_not_kept(centres) -> None:
    commune, district, province = centres["26374"], centres["731"], centres["75"]
    commune.say("abc")
    pump(commune, district)
    first, second = district.frames(commune.name)
    province.take(district, deliver(first, commune.name))
    for place in range(0, len(second), 7):
        flipped = second[:place] + bytes([second[place] ^ 4]) + second[place + 1 :]
        answers = province.take(district, deliver(flipped, commune.name))
        assert codes(answers)[0] in {"BAD_ORIGIN_SIG", "ORIGIN_MISMATCH", "VERSION"}
        assert answers[0].refusal.origin == commune.name
    assert ("BAD_ORIGIN_SIG", district.name, commune.name) in province.alarms()
    assert province.effects() == []
    assert bodies(province.take(district, deliver(second, commune.name))) == ["ack"]
    assert province.effects() == ["abc"]


def test_two_frames_with_one_number_are_a_fork_both_kept_and_not_acknowledged(commune, district) -> None:
    commune.say("a")
    genesis, first = commune.frames()
    district.take(commune, deliver(genesis, commune.name), deliver(first, commune.name))
    held = district.rows(tables.stream)[0]
    twin = forged(
        commune, ["another"], epoch=bytes(held.epoch), frame_no=1, prev_frame_hash=district_prev(district, commune)
    )
    answers = district.take(commune, deliver(twin.raw, commune.name))
    assert codes(answers) == ["FORK"]
    assert district.alarms() == [("FORK", commune.name, commune.name)]
    assert [bytes(row.raw) for row in district.rows(tables.evidence)] == [twin.raw]
    assert district.frames(commune.name)[1] == first
    assert district.effects() == ["a"]
    district.take(commune, deliver(twin.raw, commune.name))
    assert len(district.rows(tables.evidence)) == 1


def district_prev(district, commune):
    key = district.world.registry.public_key(commune.name, commune.keystore.key_id)
    return open_frame(district.frames(commune.name)[0], key).hash


def test_a_frame_on_another_predecessor_is_a_fork(commune, district) -> None:
    commune.say("a")
    pump(commune, district)
    held = district.rows(tables.stream)[0]
    twin = forged(commune, ["x"], epoch=bytes(held.epoch), frame_no=2, first_seq=2, prev_frame_hash=bytes(range(32)))
    assert codes(district.take(commune, deliver(twin.raw, commune.name))) == ["FORK"]


def test_an_old_epoch_that_goes_on_is_late_and_accuses_nobody_of_a_fork(commune, district) -> None:
    commune.say("a")
    pump(commune, district)
    old = district.rows(tables.stream)[0]
    commune.restart()
    commune.say("b")
    pump(commune, district)
    late = forged(
        commune,
        ["x"],
        epoch=bytes(old.epoch),
        frame_no=old.frame_no + 1,
        first_seq=2,
        prev_frame_hash=bytes(old.frame_hash),
    )
    assert codes(district.take(commune, deliver(late.raw, commune.name))) == ["LATE_EPOCH"]
    assert [bytes(row.raw) for row in district.rows(tables.evidence)] == [late.raw]


def test_a_child_that_begins_anew_or_from_an_older_place_is_behind_its_parent(centres) -> None:
    commune, district = centres["26374"], centres["731"]
    commune.say("a")
    pump(commune, district)
    anew = forged(commune, [], genesis=Genesis(b"", 0, NO_HASH, "first"))
    assert codes(district.take(commune, deliver(anew.raw, commune.name))) == ["PARENT_AHEAD"]
    head = district.rows(tables.stream)[0]
    older = Genesis(bytes(head.epoch), 0, district_prev(district, commune), "start")
    restored = forged(commune, [], genesis=older, epoch=bytes(range(16)), prev_frame_hash=older.frame_hash)
    assert codes(district.take(commune, deliver(restored.raw, commune.name))) == ["PARENT_AHEAD"]
    assert {code for code, _, _ in district.alarms()} == {"PARENT_AHEAD"}
    assert len(district.rows(tables.evidence)) == 2


def test_a_record_renumbered_in_a_new_epoch_has_no_second_effect(commune, district) -> None:
    record = encode_record(Record(new_rid(now(), random.randbytes), "test.note", 1, now(), 0, b"once"))
    first = forged(commune, [], genesis=Genesis(b"", 0, NO_HASH, "first"))
    second = forged(commune, [], frame_no=1, prev_frame_hash=first.hash, records=[record])
    start = Genesis(bytes(16), 1, second.hash, "restore")
    third = forged(commune, [], genesis=start, epoch=bytes(range(16)), prev_frame_hash=second.hash)
    fourth = forged(
        commune, [], epoch=bytes(range(16)), frame_no=1, prev_frame_hash=third.hash, records=[record, record]
    )
    answers = district.take(commune, *[deliver(one.raw, commune.name) for one in (first, second, third, fourth)])
    assert bodies(answers) == ["ack"]
    assert district.effects() == ["once"]


def test_a_neighbour_cannot_use_up_the_rid_of_another_centre(centres) -> None:
    commune, other, province = centres["26374"], centres["26173"], centres["75"]
    rid = new_rid(now(), random.randbytes)
    for centre, relay in ((other, "735"), (commune, "731")):
        record = encode_record(Record(rid, "test.note", 1, now(), 0, centre.code.encode()))
        first = forged(centre, [], genesis=Genesis(b"", 0, NO_HASH, "first"))
        second = forged(centre, [], frame_no=1, prev_frame_hash=first.hash, records=[record])
        province.take(centres[relay], deliver(first.raw, centre.name), deliver(second.raw, centre.name))
    assert province.effects() == ["26173", "26374"]
    for centre in (other, commune):
        province.storage.read(lambda session, centre=centre: enclosure(session, rid, centre.name))


@pytest.mark.parametrize(
    ("kind", "code"), [("test.no", "NOT_TODAY"), ("test.bug", "HANDLER"), ("test.what", "UNKNOWN_KIND")]
)
def test_what_cannot_be_applied_is_parked_whole_and_the_stream_goes_on(commune, district, kind, code) -> None:
    commune.append("before")
    commune.append("poison", kind=kind)
    commune.append("after")
    commune.seal()
    pump(commune, district)
    assert district.effects() == ["before", "after"]
    parked = district.rows(tables.parked)
    assert [(row.kind, row.code, row.sender, row.position) for row in parked] == [(kind, code, commune.name, 1)]
    assert parked[0].reason
    assert district.alarms() == [("PARKED", commune.name, commune.name)]
    assert commune.rows(tables.cursor)[0].count == 3


def test_bytes_that_are_no_record_are_parked_in_their_place(commune, district) -> None:
    good = encode_record(Record(new_rid(now(), random.randbytes), "test.note", 1, now(), 0, b"good"))
    first = forged(commune, [], genesis=Genesis(b"", 0, NO_HASH, "first"))
    second = forged(commune, [], frame_no=1, prev_frame_hash=first.hash, records=[b"\xff\xff", good])
    answers = district.take(commune, deliver(first.raw, commune.name), deliver(second.raw, commune.name))
    assert bodies(answers) == ["ack"]
    assert district.effects() == ["good"]
    assert [(row.code, row.position) for row in district.rows(tables.parked)] == [("RECORD", 0)]


def test_an_alarm_names_the_centre_that_a_handler_blames(centres) -> None:
    commune, district, province = centres["26374"], centres["731"], centres["75"]

    def blame(session, inbound):
        raise Unacceptable("BAD_ORIGIN_SIG", "quoted wrongly", origin=commune.name)

    province.handlers["test.blame"] = blame
    province.restart()
    district.say("x", kind="test.blame")
    pump(district, province)
    assert province.alarms() == [("BAD_ORIGIN_SIG", district.name, commune.name)]


def test_parked_records_are_applied_once_after_the_mend(commune, district) -> None:
    commune.say("x", kind="test.no")
    pump(commune, district)
    assert district.effects() == []
    district.handlers["test.no"] = keep
    district.restart()
    for expected in (1, 0):
        applied = district.storage.write(lambda session: district.receiver.replay_parked(session, now()))
        assert applied == expected
    assert district.effects() == ["x"]


def test_a_failing_disk_parks_nothing_and_acknowledges_nothing(commune, district) -> None:
    def full(session, inbound):
        error = sqlite3.OperationalError("database or disk is full")
        error.sqlite_errorcode = 13
        raise OperationalError("insert", {}, error)

    district.handlers["test.note"] = full
    district.restart()
    commune.say("a", "b")
    with pytest.raises(OperationalError):
        pump(commune, district)
    assert district.rows(tables.frame) == []
    district.handlers["test.note"] = keep
    district.restart()
    pump(commune, district)
    assert district.effects() == ["a", "b"]


@pytest.mark.parametrize(
    "place",
    ["before_store", "after_store", "before_effect", "after_effect", "before_cursor", "before_commit"],
)
def test_a_crash_inside_the_transaction_leaves_nothing_of_it(commune, district, place) -> None:
    commune.say("a", "b")
    arm(f"receiver.{place}:raise")
    with pytest.raises(FailpointReached):
        pump(commune, district)
    disarm()
    assert district.rows(tables.frame) == []
    assert district.effects() == []
    pump(commune, district)
    assert district.effects() == ["a", "b"]


def test_an_unknown_lane_is_refused(commune, district) -> None:
    frame = forged(commune, [], lane="bulk", genesis=Genesis(b"", 0, NO_HASH, "first"))
    assert codes(district.take(commune, deliver(frame.raw, commune.name, "bulk"))) == ["UNKNOWN_LANE"]


def test_alarms_and_evidence_cannot_be_edited_away_and_one_cause_rings_once(commune, district) -> None:
    commune.say("a")
    for _ in range(5):
        district.take(commune, deliver(b"noise", commune.name))
    assert district.alarms() == [("BAD_ORIGIN_SIG", commune.name, commune.name)]


def test_hello_lists_both_sides_of_every_stream_of_the_link(centres) -> None:
    commune, district, province = centres["26374"], centres["731"], centres["75"]
    commune.say("a")
    commune.say("only for the district", audience="parent")
    district.say("b")
    district.say("c", audience=down(commune.name))
    pump(commune, district)
    pump(district, commune)
    pump(district, province)
    hello = district.hello(province)
    assert {(one.origin, one.audience) for one in hello.heads} == {(commune.name, "up"), (district.name, "up")}
    assert list(hello.cursors) == []
    below = district.hello(commune)
    assert {(one.origin, one.audience) for one in below.heads} == {(district.name, down(commune.name))}
    assert {(one.origin, one.audience) for one in below.cursors} == {(commune.name, "up"), (commune.name, "parent")}
    assert province.effects() == ["b", "a"] or province.effects() == ["a", "b"]
    commune.restart()
    commune.say("d")
    head = next(one for one in commune.hello(district).heads if one.audience == "up")
    cursor = next(one for one in district.hello(commune).cursors if one.audience == "up")
    assert list(head.earlier) == [cursor.position]


def test_many_children_share_what_may_be_under_way(centres) -> None:
    commune, district = centres["26374"], centres["731"]
    assert {one.bytes for one in district.hello(commune).credit} == {WINDOW_BYTES}
    crowd = SimpleNamespace(version=1, centres=(), parent_of={}.get)
    for count, expected in ((100, 671088), (200, 384 * 1024)):
        crowd.children_of = lambda _name, count=count: [commune.name, *range(count - 1)]
        hello = district.storage.read(
            lambda session: make_hello(session, name=district.name, peer=commune.name, boot=b"", registry=crowd)
        )
        assert {(one.frames, one.bytes) for one in hello.credit} == {(WINDOW_FRAMES, expected)}


def test_a_hello_that_lacks_what_was_delivered_rings_at_the_one_who_holds_it(centres) -> None:
    commune, district, province = centres["26374"], centres["731"], centres["75"]

    def compare(receiver, peer, hello):
        names = {"name": receiver.name, "peer": peer.name, "registry": receiver.world.registry, "now": now()}
        return receiver.storage.write(lambda session: compare_heads(session, hello, **names))

    commune.say("a")
    early = commune.hello(district)
    commune.say("b")
    pump(commune, district)
    assert compare(district, commune, commune.hello(district)) == []
    assert [one.code for one in compare(district, commune, early)] == ["PARENT_AHEAD"]
    assert [one.code for one in compare(district, commune, wire.Hello())] == ["PARENT_AHEAD"]
    early.heads[0].position.frame_hash = bytes(32)
    assert [one.code for one in compare(district, commune, early)] == ["FORK"]
    # A relay that lost its store is not yet a roll-back of the commune.
    pump(district, province)
    assert compare(province, district, wire.Hello()) == []
