"""What a centre may send past its parent: its own word to the parent, once, as it was signed, and nothing else."""

from uuid import UUID

import pytest

from federation import tables
from federation.awaited import Late
from federation.bypass import bypass, send
from federation.ledger import PARENT, PAST_PARENT, UP, Lane, append, enclosure
from federation.v1 import ledger_pb2 as wire
from federation.v1 import link_pb2
from tests.federation.pairs import Centre, deliver, now


@pytest.fixture
def top(world, tmp_path):
    return Centre(world, "75", tmp_path)


@pytest.fixture
def commune(world, tmp_path):
    return Centre(world, "26374", tmp_path)


def word(centre: Centre, audience: str = PARENT, lane: Lane = Lane.URGENT) -> bytes:
    """Something that a centre signed, enclosed."""
    centre.say("the river", audience=audience, lane=lane)
    rid = UUID(bytes=bytes(centre.rows(tables.record)[-1].rid))
    return centre.storage.read(lambda session: enclosure(session, rid))


def past(commune: Centre, top: Centre, payload: bytes, kind: str = PAST_PARENT) -> list[link_pb2.Envelope]:
    """One record in the stream that leads past the parent, as it arrives there."""
    audience = bypass(top.name)
    commune.storage.write(
        lambda session: append(session, lane=Lane.URGENT, audience=audience, kind=kind, payload=payload, now=now())
    )
    commune.seal()
    frames = commune.frames(lane="urgent", audience=audience)
    return top.take(commune, *(deliver(raw, commune.name, "urgent", audience) for raw in frames))


def parked(top: Centre) -> list[str]:
    return [row.code for row in top.rows(tables.parked)]


def enclosing(raw: bytes) -> bytes:
    return wire.BypassedRecord(enclosed=raw).SerializeToString()


def test_its_own_word_is_applied_once_however_often_it_comes(commune, top) -> None:
    raw = word(commune)
    past(commune, top, enclosing(raw))
    past(commune, top, enclosing(raw))
    assert top.effects() == ["the river"]
    assert parked(top) == []
    assert top.alarms() == [("BYPASS_USED", commune.name, commune.name)]


@pytest.mark.parametrize("lie", ["sibling's", "up", "regular"])
def test_what_is_not_its_own_urgent_word_to_its_parent_is_parked_and_named(world, tmp_path, commune, top, lie) -> None:
    """Well signed, each of it, by whoever it says."""
    if lie == "sibling's":
        raw = word(Centre(world, "26173", tmp_path))
    else:
        raw = word(commune, UP) if lie == "up" else word(commune, lane=Lane.REGULAR)
    past(commune, top, enclosing(raw))
    assert (top.effects(), parked(top)) == ([], ["ORIGIN_MISMATCH"])


def test_a_forged_word_names_whose_signature_does_not_hold(commune, top) -> None:
    raw = word(commune).replace(b"the river", b"the fires")
    past(commune, top, enclosing(raw))
    assert (top.effects(), parked(top)) == ([], ["BAD_ORIGIN_SIG"])
    assert ("BAD_ORIGIN_SIG", commune.name, commune.name) in top.alarms()


@pytest.mark.parametrize(("payload", "code"), [(b"\xff", "SCHEMA"), (b"", "FORM")])
def test_what_cannot_be_read_is_parked(commune, top, payload, code) -> None:
    past(commune, top, payload)
    assert parked(top)[0] in {code, "BAD_ORIGIN_SIG", "VERSION"}


def test_a_kind_that_goes_there_by_itself_is_parked(commune, top) -> None:
    past(commune, top, b"plain", kind="test.note")
    assert (top.effects(), parked(top)) == ([], ["WRONG_WAY"])


def test_a_handler_that_refuses_leaves_nothing_behind(commune, top) -> None:
    top.handlers["test.note"] = top.handlers["test.no"]
    past(commune, top, enclosing(word(commune)))
    assert (top.effects(), parked(top)) == ([], ["NOT_TODAY"])
    assert top.rows(tables.lifted) == []


def test_each_late_record_is_sent_once_and_only_when_it_is_sealed(commune, top) -> None:
    def go(*late: Late) -> int:
        registry = commune.registry()
        return commune.storage.write(
            lambda session: send(session, late, name=commune.name, registry=registry, now=now())
        )

    commune.append("not sealed", audience=PARENT, lane=Lane.URGENT)
    rid = UUID(bytes=bytes(commune.rows(tables.pending)[0].rid))
    assert go(Late(rid, "test.note", PARENT)) == 0
    commune.seal()
    assert go(Late(rid, "test.note", PARENT)) == 1
    (one, by) = sorted(commune.rows(tables.awaited), key=lambda row: row.audience, reverse=True)
    assert (bytes(one.rid), bytes(one.bypass_rid)) == (rid.bytes, bytes(by.rid))
