"""Offering frames: from the neighbour's cursor, urgent first, within what was granted."""

import dataclasses
import itertools

import pytest

from federation import tables
from federation.frame import open_frame
from federation.hello import WINDOW_FRAMES, key_of
from federation.ledger import Lane, down
from federation.receipt import open_ack, sign_ack
from federation.sender import SILENCE_S
from federation.v1 import link_pb2 as wire
from tests.federation.pairs import Centre, now, outgoing, pump, resume


@pytest.fixture
def centres(world, tmp_path):
    made = {code: Centre(world, code, tmp_path) for code in ("75", "731", "26374", "735")}
    yield made
    for centre in made.values():
        centre.storage.close()


@pytest.fixture
def commune(centres):
    return centres["26374"]


@pytest.fixture
def district(centres):
    return centres["731"]


class Hand:
    """A clock moved by hand."""

    def __init__(self) -> None:
        self.at = 1000.0

    def __call__(self) -> float:
        return self.at


def numbers(centre, deliveries):
    key = centre.keystore.key_id
    return [
        open_frame(one.frame, centre.world.registry.public_key(centre.name, key)).header.frame_no for one in deliveries
    ]


def drain(centre, sender):
    found = []
    while batch := outgoing(centre, sender):
        found += batch
    return found


def test_no_more_is_under_way_than_was_granted(commune, district) -> None:
    window = WINDOW_FRAMES
    for number in range(window + 10):
        commune.say(str(number))
    sender = resume(commune, district)
    first = drain(commune, sender)
    assert numbers(commune, first) == list(range(window))
    assert sender.in_flight == window
    for envelope in district.take(commune, *first[:3]):
        commune.hear(sender, envelope)
    assert numbers(commune, drain(commune, sender)) == [window, window + 1, window + 2]
    sender.grant(wire.LaneCredit(lane="regular", frames=window + 4, bytes=1 << 21))
    assert numbers(commune, drain(commune, sender)) == [window + number for number in (3, 4, 5, 6)]


def test_the_limit_of_bytes_holds_too_but_a_single_frame_always_goes(commune, district) -> None:
    commune.say(*["x" * 200_000] * 4)
    sender = resume(commune, district)
    sender.grant(wire.LaneCredit(lane="regular", frames=8, bytes=450_000))
    sent = drain(commune, sender)
    assert numbers(commune, sent) == [0, 1, 2]
    sender = resume(commune, district)
    sender.grant(wire.LaneCredit(lane="regular", frames=8, bytes=10))
    assert numbers(commune, drain(commune, sender)) == [0]


@pytest.mark.parametrize("window_is_full", [True, False])
def test_an_urgent_record_goes_before_a_backlog(commune, district, window_is_full) -> None:
    for number in range(WINDOW_FRAMES):  # and a genesis each
        commune.say(str(number), lane=Lane.AUDIT)
        commune.say(str(number))
    sender = resume(commune, district)
    if window_is_full:
        drain(commune, sender)
    commune.say("now", lane=Lane.URGENT)
    assert [one.lane for one in outgoing(commune, sender)] == ["urgent", "urgent"]
    if not window_is_full:
        assert [one.lane for one in drain(commune, sender)] == ["regular"] * WINDOW_FRAMES + ["audit"] * WINDOW_FRAMES


def test_a_new_connection_resumes_at_the_cursor_and_sends_again_what_was_under_way(commune, district) -> None:
    for number in range(4):
        commune.say(str(number))
    sender = resume(commune, district)
    sent = drain(commune, sender)
    district.take(commune, *sent[:2])  # the acknowledgement is lost
    assert numbers(commune, drain(commune, resume(commune, district))) == [2, 3, 4]


def test_what_was_acknowledged_is_sent_again_to_a_parent_that_lost_it_and_both_know(centres) -> None:
    commune, district = centres["26374"], centres["731"]
    commune.say("a", "b")
    pump(commune, district)
    district.storage.close()
    district.file.unlink()
    district.open()
    pump(commune, district)
    assert district.effects() == ["a", "b"]
    assert commune.alarms() == [("PARENT_ROLLBACK", district.name, commune.name)]
    assert commune.rows(tables.cursor)[0].count == 2


def test_receipts_are_kept_and_name_what_they_cover(commune, district) -> None:
    commune.say("a", "b")
    pump(commune, district)
    receipts = commune.rows(tables.receipt)
    assert [(row.pos, row.receiver) for row in receipts] == [(2, district.name)]


def test_a_receipt_for_what_was_never_sent_moves_nothing_and_rings(commune, district) -> None:
    commune.say("a")
    sender = resume(commune, district)
    answers = district.take(commune, *outgoing(commune, sender))
    commune.storage.close()
    commune.file.unlink()
    commune.open()
    commune.say("something else")
    sender = commune.sender(district)
    for envelope in answers:
        commune.hear(sender, envelope)
    assert commune.alarms() == [("BAD_ACK", district.name, commune.name)]
    assert commune.rows(tables.cursor) == []


def test_a_receipt_with_the_right_number_and_another_hash_counts_for_nothing(commune, district) -> None:
    commune.say("a")
    sender = resume(commune, district)
    sent = drain(commune, sender)
    answer = district.take(commune, *sent)[0].ack
    ack = open_ack(answer, commune.world.registry.public_key)
    lie = sign_ack(dataclasses.replace(ack, head_hash=bytes(32)), district.keystore)
    commune.hear(sender, wire.Envelope(ack=lie))
    assert commune.alarms() == [("BAD_ACK", district.name, commune.name)]
    assert commune.rows(tables.receipt) == []
    assert sender.in_flight == len(sent)
    commune.hear(sender, wire.Envelope(ack=answer))
    assert sender.in_flight == 0


