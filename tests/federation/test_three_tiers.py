"""Delivery over real TLS between a commune, its district and the province, as it is lived."""

import asyncio
import os
from collections.abc import Iterator

import pytest
from sqlalchemy import func, select

from federation import tables
from federation.delivery import Delivery, ParentAddress
from federation.failpoint import arm, disarm
from federation.frame import Inbound, open_enclosure
from federation.grpc_link import GrpcLink
from federation.ledger import Lane, enclosure
from federation.link import Accept, Channel, LinkError
from federation.v1.link_pb2 import Envelope, Hello
from node.clock import SystemClock
from pki.gate import Gate
from tests.fakes.link import FakeLink, FakeNet
from tests.federation.doors import Ways
from tests.federation.nats_servers import program
from tests.federation.nodes import Node, until


@pytest.fixture(autouse=True)
def _disarmed() -> Iterator[None]:
    yield
    disarm()


@pytest.fixture(params=["grpc", "nats", "fake"])
def over(request) -> object:
    """Over which link the journeys below go."""
    if request.param == "grpc":
        return None
    if request.param == "nats":
        program()
        return Ways("nats").link
    net = FakeNet()
    return lambda node: FakeLink(net, node.keystore, Gate(node.keystore.root_pem, lambda: node.registry.current))


async def three(nodes, over=None) -> tuple[Node, Node, Node]:
    province, district, commune = (nodes(code) for code in ("75", "731", "26374"))
    for node in (province, district, commune):
        node.link = over
    await province.start()
    await district.start(province)
    await commune.start(district, listen=False)
    return province, district, commune


async def test_records_go_up_through_a_relay_and_down_and_are_acknowledged(nodes, over) -> None:
    province, district, commune = await three(nodes, over)
    commune.say("up")
    commune.say("figures", lane=Lane.REGULAR)
    commune.say_to_parent("for the district alone")
    province.say_to(district, "down to the district")
    district.say_to(commune, "down to the commune")
    await until(lambda: sorted(province.heard()) == ["figures", "up"])
    await until(lambda: commune.heard() == ["down to the commune"])
    await until(lambda: district.heard(province) == ["down to the district"])
    await until(lambda: sorted(district.heard(commune)) == ["figures", "for the district alone", "up"])
    assert {(one.origin, one.sender) for one in province.applied} == {(commune.name, district.name)}
    mine = [row for row in commune.held() if row[2] == "up"]
    assert sorted(mine) == sorted(row for row in province.held() if row[0] == commune.name)
    await until(lambda: not any(_waiting(node) for node in (province, district, commune)))
    for node in (province, district, commune):
        assert node.alarms() == []
    assert _count(commune, tables.receipt) > 0


def _waiting(node: Node) -> int:
    return sum(sum(state.waiting.values()) + state.in_flight for state in node.delivery.peers())


def _count(node: Node, table) -> int:
    return node.storage.read(lambda session: session.execute(select(func.count()).select_from(table)).scalar_one())


async def test_a_handler_may_enclose_what_it_receives_and_the_province_verifies_the_commune(nodes) -> None:
    province, district, commune = (nodes(code) for code in ("75", "731", "26374"))

    def forward(session, inbound: Inbound) -> None:
        from federation.ledger import PARENT, append

        append(
            session,
            lane=Lane.URGENT,
            audience=PARENT,
            kind="test.note",
            payload=enclosure(session, inbound.rid),
            now=inbound.received_at,
        )

    district.extra_handlers["test.forward"] = forward
    await district.stop()
    district.open()
    await province.start()
    await district.start(province)
    await commune.start(district, listen=False)
    commune.say("danger", kind="test.forward", audience="parent")
    await until(lambda: province.applied)
    carried = province.applied[0]
    assert carried.origin == district.name
    inner = open_enclosure(carried.payload, province.registry.current.public_key)
    assert (inner.origin, inner.payload) == (commune.name, b"danger")


async def test_a_district_that_is_away_loses_and_doubles_nothing_and_the_waiting_is_shown(nodes) -> None:
    province, district, commune = await three(nodes)
    said = []
    for number in range(5):
        said.append(str(number))
        commune.say(said[-1])
    await until(lambda: district.heard() == said)
    port = district.port
    await district.stop()
    for number in range(5, 10):
        said.append(str(number))
        commune.say(said[-1])
    await until(lambda: commune.peer(district) is not None and not commune.peer(district).connected)
    await until(lambda: commune.peer(district).waiting == {"urgent": 5})
    assert commune.peer(district).next_attempt_at is not None
    assert commune.peer(district).error_code
    await until(lambda: not province.peer(district).connected)
    district.open()
    await district.start(province, port=port)
    await until(lambda: province.heard() == said)
    await until(lambda: _waiting(commune) == 0)
    assert commune.peer(district).connected


