"""The link over gRPC: the child dials, mutual TLS proves both names, one long stream carries everything.

TLS lets in whoever holds a key under the root; the gate then decides about the name, and is asked again for every frame
and every beat, because gRPC looks at a certificate only once. A refusal inside TLS never reaches this code on either
side; one by the gate reaches both, as `CODE: reason` in the status of the call.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

import grpc
import grpc.aio

from federation.house import Clock
from federation.link import Accept, Channel, LinkError
from federation.suspicion import Suspicion
from federation.v1 import link_pb2_grpc
from federation.v1.link_pb2 import Envelope, Refusal
from pki.errors import GateRefused
from pki.gate import Admission, Gate, presented_chain
from pki.keystore import Keystore

log = logging.getLogger(__name__)

DIAL_LIMIT_S = 10.0
MESSAGE_BYTES = 1024 * 1024
_CLOSE_LIMIT_S = 0.5
_DAY_MS = 24 * 3600 * 1000

_BOTH: tuple[tuple[str, int], ...] = (
    ("grpc.keepalive_time_ms", 20_000),
    ("grpc.keepalive_timeout_ms", 5_000),
    ("grpc.http2.ping_timeout_ms", 5_000),  # without it a black hole is noticed after a minute only
    ("grpc.http2.max_pings_without_data", 0),
    ("grpc.http2.lookahead_bytes", 262_144),
    ("grpc.http2.bdp_probe", 0),
    ("grpc.max_receive_message_length", MESSAGE_BYTES),
    ("grpc.max_send_message_length", MESSAGE_BYTES),
)
_SERVER = (
    *_BOTH,
    ("grpc.http2.min_ping_interval_without_data_ms", 10_000),
    ("grpc.so_reuseport", 0),  # two servers would otherwise share a port silently
    ("grpc.max_connection_age_ms", _DAY_MS),
    ("grpc.max_connection_age_grace_ms", 10_000),
    ("grpc.max_metadata_size", 16 * 1024),
    ("grpc.max_concurrent_streams", 8),
)
_CLIENT = (
    *_BOTH,
    ("grpc.use_local_subchannel_pool", 1),
    ("grpc.enable_retries", 0),
    ("grpc.enable_http_proxy", 0),
)

_Call = grpc.aio.StreamStreamCall[Envelope, Envelope]
_Context = grpc.aio.ServicerContext[Envelope, Envelope]
Refused = Callable[[str, str, str], None]
AddServices = Callable[[grpc.aio.Server], None]


_VACANT = "Connection refused"
# What the core of gRPC says of a connection that did not come about, and what that means.
_MEANINGS = (
    ("Hostname Verification", "WRONG_PEER", "{0} is not the one who answers at that address"),
    ("CERTIFICATE_VERIFY_FAILED", "FOREIGN_PEER", "who answers for {0} has no valid certificate of this federation"),
    ("Socket closed", "TLS_REFUSED", "{0} closed the connection without a word, as TLS does with a bad certificate"),
    (_VACANT, "UNREACHABLE", "nobody listens at the address of {0}"),
)


def _over(error: grpc.aio.AioRpcError, peer: str, *, was_heard: bool = False) -> LinkError:
    """What the end of a call means; a refusal by the gate says its own code; who was heard has passed TLS."""
    details = error.details() or ""
    code, separator, reason = details.partition(": ")
    if separator and code.isascii() and code.replace("_", "").isupper():
        return LinkError(code, reason)
    if error.code() is not grpc.StatusCode.UNAVAILABLE:
        return LinkError("CLOSED", f"{peer} ended the connection ({error.code().name}: {details})")
    if was_heard:
        return LinkError("CLOSED", f"the connection to {peer} broke ({details})")
    for sign, meaning, sentence in _MEANINGS:
        if sign in details:
            return LinkError(meaning, f"{sentence.format(peer)} ({details})", is_vacant=sign == _VACANT)
    return LinkError("UNREACHABLE", f"{peer} does not answer ({details})")


class _DialledChannel:
    """The child's end."""

    def __init__(self, peer: str, channel: grpc.aio.Channel, call: _Call, suspicion: Suspicion) -> None:
        self.peer = peer
        self._suspicion = suspicion
        self._channel = channel
        self._call = call
        self._writing = asyncio.Lock()
        self._was_heard = False

    async def send(self, envelope: Envelope) -> None:
        try:
            async with self._writing:
                await self._call.write(envelope)
        except grpc.aio.AioRpcError as error:
            raise await self._suspicion.judge(_over(error, self.peer, was_heard=self._was_heard)) from error
        except (asyncio.InvalidStateError, grpc.aio.UsageError) as error:
            raise LinkError("CLOSED", f"the connection to {self.peer} is over") from error

    async def receive(self) -> Envelope:
        try:
            envelope = await self._call.read()
        except grpc.aio.AioRpcError as error:
            raise await self._suspicion.judge(_over(error, self.peer, was_heard=self._was_heard)) from error
        if isinstance(envelope, Envelope):
            if not self._was_heard:
                self._was_heard = True
                self._suspicion.heard()
            return envelope
        raise LinkError("CLOSED", f"{self.peer} ended the connection")

    async def _ended(self) -> None:
        while not self._call.done() and await self._call.read() is not grpc.aio.EOF:
            pass

    def recheck(self, at: datetime) -> None:
        """TLS has checked the parent's certificate; nothing of it can be seen here again."""

    async def close(self, code: str, reason: str) -> None:
        if not self._call.done():
            await _say_goodbye(self.send, code, reason)
            # A cancelled call throws away what was written: leave the other side a moment to read it.
            try:
                await self._call.done_writing()
                await asyncio.wait_for(asyncio.shield(self._ended()), _CLOSE_LIMIT_S)
            except (TimeoutError, grpc.aio.BaseError, grpc.RpcError, asyncio.InvalidStateError):
                log.debug("%s keeps its end of the connection open", self.peer)
        self._call.cancel()
        await self._channel.close()


