"""Two starts of one centre: one is fenced, its undelivered records wait for a person, and nothing is mixed."""

import asyncio

import pytest

from federation import quarantine, tables
from federation.ledger import PARENT, Lane
from federation.removal import Removal
from tests.federation.nodes import Node, until
from tests.federation.pairs import Centre, meet, now, outgoing, pump


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


def removal(child: Centre) -> Removal:
    return Removal(child.name, child.registry(), now(), child.sealer.renew)


def fence(child: Centre, parent: Centre) -> int:
    return child.storage.write(lambda session: quarantine.raise_fence(session, removal(child), parent.name, "a clone"))


def lift(child: Centre, decision: str) -> int:
    return child.storage.write(lambda session: quarantine.lift(session, removal(child), decision))


def put_aside(centre: Centre) -> list[tuple[str, str]]:
    return [(one.payload.decode(), one.decision) for one in centre.storage.read(quarantine.listing)]


def test_what_is_not_acknowledged_is_put_aside_in_order_and_nothing_else(commune, district) -> None:
    commune.say("delivered")
    pump(commune, district)
    commune.say("sealed")
    commune.say("alert", lane=Lane.URGENT, audience=PARENT)
    commune.append("unsealed")
    assert fence(commune, district) == 3
    assert {text for text, _ in put_aside(commune)} == {"sealed", "alert", "unsealed"}
    assert commune.rows(tables.pending) == []
    assert commune.frames() == district.frames(commune.name)


def test_records_go_on_under_their_rids_when_a_person_says_so_and_take_effect_once(commune, district) -> None:
    commune.say("a")
    pump(commune, district)
    commune.say("b")
    sent = commune.frames()
    rids = {bytes(row.rid) for row in commune.rows(tables.record)}
    epoch = commune.sealer.epoch
    fence(commune, district)
    commune.append("written while fenced")
    assert lift(commune, quarantine.SEND) == 2
    commune.seal()
    pump(commune, district)
    assert district.effects() == ["a", "b", "written while fenced"]
    assert rids <= {bytes(row.rid) for row in commune.rows(tables.record)}
    assert sent[-1] not in commune.frames()
    assert commune.sealer.epoch != epoch
    assert {decision for _, decision in put_aside(commune)} == {"send"}


def test_a_record_that_had_arrived_all_the_same_is_not_applied_twice(commune, district) -> None:
    commune.say("a")
    pump(commune, district)
    commune.say("b")
    district.take(commune, *outgoing(commune, meet(commune, district)))  # the receipt never comes back
    fence(commune, district)
    lift(commune, quarantine.SEND)
    sender = meet(commune, district)
    commune.seal()
    pump(commune, district, sender)
    assert district.effects() == ["a", "b"]
    assert district.frames(commune.name) == commune.frames()


def test_what_a_person_keeps_is_not_sent_and_not_forgotten(commune, district) -> None:
    commune.say("a")
    fence(commune, district)
    assert lift(commune, quarantine.KEEP) == 1
    commune.say("b")
    pump(commune, district)
    assert district.effects() == ["b"]
    assert put_aside(commune) == [("a", "keep")]
    with pytest.raises(ValueError, match="no decision"):
        lift(commune, "burn")


def test_a_fence_survives_a_restart(commune, district) -> None:
    fence(commune, district)
    commune.restart()
    assert commune.storage.read(lambda session: quarantine.is_fenced(session, district.name))
    lift(commune, quarantine.KEEP)
    assert not commune.storage.read(lambda session: quarantine.is_fenced(session, district.name))


# over a real link ----------------------------------------------------------------------------------------------------


@pytest.fixture
async def three(federation):
    made = [Node(federation, "75"), Node(federation, "731")]
    federation.home("clone").mkdir(mode=0o700)
    clone = Node(federation, "731")
    clone.storage.close()
    clone.storage = type(clone.storage)(federation.home("clone") / "node.db")
    clone.use(clone.keystore)
    made.append(clone)
    yield made
    for node in reversed(made):
        await node.stop()


async def test_the_older_start_is_fenced_and_dials_no_more_until_a_person_decides(three) -> None:
    province, district, clone = three
    await province.start()
    await district.start(province, listen=False)
    district.say("before")
    await until(lambda: province.heard() == ["before"])
    await clone.start(province, listen=False)
    await until(lambda: ("SESSION_FENCED", district.name, "") in province.alarms())
    await until(lambda: ("FENCED", province.name, "") in district.alarms())
    district.say("only the older start knows")
    clone.say("from the newer")
    await until(lambda: "from the newer" in province.heard())
    assert "only the older start knows" not in province.heard()
    await clone.delivery.stop()
    assert await asyncio.to_thread(district.delivery.lift_fence, quarantine.SEND) == 1
    await until(lambda: "only the older start knows" in province.heard())
    assert sorted(province.heard()) == ["before", "from the newer", "only the older start knows"]