@pytest.mark.parametrize(
    "place",
    [
        "receiver.after_store",
        "receiver.before_commit",
        "receiver.after_commit",
        "receiver.before_ack",
        "sender.before_send",
        "sender.after_send",
        "sender.in_receipt",
        "sender.after_receipt",
        "sealer.after_commit",
        "session.after_hello",
        "receiver.before_verify",
    ],
)
async def test_a_failure_at_any_place_costs_a_connection_and_no_record(nodes, place) -> None:
    province, district, commune = await three(nodes)
    await until(lambda: commune.peer(district) and commune.peer(district).connected)
    await until(lambda: district.peer(province) and district.peer(province).connected)
    arm(f"{place}:raise@1")
    said = [str(number) for number in range(6)]
    for text in said:
        commune.say(text)
    if place == "session.after_hello":
        await district.restart(province, port=district.port)
    await until(lambda: province.heard() == said, f"{place}: {province.heard()}")
    assert district.heard(commune) == said


async def test_restarting_the_middle_again_and_again_under_load(nodes) -> None:
    province, district, commune = await three(nodes)
    said: list[str] = []

    async def talk() -> None:
        for number in range(60):
            said.append(str(number))
            commune.say(said[-1])
            await asyncio.sleep(0.02)

    talking = asyncio.ensure_future(talk())
    for _ in range(3):
        await asyncio.sleep(0.3)
        await district.restart(province, port=district.port)
    await talking
    await until(lambda: len(province.heard()) >= 60)
    assert province.heard() == said
    assert district.heard(commune) == said
    assert province.alarms() == []


async def test_links_that_lose_double_and_disorder_are_survived(nodes) -> None:
    net = FakeNet(loss=0.1, double=0.2, reorder=0.2)
    over = lambda node: FakeLink(net, node.keystore, Gate(node.keystore.root_pem, lambda: node.registry.current))  # noqa: E731 - one line says it
    province, district, commune = await three(nodes, over)
    said = [str(number) for number in range(60)]
    for text in said:
        commune.say(text)
    for _ in range(200):
        await asyncio.sleep(0.1)
        if province.heard() == said:
            break
        net.cut()
    net.loss = net.double = net.reorder = 0.0
    net.cut()
    await until(lambda: province.heard() == said)
    assert district.heard(commune) == said


async def test_what_cannot_be_applied_is_parked_and_shown_and_the_rest_goes_on(nodes) -> None:
    province, district, commune = await three(nodes)
    commune.say("poison", kind="test.bad")
    commune.say("bug", kind="test.bug")
    commune.say("unknown", kind="test.never")
    commune.say("after")
    await until(lambda: province.heard() == ["after"])
    await until(lambda: district.peer(commune).parked == 3)
    assert {code for code, _, _ in district.alarms()} == {"PARKED"}
    assert any(one.code == "PARKED" and one.origin == commune.name for one in district.delivery.alarms())


async def test_a_full_disk_above_keeps_everything_below_until_there_is_room(nodes) -> None:
    province, district, commune = await three(nodes)
    commune.say("a")
    await until(lambda: province.heard() == ["a"])
    district.storage.fail_with = OSError("no space left")
    commune.say("b")
    await until(lambda: ("PEER_REFUSED", district.name, commune.name) in commune.alarms())
    assert commune.peer(district).connected
    district.storage.fail_with = None
    await until(lambda: province.heard() == ["a", "b"])


class Tampering:
    """A relay's link that changes one byte of the frames of others on their way up, as long as it is told to."""

    def __init__(self, link: GrpcLink, victim: str) -> None:
        self.link = link
        self.victim = victim
        self.active = True

    async def dial(self, address: str, name: str) -> Channel:
        channel = await self.link.dial(address, name)
        plain = channel.send

        async def send(envelope: Envelope) -> None:
            frame = envelope.frame
            if self.active and envelope.WhichOneof("body") == "frame" and frame.origin == self.victim:
                raw = bytearray(frame.frame)
                raw[-1] ^= 1
                frame.frame = bytes(raw)
            await plain(envelope)

        channel.send = send
        return channel

    async def listen(self, address: str, accept: Accept) -> int:
        return await self.link.listen(address, accept)

    async def close(self) -> None:
        await self.link.close()


async def test_a_relay_that_flips_a_byte_is_refused_and_the_commune_is_named_at_both_ends(nodes) -> None:
    province, district, commune = (nodes(code) for code in ("75", "731", "26374"))
    tampering: list[Tampering] = []

    def corrupt(node: Node) -> Tampering:
        gate = Gate(node.keystore.root_pem, lambda: node.registry.current)
        link = GrpcLink(keystore=node.keystore, gate=gate, clock=SystemClock(), on_refused=lambda *_: None)
        tampering.append(Tampering(link, commune.name))
        return tampering[0]

    district.link = corrupt
    await province.start()
    await district.start(province)
    await commune.start(district, listen=False)
    commune.say("from the commune")
    await until(lambda: ("BAD_ORIGIN_SIG", district.name, commune.name) in province.alarms())
    await until(lambda: ("PEER_REFUSED", province.name, commune.name) in district.alarms())
    assert province.heard() == []
    district.say("the district's own stream goes on")
    await until(lambda: province.heard() == ["the district's own stream goes on"])
    await until(lambda: commune.name in {one.origin for one in province.delivery.alarms()})
    tampering[0].active = False
    await until(lambda: "from the commune" in province.heard())


