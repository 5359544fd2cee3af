"""The desk of one node: newcomers on their own port, enrolled children on the mutual TLS port."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol, TypeVar
from urllib.parse import unquote

import grpc
import grpc.aio

from federation.enrolment.channel import CALL_LIMIT_S, REQUEST_LIMIT_BYTES, open_channel, refusal_of, status_of
from federation.enrolment.pace import Pace
from federation.enrolment.visit import ask_parent_for_token
from federation.enrolment.waiting import Newcomer, WaitingRoom
from federation.v1 import enrolment_pb2, enrolment_pb2_grpc
from pki import enrol
from pki.authority import Authority
from pki.errors import PkiError
from pki.gate import Gate, presented_chain
from pki.keystore import Keystore
from pki.registry import CentreEntry, RegistryFile
from pki.request import MAX_SEALED_BYTES

_log = logging.getLogger(__name__)
_Answer = TypeVar("_Answer")
_Context = grpc.aio.ServicerContext[Any, Any]
_LONGEST_CODE = 32


class Clock(Protocol):
    """The two readings of time that a desk needs."""

    def now(self) -> datetime:
        """The wall time, aware."""
        ...

    def monotonic(self) -> float:
        """Seconds that never step back."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class _Visitor:
    address: str
    chain_pem: bytes


