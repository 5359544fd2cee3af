"""Past a parent that does not answer, and receipts of the top at the origin, over links as they are lived."""

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from federation import bypass, dialling, tables
from federation.awaited import Late, settle
from federation.end_receipt import give
from federation.failpoint import arm, disarm
from federation.frame import Inbound, StreamKey, open_enclosure
from federation.ledger import PARENT, Lane, Upto, append, enclosure
from federation.link import ParentAddress
from federation.receipt import Ack, sign_ack
from federation.v1 import link_pb2
from pki.gate import Gate
from tests.fakes.link import FakeLink, FakeNet
from tests.federation.nodes import Node, until


@pytest.fixture(autouse=True)
def _disarmed(monkeypatch) -> Iterator[None]:
    monkeypatch.setattr(dialling, "IDLE_S", 0.2)
    monkeypatch.setattr(dialling, "_LOOK_S", 0.05)
    yield
    disarm()


@pytest.fixture(params=["grpc", "fake"])
def over(request) -> object:
    if request.param == "grpc":
        return None
    net = FakeNet()
    return lambda node: FakeLink(net, node.keystore, Gate(node.keystore.root_pem, lambda: node.registry.current))


class Three:
    """A commune whose notes its district passes on enclosed, and a province that confirms what it applied."""

    def __init__(self, nodes, over=None) -> None:
        self.province, self.district, self.commune = (nodes(code) for code in ("75", "731", "26374"))
        self.seen: list[str] = []
        self.district.extra_handlers["test.rise"] = self._pass_on
        self.province.extra_handlers |= {"test.risen": self._take_apart, "test.rise": self._see}
        for node in (self.province, self.district, self.commune):
            node.link = over
            node.use(node.keystore)

    def _pass_on(self, session: Session, inbound: Inbound) -> None:
        payload, now = enclosure(session, inbound.rid, inbound.origin), inbound.received_at
        append(session, lane=Lane.URGENT, audience=PARENT, kind="test.risen", payload=payload, now=now)

    def _take_apart(self, session: Session, inbound: Inbound) -> None:
        me, registry = self.province.name, self.province.registry.current
        inner = open_enclosure(inbound.payload, registry.public_key)
        if give(session, inbound.payload, name=me, peer=inbound.sender, registry=registry, now=inbound.received_at):
            self._see(session, inner)

    def _see(self, session: Session, inbound: Inbound) -> None:
        _ = session
        self.seen.append(inbound.payload.decode())

    def rise(self, text: str) -> UUID:
        now = datetime.now(UTC)

        def step(session: Session) -> UUID:
            kind, payload = "test.rise", text.encode()
            return append(
                session, lane=Lane.URGENT, audience=PARENT, kind=kind, payload=payload, now=now, upto=Upto.TOP
            )

        return self.commune.storage.write(step)

    def go_past(self, *rids: UUID) -> int:
        """What the node does once these are late."""
        registry, now = self.commune.registry.current, datetime.now(UTC)
        late = [Late(rid, "test.rise", PARENT) for rid in rids]
        name = self.commune.name
        return self.commune.storage.write(
            lambda session: bypass.send(session, late, name=name, registry=registry, now=now)
        )

    async def sealed(self, rid: UUID) -> None:
        query = select(tables.record.c.rid).where(tables.record.c.rid == rid.bytes)
        await until(lambda: self.commune.storage.read(lambda session: session.execute(query).first()))

    def waits(self) -> list[UUID]:
        """Which of the commune's records still wait for a receipt, after what came was counted."""
        name, registry = self.commune.name, self.commune.registry.current

        def step(session: Session) -> list[UUID]:
            settle(session, name=name, registry=registry, now=datetime.now(UTC))
            table = tables.awaited
            found = session.execute(select(table.c.rid).where(table.c.satisfied_at_us.is_(None))).scalars()
            return [UUID(bytes=bytes(rid)) for rid in found]

        return self.commune.storage.write(step)


def codes(node: Node) -> set[str]:
    return {code for code, *_ in node.alarms()}


def rows(node: Node, table) -> list:
    return node.storage.read(lambda session: session.execute(select(table)).all())


