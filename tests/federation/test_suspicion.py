"""A peer that dies is unreachable; only one that lives and closes again and again has refused this node."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Self

import pytest

from federation.grpc_link import GrpcLink
from federation.link import LinkError
from pki.gate import Gate
from tests.federation.nodes import Node


class Peer:
    """A listener that takes the first bytes of a handshake and closes, and dies after the first time if told so."""

    def __init__(self, *, dies: bool = False, hangs_up: bool = False) -> None:
        self.dies, self.hangs_up = dies, hangs_up
        self.asked = 0

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.address = f"127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            if not self.hangs_up and await reader.read(4096):
                self.asked += 1
                if self.dies:
                    self._server.close()
            writer.close()


@pytest.fixture
async def link(nodes) -> AsyncIterator[GrpcLink]:
    node: Node = nodes("731")
    gate = Gate(node.keystore.root_pem, lambda: node.registry.current)
    made = GrpcLink(keystore=node.keystore, gate=gate, clock=node.clock, on_refused=lambda *_: None)
    yield made
    await made.close()


async def codes(link: GrpcLink, peer: Peer, times: int) -> list[str]:
    found = []
    for _ in range(times):
        with pytest.raises(LinkError) as caught:
            await link.dial(peer.address, "n-aaaaaaaaaaaaaaaa.lienthong.internal")
        found.append(caught.value.code)
    return found


async def test_a_peer_that_dies_in_the_handshake_has_refused_nobody(link) -> None:
    async with Peer(dies=True) as peer:
        assert await codes(link, peer, 4) == ["UNREACHABLE"] * 4
        assert peer.asked == 1


async def test_what_stands_before_a_dead_peer_has_refused_nobody(link) -> None:
    async with Peer(hangs_up=True) as peer:
        assert set(await codes(link, peer, 4)) == {"UNREACHABLE"}


async def test_a_peer_that_lives_and_closes_every_time_has_refused(link) -> None:
    async with Peer() as peer:
        assert await codes(link, peer, 4) == ["CLOSED", "CLOSED", "TLS_REFUSED", "TLS_REFUSED"]
