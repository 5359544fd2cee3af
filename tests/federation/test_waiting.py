"""Newcomers wait until a person has compared their fingerprint: nothing goes to the authority before that."""

import asyncio
from datetime import timedelta

import pytest

from federation.enrolment import visit
from federation.enrolment.visit import enrol_at_parent
from federation.enrolment.waiting import ANSWER_HOLDS, GONE_AFTER, MOST, WaitingRoom
from pki.enrol_token import parse_token
from pki.errors import PkiError
from pki.request import fingerprint
from tests.fakes.authority import real_now
from tests.federation.nodes import until
from tests.federation.test_enrolment import Land, now_of

NOW = real_now()


def refused(call, *arguments: object) -> str:
    with pytest.raises(PkiError) as caught:
        call(*arguments)
    return caught.value.code


@pytest.fixture
async def land(tmp_path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(visit, "AGAIN_S", 0.02)
    land = await Land(tmp_path).start()
    land.oc.desk.waiting_room = WaitingRoom()
    yield land
    await land.stop()


def test_each_request_has_a_fingerprint_of_its_own() -> None:
    one, other = fingerprint(b"one"), fingerprint(b"other")
    assert one != other
    assert len(one.replace(" ", "")) == 20
    assert [len(part) for part in one.split()] == [4] * 5


def test_only_the_request_that_was_compared_goes_on() -> None:
    room = WaitingRoom()
    assert refused(room.pass_or_wait, b"mine", "10.0.0.1", NOW) == "PENDING"
    assert refused(room.pass_or_wait, b"another's", "10.0.0.2", NOW) == "PENDING"
    shown = fingerprint(b"mine")
    assert [one.address for one in room.waiting(NOW)] == ["10.0.0.1", "10.0.0.2"]
    assert room.decide(shown.upper(), "approved", "an", NOW).by == "an"
    room.pass_or_wait(b"mine", "10.0.0.1", NOW)
    assert refused(room.pass_or_wait, b"another's", "10.0.0.2", NOW) == "PENDING"
    assert refused(room.decide, shown, "refused", "an", NOW) == "UNKNOWN_REQUEST"
    assert refused(room.decide, "0000 0000 0000 0000 0000", "approved", "an", NOW) == "UNKNOWN_REQUEST"
    room.decide(fingerprint(b"another's"), "refused", "an", NOW)
    assert refused(room.pass_or_wait, b"another's", "10.0.0.2", NOW) == "REFUSED_HERE"
    assert room.waiting(NOW) == []


def test_the_room_is_bounded_and_forgets() -> None:
    room = WaitingRoom()
    for number in range(MOST):
        assert refused(room.pass_or_wait, b"%d" % number, "10.0.0.1", NOW) == "PENDING"
    assert refused(room.pass_or_wait, b"one more", "10.0.0.1", NOW) == "FULL"
    later = NOW + GONE_AFTER + timedelta(seconds=1)
    assert refused(room.pass_or_wait, b"one more", "10.0.0.1", later) == "PENDING"
    assert len(room.waiting(later)) == 1
    room.decide(fingerprint(b"one more"), "approved", "an", later)
    room.pass_or_wait(b"one more", "10.0.0.1", later + ANSWER_HOLDS)
    much_later = later + 2 * ANSWER_HOLDS + timedelta(seconds=1)
    assert refused(room.pass_or_wait, b"one more", "10.0.0.1", much_later) == "PENDING"


async def test_a_newcomer_waits_for_a_person_and_then_joins(land: Land) -> None:
    name = land.newcomer()
    token, shown = parse_token(await land.token()), []
    version = land.federation.registry.version
    joining = asyncio.ensure_future(
        enrol_at_parent(
            land.oc.open_address,
            token,
            land.folder / "new" / "keys",
            now_of(land),
            show=shown.append,
            wait=timedelta(minutes=5),
        )
    )
    await until(lambda: land.oc.desk.newcomers(land.federation.now))
    waiting = land.oc.desk.newcomers(land.federation.now)
    assert [one.fingerprint for one in waiting] == shown
    assert land.federation.registry.version == version
    land.oc.desk.decide(shown[0], "approved", "an", land.federation.now)
    assert (await joining).name == name
    assert land.federation.registry.centre(name).state == "active"


async def test_who_stole_the_token_shows_another_fingerprint(land: Land) -> None:
    """A thief is first at the desk. Nobody approves what the newcomer does not show; its own request then joins."""
    name = land.newcomer()
    token = parse_token(await land.token())
    with pytest.raises(PkiError) as caught:
        await enrol_at_parent(land.oc.open_address, token, land.folder / "thief" / "keys", now_of(land))
    assert caught.value.code == "PENDING"
    stolen = land.oc.desk.newcomers(land.federation.now)[0].fingerprint
    shown: list[str] = []
    keys = land.folder / "new" / "keys"
    with pytest.raises(PkiError):
        await enrol_at_parent(land.oc.open_address, token, keys, now_of(land), show=shown.append)
    assert shown != [stolen]
    land.oc.desk.decide(shown[0], "approved", "an", land.federation.now)
    land.oc.desk.decide(stolen, "refused", "an", land.federation.now)
    keystore = await enrol_at_parent(land.oc.open_address, token, keys, now_of(land), show=shown.append)
    assert (keystore.name, shown[0]) == (name, shown[1])
    with pytest.raises(PkiError) as caught:
        await enrol_at_parent(land.oc.open_address, token, land.folder / "thief" / "keys", now_of(land))
    assert caught.value.code == "REFUSED_HERE"


async def test_where_nobody_asks_nobody_can_decide(land: Land) -> None:
    land.oc.desk.waiting_room = None
    assert land.oc.desk.newcomers(NOW) == []
    assert refused(land.oc.desk.decide, "x", "approved", "an", NOW) == "UNKNOWN_REQUEST"
