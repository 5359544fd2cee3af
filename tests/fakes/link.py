"""A link inside one process, with the faults that a test asks for; passes the same test as the link over gRPC."""

import asyncio
from dataclasses import dataclass, field
from datetime import UTC, datetime
from random import Random

from federation.link import Accept, LinkError
from federation.v1.link_pb2 import Envelope, Refusal
from pki.errors import GateRefused
from pki.gate import Admission, Gate
from pki.keystore import Keystore

MESSAGE_BYTES = 1024 * 1024
_FIRST_PORT = 20000


@dataclass
class FakeNet:
    """What lies between fake links. Only frames, receipts and nacks are lost, doubled and put out of order."""

    loss: float = 0.0
    double: float = 0.0
    reorder: float = 0.0
    stalled: bool = False
    random: Random = field(default_factory=lambda: Random(1))  # noqa: S311 - chance, no secret
    servers: "dict[str, tuple[FakeLink, Accept]]" = field(default_factory=dict)
    live: "list[FakeChannel]" = field(default_factory=list)
    next_port: int = _FIRST_PORT

    def cut(self) -> None:
        """Break every connection without a word."""
        for channel in self.live:
            channel.break_off()
        self.live.clear()


class FakeChannel:
    def __init__(self, net: FakeNet, peer: str, admission: Admission | None, gate: Gate) -> None:
        self.net = net
        self.peer = peer
        self.admission = admission
        self.gate = gate
        self.other: FakeChannel | None = None
        self.arriving: asyncio.Queue[bytes | None] = asyncio.Queue()
        self.held: bytes | None = None
        self.over = False
        self.task: asyncio.Task[None] | None = None

    async def send(self, envelope: Envelope) -> None:
        if self.over or self.other is None or self.other.over:
            raise LinkError("CLOSED", f"the connection to {self.peer} is over")
        if envelope.ByteSize() > MESSAGE_BYTES:
            self.break_off()
        for raw in [] if self.net.stalled else self._faulty(envelope):
            self.other.arriving.put_nowait(raw)
        await asyncio.sleep(0)

    def _faulty(self, envelope: Envelope) -> list[bytes]:
        raw, chance, net = envelope.SerializeToString(), self.net.random.random, self.net
        if envelope.WhichOneof("body") not in ("frame", "ack", "nack"):
            return [raw]
        if chance() < net.loss:
            return []
        if self.held is None and chance() < net.reorder:
            self.held = raw
            return []
        late, self.held = self.held, None
        return [raw] * (2 if chance() < net.double else 1) + ([late] if late else [])

    async def receive(self) -> Envelope:
        if self.over and self.arriving.empty():
            raise LinkError("CLOSED", f"{self.peer} ended the connection")
        raw = await self.arriving.get()
        if raw is None:
            self.over = True
            raise LinkError("CLOSED", f"{self.peer} ended the connection")
        return Envelope.FromString(raw)

    def recheck(self, at: datetime) -> None:
        if self.admission is not None:
            try:
                self.gate.recheck(self.admission, at)
            except GateRefused as error:
                raise LinkError(error.code, error.reason) from error

    async def close(self, code: str, reason: str) -> None:
        if not self.over and self.other is not None and not self.net.stalled:
            goodbye = Envelope(refusal=Refusal(code=code, reason=reason))
            self.other.arriving.put_nowait(goodbye.SerializeToString())
        self.break_off()

    def break_off(self) -> None:
        self.over = True
        self.arriving.put_nowait(None)
        if self.other is not None and not self.other.over and not self.net.stalled:
            self.other.arriving.put_nowait(None)


class FakeLink:
    def __init__(self, net: FakeNet, keystore: Keystore, gate: Gate) -> None:
        self.net = net
        self.keystore = keystore
        self.gate = gate
        self.refused: list[str] = []
        self.tasks: set[asyncio.Task[None]] = set()
        self.accepted: list[FakeChannel] = []

    async def dial(self, address: str, name: str) -> FakeChannel:
        server, accept = self.net.servers.get(address, (None, None))
        if server is not None and server.keystore.name != name:
            raise LinkError("WRONG_PEER", f"{name} is not the one who answers at {address}")
        if server is None or accept is None or self.net.stalled:
            raise LinkError("UNREACHABLE", f"{name} does not answer at {address}")
        try:
            admission = server.gate.admit(self.keystore.tls_chain_pem, datetime.now(UTC))
        except GateRefused as error:
            server.refused.append(error.code)
            raise LinkError(error.code, error.reason) from error
        mine = FakeChannel(self.net, name, None, self.gate)
        theirs = FakeChannel(self.net, admission.name, admission, server.gate)
        mine.other, theirs.other = theirs, mine
        self.net.live += [mine, theirs]
        server.accepted.append(theirs)
        task = asyncio.get_running_loop().create_task(server.carry(accept, theirs))
        server.tasks.add(task)
        task.add_done_callback(server.tasks.discard)
        return mine

    async def carry(self, accept: Accept, channel: FakeChannel) -> None:
        try:
            await accept(channel)
        except LinkError as error:
            await channel.close(error.code, error.reason)
        finally:
            channel.break_off()

    async def listen(self, address: str, accept: Accept) -> int:
        host, _, port = address.rpartition(":")
        if port == "0":
            self.net.next_port += 1
            port = str(self.net.next_port)
        if f"{host}:{port}" in self.net.servers:
            raise LinkError("BIND", f"cannot listen on {address}: is another process using it?")
        self.net.servers[f"{host}:{port}"] = (self, accept)
        return int(port)

    async def close(self) -> None:
        for address in [one for one, (link, _) in self.net.servers.items() if link is self]:
            del self.net.servers[address]
        for channel in self.accepted:
            channel.break_off()
        for task in list(self.tasks):
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)
