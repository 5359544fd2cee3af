"""Giving back: a centre that was restored, set back or cloned gets its own frames again and loses no record."""

import dataclasses
import shutil

import pytest
from sqlalchemy import delete

from federation import tables
from federation.frame import FrameInvalid, StreamKey, decode_record, open_frame
from federation.ledger import PARENT, Lane, Sealer, down
from federation.removal import wait_again
from federation.restitution import MOST_FRAMES, following, locator
from federation.v1 import link_pb2 as wire
from tests.federation.pairs import HANDLERS, Centre, give_back, keep, meet, now, pump


@pytest.fixture
def centres(world, tmp_path):
    made = {code: Centre(world, code, tmp_path) for code in ("75", "731", "26374")}
    yield made
    for centre in made.values():
        centre.storage.close()


@pytest.fixture
def commune(centres):
    return centres["26374"]


@pytest.fixture
def district(centres):
    return centres["731"]


def stream(centre, lane="regular", audience="up"):
    return StreamKey(centre.name, lane, audience)


def codes(centre):
    return [code for code, _, _ in centre.alarms()]


def deliver_all(child, parent):
    child.seal()
    sender = meet(child, parent)
    while child.seal():
        pass
    pump(child, parent, sender)
    assert parent.frames(child.name) == child.frames()


def headers(centre):
    key = centre.world.registry.public_key(centre.name, centre.keystore.key_id)
    return [open_frame(raw, key).header for raw in centre.frames()]


def test_a_restored_child_is_given_its_own_frames_and_goes_on_after_them_in_a_new_epoch(commune, district) -> None:
    commune.say("a")
    backup = commune.save()
    commune.say("b")
    commune.say("c")
    pump(commune, district)
    commune.restore(backup)
    meet(commune, district)
    assert commune.frames() == district.frames(commune.name)
    commune.say("d")
    pump(commune, district)
    assert district.effects() == ["a", "b", "c", "d"]
    assert district.frames(commune.name) == commune.frames()
    last, genesis = headers(commune)[-1], headers(commune)[-2]
    assert last.epoch == commune.sealer.epoch
    assert genesis.genesis.frame_hash == genesis.prev_frame_hash
    assert codes(commune) == ["PARENT_AHEAD"]
    assert district.alarms() == []


def test_what_was_written_since_the_restore_keeps_its_rids_and_goes_after_what_was_given_back(
    commune, district
) -> None:
    commune.say("a")
    backup = commune.save()
    commune.say("b")
    pump(commune, district)
    commune.restore(backup)
    commune.say("c", "d")
    commune.append("e")
    rids = {bytes(row.rid) for row in commune.rows(tables.record)} | {bytes(commune.rows(tables.pending)[0].rid)}
    deliver_all(commune, district)
    assert district.effects() == ["a", "b", "c", "d", "e"]
    assert rids <= {bytes(row.rid) for row in commune.rows(tables.record)}
    assert len(commune.rows(tables.evidence)) == 3
    assert "FORK" not in codes(commune) + codes(district)


def test_a_record_that_the_backup_held_unsealed_is_not_sent_twice(commune, district) -> None:
    commune.append("a")
    backup = commune.save()
    commune.seal()
    pump(commune, district)
    commune.restore(backup)
    deliver_all(commune, district)
    assert district.effects() == ["a"]
    assert commune.rows(tables.pending) == []


def test_a_child_that_lost_everything_but_its_keys_gets_all_of_it_back(commune, district) -> None:
    for number in range(5):
        commune.say(str(number))
    pump(commune, district)
    commune.restore(None)
    commune.say("after the loss")
    deliver_all(commune, district)
    assert district.effects() == ["0", "1", "2", "3", "4", "after the loss"]


def test_a_machine_set_back_without_knowing_it_is_named_and_loses_nothing(commune, district) -> None:
    commune.say("a")
    backup, epoch = commune.save(), commune.sealer.epoch
    commune.say("b")
    pump(commune, district)
    commune.restore(backup)
    commune.sealer.epoch = epoch  # the memory was set back with the disk
    commune.say("c")
    deliver_all(commune, district)
    assert district.effects() == ["a", "b", "c"]
    assert "FORK" in codes(commune)
    assert commune.sealer.epoch != epoch


def test_a_parent_ahead_in_the_live_epoch_is_a_fork_even_where_no_number_was_used_twice(commune, district) -> None:
    commune.say("a")
    backup, epoch = commune.save(), commune.sealer.epoch
    commune.say("b")
    pump(commune, district)
    commune.restore(backup)
    commune.sealer.epoch = epoch
    meet(commune, district)
    assert "FORK" in codes(commune)
    assert commune.sealer.epoch != epoch


def test_two_clones_that_take_turns_mix_nothing_and_lose_nothing(commune, district, world, tmp_path) -> None:
    commune.say("a")
    pump(commune, district)
    (tmp_path / "clone").mkdir()
    clone = Centre(world, "26374", tmp_path / "clone")
    clone.storage.close()
    shutil.copy(commune.save(), clone.file)
    clone.open()
    said = ["a"]
    for number in range(3):
        for one in (commune, clone):
            said.append(f"{number}{one is clone}")
            one.say(said[-1])
            deliver_all(one, district)
    assert sorted(district.effects()) == sorted(said)
    clone.storage.close()