async def test_receipts_of_the_top_come_down_to_the_origin_of_a_stream(nodes, over) -> None:
    three = Three(nodes, over)
    await three.province.start()
    await three.district.start(three.province)
    await three.commune.start(three.district, listen=False)
    three.commune.say("rises in the same bytes")
    await until(lambda: [one.receiver for one in rows(three.commune, tables.reach)] == [three.province.name])
    holders = {row.receiver for row in rows(three.commune, tables.receipt)}
    assert holders == {three.district.name, three.province.name}
    rid = three.rise("enclosed")
    await until(lambda: [row.holder for row in rows(three.commune, tables.end_receipt)] == [three.province.name])
    await until(lambda: rid not in three.waits() and three.waits() == [])
    for node in (three.province, three.district, three.commune):
        assert codes(node) == set()


async def test_a_hello_names_the_epoch_before_its_genesis(nodes) -> None:
    three = Three(nodes)
    await three.district.start()
    await three.commune.start(three.district, listen=False)
    await until(lambda: three.commune.name in three.district.delivery._sessions)
    session = three.district.delivery._sessions[three.commune.name]
    await until(lambda: session.ready)
    named = session.hello.sealing_epoch
    assert len(named) == 16
    assert three.commune.held() == []
    three.commune.say("in that epoch")
    await until(three.district.heard)
    assert {bytes(row.epoch) for row in rows(three.district, tables.stream)} == {named}


async def test_receipts_are_said_again_after_a_hello(nodes) -> None:
    three = Three(nodes)
    await three.province.start()
    await three.district.start(three.province)
    three.commune.say("first")
    await three.commune.start(three.district, listen=False)
    await until(lambda: rows(three.commune, tables.reach))
    three.commune.storage.write(lambda session: session.execute(tables.reach.delete()))
    await three.commune.restart(three.district)
    await until(lambda: rows(three.commune, tables.reach))


async def test_a_receipt_that_the_parent_cannot_pass_on_is_refused_and_named(nodes) -> None:
    three = Three(nodes)
    await three.district.start()
    await three.commune.start(three.district, listen=False)
    three.commune.say("one")
    await until(three.district.heard)
    await until(lambda: three.commune.peer(three.district).waiting == {})
    (stream,) = [row for row in rows(three.commune, tables.stream) if row.audience == "up"]
    at = datetime.now(UTC)
    true = Ack(
        "",
        b"",
        StreamKey(three.commune.name, stream.lane, "up"),
        bytes(stream.epoch),
        stream.frame_no,
        bytes(stream.frame_hash),
        at,
    )
    top, sibling = three.province.keystore, nodes("26173").keystore
    lies = [
        sign_ack(replace(true, head_hash=bytes(32)), top),  # of another frame
        sign_ack(replace(true, durable=99), top),  # of a frame that never was
        sign_ack(true, sibling),  # of somebody who does not stand above
        sign_ack(replace(true, stream=replace(true.stream, audience="parent")), top),  # of a stream that does not rise
    ]
    forged = sign_ack(true, top)
    forged.signature = bytes(64)
    session = three.district.delivery._sessions[three.commune.name]
    for number, lie in enumerate([*lies, forged]):
        message = link_pb2.PassedReceipts(receipts=[lie])
        await session._channel.send(link_pb2.Envelope(receipts=message))
        wanted = "BAD_ACK_SIG" if lie is forged else "BAD_ACK"
        await until(lambda: wanted in codes(three.commune), f"lie {number}")  # noqa: B023 - awaited in the same round
    assert rows(three.commune, tables.reach) == []
    await session._channel.send(link_pb2.Envelope(receipts=link_pb2.PassedReceipts(receipts=[sign_ack(true, top)])))
    await until(lambda: [row.receiver for row in rows(three.commune, tables.reach)] == [three.province.name])


async def test_past_a_dead_district_once_and_the_receipt_comes_back(nodes, over) -> None:
    three = Three(nodes, over)
    await three.province.start()
    past = f"127.0.0.1:{three.province.port}"
    await three.district.start(three.province)
    port = three.district.port
    await three.district.stop()
    await three.commune.start(three.district, listen=False, bypass=past)
    rid = three.rise("the river")
    await three.sealed(rid)
    assert three.waits() == [rid]
    assert three.commune.peer(three.province) is None or not three.commune.peer(three.province).connected
    assert three.go_past(rid) == 1
    await until(lambda: three.seen == ["the river"])
    await until(lambda: three.waits() == [])
    assert three.commune.peer(three.province).relation == "bypass"
    await until(lambda: not three.commune.peer(three.province).connected, "the bypass is hung up when it is idle")
    await until(lambda: three.province.peer(three.commune) is None)
    assert codes(three.province) == {"BYPASS_USED"}
    three.district.open()
    await three.district.start(three.province, port=port)
    await until(lambda: rows(three.commune, tables.end_receipt))
    assert three.seen == ["the river"]


