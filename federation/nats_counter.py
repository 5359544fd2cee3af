"""The parent at its own NATS server: the counter where children knock, prove who they are, and are let in.

One client serves all children. It is made again whenever it breaks, and it has the server read its configuration anew
whenever the registry changed, so that who was revoked is put out and who enrolled can come in.
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from google.protobuf.message import DecodeError
from nats import errors as nats_errors
from nats.aio.client import Client
from nats.aio.msg import Msg

from federation import nats_server
from federation import nats_subject as subject
from federation.house import Clock
from federation.link import Accept, LinkError
from federation.nats_channel import CLOSE_LIMIT_S, NatsChannel, connect, shut
from federation.nats_proof import NONCE_BYTES, Occasion, check
from federation.peer import Backoff
from federation.v1 import nats_pb2 as wire
from federation.v1.link_pb2 import Envelope, Refusal
from pki.errors import GateRefused
from pki.gate import Admission, Gate
from pki.keystore import Keystore
from pki.registry import Registry, RegistryFile

log = logging.getLogger(__name__)

VERSION = 1
HANDSHAKE_LIMIT_S = 10.0
CONNECTIONS_EACH = 4
_FROM_A_CHILD_BYTES = 16 * 1024 * 1024
_RELOAD_LIMIT_S = 5.0
_LOOK_AGAIN_S = 2.0
_LONGEST_PAUSE_S = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Needs:
    """What a NATS link takes from its node.

    `on_refused(where, code, reason)` hears of who was not admitted; `server_file` is kept as the registry says.
    """

    keystore: Keystore
    gate: Gate
    registry: RegistryFile
    clock: Clock
    random: Callable[[int], bytes]
    on_refused: Callable[[str, str, str], None]
    server_file: Path


class Counter:
    """Where children come in, from `open` to `close`."""

    def __init__(self, needs: Needs, address: str, accept: Accept) -> None:
        """Expect the own server at that address; `accept` carries each connection that was let in."""
        self._needs = needs
        self._name = needs.keystore.name
        self._address = address
        self._accept = accept
        self._client: Client | None = None
        self._broken = asyncio.Event()
        self._renewed = asyncio.Event()
        self._channels: dict[tuple[str, str], NatsChannel] = {}
        self._visits: set[asyncio.Task[None]] = set()
        self._upkeep: set[asyncio.Task[None]] = set()
        self._is_open = False

    # the server --------------------------------------------------------------------------------------------------

    async def open(self) -> None:
        """Go to the server, or keep trying; raises LinkError(BIND) if another centre's answers there."""
        self._is_open = True
        loop = asyncio.get_running_loop()

        def renewed(_registry: Registry) -> None:
            if self._is_open:
                loop.call_soon_threadsafe(self._renewed.set)

        self._needs.registry.listen(renewed)
        await self._write()
        try:
            await self._enter()
        except LinkError as error:
            if error.code in {"WRONG_PEER", "FOREIGN_PEER"}:
                raise LinkError("BIND", f"the NATS server at {self._address} is another's: {error.reason}") from error
            self._needs.on_refused(self._address, "NO_SERVER", error.reason)
            self._broken.set()
        for work in (self._stay(), self._keep_current()):
            task = loop.create_task(work)
            self._upkeep.add(task)

    async def _enter(self) -> None:
        keystore = self._needs.keystore
        client = await connect(keystore, self._address, self._name, on_closed=self._lost, on_error=_note)
        try:
            await client.subscribe(subject.ALL_UP, cb=self._hear)
            await client.flush()
        except (nats_errors.Error, OSError, TimeoutError) as error:
            await shut(client)
            raise LinkError("UNREACHABLE", f"the NATS server at {self._address} went away at once") from error
        self._client = client
        self._broken.clear()
        self._renewed.set()  # the server may have begun with a file of before
        log.info("children may come in through the NATS server at %s", self._address)

    def _lost(self) -> None:
        self._broken.set()
        for channel in list(self._channels.values()):
            channel.lose("the NATS server of this centre is gone")

    async def _stay(self) -> None:
        """Come back to the server for as long as the link is open."""
        backoff = Backoff(self._needs.random)
        while self._is_open:
            await self._broken.wait()
            await self._needs.clock.sleep(backoff.next_s())
            try:
                await self._enter()
            except LinkError as error:
                log.warning("the own NATS server cannot be used: %s", error)
            else:
                backoff.reset()

    async def _write(self) -> bool:
        content = nats_server.configuration(self._needs.registry.current, self._needs.keystore, self._address)
        return await asyncio.to_thread(nats_server.write, self._needs.server_file, content)

    async def _keep_current(self) -> None:
        """Whenever the registry changed: write down who may come in, and have the server read it."""
        while self._is_open:
            await self._renewed.wait()
            self._renewed.clear()
            client = self._client
            try:
                await self._write()
                if client is not None and client.is_connected:
                    server_id = str(client._server_info["server_id"])  # noqa: SLF001 - nats-py has no other way
                    reload = subject.RELOAD.format(server_id)
                    answer = await client.request(reload, b"", timeout=_RELOAD_LIMIT_S)
                    if b'"error"' in answer.data:
                        log.error("the NATS server does not take its new configuration: %s", answer.data.decode())
            except (nats_errors.Error, OSError, TimeoutError) as error:
                log.warning("the NATS server was not told of the new registry, and is told later: %s", error)
                await self._needs.clock.sleep(1.0)
                if client is not None and client.is_connected:
                    self._renewed.set()

    # children ----------------------------------------------------------------------------------------------------

    async def _hear(self, message: Msg) -> None:
        found = subject.speaker(message.subject)
        if found is None:
            return
        channel = self._channels.get(found)
        if channel is None:
            channel = await self._begin(message, *found)
        if channel is not None:
            channel.take(message)

    async def _begin(self, message: Msg, child: str, connection: str) -> NatsChannel | None:
        """A channel for a first knock; to anything else on an unknown connection the answer is that it is over."""
        client = self._client
        if client is None or message.headers:
            return None
        to, back = subject.down(child, connection), subject.up(child, connection)
        if not _is_knock(message.data):
            await _turn_away(client, to, "CLOSED", "this connection is unknown here; begin a new one")
            return None
        if sum(name == child for name, _ in self._channels) >= CONNECTIONS_EACH:
            await _turn_away(client, to, "TOO_MANY", f"{child} has {CONNECTIONS_EACH} connections already")
            return None
        channel = NatsChannel(child, client, to=to, back=back, most_bytes=_FROM_A_CHILD_BYTES)
        self._channels[child, connection] = channel
        task = asyncio.get_running_loop().create_task(self._visit(channel, connection))
        self._visits.add(task)
        task.add_done_callback(self._visits.discard)
        return channel

    async def _visit(self, channel: NatsChannel, connection: str) -> None:
        """A child's connection from its knock to its end."""
        ended = LinkError("CLOSED", f"{self._name} ended the connection")
        try:
            await asyncio.wait_for(self._admit(channel, connection), HANDSHAKE_LIMIT_S)
            await self._accept(channel)
        except LinkError as error:
            ended = error
        except TimeoutError:
            ended = LinkError("NO_HELLO", f"{channel.peer} knocked and proved nothing")
        except asyncio.CancelledError:
            ended = LinkError("STOPPED", f"{self._name} stops")
            raise
        finally:
            await channel.close(ended.code, ended.reason)
            self._channels.pop((channel.peer, connection), None)

    async def _admit(self, channel: NatsChannel, connection: str) -> None:
        knock = (await channel.receive_parcel()).knock
        if knock.version != VERSION or knock.node != channel.peer:
            raise LinkError("BAD_HELLO", f"{channel.peer} knocks in another version or under another name")
        nonce = self._needs.random(NONCE_BYTES)
        occasion = Occasion(child=channel.peer, parent=self._name, connection=connection, nonce=nonce)
        await channel.send_parcel(wire.Parcel(challenge=wire.Challenge(nonce=nonce)))
        proof = (await channel.receive_parcel()).proof
        try:
            admission = await asyncio.to_thread(self._check, proof, occasion, self._needs.clock.now())
        except LinkError as error:
            self._needs.on_refused(channel.peer, error.code, error.reason)
            raise
        channel.admit(lambda at: self._recheck(admission, at))
        await channel.send_parcel(wire.Parcel(welcome=wire.Welcome()))

    def _check(self, proof: wire.Proof, occasion: Occasion, at: datetime) -> Admission:
        try:
            return check(proof, occasion, gate=self._needs.gate, registry=self._needs.registry.current, at=at)
        except GateRefused as error:
            raise LinkError(error.code, error.reason) from error

    def _recheck(self, admission: Admission, at: datetime) -> None:
        try:
            self._needs.gate.recheck(admission, at)
        except GateRefused as error:
            raise LinkError(error.code, error.reason) from error

    async def close(self) -> None:
        """End every connection and leave the server."""
        self._is_open = False  # the client takes a cancellation that comes at a bad moment for a time-out, and goes on
        for task in self._upkeep:
            task.cancel()
        await asyncio.gather(*self._upkeep, return_exceptions=True)
        if self._visits:
            await asyncio.wait(list(self._visits), timeout=CLOSE_LIMIT_S)
        for task in list(self._visits):
            task.cancel()
        await asyncio.gather(*self._visits, return_exceptions=True)
        if self._client is not None:
            with contextlib.suppress(nats_errors.Error, OSError, TimeoutError):
                await asyncio.wait_for(self._client.flush(), CLOSE_LIMIT_S)
            await shut(self._client)


def _is_knock(raw: bytes) -> bool:
    try:
        parcel = wire.Parcel.FromString(raw)
    except DecodeError:
        return False
    return parcel.number == 1 and parcel.HasField("knock")


async def _turn_away(client: Client, to: str, code: str, reason: str) -> None:
    """An answer outside of any connection, and so without a number."""
    parcel = wire.Parcel(last=True, envelope=Envelope(refusal=Refusal(code=code, reason=reason)))
    with contextlib.suppress(nats_errors.Error, TimeoutError, OSError):
        async with asyncio.timeout(CLOSE_LIMIT_S):
            await client.publish(to, parcel.SerializeToString())


def _note(error: Exception) -> None:
    log.warning("the own NATS server: %s", error)