class _AcceptedChannel:
    """The parent's end."""

    def __init__(self, admission: Admission, gate: Gate, context: _Context) -> None:
        self.peer = admission.name
        self._admission = admission
        self._gate = gate
        self._context = context
        self._writing = asyncio.Lock()
        self.over = False

    async def send(self, envelope: Envelope) -> None:
        if self.over:
            raise LinkError("CLOSED", f"the connection to {self.peer} is over")
        try:
            async with self._writing:
                await self._context.write(envelope)
        except (grpc.aio.BaseError, grpc.RpcError, asyncio.InvalidStateError) as error:
            raise LinkError("CLOSED", f"{self.peer} ended the connection") from error

    async def receive(self) -> Envelope:
        try:
            envelope = await self._context.read()
        except (grpc.aio.BaseError, grpc.RpcError, asyncio.InvalidStateError) as error:
            raise LinkError("CLOSED", f"{self.peer} ended the connection") from error
        if isinstance(envelope, Envelope):
            return envelope
        raise LinkError("CLOSED", f"{self.peer} ended the connection")

    def recheck(self, at: datetime) -> None:
        try:
            self._gate.recheck(self._admission, at)
        except GateRefused as error:
            raise LinkError(error.code, error.reason) from error

    async def close(self, code: str, reason: str) -> None:
        if not self.over:
            await _say_goodbye(self.send, code, reason)
            self.over = True


async def _say_goodbye(send: Callable[[Envelope], Any], code: str, reason: str) -> None:
    """The reason for an end, for as long as the other side takes to hear it, and no longer than a second."""
    try:
        await asyncio.wait_for(send(Envelope(refusal=Refusal(code=code, reason=reason))), _CLOSE_LIMIT_S)
    except (LinkError, TimeoutError):
        log.debug("the other side could not be told why: %s", code)


