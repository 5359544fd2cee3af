"""The gRPC of this lane, on the mutual TLS port: a parent's window, and a child's calls on a connection of its own."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

import grpc
import grpc.aio
from google.protobuf.message import Message

from federation.bulk.desk import ObjectDesk
from federation.enrolment.channel import CALL_LIMIT_S, open_channel, refusal_of, status_of
from federation.v1 import bulk_pb2 as wire
from federation.v1 import bulk_pb2_grpc
from pki.errors import PkiError
from pki.gate import presented_chain
from pki.keystore import Keystore
from pki.registry import RegistryFile

HOLD_S = 20.0
_BROKEN = frozenset({grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED})
_Context = grpc.aio.ServicerContext[Any, Any]
_Answer = TypeVar("_Answer", bound=Message)
log = logging.getLogger(__name__)


@dataclass(slots=True)
class Bell:
    """Wakes everybody in the event loop who waits for a change; rung from any thread."""

    _loop: asyncio.AbstractEventLoop | None = None
    _event: asyncio.Event = field(default_factory=asyncio.Event)

    def ring(self) -> None:
        """Something changed."""
        loop = self._loop
        if loop is not None and not loop.is_closed():
            loop.call_soon_threadsafe(self._ring)

    def _ring(self) -> None:
        self._event.set()
        self._event = asyncio.Event()

    def hear(self) -> asyncio.Event:
        """What the next ring sets; to be taken before one looks, so that no change is missed."""
        self._loop = asyncio.get_running_loop()
        return self._event


@dataclass(frozen=True, slots=True, kw_only=True)
class BulkWindow:
    """Answers children; `admit` gives the registry name of a child of this node and refuses everybody else."""

    desk: ObjectDesk
    admit: Callable[[bytes], str]
    bell: Bell
    hold_s: float = HOLD_S

    def add_service(self, server: grpc.aio.Server) -> None:
        """Answer on this server."""
        bulk_pb2_grpc.add_BulkServicer_to_server(_Servicer(self), server)

    async def wanted(self, child: str, mark: bytes) -> wire.WantedObjects:
        """What is wanted of the child, as soon as it is something else than it knows, or after twenty seconds."""
        self.desk.enter(child, 1)
        try:
            loop = asyncio.get_running_loop()
            until = loop.time() + self.hold_s
            is_over = False
            while True:
                event = self.bell.hear()
                found = await asyncio.to_thread(self.desk.wishes, child)
                if found.mark != mark or is_over:
                    return found
                is_over = not await _rung(event, until - loop.time())
        finally:
            self.desk.enter(child, -1)


async def _rung(event: asyncio.Event, limit_s: float) -> bool:
    try:
        await asyncio.wait_for(event.wait(), max(limit_s, 0.0))
    except TimeoutError:
        return False
    return True


class _Servicer(bulk_pb2_grpc.BulkServicer):
    def __init__(self, window: BulkWindow) -> None:
        self._window = window

    async def Wanted(self, request: wire.WishesQuestion, context: _Context) -> wire.WantedObjects:  # noqa: N802 - the protocol's name
        child = await self._admitted(context)
        return await self._window.wanted(child, request.mark)

    async def Offer(self, request: wire.ObjectOffer, context: _Context) -> wire.ObjectVerdict:  # noqa: N802 - the protocol's name
        return await self._answered(context, lambda child: self._window.desk.offer(child, request))

    async def Bring(self, request: wire.ObjectChunk, context: _Context) -> wire.ObjectVerdict:  # noqa: N802 - the protocol's name
        return await self._answered(context, lambda child: self._window.desk.bring(child, request))

    async def Answer(self, request: wire.ObjectAnswer, context: _Context) -> wire.ObjectVerdict:  # noqa: N802 - the protocol's name
        return await self._answered(context, lambda child: self._window.desk.answer(child, request))

    async def _answered(self, context: _Context, work: Callable[[str], _Answer]) -> _Answer:
        child = await self._admitted(context)
        return await asyncio.to_thread(work, child)

    async def _admitted(self, context: _Context) -> str:
        chain = presented_chain(context.auth_context())
        try:
            return await asyncio.to_thread(self._window.admit, chain)
        except PkiError as error:
            log.warning("objects: refused %s: %s", context.peer(), error)
            await context.abort(status_of(error), f"{error.code}: {error.reason}")
            raise


@dataclass(slots=True, kw_only=True)
class ParentCalls:
    """A child's calls, over one connection that is opened when it is first needed and anew after it broke."""

    keystore: Keystore
    registry: RegistryFile
    address: str
    _channel: grpc.aio.Channel | None = None

    async def wanted(self, mark: bytes) -> wire.WantedObjects:
        """Wait for what the parent wants."""
        question = wire.WishesQuestion(mark=mark)
        return await self._call(lambda stub: stub.Wanted(question, timeout=HOLD_S + CALL_LIMIT_S))

    async def offer(self, offer: wire.ObjectOffer) -> wire.ObjectVerdict:
        """Name an object's chunks."""
        return await self._call(lambda stub: stub.Offer(offer, timeout=CALL_LIMIT_S))

    async def bring(self, chunk: wire.ObjectChunk) -> wire.ObjectVerdict:
        """Bring one chunk."""
        return await self._call(lambda stub: stub.Bring(chunk, timeout=3 * CALL_LIMIT_S))

    async def answer(self, answer: wire.ObjectAnswer) -> wire.ObjectVerdict:
        """Say why an object does not come, or not yet."""
        return await self._call(lambda stub: stub.Answer(answer, timeout=CALL_LIMIT_S))

    async def close(self) -> None:
        """Let go of the connection."""
        channel, self._channel = self._channel, None
        if channel is not None:
            await channel.close()

    async def _call(self, call: Callable[[Any], Awaitable[_Answer]]) -> _Answer:
        parent = self.registry.current.parent_of(self.keystore.name)
        if parent is None:
            raise PkiError("NO_PARENT", "the registry names no parent of this centre")
        if self._channel is None:
            keys = self.keystore
            self._channel = open_channel(
                self.address,
                expected=parent,
                roots_pem=keys.root_pem,
                key_pem=keys.tls_key_pem,
                chain_pem=keys.tls_chain_pem,
            )
        try:
            return await call(bulk_pb2_grpc.BulkStub(self._channel))
        except grpc.aio.AioRpcError as error:
            if error.code() in _BROKEN:
                await self.close()
            raise refusal_of(error, f"the parent at {self.address}") from error
        except asyncio.CancelledError as error:
            # Another call found the connection broken and closed it: this one is not the task being ended.
            task = asyncio.current_task()
            if task is None or task.cancelling():
                raise
            raise PkiError("UNREACHABLE", f"the connection to the parent at {self.address} broke") from error