async def test_who_is_no_grandchild_is_refused_and_rung(nodes) -> None:
    province, other, commune = nodes("75"), nodes("735"), nodes("26374")
    await other.start()
    past = f"127.0.0.1:{other.port}"
    await province.start()
    district = nodes("731")
    commune.say("x", audience=bypass.bypass(other.name))
    await commune.start(district, listen=False, bypass=past)
    commune.say("y", audience=bypass.bypass(province.name))
    await until(lambda: "PEER_REFUSED" in codes(commune), "who answers there is not the grandparent of the registry")
    assert other.applied == []


async def test_a_neighbour_that_is_none_is_refused_at_the_counter(nodes) -> None:
    other, commune = nodes("735"), nodes("26374")
    await other.start()
    await commune.delivery.start(parent=ParentAddress(f"127.0.0.1:{other.port}", other.name), listen=None)
    await until(lambda: "PEER_REFUSED" in codes(other))
    assert other.heard() == []


async def test_a_grandchild_that_sends_another_stream_is_refused_and_named(nodes, monkeypatch) -> None:
    monkeypatch.setattr(dialling, "IDLE_S", 600.0)
    province, commune = nodes("75"), nodes("26374")
    await province.start()
    await commune.start(nodes("731"), listen=False, bypass=f"127.0.0.1:{province.port}")
    commune.say("figures", lane=Lane.REGULAR)
    commune.say("z", audience=bypass.bypass(province.name))
    await until(lambda: province.name in commune.delivery._sessions)
    session = commune.delivery._sessions[province.name]
    await until(lambda: session.ready)
    await until(lambda: any(row[1] == "regular" for row in commune.held()))
    frames = [row[4] for row in commune.held() if row[1] == "regular"]
    delivery = link_pb2.FrameDelivery(frame=frames[0], origin=commune.name, lane="regular", audience="up")
    await session._channel.send(link_pb2.Envelope(frame=delivery))
    await until(lambda: ("ORIGIN_MISMATCH", commune.name, commune.name) in province.alarms())
    assert province.heard() == [], "also in its own stream a bypass carries nothing but what it encloses"
    await until(lambda: [row.code for row in rows(province, tables.parked)] == ["WRONG_WAY"])


@pytest.mark.parametrize("body", ["registry", "receipts"])
async def test_nothing_of_neighbours_is_heard_on_a_bypass(nodes, monkeypatch, body) -> None:
    monkeypatch.setattr(dialling, "IDLE_S", 600.0)
    province, commune = nodes("75"), nodes("26374")
    await province.start()
    await commune.start(nodes("731"), listen=False, bypass=f"127.0.0.1:{province.port}")
    commune.say("z", audience=bypass.bypass(province.name))
    await until(lambda: commune.name in province.delivery._sessions)
    session = province.delivery._sessions[commune.name]
    await until(lambda: session.ready)
    envelope = link_pb2.Envelope()
    getattr(envelope, body).SetInParent()
    await session._channel.send(envelope)
    await until(lambda: ("ORIGIN_MISMATCH", province.name, province.name) in commune.alarms())


@pytest.mark.parametrize(
    "place", ["bypass.before_effect", "end_receipt.after_give", "passing.before_keep", "passing.before_tell"]
)
async def test_a_failure_on_the_way_past_loses_and_doubles_nothing(nodes, place) -> None:
    three = Three(nodes)
    await three.province.start()
    await three.district.start(three.province)
    await three.commune.start(three.district, listen=False, bypass=f"127.0.0.1:{three.province.port}")
    arm(f"{place}:raise@1")
    rid = three.rise("past")
    await three.sealed(rid)
    three.go_past(rid)
    three.commune.say("rises too")
    await until(lambda: three.seen == ["past"])
    await until(lambda: rows(three.commune, tables.end_receipt) and rows(three.commune, tables.reach), place)
    assert three.waits() == []
    await asyncio.sleep(0.1)
    assert three.seen == ["past"]