def test_a_parent_that_is_ahead_stops_that_stream_alone_and_rings(centres) -> None:
    commune, district = centres["26374"], centres["731"]
    commune.say("a")
    pump(commune, district)
    commune.storage.close()
    commune.file.unlink()
    commune.open()
    commune.say("b")
    commune.say("urgent", lane=Lane.URGENT)
    hand = Hand()
    sender = commune.sender(district, hand)
    hello = district.hello(commune)
    troubles = commune.storage.write(lambda session: sender.resume(session, hello, now()))
    assert [(one.code, one.stream.lane) for one in troubles] == [("PARENT_AHEAD", "regular")]
    assert commune.alarms() == [("PARENT_AHEAD", district.name, commune.name)]
    assert {one.lane for one in drain(commune, sender)} == {"urgent"}
    hand.at += 1000
    assert {one.lane for one in drain(commune, sender)} == {"urgent"}
    assert sender.wait_s() is not None


def test_a_relay_that_lost_its_store_goes_on_when_it_has_caught_up(centres) -> None:
    commune, district, province = centres["26374"], centres["731"], centres["75"]
    commune.say("a")
    pump(commune, district)
    pump(district, province)
    district.storage.close()
    district.file.unlink()
    district.open()
    hand = Hand()
    sender = district.sender(province, hand)
    hello = province.hello(district)
    troubles = district.storage.write(lambda session: sender.resume(session, hello, now()))
    assert [(one.code, one.stream.origin) for one in troubles] == [("PARENT_AHEAD", commune.name)]
    commune.say("b")
    pump(commune, district)
    assert drain(district, sender) == []
    hand.at += 100
    pump(district, province, sender)
    assert province.effects() == ["a", "b"]


def test_another_frame_under_the_same_number_is_a_fork_at_the_sender_too(commune, district) -> None:
    commune.say("a")
    pump(commune, district)
    hello = district.hello(commune)
    hello.cursors[0].position.frame_hash = bytes(32)
    sender = commune.sender(district)
    troubles = commune.storage.write(lambda session: sender.resume(session, hello, now()))
    assert [one.code for one in troubles] == ["FORK"]
    assert commune.alarms() == [("FORK", district.name, commune.name)]


def test_a_refused_stream_waits_longer_each_time_and_the_others_go_on(commune, district) -> None:
    commune.say("a")
    commune.say("b", lane=Lane.AUDIT)
    hand = Hand()
    sender = resume(commune, district, commune.sender(district, hand))
    sent = drain(commune, sender)
    stream = next(one for one in sent if one.lane == "regular")
    waits = []
    for _ in range(40):
        sender.refused(key_of(stream))
        waits.append(sender.wait_s())
        hand.at += 61
        assert {one.lane for one in drain(commune, sender)} >= {"regular"}
    assert 20 < max(waits) <= 60.5
    commune.say("c", lane=Lane.AUDIT)
    sender.refused(key_of(stream))
    assert {one.lane for one in drain(commune, sender)} == {"audit"}


def test_a_gap_sends_the_sender_back_to_the_cursor(commune, district) -> None:
    for number in range(5):
        commune.say(str(number))
    sender = resume(commune, district)
    sent = drain(commune, sender)
    for envelope in district.take(commune, *sent[:2], *sent[3:]):
        commune.hear(sender, envelope)
    assert numbers(commune, drain(commune, sender)) == [2, 3, 4, 5]


def test_silence_makes_the_sender_offer_again(commune, district) -> None:
    commune.say("a")
    hand = Hand()
    sender = resume(commune, district, commune.sender(district, hand))
    drain(commune, sender)
    hand.at += SILENCE_S - 1
    assert drain(commune, sender) == []
    hand.at += 2
    assert numbers(commune, drain(commune, sender)) == [0, 1]


def test_a_relay_passes_on_the_very_bytes_and_nothing_that_is_for_itself(centres) -> None:
    commune, district, province = centres["26374"], centres["731"], centres["75"]
    commune.say("for all above")
    commune.say("for the parent", audience="parent")
    district.say("own")
    district.say("down", audience=down(commune.name))
    pump(commune, district)
    pump(district, province)
    assert sorted(province.effects()) == ["for all above", "own"]
    assert province.frames(commune.name) == commune.frames()


def test_streams_of_one_lane_take_turns(centres) -> None:
    commune, district, province = centres["26374"], centres["731"], centres["75"]
    for number in range(30):
        commune.say(str(number))
        district.say(str(number))
    pump(commune, district)
    sender = resume(district, province)
    origins = []
    for _ in range(4):
        batch = outgoing(district, sender)
        origins.append({one.origin for one in batch})
        for envelope in province.take(district, *batch):
            district.hear(sender, envelope)
    assert all(first != second for first, second in itertools.pairwise(origins))


def test_a_stream_that_may_not_travel_to_this_neighbour_is_never_offered(centres) -> None:
    commune, district = centres["26374"], centres["731"]
    district.say("for another child", audience=down("n-someone.lienthong.internal"))
    district.say("up")
    assert drain(district, resume(district, commune)) == []