def test_a_parent_restored_too_says_so_and_both_end_with_everything(commune, district) -> None:
    commune.say("a")
    child, above = commune.save(), district.save()
    commune.say("b")
    pump(commune, district)
    commune.say("c")
    district.restore(above)
    commune.say("d")
    deliver_all(commune, district)
    assert district.effects() == ["a", "b", "c", "d"]
    assert codes(commune) == ["PARENT_ROLLBACK"]
    commune.restore(child)
    deliver_all(commune, district)
    assert commune.frames() == district.frames(commune.name)
    assert district.effects() == ["a", "b", "c", "d"]


def records(centre) -> list[bytes]:
    signer = centre.world.registry.public_key(centre.name, centre.keystore.key_id)
    return [record for raw in centre.frames() for record in open_frame(raw, signer).records]


def say_again(centre) -> None:
    """The last record is sealed once more under its rid, as by a centre that forgot having said it."""
    record = records(centre)[-1]

    def step(session) -> None:
        session.execute(delete(tables.record).where(tables.record.c.rid == decode_record(record).rid.bytes))
        wait_again(session.connection(), stream(centre), [record])

    centre.storage.write(step)
    centre.seal()


def test_a_record_in_two_frames_that_are_taken_out_waits_once(commune, district) -> None:
    commune.say("a")
    backup = commune.save()
    commune.say("b")
    pump(commune, district)
    commune.restore(backup)
    commune.say("c")
    say_again(commune)
    commune.append("d")
    assert len(records(commune)) == 3
    deliver_all(commune, district)
    assert district.effects() == ["a", "b", "c", "d"]
    assert len(records(commune)) == 4


def test_a_record_that_waits_already_is_not_put_into_the_queue_twice(commune) -> None:
    commune.append("a", "b")
    first, second = (bytes(row.raw) for row in commune.rows(tables.pending))

    def step(session) -> set[bytes]:
        return wait_again(session.connection(), stream(commune), [second, second])

    assert len(commune.storage.write(step)) == 1
    assert [bytes(row.raw) for row in sorted(commune.rows(tables.pending), key=lambda row: row.pos)] == [second, first]


def test_a_record_that_stays_in_the_chain_does_not_wait(commune) -> None:
    commune.say("a")
    waiting = commune.storage.write(lambda session: wait_again(session.connection(), stream(commune), records(commune)))
    assert waiting == set()
    assert commune.seal() == 0


def test_receipts_of_what_is_taken_out_are_kept_and_their_giver_is_named(commune, district, tmp_path) -> None:
    """Both lost something, differently: the child holds receipts for frames that the parent no longer has."""
    commune.say("a")
    above = district.save()
    pump(commune, district)
    held = commune.save()
    district.restore(above)
    commune.restore(None)
    commune.say("other")
    pump(commune, district)
    commune.restore(held)
    deliver_all(commune, district)
    assert sorted(district.effects()) == ["a", "other"]
    assert "PARENT_ROLLBACK" in codes(commune)
    assert {row.pos for row in commune.rows(tables.receipt)} >= {0}


def test_the_parents_own_stream_to_a_child_is_given_back_by_the_child(commune, district) -> None:
    way = {"lane": Lane.URGENT, "audience": down(commune.name)}
    district.say("one", **way)
    backup = district.save()
    district.say("two", **way)
    pump(district, commune)
    district.restore(backup)
    district.say("three", **way)
    sender = meet(district, commune)
    district.seal()
    pump(district, commune, sender)
    assert commune.effects() == ["one", "two", "three"]
    assert "CHILD_AHEAD" in codes(district)


def test_streams_are_put_right_one_by_one(commune, district) -> None:
    commune.say("a")
    commune.say("alert", lane=Lane.URGENT, audience=PARENT)
    backup = commune.save()
    commune.say("b")
    commune.say("second", lane=Lane.URGENT, audience=PARENT)
    pump(commune, district)
    commune.restore(backup)
    commune.say("third", lane=Lane.URGENT, audience=PARENT)
    deliver_all(commune, district)
    assert district.effects("urgent") == ["alert", "second", "third"]
    assert district.effects("regular") == ["a", "b"]


def test_many_frames_come_in_bounded_pieces_and_a_break_in_between_does_no_harm(commune, district) -> None:
    count = 2 * MOST_FRAMES + 10
    for number in range(count):
        commune.append(str(number), lane=Lane.URGENT)
        commune.seal()
    pump(commune, district)
    commune.restore(None)
    commune.say("mine", lane=Lane.URGENT)
    assert give_back(commune, district, stream(commune, "urgent"), most=1) == MOST_FRAMES
    commune.restart()
    commune.say("after the break", lane=Lane.URGENT)
    deliver_all(commune, district)
    assert district.effects("urgent") == [*map(str, range(count)), "mine", "after the break"]


