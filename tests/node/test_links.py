"""Which link a node's frames take, by its settings alone."""

import asyncio

import pytest

from federation.link import LinkError
from node.links import BothLinks, listen_address, parent_address
from node.settings import Settings
from pki.gate import Gate
from tests.fakes.authority import THREE_TIERS, small_federation
from tests.fakes.link import FakeLink, FakeNet
from tests.node.conftest import write_settings


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    return small_federation(tmp_path_factory.mktemp("world"), centres=THREE_TIERS)


def both(world, code: str, nets: dict[str, FakeNet], **rest) -> BothLinks:
    gate = Gate(world.root_pem, lambda: world.registry)
    made = {kind: FakeLink(net, world.keystore(code), gate) for kind, net in nets.items()}
    return BothLinks(**made, **({"grpc_listen": None, "nats_listen": None, "is_parent_over_nats": False} | rest))


async def test_children_come_in_over_both_and_each_dials_over_its_own(world) -> None:
    nets = {"grpc": FakeNet(), "nats": FakeNet()}
    heard: list[str] = []
    over = asyncio.Event()

    async def accept(channel) -> None:
        heard.append(channel.peer)
        await over.wait()

    district = both(world, "731", nets, grpc_listen="127.0.0.1:7001", nats_listen="127.0.0.1:4222")
    assert await district.listen("127.0.0.1:7001", accept) == 7001
    for is_over_nats, address in ((False, "127.0.0.1:7001"), (True, "127.0.0.1:4222")):
        commune = both(world, "26374", nets, is_parent_over_nats=is_over_nats)
        await commune.dial(address, world.name("731"))
    await asyncio.sleep(0)
    assert heard == [world.name("26374")] * 2
    with pytest.raises(LinkError, match="UNREACHABLE"):
        await both(world, "26374", nets).dial("127.0.0.1:4222", world.name("731"))
    over.set()
    await district.close()
    assert nets["grpc"].servers == nets["nats"].servers == {}


async def test_nats_alone_gives_its_own_port(world) -> None:
    link = both(world, "731", {"grpc": FakeNet(), "nats": FakeNet()}, nats_listen="127.0.0.1:4222")
    assert await link.listen("127.0.0.1:4222", lambda channel: asyncio.sleep(0)) == 4222
    await link.close()


def test_the_parents_nats_server_is_dialled_where_one_is_named(tmp_path, monkeypatch) -> None:
    settings = Settings.load(write_settings(tmp_path, more='[link]\nlisten = "127.0.0.1:7001"\n'))
    assert parent_address(settings) is None
    assert listen_address(settings) == "127.0.0.1:7001"
    monkeypatch.setenv("LIENTHONG_PARENT__ADDRESS", "127.0.0.1:7002")
    assert parent_address(Settings.load(tmp_path / "node.toml")).address == "127.0.0.1:7002"
    monkeypatch.setenv("LIENTHONG_PARENT__NATS", "127.0.0.1:4222")
    assert parent_address(Settings.load(tmp_path / "node.toml")).address == "127.0.0.1:4222"
