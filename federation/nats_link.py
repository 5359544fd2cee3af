"""The link over NATS: the child is a plain client of its parent's own server, and so is the parent.

What passes is what passes over gRPC. The server is a transport and no ledger: it stores nothing, and its word that it
took a message is never taken for a receipt. It lets a centre use its own subjects alone (`nats_server`); who is behind
them the parent asks for itself (`nats_proof`), because the server tells nobody which certificate it saw.
"""

import asyncio

from nats import errors as nats_errors
from nats.aio.client import Client
from nats.aio.msg import Msg

from federation import nats_subject as subject
from federation.link import Accept, Channel, LinkError
from federation.nats_channel import NatsChannel, connect, shut
from federation.nats_counter import HANDSHAKE_LIMIT_S, VERSION, Counter, Needs
from federation.nats_proof import NONCE_BYTES, Occasion, prove
from federation.v1 import nats_pb2 as wire

_FROM_THE_PARENT_BYTES = 64 * 1024 * 1024
_TOKEN_BYTES = 16


class NatsLink:
    """One node's end of the NATS links to its parent and its children."""

    def __init__(self, needs: Needs) -> None:
        """Nothing happens before `dial` or `listen`."""
        self._needs = needs
        self._keystore = needs.keystore
        self._dialled: set[NatsChannel] = set()
        self._counter: Counter | None = None

    async def dial(self, address: str, name: str) -> Channel:
        """Connect to the parent's server and prove to the parent who this is; raises LinkError."""
        held: list[NatsChannel] = []

        def closed() -> None:
            for one in held:
                one.lose(f"the NATS server of {name} is gone")

        def failed(error: Exception) -> None:
            for one in held:
                if "permissions violation" in str(error).lower():
                    one.fail(LinkError("NOT_ALLOWED", f"the NATS server of {name} refuses: {error}"))

        client = await connect(self._keystore, address, name, on_closed=closed, on_error=failed)
        connection, own = self._needs.random(_TOKEN_BYTES).hex(), self._keystore.name
        to, back = subject.up(own, connection), subject.down(own, connection)
        channel = NatsChannel(name, client, to=to, back=back, most_bytes=_FROM_THE_PARENT_BYTES)
        held.append(channel)
        self._dialled.add(channel)

        async def let_go() -> None:
            self._dialled.discard(channel)
            await shut(client)

        channel.when_closed(let_go)
        try:
            await asyncio.wait_for(self._introduce(channel, client, back, connection), HANDSHAKE_LIMIT_S)
        except BaseException as error:
            await channel.close("CLOSED", "no connection came about")
            if isinstance(error, TimeoutError):
                raise LinkError("UNREACHABLE", f"{name} does not answer behind its NATS server") from error
            if isinstance(error, (nats_errors.Error, OSError)):
                raise LinkError("UNREACHABLE", f"the NATS server of {name} went away at once") from error
            raise
        return channel

    async def _introduce(self, channel: NatsChannel, client: Client, back: str, connection: str) -> None:
        async def hear(message: Msg) -> None:
            channel.take(message)

        await client.subscribe(back, cb=hear)
        await client.flush()
        own = self._keystore.name
        await channel.send_parcel(wire.Parcel(knock=wire.Knock(version=VERSION, node=own)))
        try:
            answer = await channel.receive_parcel()
        except LinkError as error:
            if error.code != "CLOSED":
                raise
            raise LinkError("UNREACHABLE", f"a NATS server answers, but behind it {error.reason}") from error
        _raise_refusal(answer)
        occasion = Occasion(child=own, parent=channel.peer, connection=connection, nonce=answer.challenge.nonce)
        if len(occasion.nonce) != NONCE_BYTES:
            raise LinkError("BAD_HELLO", f"{channel.peer} gives no challenge")
        proof = await asyncio.to_thread(prove, self._keystore, occasion)
        await channel.send_parcel(wire.Parcel(proof=proof))
        answer = await channel.receive_parcel()
        _raise_refusal(answer)
        if not answer.HasField("welcome"):
            raise LinkError("BAD_HELLO", f"{channel.peer} does not answer a proof")

    async def listen(self, address: str, accept: Accept) -> int:
        """Let children in through this centre's own server; raises LinkError(BIND) if another's answers there."""
        self._counter = Counter(self._needs, address, accept)
        await self._counter.open()
        return int(address.rpartition(":")[2])

    async def close(self) -> None:
        """End every connection and leave the server, which goes on by itself."""
        for channel in list(self._dialled):
            await channel.close("STOPPED", f"{self._keystore.name} stops")
        if self._counter is not None:
            await self._counter.close()
            self._counter = None


def _raise_refusal(parcel: wire.Parcel) -> None:
    refusal = parcel.envelope.refusal
    if parcel.HasField("envelope") and refusal.code:
        raise LinkError(refusal.code, refusal.reason)
