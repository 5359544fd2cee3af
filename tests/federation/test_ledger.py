"""Appending, and sealing into frames."""

import itertools
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from federation import tables
from federation.frame import MAX_FRAME_BYTES, MAX_RECORD_BYTES, decode_record, open_enclosure, open_frame
from federation.ledger import UP, Lane, NotSealed, append, down, enclosure, new_rid
from federation.storage import RANDOM
from tests.federation.pairs import Centre, now


@pytest.fixture
def commune(world, tmp_path):
    centre = Centre(world, "26374", tmp_path)
    yield centre
    centre.storage.close()


def opened(centre, **stream):
    key = centre.world.registry.public_key(centre.name, centre.keystore.key_id)
    return [open_frame(raw, key) for raw in centre.frames(**stream)]


def texts(frame):
    return [decode_record(raw).payload.decode() for raw in frame.records]


def test_a_chain_begins_with_a_genesis_and_goes_on_without_a_hole(commune) -> None:
    commune.say("a", "b")
    commune.say("c")
    frames = opened(commune)
    assert [(frame.header.frame_no, frame.header.first_seq, texts(frame)) for frame in frames] == [
        (0, 1, []),
        (1, 1, ["a", "b"]),
        (2, 3, ["c"]),
    ]
    assert frames[0].header.genesis.epoch == b""
    assert frames[0].header.genesis.reason == "first"
    for before, after in itertools.pairwise(frames):
        assert after.header.prev_frame_hash == before.hash


def test_nothing_to_seal_writes_nothing(commune) -> None:
    assert commune.seal() == 0
    assert commune.rows(tables.stream) == []


def test_a_new_start_is_a_new_epoch_which_says_where_the_old_one_ended(commune) -> None:
    commune.say("a")
    commune.restart()
    commune.restart()
    commune.say("b")
    frames = opened(commune)
    assert [frame.header.frame_no for frame in frames] == [0, 1, 0, 1]
    second = frames[2].header
    assert (second.genesis.epoch, second.genesis.frame_no) == (frames[1].header.epoch, 1)
    assert second.genesis.frame_hash == second.prev_frame_hash == frames[1].hash
    assert frames[3].header.first_seq == 1


def test_what_a_crash_left_unsealed_is_sealed_in_the_next_epoch(commune) -> None:
    commune.append("a")
    commune.restart()
    assert commune.seal() == 2
    assert texts(opened(commune)[1]) == ["a"]
    assert commune.rows(tables.pending) == []


def test_an_urgent_record_is_a_frame_of_one(commune) -> None:
    commune.say("a", "b", "c", lane=Lane.URGENT)
    assert [texts(frame) for frame in opened(commune, lane="urgent")] == [[], ["a"], ["b"], ["c"]]


def test_audiences_and_lanes_have_chains_of_their_own(commune) -> None:
    commune.append("1", lane=Lane.URGENT, audience=UP)
    commune.append("2", lane=Lane.REGULAR, audience=UP)
    commune.append("3", lane=Lane.REGULAR, audience="parent")
    commune.append("4", lane=Lane.AUDIT, audience=down("x"))
    commune.seal()
    assert {(row.lane, row.audience, row.frame_no) for row in commune.rows(tables.stream)} == {
        ("urgent", "up", 1),
        ("regular", "up", 1),
        ("regular", "parent", 1),
        ("audit", "down:x", 1),
    }


def test_frames_hold_at_most_500_records_and_256_kib(commune) -> None:
    commune.say(*[str(number) for number in range(1100)])
    assert [frame.header.count for frame in opened(commune)] == [0, 500, 500, 100]
    commune.say(*["x" * 100_000] * 5, lane=Lane.AUDIT)
    frames = opened(commune, lane="audit")
    assert [frame.header.count for frame in frames] == [0, 2, 2, 1]
    assert all(len(frame.raw) <= MAX_FRAME_BYTES for frame in frames)