async def test_a_second_start_of_one_centre_fences_the_first_and_rings(nodes, federation) -> None:
    province, district = nodes("75"), nodes("731")
    await province.start()
    await district.start(province)
    await until(lambda: province.peer(district) and province.peer(district).connected)
    clone = _clone(federation, district)
    await clone.start(parent=ParentAddress(f"127.0.0.1:{province.port}"), listen=None)
    try:
        await until(lambda: ("SESSION_FENCED", district.name, "") in province.alarms())
        await until(lambda: district.peer(province).error_code == "FENCED")
        await until(lambda: any(state.connected for state in clone.peers()))
        assert not district.peer(province).connected
    finally:
        await clone.stop()


def _clone(federation, node: Node) -> Delivery:
    from tests.fakes.storage import FakeStorage

    return Delivery(
        storage=FakeStorage(federation.home(node.code) / "clone.db"),
        keystore=node.keystore,
        registry=node.registry,
        handlers={},
        clock=SystemClock(),
        random=os.urandom,
        on_change=lambda topic: None,
    )


async def test_a_centre_that_was_rolled_back_is_named_and_gets_back_what_it_signed(nodes) -> None:
    province, district = nodes("75"), nodes("731")
    await province.start()
    await district.start(province)
    for number in range(3):
        district.say(str(number))
    await until(lambda: province.heard() == ["0", "1", "2"])
    await district.stop()
    district.lose_disk()
    district.say("after the loss")
    await district.start(province)
    await until(lambda: ("PARENT_AHEAD", district.name, district.name) in province.alarms())
    await until(lambda: ("GIVEN_BACK", province.name, district.name) in district.alarms())
    await until(lambda: province.heard() == ["0", "1", "2", "after the loss"])
    await until(lambda: _own_frames(district, district) == _own_frames(province, district))


async def test_a_restored_parent_is_sent_again_what_it_had_acknowledged_and_gets_back_its_own(nodes) -> None:
    province, district = nodes("75"), nodes("731")
    await province.start()
    await district.start(province)
    district.say("up")
    province.say_to(district, "down")
    await until(lambda: province.heard() == ["up"] and district.heard() == ["down"])
    await province.stop()
    port = province.port
    province.lose_disk()
    province.say_to(district, "after the loss")
    await province.start(port=port)
    await until(lambda: ("PARENT_ROLLBACK", province.name, district.name) in district.alarms())
    await until(lambda: province.heard() == ["up"])
    await until(lambda: ("GIVEN_BACK", district.name, province.name) in province.alarms())
    await until(lambda: district.heard() == ["down", "after the loss"])


def _own_frames(where: Node, origin: Node) -> list[bytes]:
    return [raw for name, _, _, _, raw in where.held() if name == origin.name]


async def test_a_newer_registry_reaches_every_tier_over_the_links(nodes, federation) -> None:
    province, district, commune = await three(nodes)
    await until(lambda: commune.peer(district) and commune.peer(district).connected)
    federation.join("26377", "COC phường Phước Tân", "coc", "731")
    assert province.registry.offer(federation.authority.registry_raw)
    await until(lambda: commune.registry.current.version == federation.registry.version)
    newcomer = nodes("26377")
    await newcomer.start(district, listen=False)
    newcomer.say("I am new")
    await until(lambda: province.heard() == ["I am new"])
    assert district.peer(newcomer).connected


async def test_a_registry_that_waited_reaches_a_child_with_its_hello(nodes, federation) -> None:
    province, district = nodes("75"), nodes("731")
    await province.start()
    federation.join("26377", "COC phường Phước Tân", "coc", "731")
    province.registry.offer(federation.authority.registry_raw)
    assert district.registry.current.version < federation.registry.version
    await district.start(province)
    await until(lambda: district.registry.current.version == federation.registry.version)


async def test_the_last_time_a_neighbour_was_heard_moves_while_nothing_else_does(nodes) -> None:
    province, district = nodes("75"), nodes("731")
    await province.start()
    await district.start(province)
    await until(lambda: district.peer(province) and district.peer(province).connected)
    first = district.peer(province).last_heard_at
    await until(lambda: district.peer(province).last_heard_at > first)
    first = province.peer(district).last_heard_at
    await until(lambda: province.peer(district).last_heard_at > first)


async def test_a_neighbour_that_says_another_name_than_it_proved_is_not_heard(nodes, federation) -> None:
    province = nodes("75")
    await province.start()
    gate = Gate(federation.root_pem, lambda: federation.registry)
    link = GrpcLink(keystore=federation.keystore("731"), gate=gate, clock=SystemClock(), on_refused=lambda *_: None)
    channel = await link.dial(f"127.0.0.1:{province.port}", province.name)
    await channel.send(Envelope(hello=Hello(version=1, node=federation.name("735"))))
    with pytest.raises(LinkError, match="BAD_HELLO"):
        await channel.receive()
    await channel.close("DONE", "")


async def test_a_port_that_is_taken_is_said_at_the_start(nodes) -> None:
    province, district = nodes("75"), nodes("731")
    await province.start()
    with pytest.raises(LinkError, match="BIND"):
        await district.start(listen=True, port=province.port)