class GrpcLink:
    """One node's end of the gRPC links to its parent and its children."""

    def __init__(
        self,
        *,
        keystore: Keystore,
        gate: Gate,
        clock: Clock,
        on_refused: Refused,
        extra_services: Sequence[AddServices] = (),
    ) -> None:
        """`on_refused(peer, code, reason)` hears of connections that the gate did not admit."""
        self._keystore = keystore
        self._gate = gate
        self._clock = clock
        self._on_refused = on_refused
        self._extra = tuple(extra_services)
        self._server: grpc.aio.Server | None = None
        self._suspicions: dict[tuple[str, str], Suspicion] = {}

    def _suspicion(self, address: str, name: str) -> Suspicion:
        fresh = Suspicion(self._keystore, lambda: self._gate.registry, self._clock, address)
        return self._suspicions.setdefault((address, name), fresh)

    async def dial(self, address: str, name: str) -> Channel:
        """A new TLS channel on which the other side proves that name; raises LinkError."""
        keys = self._keystore
        credentials = grpc.ssl_channel_credentials(keys.root_pem, keys.tls_key_pem, keys.tls_chain_pem)
        options = [*_CLIENT, ("grpc.ssl_target_name_override", name)]
        channel = grpc.aio.secure_channel(address, credentials, options=options)
        call = link_pb2_grpc.LinkStub(channel).Exchange()
        suspicion = self._suspicion(address, name)
        try:
            await asyncio.wait_for(call.wait_for_connection(), DIAL_LIMIT_S)
        except grpc.aio.AioRpcError as error:
            await channel.close()
            raise await suspicion.judge(_over(error, name)) from error
        except (TimeoutError, asyncio.CancelledError) as error:
            call.cancel()
            await channel.close()
            if isinstance(error, asyncio.CancelledError):
                raise
            raise LinkError("UNREACHABLE", f"{name} does not answer at {address}") from error
        return _DialledChannel(name, channel, call, suspicion)

    async def listen(self, address: str, accept: Accept) -> int:
        """Serve children on that address; the port. Raises LinkError(BIND)."""
        server = grpc.aio.server(options=list(_SERVER))
        link_pb2_grpc.add_LinkServicer_to_server(_Servicer(self._gate, self._clock, accept, self._on_refused), server)
        for add in self._extra:
            add(server)
        keys = self._keystore
        credentials = grpc.ssl_server_credentials(
            [(keys.tls_key_pem, keys.tls_chain_pem)], root_certificates=keys.root_pem, require_client_auth=True
        )
        try:
            port = server.add_secure_port(address, credentials)
        except RuntimeError as error:
            raise LinkError("BIND", f"cannot listen on {address}: is another process using it?") from error
        if port == 0:
            raise LinkError("BIND", f"cannot listen on {address}: is another process using it?")
        await server.start()
        self._server = server
        return port

    async def close(self) -> None:
        """Stop listening; connections that do not end by themselves are ended after a second."""
        if self._server is not None:
            await self._server.stop(grace=_CLOSE_LIMIT_S)
            self._server = None


class _Servicer(link_pb2_grpc.LinkServicer):
    def __init__(self, gate: Gate, clock: Clock, accept: Accept, on_refused: Refused) -> None:
        self._gate = gate
        self._clock = clock
        self._accept = accept
        self._on_refused = on_refused

    async def Exchange(  # type: ignore[override]  # noqa: N802 - the generated name; the context reads and writes
        self,
        request_iterator: object,
        context: _Context,
    ) -> None:
        del request_iterator
        chain = presented_chain(context.auth_context())
        try:
            admission = await asyncio.to_thread(self._gate.admit, chain, self._clock.now())
        except GateRefused as error:
            self._on_refused(context.peer(), error.code, error.reason)
            await context.abort(grpc.StatusCode.UNAUTHENTICATED, f"{error.code}: {error.reason}")
        channel = _AcceptedChannel(admission, self._gate, context)
        try:
            await self._accept(channel)
        except LinkError as error:
            await context.abort(grpc.StatusCode.PERMISSION_DENIED, f"{error.code}: {error.reason}")
        finally:
            channel.over = True
