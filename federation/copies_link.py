"""Heads and frames over the mutual TLS port: a parent answers its children, a child brings what its parent wants.

Only streams that may travel between the two are spoken of, whoever asks: `federation.rights` decides, as for delivery.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeVar

import grpc
import grpc.aio
from google.protobuf.message import Message

from federation.enrolment.channel import CALL_LIMIT_S, open_channel, refusal_of, status_of
from federation.examination.copies import Shelf, frames_after, is_shared, state_heads
from federation.examination.mend import Span
from federation.frame import StreamKey, from_us, to_us
from federation.house import Clock
from federation.storage import Storage
from federation.v1 import copies_pb2 as wire
from federation.v1 import copies_pb2_grpc, link_pb2
from pki.errors import PkiError
from pki.gate import Gate, presented_chain
from pki.keystore import Keystore
from pki.registry import RegistryFile

MOST_FRAMES = 64
MOST_BYTES = 768 * 1024
_Context = grpc.aio.ServicerContext[Any, Any]
_Answer = TypeVar("_Answer", bound=Message)
log = logging.getLogger(__name__)


@dataclass(slots=True, kw_only=True)
class CopiesDesk:
    """What a node shows its children of the streams that both hold, and what it would like to have from them."""

    keystore: Keystore
    registry: RegistryFile
    storage: Storage
    clock: Clock
    on_given: Callable[[str, list[bytes]], int]
    wanted: dict[str, list[wire.FramesQuestion]] = field(default_factory=dict)

    def add_service(self, server: grpc.aio.Server) -> None:
        """Answer on this server."""
        copies_pb2_grpc.add_CopiesServicer_to_server(_Window(self), server)

    def admit(self, chain_pem: bytes) -> str:
        """The registry name of a child of this node; everybody else is refused."""
        registry = self.registry.current
        gate = Gate(self.keystore.root_pem, lambda: registry)
        name = gate.admit(chain_pem, self.clock.now()).name
        if registry.parent_of(name) != self.keystore.name:
            raise PkiError("NOT_MY_CHILD", f"{name} is not a child of this node")
        return name

    def heads(self, child: str) -> wire.HeldHeads:
        """How far this node holds the streams that it shares with a child."""
        registry, now = self.registry.current, self.clock.now()
        heads = self.storage.read(lambda session: state_heads(session, self.keystore, now, registry, child))
        return wire.HeldHeads(heads=heads, at_us=to_us(now))

    def wants(self, child: str) -> wire.WantedFrames:
        """What this node would like to have from a child, and what time it is here."""
        return wire.WantedFrames(wanted=self.wanted.get(child, []), at_us=to_us(self.clock.now()))

    def frames(self, child: str, question: wire.FramesQuestion) -> wire.FrameCopies:
        """Frames of a stream that may travel between this node and the child; nothing of any other."""
        return answer(self.storage, self.registry, self.keystore.name, child, question)


def answer(
    storage: Storage, registry: RegistryFile, name: str, peer: str, question: wire.FramesQuestion
) -> wire.FrameCopies:
    """The frames that a neighbour asks for, if the stream may travel between the two; raises PkiError otherwise."""
    stream = StreamKey(question.origin, question.lane, question.audience)
    if not is_shared(registry.current, stream, name, peer):
        raise PkiError("ORIGIN_MISMATCH", f"{stream.audience} of {stream.origin} is not between {name} and {peer}")
    place = question.after
    after = (place.epoch, place.frame_no, place.frame_hash) if question.HasField("after") else None
    most = max(1, min(question.frames, MOST_FRAMES))
    frames = storage.read(lambda session: list(frames_after(session.connection(), stream, after, most, MOST_BYTES)))
    return wire.FrameCopies(frames=frames)


class _Window(copies_pb2_grpc.CopiesServicer):
    def __init__(self, desk: CopiesDesk) -> None:
        self._desk = desk

    async def Heads(self, request: wire.HeadsQuestion, context: _Context) -> wire.HeldHeads:  # noqa: N802 - the protocol's name
        del request
        return await _answered(context, self._desk, self._desk.heads)

    async def Fetch(self, request: wire.FramesQuestion, context: _Context) -> wire.FrameCopies:  # noqa: N802 - the protocol's name
        return await _answered(context, self._desk, lambda child: self._desk.frames(child, request))

    async def Wanted(self, request: wire.WantedQuestion, context: _Context) -> wire.WantedFrames:  # noqa: N802 - the protocol's name
        del request
        return await _answered(context, self._desk, self._desk.wants)

    async def Give(self, request: wire.GivenFrames, context: _Context) -> wire.GivenAnswer:  # noqa: N802 - the protocol's name
        def take(child: str) -> wire.GivenAnswer:
            if self._desk.wanted.pop(child, None) is None:
                return wire.GivenAnswer(used=0)
            return wire.GivenAnswer(used=self._desk.on_given(child, list(request.frames)))

        return await _answered(context, self._desk, take)


async def _answered(context: _Context, desk: CopiesDesk, work: Callable[[str], _Answer]) -> _Answer:
    chain = presented_chain(context.auth_context())
    try:
        return await asyncio.to_thread(lambda: work(desk.admit(chain)))
    except PkiError as error:
        log.warning("copies: refused %s: %s", context.peer(), error)
        await context.abort(status_of(error), f"{error.code}: {error.reason}")
        raise


# the child's side ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Asking:
    """A child that asks its parent."""

    keystore: Keystore
    registry: RegistryFile
    address: str

    @property
    def parent(self) -> str:
        """The name that the parent must prove; raises PkiError where the registry names none."""
        name = self.registry.current.parent_of(self.keystore.name)
        if name is None:
            raise PkiError("NO_PARENT", "the registry names no parent of this centre")
        return name

    async def heads(self, shelf: Shelf) -> int:
        """Put the parent's heads on the shelf; how many hold."""
        held = await self._call(lambda stub: stub.Heads(wire.HeadsQuestion(), timeout=CALL_LIMIT_S))
        shelf.giver, shelf.giver_at = self.parent, from_us(held.at_us)
        return sum([shelf.add_head(signed) for signed in held.heads])

    async def frames(self, shelf: Shelf, spans: Sequence[Span]) -> int:
        """Put the frames of these spans on the shelf, as far as the parent has them; how many hold."""
        count = 0
        for span in spans:
            after, left = span.after, MOST_FRAMES if span.last is None else span.last - span.first + 1
            while left > 0:
                question = question_of(span.stream, after, left)
                got = await self._fetch(question)
                before = count
                for raw in got.frames:
                    count += shelf.add(raw)
                last = shelf.last_of(span.stream, after, len(got.frames))
                if count == before or last is None:
                    break
                after = last
                left = MOST_FRAMES if span.last is None else left - len(got.frames)
        return count

    async def _fetch(self, question: wire.FramesQuestion) -> wire.FrameCopies:
        return await self._call(lambda stub: stub.Fetch(question, timeout=CALL_LIMIT_S))

    async def bring(self, storage: Storage) -> tuple[int, datetime]:
        """Ask what the parent wants of this node's copies, and bring it; how many went, and the parent's time."""
        wanted = await self._call(lambda stub: stub.Wanted(wire.WantedQuestion(), timeout=CALL_LIMIT_S))
        frames: list[bytes] = []
        for question in wanted.wanted:
            found = await asyncio.to_thread(answer, storage, self.registry, self.keystore.name, self.parent, question)
            frames += found.frames
        if frames:
            given = wire.GivenFrames(frames=_fitting(frames))
            await self._call(lambda stub: stub.Give(given, timeout=CALL_LIMIT_S))
        return len(frames), from_us(wanted.at_us)

    async def _call(self, call: Callable[[Any], Awaitable[_Answer]]) -> _Answer:
        keys = self.keystore
        opened = open_channel(
            self.address,
            expected=self.parent,
            roots_pem=keys.root_pem,
            key_pem=keys.tls_key_pem,
            chain_pem=keys.tls_chain_pem,
        )
        async with opened as channel:
            try:
                return await call(copies_pb2_grpc.CopiesStub(channel))
            except grpc.aio.AioRpcError as error:
                raise refusal_of(error, f"the parent at {self.address}") from error


def question_of(stream: StreamKey, after: tuple[bytes, int, bytes] | None, frames: int) -> wire.FramesQuestion:
    """The question for the frames of a stream behind a place."""
    asked = wire.FramesQuestion(
        origin=stream.origin, lane=stream.lane, audience=stream.audience, frames=min(frames, MOST_FRAMES)
    )
    if after is not None:
        asked.after.CopyFrom(link_pb2.Position(epoch=after[0], frame_no=after[1], frame_hash=after[2]))
    return asked


def _fitting(frames: Sequence[bytes]) -> list[bytes]:
    chosen: list[bytes] = []
    size = 0
    for raw in frames:
        size += len(raw)
        if chosen and size > MOST_BYTES:
            break
        chosen.append(raw)
    return chosen


def ask_heads(asking: Asking, shelf: Shelf) -> int:
    """As `Asking.heads`, for a command line."""
    return asyncio.run(asking.heads(shelf))


def ask_frames(asking: Asking, shelf: Shelf, spans: Sequence[Span]) -> int:
    """As `Asking.frames`, for a command line."""
    return asyncio.run(asking.frames(shelf, spans))
