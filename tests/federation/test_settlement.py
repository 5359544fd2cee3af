"""After a restore a node is settled only when each neighbour has told, to the end of a hello, what it forgot."""

import asyncio

import pytest

from federation.settlement import has_heard_all, mark_restored, neighbours, settle, unsettled
from tests.federation.nodes import Node, until
from tests.federation.pairs import Centre, now, outgoing, pump, resume


@pytest.fixture
def centres(world, tmp_path):
    made = {code: Centre(world, code, tmp_path) for code in ("75", "731", "26374")}
    yield made
    for centre in made.values():
        centre.storage.close()


def heard_all(centre, peer, hello) -> bool:
    return centre.storage.read(
        lambda session: has_heard_all(session, hello, name=centre.name, peer=peer.name, registry=centre.registry())
    )


def test_the_mark_outlives_a_restart_and_goes_peer_by_peer(centres) -> None:
    district = centres["731"]
    around = neighbours(district.registry(), district.name)
    assert centres["75"].name in around
    assert centres["26374"].name in around
    for _ in range(2):
        district.storage.write(lambda session: mark_restored(session, around, now(), "restored"))
    district.restart()
    assert district.storage.read(unsettled) == frozenset(around)
    for peer in around:
        district.storage.write(lambda session, name=peer: settle(session, name))
    assert district.storage.read(unsettled) == frozenset()


def test_a_hello_is_complete_when_what_it_named_is_held(centres) -> None:
    commune, district = centres["26374"], centres["731"]
    for number in range(50):
        commune.say(str(number))
    hello = commune.hello(district)
    assert not heard_all(district, commune, hello)
    sender = resume(commune, district)
    district.take(commune, *outgoing(commune, sender))
    assert not heard_all(district, commune, hello)
    pump(commune, district)
    commune.say("later than the hello")
    assert heard_all(district, commune, hello)


@pytest.fixture
async def tree(federation):
    made = [Node(federation, code) for code in ("75", "731", "26374")]
    yield made
    for node in reversed(made):
        await node.stop()


async def test_a_restored_node_is_settled_after_both_hellos_and_not_before(tree, federation) -> None:
    province, district, commune = tree
    await province.start()
    await district.start(province)
    await commune.start(district, listen=False)
    commune.say("up")
    district.say("own")
    await until(lambda: sorted(province.heard()) == ["own", "up"])
    assert await asyncio.to_thread(district.delivery.settled)
    await until(lambda: district.settled == 1)
    await commune.stop()
    await district.stop()
    port = district.port
    district.lose_disk()
    around = [province.name, commune.name]
    district.storage.write(lambda session: mark_restored(session, around, now(), "restored"))
    await district.start(province, port=port)
    await until(lambda: district.storage.read(unsettled) == {commune.name})
    assert not await asyncio.to_thread(district.delivery.settled)
    assert district.settled == 1
    commune.open()
    await commune.start(district, listen=False)
    await until(lambda: district.storage.read(unsettled) == frozenset())
    await until(lambda: district.settled == 2)
    assert "up" in district.heard()


async def test_a_node_that_nobody_marked_is_unsettled_once_its_parent_knows_more(tree) -> None:
    province, district, _ = tree
    await province.start()
    await district.start(province)
    district.say("own")
    await until(lambda: province.heard() == ["own"])
    await district.stop()
    district.lose_disk()
    await district.start(province)
    await until(lambda: ("GIVEN_BACK", province.name, district.name) in district.alarms())
    await until(lambda: province.name not in district.storage.read(unsettled))
    assert district.storage.read(unsettled) == set(neighbours(district.registry.current, district.name)) - {
        province.name
    }


async def test_what_an_older_connection_brings_after_a_newer_hello_is_not_taken(tree) -> None:
    _, district, commune = tree
    await district.start()
    await commune.start(district, listen=False)
    commune.say("in time")
    await until(lambda: district.heard() == ["in time"])
    district.storage.write(lambda _: district.delivery._house.current.update({commune.name: object()}))
    commune.say("late")
    commune.say("later")
    await until(lambda: commune.peer(district).in_flight == 2)
    await asyncio.sleep(0.5)
    assert district.heard() == ["in time"]
    await commune.restart(district)
    await until(lambda: district.heard() == ["in time", "late", "later"])