def test_nothing_is_sealed_in_a_stream_while_it_is_held(commune) -> None:
    commune.append("a")
    commune.append("b", lane=Lane.URGENT)
    commune.restitution.hold(stream(commune))
    commune.seal()
    assert commune.frames() == []
    assert len(commune.frames(lane="urgent")) == 2
    commune.restitution.release(stream(commune))
    commune.seal()
    assert len(commune.frames()) == 2


def test_own_records_that_were_lost_take_effect_through_own_handlers_once(commune, district) -> None:
    commune.own_handlers["test.note"] = keep
    commune.restart()
    commune.say("a")
    backup = commune.save()
    commune.say("b")
    commune.append("no handler here", kind="test.other")
    district.handlers["test.other"] = keep
    commune.seal()
    pump(commune, district)
    commune.restore(backup)
    commune.say("c")
    deliver_all(commune, district)
    assert commune.effects() == ["b"]
    assert commune.rows(tables.parked) == []
    assert sorted(district.effects()) == ["a", "b", "c", "no handler here"]


def test_an_own_record_whose_handler_fails_is_parked_and_tried_again(commune, district) -> None:
    commune.say("a")
    pump(commune, district)
    commune.own_handlers["test.note"] = HANDLERS["test.bug"]
    commune.restore(None)
    meet(commune, district)
    assert [row.code for row in commune.rows(tables.parked)] == ["HANDLER"]
    commune.own_handlers["test.note"] = keep
    commune.restart()
    assert commune.storage.write(lambda session: commune.receiver.replay_parked(session, now())) == 1
    assert commune.effects() == ["a"]


# what a false neighbour may try --------------------------------------------------------------------------------------


def forged(commune, **change):
    """A frame of the commune's stream that somebody else signed, valid in every other way."""

    class Signer:
        name, key_id = commune.name, commune.keystore.key_id

        def sign(self, message: bytes) -> bytes:
            return commune.world.keystore("731").sign(message)

    other = dataclasses.replace(stream(commune), **change)
    return Signer(), other


def test_a_frame_that_another_signed_is_not_taken(commune, district) -> None:
    commune.say("a")
    signer, key = forged(commune)
    forger = Centre(commune.world, "735", district.file.parent)
    forger.sealer = Sealer(signer, bytes, now)
    forger.say("b")
    raw = forger.frames(commune.name)
    forger.storage.close()
    given = wire.GivenBack(origin=key.origin, lane=key.lane, audience=key.audience, frames=raw)
    with pytest.raises(FrameInvalid, match="BAD_ORIGIN_SIG"):
        commune.restitution.open(given)


def test_a_frame_of_another_stream_or_centre_is_not_taken(commune, district) -> None:
    district.say("the district's")
    other = stream(commune)
    for key in (stream(district), other):
        given = wire.GivenBack(
            origin=key.origin, lane=key.lane, audience=key.audience, frames=district.frames(district.name)
        )
        with pytest.raises(FrameInvalid, match="ORIGIN_MISMATCH"):
            commune.restitution.open(given)


def test_a_frame_that_fits_nowhere_is_not_taken_and_changes_nothing(commune, district) -> None:
    commune.say("a")
    commune.say("b")
    commune.say("c")
    frames = commune.frames()
    pump(commune, district)
    commune.restore(None)
    key = stream(commune)
    opened = commune.restitution.open(
        wire.GivenBack(origin=key.origin, lane=key.lane, audience=key.audience, frames=frames[2:])
    )
    with pytest.raises(FrameInvalid, match="NO_PLACE"):
        commune.storage.write(lambda session: commune.restitution.take(session, district.name, opened, now()))
    assert commune.frames() == []


def test_what_is_held_already_changes_nothing(commune, district) -> None:
    commune.say("a", "b")
    pump(commune, district)
    before = commune.frames()
    assert give_back(commune, district, stream(commune)) == 0
    key = stream(commune)
    opened = commune.restitution.open(
        wire.GivenBack(origin=key.origin, lane=key.lane, audience=key.audience, frames=before)
    )
    done = commune.storage.write(lambda session: commune.restitution.take(session, district.name, opened, now()))
    assert done.frames == 0
    assert commune.frames() == before


def test_the_places_named_are_few_and_reach_back_to_the_first(commune) -> None:
    for number in range(200):
        commune.append(str(number), lane=Lane.URGENT)
    while commune.seal():
        pass
    places = commune.storage.read(lambda session: locator(session, stream(commune, "urgent")))
    numbers = [number for _, number, _ in places]
    assert numbers == sorted(numbers, reverse=True)
    assert (numbers[0], numbers[-1]) == (200, 0)
    assert len(numbers) < 25


def test_a_stream_that_is_not_held_is_answered_with_nothing(commune, district) -> None:
    recall = wire.Recall(origin=commune.name, lane="regular", audience="up")
    given = district.storage.read(lambda session: following(session, recall))
    assert (len(given.frames), given.remaining) == (0, 0)
