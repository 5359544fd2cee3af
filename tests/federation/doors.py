"""The links under one roof: for each, how a node gets it, and a door to a parent that can be slammed or jammed."""

import asyncio
import contextlib
import random
from collections.abc import Callable
from typing import Protocol

from federation.grpc_link import GrpcLink
from federation.link import Link
from federation.v1.nats_pb2 import Parcel
from pki.gate import Gate
from tests.fakes.link import FakeLink, FakeNet
from tests.federation.nats_servers import ServedNatsLink, served_link
from tests.federation.nodes import Node


class Door(Protocol):
    """What a child dials instead of its parent."""

    port: int

    def cut(self) -> None:
        """Break every connection without a word."""

    def stall(self) -> None:
        """Let nothing through, and tell nobody."""

    def resume(self) -> None:
        """Let everything through again."""


class Proxy:
    """A door of TCP: bytes pass unread."""

    def __init__(self, behind: Callable[[], int]) -> None:
        self.behind = behind
        self.open = asyncio.Event()
        self.open.set()
        self.writers: set[asyncio.StreamWriter] = set()
        self.tasks: set[asyncio.Task] = set()
        self.port = 0

    async def start(self) -> "Proxy":
        self.server = await asyncio.start_server(self.enter, "127.0.0.1", 0)
        self.port = self.server.sockets[0].getsockname()[1]
        return self

    async def enter(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.writers.add(writer)
        self.tasks.add(asyncio.current_task())
        with contextlib.suppress(OSError, asyncio.CancelledError):
            inner, outer = await asyncio.open_connection("127.0.0.1", self.behind())
            self.writers.add(outer)
            await asyncio.gather(self.pass_on(reader, outer), self.pass_on(inner, writer))
        writer.close()

    async def pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while chunk := await reader.read(65536):
                await self.open.wait()
                writer.write(chunk)
                await writer.drain()
        await self.open.wait()
        writer.close()

    def cut(self) -> None:
        for writer in self.writers:
            writer.transport.abort()
        self.writers.clear()

    def stall(self) -> None:
        self.open.clear()

    def resume(self) -> None:
        self.open.set()

    async def stop(self) -> None:
        self.server.close()
        self.cut()
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)


class FakeDoorway:
    """A door in the net between fake links."""

    def __init__(self, net: FakeNet, parent: Node) -> None:
        self.net = net
        self.port = parent.port

    def cut(self) -> None:
        self.net.cut()

    def stall(self) -> None:
        self.net.stalled = True

    def resume(self) -> None:
        self.net.stalled = False


class Ways:
    """One kind of link: `link` is what a node asks, `door` leads to a parent that runs."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.net = FakeNet()
        self.proxies: list[Proxy] = []
        self.nats: list[ServedNatsLink] = []

    def link(self, node: Node) -> Link:
        if self.kind == "fake":
            return FakeLink(self.net, node.keystore, _gate(node))
        if self.kind == "grpc":
            refused = node.delivery.note_refused
            return GrpcLink(keystore=node.keystore, gate=_gate(node), clock=node.clock, on_refused=refused)
        home = node.federation.home(node.code)
        self.nats.append(served_link(node.keystore, node.registry, node.delivery.note_refused, home, node.clock))
        return self.nats[-1]

    async def door(self, parent: Node) -> Door:
        if self.kind == "fake":
            return FakeDoorway(self.net, parent)
        self.proxies.append(await Proxy(lambda: parent.port).start())
        return self.proxies[-1]

    def disturb(self, *, loss: float, double: float, reorder: float) -> None:
        """Lose, double and put out of order what is sent from now on; nothing of the kind happens within TCP."""
        if self.kind == "fake":
            self.net.loss, self.net.double, self.net.reorder = loss, double, reorder
            return
        for link in self.nats:
            link.disturbance = Disturbance(loss, double, reorder)

    async def close(self) -> None:
        for proxy in self.proxies:
            await proxy.stop()


class Disturbance:
    """Stands between a NATS client and its server and mistreats one message in so many, beginning after a hello."""

    def __init__(self, loss: float, double: float, reorder: float) -> None:
        self.loss, self.double, self.reorder = loss, double, reorder
        self.random = random.Random(7)  # noqa: S311 - chance, no secret
        self.held: tuple | None = None
        self.lost = self.doubled = self.reordered = 0

    async def publish(self, plain, subject: str, payload: bytes, reply: str = "") -> None:
        parcel = Parcel.FromString(payload)
        if parcel.envelope.WhichOneof("body") not in ("frame", "ack", "nack"):
            await plain(subject, payload, reply=reply)
            return
        if self.random.random() < self.loss:
            self.lost += 1
            return
        if self.held is None and self.random.random() < self.reorder:
            self.held = (subject, payload, reply)
            return
        await plain(subject, payload, reply=reply)
        if self.random.random() < self.double:
            self.doubled += 1
            await plain(subject, payload, reply=reply)
        if self.held is not None:
            self.reordered += 1
            held, self.held = self.held, None
            await plain(held[0], held[1], reply=held[2])


def _gate(node: Node) -> Gate:
    return Gate(node.keystore.root_pem, lambda: node.registry.current)
