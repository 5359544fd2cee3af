"""What is held elsewhere too: only below that mark, and after thirty days, may a sender give up bytes."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import select, update

from federation import tables
from federation.chain import load
from federation.frame import StreamKey, parse_frame
from federation.ledger import NotSealed, down, enclosure
from federation.receipt import open_ack, sign_ack
from federation.safety import LEAST_AGE, advance_safe, heads, prune, safe_acks
from federation.v1 import link_pb2 as wire
from tests.fakes.storage import FakeStorage
from tests.federation.nodes import Node, until
from tests.federation.pairs import Centre, meet, now, outgoing, pump, resume


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


def back_up(centre):
    """A backup that was restored on trial: what it holds is safe."""
    backup = centre.save()
    trial = FakeStorage(backup)
    found = trial.read(heads)
    trial.close()
    centre.storage.write(lambda session: advance_safe(session, found))
    return backup


def tell(child, parent, sender):
    """What a connection does once its hello is over."""
    acks = parent.storage.read(
        lambda session: safe_acks(session, name=parent.name, peer=child.name, registry=parent.registry(), now=now())
    )
    for ack in acks:
        child.hear(sender, wire.Envelope(ack=sign_ack(ack, parent.keystore)))


def prune_at(centre, days, limit=200):
    at = now() + timedelta(days=days)
    return centre.storage.write(
        lambda session: prune(session, signer=centre.keystore, registry=centre.registry(), now=at, limit=limit)
    )


def safe_of(child):
    return [row.safe_pos for row in child.rows(tables.cursor)]


def kept(centre):
    return [bool(raw) for raw in centre.frames()]


def test_receipts_carry_the_mark_and_it_never_goes_back_nor_beyond_what_is_held(commune, district) -> None:
    commune.say("a")
    sender = pump(commune, district)
    assert safe_of(commune) == [0]
    early = commune.storage.read(heads)
    back_up(district)
    commune.say("b")
    pump(commune, district, sender)
    assert safe_of(commune) == [2]
    assert district.storage.write(lambda session: advance_safe(session, early)) == 0
    wrong = {key: (epoch, number, bytes(32)) for key, (epoch, number, _) in commune.storage.read(heads).items()}
    assert district.storage.write(lambda session: advance_safe(session, wrong)) == 0
    back_up(district)
    tell(commune, district, sender)
    assert safe_of(commune) == [3]


def test_an_ack_that_calls_more_safe_than_it_holds_moves_nothing(commune, district) -> None:
    commune.say("a")
    commune.say("b")
    sender = resume(commune, district)
    answers = district.take(commune, *outgoing(commune, sender)[:2])
    ack = open_ack(answers[0].ack, commune.world.registry.public_key)
    head = commune.storage.read(lambda session: load(session.connection(), ack.stream))
    lie = replace(ack, safe_epoch=head.epoch, safe=head.frame_no)
    commune.hear(sender, wire.Envelope(ack=sign_ack(lie, district.keystore)))
    assert safe_of(commune) == [0]


def test_nothing_is_given_up_on_a_plain_ack_nor_before_its_time(commune, district) -> None:
    for number in range(5):
        commune.say(str(number))
    pump(commune, district)
    assert prune_at(commune, 400) == 0
    back_up(district)
    tell(commune, district, resume(commune, district))
    assert prune_at(commune, LEAST_AGE.days - 1) == 0
    assert all(kept(commune))


def test_bytes_are_given_up_in_bounded_steps_and_places_stay(commune, district) -> None:
    for number in range(5):
        commune.say(str(number))
    pump(commune, district)
    back_up(district)
    tell(commune, district, resume(commune, district))
    assert prune_at(commune, 31, limit=2) == 2
    assert kept(commune) == [False, False, True, True, True, True]
    assert prune_at(commune, 31) == 3  # the frame at the head stays
    assert prune_at(commune, 31) == 0
    hashes = [bytes(row.frame_hash) for row in commune.rows(tables.frame)]
    assert hashes == [bytes(row.frame_hash) for row in district.rows(tables.frame)]
    commune.say("later")
    pump(commune, district)
    assert district.effects() == ["0", "1", "2", "3", "4", "later"]
    first = next(row for row in commune.rows(tables.record) if row.pos == 2)
    with pytest.raises(NotSealed, match="given up"):
        commune.storage.read(lambda session: enclosure(session, UUID(bytes=bytes(first.rid))))


def test_received_frames_are_never_given_up(commune, district, centres) -> None:
    commune.say("a")
    commune.say("b")
    pump(commune, district)
    pump(district, centres["75"])
    back_up(centres["75"])
    tell(district, centres["75"], resume(district, centres["75"]))
    assert prune_at(district, 400) == 0


def test_a_parent_restored_to_what_it_called_safe_gets_the_rest(commune, district) -> None:
    for number in range(3):
        commune.say(str(number))
    pump(commune, district)
    backup = back_up(district)
    tell(commune, district, resume(commune, district))
    commune.say("after the backup")
    pump(commune, district)
    assert prune_at(commune, 31) == 4
    district.restore(backup)
    pump(commune, district, meet(commune, district))
    assert district.effects() == ["0", "1", "2", "after the backup"]


@pytest.mark.parametrize("everything", [True, False])
def test_a_parent_that_lost_what_it_called_safe_is_named_and_sent_nothing_out_of_place(
    commune, district, everything
) -> None:
    commune.say("0")
    pump(commune, district)
    older = None if everything else district.save().rename(district.file.with_suffix(".older"))
    for number in range(1, 4):
        commune.say(str(number))
    pump(commune, district)
    back_up(district)
    tell(commune, district, resume(commune, district))
    assert prune_at(commune, 31) > 0
    district.restore(older)
    sender = resume(commune, district)
    assert outgoing(commune, sender) == []
    assert "PRUNED" in [code for code, _, _ in commune.alarms()]
    assert all(parse_frame(raw) for raw in commune.frames() if raw)


def test_the_stream_to_a_child_is_given_up_by_that_childs_mark(commune, district) -> None:
    key = StreamKey(district.name, "regular", down(commune.name))
    for number in range(3):
        district.say(str(number), audience=down(commune.name))
    pump(district, commune)
    back_up(commune)
    tell(district, commune, resume(district, commune))
    assert prune_at(district, 31) == 3
    assert [bool(raw) for raw in district.frames(audience=key.audience)] == [False, False, False, True]


async def test_a_mark_travels_over_a_real_link_at_once_and_again_with_the_next_hello(federation) -> None:
    district, commune = Node(federation, "731"), Node(federation, "26374")
    try:
        await district.start()
        await commune.start(district, listen=False)
        commune.say("a")
        await until(lambda: len(district.held()) == 2)  # committed, not only heard
        assert await asyncio.to_thread(district.delivery.declare_safe, district.storage.read(heads)) == 1
        await until(lambda: _safe(commune) == [2])
        commune.storage.write(lambda session: session.execute(update(tables.cursor).values(safe_pos=0)))
        await commune.restart(district)
        await until(lambda: _safe(commune) == [2])
    finally:
        await commune.stop()
        await district.stop()


def _safe(node: Node) -> list[int]:
    rows = node.storage.read(lambda session: session.execute(select(tables.cursor.c.safe_pos)).all())
    return [row.safe_pos for row in rows]
