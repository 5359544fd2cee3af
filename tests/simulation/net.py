"""Lines between centres: up or down, slow, lossy, half dead; and the link of a centre over its lines.

What is lost, doubled or put out of order are frames, receipts and nacks, as a link may that is no stream. A line that
is cut loses what is under way and tells both ends; one that is mute loses everything and tells nobody.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from random import Random
from typing import Any

from federation.link import Accept, LinkError
from federation.v1.link_pb2 import Envelope, Refusal
from pki.errors import GateRefused
from pki.gate import Admission, Gate
from pki.keystore import Keystore
from tests.simulation.clock import SimClock
from tests.simulation.loop import Crash, VirtualLoop

MESSAGE_BYTES = 1024 * 1024
DIAL_S = 900.0  # a dead line swallows a call; whoever dials again sooner only calls into the dark more often
_MAY_SUFFER = frozenset({"frame", "ack", "nack"})

Told = Callable[[str, str, str, int], None]  # line, direction, kind, bytes


@dataclass
class Line:
    """The line between a child and its parent; `child` is the code of the former and names it."""

    child: str
    parent: str
    chance: Random
    is_up: bool = True
    is_mute: bool = False
    delay_s: tuple[float, float] = (0.005, 0.05)
    loss: float = 0.0
    double: float = 0.0
    reorder: float = 0.0
    garble: float = 0.0
    pairs: "list[tuple[End, End]]" = field(default_factory=list)
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def carries(self) -> bool:
        return self.is_up and not self.is_mute

    def set(self, **states: Any) -> None:
        """Change what the line is like, and let those who dial look again."""
        for name, value in states.items():
            setattr(self, name, value)
        self.changed.set()
        self.changed = asyncio.Event()

    def cut(self) -> None:
        """Break what is on the line; a mute line tells nobody."""
        for pair in self.pairs:
            for end in pair:
                end.lose(is_told=not self.is_mute)
        self.pairs.clear()

    def down(self) -> None:
        self.cut()
        self.set(is_up=False)

    def heal(self) -> None:
        self.set(is_up=True, is_mute=False, delay_s=(0.005, 0.05), loss=0.0, double=0.0, reorder=0.0, garble=0.0)


class End:
    """One end of a connection, for the start of a centre that holds it."""

    def __init__(self, link: "SimLink", line: Line, peer: str, admission: Admission | None, way: str) -> None:
        self.link, self.line, self.peer, self.way = link, line, peer, way
        self.admission = admission
        self.other: End = self
        self.arriving: asyncio.Queue[bytes | None] = asyncio.Queue()
        self.over = self.is_lost = False
        self.last_s = 0.0
        self.held: bytes | None = None

    async def send(self, envelope: Envelope) -> None:
        if self.link.is_dead:
            raise Crash
        if self.over:
            raise LinkError("CLOSED", f"the connection to {self.peer} is over")
        raw = envelope.SerializeToString()
        if len(raw) > MESSAGE_BYTES:
            raise LinkError("CLOSED", "a message is too large")
        kind = str(envelope.WhichOneof("body"))
        if self.line.garble and self.line.chance.random() < self.line.garble:
            raw = garbled(raw, self.line.chance)
        for one in self._faulty(raw, kind):
            self._post(one)
        self.link.told(self.line.child, self.way, kind, len(raw))
        await asyncio.sleep(0)

    def _faulty(self, raw: bytes, kind: str) -> list[bytes]:
        line, chance = self.line, self.line.chance.random
        if kind not in _MAY_SUFFER or not (line.loss or line.double or line.reorder):
            return [raw]
        if chance() < line.loss:
            return []
        if self.held is None and chance() < line.reorder:
            self.held = raw
            return []
        late, self.held = self.held, None
        return [raw] * (2 if chance() < line.double else 1) + ([late] if late else [])

    def _post(self, raw: bytes | None) -> None:
        loop = asyncio.get_running_loop()
        self.last_s = max(self.last_s + 1e-5, loop.time() + self.line.chance.uniform(*self.line.delay_s))
        loop.call_at(self.last_s, self.other.arrive, raw)

    def arrive(self, raw: bytes | None) -> None:
        if not self.is_lost and self.line.carries:
            self.arriving.put_nowait(raw)

    async def receive(self) -> Envelope:
        if self.link.is_dead:
            raise Crash
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
                self.link.gate.recheck(self.admission, at)
            except GateRefused as error:
                raise LinkError(error.code, error.reason) from error

    async def close(self, code: str, reason: str) -> None:
        if not self.over and not self.link.is_dead:
            self._post(Envelope(refusal=Refusal(code=code, reason=reason)).SerializeToString())
        self.hang_up()

    def hang_up(self) -> None:
        """End this side; what was sent still arrives, and then the end."""
        if not self.over:
            self.over = True
            self.arriving.put_nowait(None)
            self._post(None)

    def lose(self, *, is_told: bool) -> None:
        """What is under way to this end is lost."""
        self.is_lost = True
        if is_told:
            self.over = True
            self.arriving.put_nowait(None)


def garbled(raw: bytes, chance: Random) -> bytes:
    """A message of a peer whose memory is broken, or that lies about what it brings."""
    envelope = Envelope.FromString(raw)
    if envelope.WhichOneof("body") == "frame":
        frame = envelope.frame
        match chance.randrange(4):
            case 0:
                frame.lane = "express"
            case 1:
                frame.origin = f"{frame.origin[:-1]}x"
            case 2:
                frame.audience = "up" if frame.audience == "parent" else "parent"
            case _:
                frame.frame = _flipped(frame.frame, chance)
    elif envelope.WhichOneof("body") == "ack":
        envelope.ack.signature = _flipped(envelope.ack.signature, chance)
    return envelope.SerializeToString()


def _flipped(raw: bytes, chance: Random) -> bytes:
    place = chance.randrange(len(raw))
    return raw[:place] + bytes([raw[place] ^ (1 << chance.randrange(8))]) + raw[place + 1 :]


class SimLink:
    """The link of one start of a centre."""

    def __init__(self, net: "Net", code: str, keystore: Keystore, gate: Gate, clock: SimClock) -> None:
        self.net, self.code, self.keystore, self.gate, self.clock = net, code, keystore, gate, clock
        self.told = net.told
        self.is_dead = False
        self.accept: Accept | None = None
        self.ends: list[End] = []
        self.tasks: list[asyncio.Task[None]] = []
        self.spawn: Callable[..., asyncio.Task[None]] = asyncio.ensure_future

    async def dial(self, address: str, name: str) -> End:
        line = self.net.lines[self.code]
        loop = asyncio.get_running_loop()
        until_s = loop.time() + DIAL_S
        while not line.carries:
            left_s = until_s - loop.time()
            if left_s <= 0:
                raise LinkError("UNREACHABLE", f"{name} does not answer at {address}")
            try:
                await asyncio.wait_for(line.changed.wait(), left_s)
            except TimeoutError:
                continue
        await asyncio.sleep(2 * line.chance.uniform(*line.delay_s))
        server = self.net.listening.get(address)
        if server is None or server.accept is None or not line.carries:
            raise LinkError("UNREACHABLE", f"nobody listens at {address}")
        if server.keystore.name != name:
            raise LinkError("WRONG_PEER", f"{name} is not the one who answers at {address}")
        try:
            admission = server.gate.admit(self.keystore.tls_chain_pem, server.clock.now())
        except GateRefused as error:
            raise LinkError(error.code, error.reason) from error
        mine, theirs = End(self, line, name, None, "up"), End(server, line, admission.name, admission, "down")
        mine.other, theirs.other = theirs, mine
        self._keep(mine)
        server._keep(theirs)
        line.pairs = [pair for pair in line.pairs if not (pair[0].over and pair[1].over)]
        line.pairs.append((mine, theirs))
        server.tasks = [task for task in server.tasks if not task.done()]
        server.tasks.append(server.spawn(server.carry(server.accept, theirs)))
        return mine

    def _keep(self, end: End) -> None:
        self.ends = [one for one in self.ends if not one.over]
        self.ends.append(end)

    async def carry(self, accept: Accept, end: End) -> None:
        try:
            await accept(end)
        except LinkError as error:
            await end.close(error.code, error.reason)
        finally:
            if not self.is_dead:
                end.hang_up()

    async def listen(self, address: str, accept: Accept) -> int:
        self.accept = accept
        self.net.listening[address] = self
        return 1

    async def close(self) -> None:
        self.net.listening.pop(self.code, None)
        for end in self.ends:
            end.hang_up()
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)

    def die(self, *, is_told: bool) -> None:
        """The process is gone; its kernel may still say so, unless the power is gone as well."""
        self.is_dead = True
        if self.net.listening.get(self.code) is self:
            del self.net.listening[self.code]
        for end in self.ends:
            if is_told:
                end.hang_up()
            end.over = end.is_lost = True


@dataclass
class Net:
    """All lines, and who listens; `told` hears of each message that is sent."""

    loop: VirtualLoop
    told: Told
    lines: dict[str, Line] = field(default_factory=dict)
    listening: dict[str, SimLink] = field(default_factory=dict)