class EnrolmentDesk:
    """Receives newcomers and children; certifies if this node has the authority, hands on to the parent if not."""

    def __init__(
        self,
        *,
        keystore: Keystore,
        registry: RegistryFile,
        clock: Clock,
        authority: Authority | None = None,
        parent_address: str | None = None,
        waiting_room: WaitingRoom | None = None,
        burst: int = 20,
        interval_s: float = 3.0,
    ) -> None:
        self._keystore = keystore
        self._registry = registry
        self._clock = clock
        self._authority = authority
        self._parent_address = parent_address
        self.waiting_room = waiting_room
        self._gate = Gate(keystore.root_pem, lambda: registry.current)
        self._by_address = Pace(burst=burst, interval_s=interval_s)
        self._by_child = Pace(burst=4 * burst, interval_s=interval_s / 4)
        self._server: grpc.aio.Server | None = None
        if authority is not None:
            authority.refresh(clock.now())
            try:
                registry.offer(authority.registry_raw)  # commands may have worked on it while the node was down
            except PkiError as error:
                _log.error("the authority contradicts what this node has seen; nothing it signs will hold: %s", error)

    def add_registration(self, server: grpc.aio.Server) -> None:
        """Adds the services for enrolled children to the node's mutual TLS server."""
        enrolment_pb2_grpc.add_RegistrationServicer_to_server(_ChildWindow(self), server)

    async def open(self, listen: str) -> int:
        """Opens the port for newcomers (server TLS only) and gives its number."""
        server = grpc.aio.server(
            options=[
                ("grpc.max_receive_message_length", REQUEST_LIMIT_BYTES),
                ("grpc.max_metadata_size", 8 << 10),
                ("grpc.max_concurrent_streams", 4),
                ("grpc.max_connection_idle_ms", 30_000),
                ("grpc.max_connection_age_ms", 120_000),
                ("grpc.so_reuseport", 0),
            ],
            maximum_concurrent_rpcs=32,
        )
        enrolment_pb2_grpc.add_EnrolmentServicer_to_server(_NewcomerWindow(self), server)
        pair = (self._keystore.tls_key_pem, self._keystore.tls_chain_pem)
        port = server.add_secure_port(listen, grpc.ssl_server_credentials([pair]))
        await server.start()
        self._server = server
        return port

    async def close(self) -> None:
        """Closes the port for newcomers; a request in progress gets a second to finish."""
        if self._server is not None:
            await self._server.stop(grace=1.0)
            self._server = None

    async def token(self, code: str, *, replace_keys: bool = False) -> str:
        """A token for a planned centre, for the operator at this node; asks the parent if the authority is there."""
        if self._authority is not None:
            authority = self._authority
            return await asyncio.to_thread(
                lambda: authority.issue_token(code, self._clock.now(), replace_keys=replace_keys)
            )
        if replace_keys:
            raise PkiError("NO_AUTHORITY", "only the node that has the authority may replace a centre's keys")
        address, parent = self._parent()
        return await ask_parent_for_token(address, self._keystore, parent, code)

    async def plan(self, code: str, title: str, tier: str, parent_code: str | None) -> CentreEntry:
        """Plans a centre, if the authority is here."""
        authority, now = self._own_authority(), self._clock.now()
        parent = authority.by_code(parent_code) if parent_code else None
        if parent_code and parent is None:
            raise PkiError("PARENT_UNKNOWN", f"no centre bears the code {parent_code}")
        entry = await asyncio.to_thread(lambda: authority.plan(code, title, tier, parent.name if parent else None, now))
        await self._publish(authority)
        return entry

    async def tend(self) -> None:
        """Keep the registry young, and pass on what commands did in the authority's folder; nothing elsewhere."""
        if self._authority is not None:
            await asyncio.to_thread(self._authority.refresh, self._clock.now())
            await self._publish(self._authority)

    async def revoke(self, code: str) -> CentreEntry:
        """Ends a centre's membership, if the authority is here; the links learn of it with the new registry."""
        authority, now = self._own_authority(), self._clock.now()
        entry = authority.registry.by_code(code)
        if entry is None:
            raise PkiError("UNKNOWN_CENTRE", f"no centre bears the code {code}")
        await asyncio.to_thread(lambda: authority.revoke(entry.name, now))
        await self._publish(authority)
        return entry

    def offer(self) -> enrolment_pb2.DescribeAnswer:
        """What every newcomer may know."""
        shown = enrol.offer_of(self._registry.current, self._keystore.root_pem)
        return enrolment_pb2.DescribeAnswer(
            name=self._keystore.name, root=shown.root, issuing=shown.issuing, sealing=shown.sealing
        )

    async def hand_on(self, sealed: bytes, via: str) -> enrolment_pb2.SealedAnswer:
        """Takes sealed bytes to the authority, here or above, and learns the registry that comes back."""
        if len(sealed) > MAX_SEALED_BYTES:
            raise PkiError("TOO_LARGE", "the sealed request is larger than a request can be")
        if self._authority is not None:
            answer = await self._certify(self._authority, sealed, via)
        else:
            answer = await self._relay(sealed)
        await asyncio.to_thread(self._registry.offer, answer.registry)
        return answer

    async def token_for_child(self, code: str, child: str) -> enrolment_pb2.TokenAnswer:
        """A token that an enrolled child asks for, for a centre planned as its own child."""
        if len(code) > _LONGEST_CODE:
            raise PkiError("TOO_LARGE", "no centre has a code that long")
        authority = self._authority
        if authority is None:
            raise PkiError("NO_AUTHORITY", "this node has no authority; ask at the top for the token")
        text = await asyncio.to_thread(lambda: authority.issue_token(code, self._clock.now(), requested_by=child))
        return enrolment_pb2.TokenAnswer(token=text)

    def admit_newcomer(self, visitor: _Visitor) -> str:
        """Counts a knock on the open port; the newcomer goes the way of this node."""
        if not self._by_address.allows(visitor.address, self._clock.monotonic()):
            raise PkiError("TOO_OFTEN", "too many attempts from this address; wait a minute")
        return self._keystore.name

    def ask_a_person(self, sealed: bytes, visitor: _Visitor) -> None:
        """PENDING until somebody here has approved this request, where the settings want that."""
        if self.waiting_room is not None and len(sealed) <= MAX_SEALED_BYTES:
            self.waiting_room.pass_or_wait(sealed, visitor.address, self._clock.now())

    def newcomers(self, now: datetime) -> list[Newcomer]:
        """Who waits for a person; nobody where the settings do not want that."""
        return self.waiting_room.waiting(now) if self.waiting_room is not None else []

    def decide(self, shown: str, decision: str, by: str, now: datetime) -> Newcomer:
        """Lets a waiting newcomer go on, or refuses it."""
        if self.waiting_room is None:
            raise PkiError("UNKNOWN_REQUEST", "no newcomer waits here: [link] approve_enrolments is off")
        return self.waiting_room.decide(shown, decision, by, now)

    def admit_child(self, visitor: _Visitor) -> str:
        """The registry name of an enrolled child of this node; everybody else is refused."""
        name = self._gate.admit(visitor.chain_pem, self._clock.now()).name
        if self._registry.current.parent_of(name) != self._keystore.name:
            raise PkiError("NOT_MY_CHILD", f"{name} is not a child of this node")
        if not self._by_child.allows(name, self._clock.monotonic()):
            raise PkiError("TOO_OFTEN", "too many requests from this centre; wait a minute")
        return name

    async def _certify(self, authority: Authority, sealed: bytes, via: str) -> enrolment_pb2.SealedAnswer:
        answer = await asyncio.to_thread(lambda: authority.enrol(sealed, self._clock.now(), via=via))
        registry = await asyncio.to_thread(lambda: authority.registry_raw)
        return enrolment_pb2.SealedAnswer(sealed=answer, registry=registry)

    async def _relay(self, sealed: bytes) -> enrolment_pb2.SealedAnswer:
        address, parent = self._parent()
        async with open_channel(
            address,
            expected=parent,
            roots_pem=self._keystore.root_pem,
            key_pem=self._keystore.tls_key_pem,
            chain_pem=self._keystore.tls_chain_pem,
        ) as channel:
            stub = enrolment_pb2_grpc.RegistrationStub(channel)
            try:
                return await stub.Relay(enrolment_pb2.SealedRequest(sealed=sealed), timeout=CALL_LIMIT_S)
            except grpc.aio.AioRpcError as error:
                raise refusal_of(error, "the parent of the node you enrol at") from error

    def _own_authority(self) -> Authority:
        if self._authority is None:
            raise PkiError("NO_AUTHORITY", "this is done at the node that has the authority")
        return self._authority

    async def _publish(self, authority: Authority) -> None:
        raw = await asyncio.to_thread(lambda: authority.registry_raw)
        await asyncio.to_thread(self._registry.offer, raw)

    def _parent(self) -> tuple[str, str]:
        parent = self._registry.current.parent_of(self._keystore.name)
        if self._parent_address is None or parent is None:
            raise PkiError("NO_AUTHORITY", "this node has neither the authority nor a parent to ask")
        return self._parent_address, parent