def test_more_than_one_step_may_hold_is_sealed_by_further_steps_in_order(commune) -> None:
    commune.append(*[str(number) for number in range(4500)])
    steps = []
    while made := commune.seal():
        steps.append(made)
    assert steps == [5, 4, 1]
    assert [text for frame in opened(commune) for text in texts(frame)] == [str(number) for number in range(4500)]


def test_a_record_at_the_limit_goes_and_one_above_it_does_not(commune) -> None:
    room = MAX_RECORD_BYTES - 100
    commune.say("x" * room)
    assert opened(commune)[1].header.count == 1
    with pytest.raises(ValueError, match="larger"):
        commune.append("x" * MAX_RECORD_BYTES)
    assert commune.seal() == 0


@pytest.mark.parametrize(
    ("kind", "audience"), [("Test", UP), ("", UP), ("a" * 65, UP), ("test.note", "everybody"), ("test note", UP)]
)
def test_what_cannot_travel_is_refused_when_it_is_appended(commune, kind, audience) -> None:
    with pytest.raises(ValueError, match=r"no kind|no audience"):
        commune.append("x", kind=kind, audience=audience)


def test_a_record_is_there_only_if_the_transaction_of_its_act_is(commune) -> None:
    def step(session):
        append(session, lane=Lane.URGENT, audience=UP, kind="test.note", payload=b"x", now=now())
        raise RuntimeError("the act fails")

    with pytest.raises(RuntimeError):
        commune.storage.write(step)
    assert commune.seal() == 0


def test_one_rid_is_appended_once(commune) -> None:
    rid = new_rid(now(), bytes)

    def step(session):
        append(session, lane=Lane.URGENT, audience=UP, kind="test.note", payload=b"x", now=now(), rid=rid)

    commune.storage.write(step)
    with pytest.raises(Exception, match="UNIQUE"):
        commune.storage.write(step)


def test_an_enclosure_proves_a_sealed_record_and_an_unsealed_one_has_none(commune) -> None:
    rids = []

    def step(session):
        values = {"lane": Lane.REGULAR, "audience": UP, "kind": "test.note", "now": now()}
        rids.extend([append(session, payload=b"%d" % number, **values) for number in range(7)])

    commune.storage.write(step)
    with pytest.raises(NotSealed):
        commune.storage.read(lambda session: enclosure(session, rids[3]))
    commune.seal()
    raw = commune.storage.read(lambda session: enclosure(session, rids[3]))
    inbound = open_enclosure(raw, commune.world.registry.public_key)
    assert (inbound.rid, inbound.payload, inbound.origin, inbound.seq) == (rids[3], b"3", commune.name, 4)


def test_a_rid_is_a_uuidv7_of_its_moment() -> None:
    moment = datetime(2025, 6, 1, tzinfo=UTC)
    rid = new_rid(moment, lambda count: b"\xff" * count)
    assert (rid.version, rid.variant) == (7, "specified in RFC 4122")
    assert int.from_bytes(rid.bytes[:6], "big") == int(moment.timestamp() * 1000)
    assert new_rid(moment + timedelta(milliseconds=1), bytes) > rid


def test_a_storage_may_lend_the_randomness_of_new_identities(commune) -> None:
    def step(session):
        session.info[RANDOM] = lambda size: b"\x07" * size
        return append(session, lane=Lane.URGENT, audience=UP, kind="test.note", payload=b"x", now=now())

    assert commune.storage.write(step).bytes[10:] == b"\x07" * 6


def test_the_hybrid_clock_goes_forward_when_the_wall_clock_goes_back(commune) -> None:
    for moment in (now(), now() - timedelta(days=1), now() - timedelta(days=2)):
        commune.storage.write(
            lambda session, moment=moment: append(
                session, lane=Lane.REGULAR, audience=UP, kind="test.note", payload=b"", now=moment
            )
        )
    rows = commune.storage.read(lambda session: session.execute(select(tables.pending.c.raw)).all())
    clocks = [decode_record(bytes(row.raw)).hlc for row in rows]
    assert clocks == sorted(set(clocks))
