"""What every link must do, asked of the one over gRPC, of the one over NATS, and of the one in tests."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from federation.grpc_link import GrpcLink
from federation.link import Channel, Link, LinkError
from federation.v1.link_pb2 import Envelope, FrameDelivery
from node.clock import SystemClock
from pki.gate import Gate
from tests.fakes.link import FakeLink, FakeNet
from tests.federation.nats_servers import served_link
from tests.federation.nodes import until


@dataclass
class Side:
    """One end: its link, and what came of the connections it let in."""

    link: Link
    channels: list[Channel] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    over: asyncio.Event = field(default_factory=asyncio.Event)

    async def accept(self, channel: Channel) -> None:
        self.channels.append(channel)
        await self.over.wait()


@pytest.fixture(params=["grpc", "nats", "fake"])
async def side(request, world, tmp_path):
    """Makes the link of a centre; all are closed at the end."""
    net, made = FakeNet(), []

    def make(code: str, keystore=None) -> Side:
        keystore = keystore or world.keystore(code)
        gate = Gate(world.root_pem, lambda: world.registry)
        if request.param == "fake":
            made.append(Side(FakeLink(net, keystore, gate)))
            made[-1].refused = made[-1].link.refused
            return made[-1]
        refused: list[str] = []
        if request.param == "nats":
            folder = tmp_path / f"{code}-{len(made)}"
            folder.mkdir(mode=0o700)
            link = served_link(keystore, world.registry_file(code), lambda *said: refused.append(said[1]), folder)
            made.append(Side(link, refused=refused))
            return made[-1]
        link = GrpcLink(
            keystore=keystore,
            gate=gate,
            clock=SystemClock(),
            on_refused=lambda peer, code, reason: refused.append(code),
        )
        made.append(Side(link, refused=refused))
        return made[-1]

    yield make
    for one in made:
        one.over.set()
        await one.link.close()


def note(number: int) -> Envelope:
    return Envelope(frame=FrameDelivery(frame=b"%d" % number))


async def connect(side: Callable[..., Side], world) -> tuple[Side, Channel, Channel]:
    parent, child = side("731"), side("26374")
    port = await parent.link.listen("127.0.0.1:0", parent.accept)
    dialled = await child.link.dial(f"127.0.0.1:{port}", world.name("731"))
    await until(lambda: parent.channels)
    return parent, dialled, parent.channels[0]


async def test_both_sides_know_whom_they_talk_to(side, world) -> None:
    parent, dialled, accepted = await connect(side, world)
    assert dialled.peer == world.name("731")
    assert accepted.peer == world.name("26374")
    await dialled.close("DONE", "enough")
    parent.over.set()


async def test_envelopes_arrive_in_order_both_ways(side, world) -> None:
    parent, dialled, accepted = await connect(side, world)
    for number in range(50):
        await dialled.send(note(number))
        await accepted.send(note(-number))
    assert [(await accepted.receive()).frame.frame for _ in range(50)] == [b"%d" % n for n in range(50)]
    assert [(await dialled.receive()).frame.frame for _ in range(50)] == [b"%d" % -n for n in range(50)]
    await dialled.close("DONE", "enough")
    parent.over.set()


@pytest.mark.parametrize("who", ["child", "parent"])
async def test_who_ends_a_connection_says_why_and_then_nothing_passes(side, world, who) -> None:
    parent, dialled, accepted = await connect(side, world)
    here, there = (dialled, accepted) if who == "child" else (accepted, dialled)
    hearing = asyncio.ensure_future(there.receive())
    await here.close("DONE", "enough of it")
    if who == "parent":
        parent.over.set()
    goodbye = (await hearing).refusal
    assert (goodbye.code, goodbye.reason) == ("DONE", "enough of it")
    with pytest.raises(LinkError):
        await there.receive()
    with pytest.raises(LinkError):
        await here.send(note(1))
    await here.close("DONE", "again")
    parent.over.set()


async def test_nobody_at_the_address_is_said(side, world) -> None:
    with pytest.raises(LinkError) as caught:
        await side("26374").link.dial("127.0.0.1:9", world.name("731"))
    assert caught.value.code == "UNREACHABLE"


async def test_somebody_else_at_the_address_is_not_taken_for_the_parent(side, world) -> None:
    uncle = side("735")
    port = await uncle.link.listen("127.0.0.1:0", uncle.accept)
    with pytest.raises(LinkError) as caught:
        await side("26374").link.dial(f"127.0.0.1:{port}", world.name("731"))
    assert caught.value.code == "WRONG_PEER"
    assert uncle.channels == []


async def test_a_port_is_listened_on_once(side) -> None:
    first, second = side("731"), side("735")
    port = await first.link.listen("127.0.0.1:0", first.accept)
    with pytest.raises(LinkError) as caught:
        await second.link.listen(f"127.0.0.1:{port}", second.accept)
    assert caught.value.code == "BIND"


async def test_a_silent_break_is_noticed(side, world) -> None:
    parent, dialled, _ = await connect(side, world)
    parent.over.set()
    await parent.link.close()
    with pytest.raises(LinkError):
        await _listen_to_the_end(dialled)


async def test_a_message_above_the_limit_of_the_link_ends_the_connection_not_the_process(world) -> None:
    refused: list[str] = []
    parent = Side(_grpc(world, "731", refused))
    port = await parent.link.listen("127.0.0.1:0", parent.accept)
    dialled = await _grpc(world, "26374", refused).dial(f"127.0.0.1:{port}", world.name("731"))
    too_large = Envelope(frame=FrameDelivery(frame=bytes(2 << 20)))
    with pytest.raises(LinkError):
        await _listen_to_the_end(dialled, first=too_large)
    await dialled.close("DONE", "")
    parent.over.set()
    await parent.link.close()


async def _listen_to_the_end(channel: Channel, first: Envelope | None = None) -> None:
    if first is not None:
        await channel.send(first)
    while True:
        await channel.receive()


def _grpc(world, code: str, refused: list[str]) -> GrpcLink:
    return GrpcLink(
        keystore=world.keystore(code),
        gate=Gate(world.root_pem, lambda: world.registry),
        clock=SystemClock(),
        on_refused=lambda peer, code, reason: refused.append(code),
    )