class _NewcomerWindow(enrolment_pb2_grpc.EnrolmentServicer):
    def __init__(self, desk: EnrolmentDesk) -> None:
        self._desk = desk

    async def Describe(  # noqa: N802 - named by the protocol
        self, request: enrolment_pb2.DescribeRequest, context: _Context
    ) -> enrolment_pb2.DescribeAnswer:
        _ = request

        async def answer() -> enrolment_pb2.DescribeAnswer:
            self._desk.admit_newcomer(_visitor(context))
            return self._desk.offer()

        return await _answered(context, "Describe", answer)

    async def Submit(  # noqa: N802 - named by the protocol
        self, request: enrolment_pb2.SealedRequest, context: _Context
    ) -> enrolment_pb2.SealedAnswer:
        async def answer() -> enrolment_pb2.SealedAnswer:
            visitor = _visitor(context)
            way = self._desk.admit_newcomer(visitor)
            self._desk.ask_a_person(request.sealed, visitor)
            return await self._desk.hand_on(request.sealed, way)

        return await _answered(context, "Submit", answer)


class _ChildWindow(enrolment_pb2_grpc.RegistrationServicer):
    def __init__(self, desk: EnrolmentDesk) -> None:
        self._desk = desk

    async def RequestToken(  # noqa: N802 - named by the protocol
        self, request: enrolment_pb2.TokenRequest, context: _Context
    ) -> enrolment_pb2.TokenAnswer:
        async def answer() -> enrolment_pb2.TokenAnswer:
            child = self._desk.admit_child(_visitor(context))
            return await self._desk.token_for_child(request.code, child)

        return await _answered(context, "RequestToken", answer)

    async def Relay(  # noqa: N802 - named by the protocol
        self, request: enrolment_pb2.SealedRequest, context: _Context
    ) -> enrolment_pb2.SealedAnswer:
        async def answer() -> enrolment_pb2.SealedAnswer:
            child = self._desk.admit_child(_visitor(context))
            return await self._desk.hand_on(request.sealed, child)

        return await _answered(context, "Relay", answer)


async def _answered(context: _Context, call: str, answer: Callable[[], Awaitable[_Answer]]) -> _Answer:
    """The answer, or a refusal that is logged here and keeps its code on the way back."""
    try:
        given = await answer()
    except PkiError as error:
        _log.warning("enrolment: refused %s of %s: %s", call, context.peer(), error)
        await context.abort(status_of(error), f"{error.code}: {error.reason}")
    _log.info("enrolment: answered %s of %s", call, context.peer())
    return given


def _visitor(context: _Context) -> _Visitor:
    host = unquote(context.peer()).rpartition(":")[0]
    return _Visitor(address=host, chain_pem=presented_chain(context.auth_context()))
