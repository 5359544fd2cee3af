"""One connection over the subjects of a NATS server, and the client that carries it.

The server delivers at most once: a full buffer or a restart loses messages without a word. Every parcel has a number,
and the first one that is missing ends the connection; the next one begins with both sides' cursors, so that what was
lost is sent again. nats-py never reconnects here: a connection that broke is over, and delivery makes a new one.
"""

import asyncio
import contextlib
import logging
import ssl
from collections.abc import Awaitable, Callable
from datetime import datetime

from google.protobuf.message import DecodeError
from nats import errors as nats_errors
from nats.aio.client import Client
from nats.aio.msg import Msg

from federation.link import LinkError
from federation.nats_subject import INBOX
from federation.v1 import nats_pb2 as wire
from federation.v1.link_pb2 import Envelope, Refusal
from pki.keystore import Keystore

log = logging.getLogger(__name__)

CONNECT_LIMIT_S = 5.0
SEND_LIMIT_S = 10.0
CLOSE_LIMIT_S = 0.5
_GONE = "503"  # the server's word for "nobody listens on that subject"
_SOON_S = 0.05


def tls_context(keystore: Keystore) -> ssl.SSLContext:
    """Mutual TLS with the centre's own certificate, trusting the federation's root and nothing else."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.load_verify_locations(cadata=keystore.root_pem.decode("ascii"))
    context.load_cert_chain(keystore.folder / "tls.pem", keystore.folder / "tls.key")
    return context


async def connect(
    keystore: Keystore,
    address: str,
    name: str,
    *,
    on_closed: Callable[[], None],
    on_error: Callable[[Exception], None],
) -> Client:
    """A client of the server at that address, which must prove that name; raises LinkError with the reason."""
    client = Client()
    seen: list[Exception] = []

    async def failed(error: Exception) -> None:
        seen.append(error)
        on_error(error)

    async def closed() -> None:
        on_closed()

    try:
        await client.connect(
            f"tls://{address}",
            name=keystore.name,
            tls=tls_context(keystore),
            tls_hostname=name,
            tls_handshake_first=True,
            allow_reconnect=False,
            max_reconnect_attempts=1,
            reconnect_time_wait=_SOON_S,  # type: ignore[arg-type]  # seconds are only slept
            connect_timeout=CONNECT_LIMIT_S,  # type: ignore[arg-type]  # as above
            ping_interval=5,
            max_outstanding_pings=2,
            inbox_prefix=INBOX,
            error_cb=failed,
            closed_cb=closed,
        )
    except (OSError, ssl.CertificateError, nats_errors.Error, TimeoutError, ValueError) as error:
        await shut(client)
        raise _unreachable([*seen, error], address, name) from error
    except asyncio.CancelledError:
        await shut(client)
        raise
    return client


async def shut(client: Client) -> None:
    """Let go of a client, written to the end if that does not take long."""
    with contextlib.suppress(TimeoutError, OSError, nats_errors.Error):
        await asyncio.wait_for(client.close(), CLOSE_LIMIT_S)


def _unreachable(seen: list[Exception], address: str, name: str) -> LinkError:
    """What a connection that did not come about means."""
    for error in seen:
        if isinstance(error, ssl.SSLCertVerificationError):
            if "Hostname mismatch" in str(error):
                return LinkError("WRONG_PEER", f"{name} is not the one whose NATS server answers at {address}")
            return LinkError("FOREIGN_PEER", f"who answers for {name} has no valid certificate of this federation")
    for error in seen:
        if isinstance(error, (ConnectionRefusedError, TimeoutError)):
            is_vacant = isinstance(error, ConnectionRefusedError)
            return LinkError("UNREACHABLE", f"no NATS server answers at {address}", is_vacant=is_vacant)
    last = str(seen[-1]) or type(seen[-1]).__name__
    if isinstance(seen[-1], (ssl.SSLError, ConnectionError, nats_errors.Error)):
        # The server closes without a word on a certificate that it does not trust or whose key it was not told.
        return LinkError("TLS_REFUSED", f"the NATS server of {name} does not let this centre in ({last})")
    return LinkError("UNREACHABLE", f"the NATS server of {name} cannot be reached at {address} ({last})")


class NatsChannel:
    """One end of a connection; the subscription calls `take`, and whoever uses the link sends and receives."""

    def __init__(self, peer: str, client: Client, *, to: str, back: str, most_bytes: int) -> None:
        """Speak on the subject `to`, hear of its being deserted on `back`, hold at most so much unread."""
        self.peer = peer
        self._client = client
        self._to = to
        self._back = back
        self._most_bytes = most_bytes
        self._sent = 0
        self._taken = 0
        self._unread_bytes = 0
        self._arrived: asyncio.Queue[tuple[wire.Parcel, int] | LinkError] = asyncio.Queue()
        self._end: LinkError | None = None
        self._is_deaf = False
        self._is_closed = False
        self._writing = asyncio.Lock()
        self._recheck: Callable[[datetime], None] | None = None
        self._on_close: Callable[[], Awaitable[None]] | None = None

    def admit(self, recheck: Callable[[datetime], None]) -> None:
        """Ask this again whenever the other side is to be looked at."""
        self._recheck = recheck

    def when_closed(self, let_go: Callable[[], Awaitable[None]]) -> None:
        """Call this once, after the end."""
        self._on_close = let_go

    def recheck(self, at: datetime) -> None:
        """What the gate says now of the certificate that was proved; the child's TLS has checked the parent's."""
        if self._recheck is not None:
            self._recheck(at)

    # sending -----------------------------------------------------------------------------------------------------

    async def send(self, envelope: Envelope) -> None:
        """Hand an envelope to the server; raises LinkError when the connection is over."""
        await self.send_parcel(wire.Parcel(envelope=envelope))

    async def send_parcel(self, parcel: wire.Parcel) -> None:
        """Number a parcel and hand it to the server."""
        async with self._writing:
            if self._is_closed or self._is_deaf or self._end is not None:
                raise self._end or LinkError("CLOSED", f"the connection to {self.peer} is over")
            parcel.number = self._sent + 1
            raw = parcel.SerializeToString()
            if len(raw) > self._client.max_payload:
                too_large = LinkError("SIZE", f"a message of {len(raw)} bytes is larger than the link carries")
                self.fail(too_large)
                raise too_large
            self._sent += 1
            try:
                async with asyncio.timeout(SEND_LIMIT_S):
                    await self._client.publish(self._to, raw, reply=self._back)
            except (nats_errors.Error, TimeoutError, OSError) as error:
                self.lose(f"the NATS server between this centre and {self.peer} is gone")
                raise LinkError("CLOSED", f"the connection to {self.peer} is over") from error

    # receiving ---------------------------------------------------------------------------------------------------

    def take(self, message: Msg) -> None:
        """Put an arriving message in its place, or end the connection because it has none."""
        if self._end is not None:
            return
        if message.headers and message.headers.get("Status") == _GONE:
            self.lose(f"{self.peer} does not listen at the NATS server")
            return
        try:
            parcel = wire.Parcel.FromString(message.data)
        except DecodeError:
            self.fail(LinkError("FORM", f"{self.peer} sends what is no message of this link"))
            return
        if parcel.number == 0 and parcel.last:
            # From a parent that began anew and does not know this connection, nor its numbers.
            self._keep(parcel, len(message.data))
            return
        if parcel.number <= self._taken:
            log.debug("%s says number %d twice", self.peer, parcel.number)
            return
        if parcel.number != self._taken + 1:
            lost = parcel.number - self._taken - 1
            self.fail(LinkError("LOST", f"{lost} messages of {self.peer} were lost on the way; it is begun again"))
            return
        self._taken = parcel.number
        self._keep(parcel, len(message.data))

    def _keep(self, parcel: wire.Parcel, size: int) -> None:
        self._unread_bytes += size
        if self._unread_bytes > self._most_bytes:
            self.fail(LinkError("CREDIT", f"{self.peer} sends more than this side can hold"))
            return
        self._arrived.put_nowait((parcel, size))
        if parcel.last:
            self.lose(f"{self.peer} ended the connection")

    async def receive(self) -> Envelope:
        """The next envelope; raises LinkError when the connection is over."""
        while True:
            parcel = await self.receive_parcel()
            if parcel.HasField("envelope"):
                return parcel.envelope

    async def receive_parcel(self) -> wire.Parcel:
        """The next parcel, whatever is in it."""
        if self._end is not None and self._arrived.empty():
            raise self._end
        arrived = await self._arrived.get()
        if isinstance(arrived, LinkError):
            raise arrived
        parcel, size = arrived
        self._unread_bytes -= size
        return parcel

    # the end -----------------------------------------------------------------------------------------------------

    def fail(self, error: LinkError) -> None:
        """Nothing more is received; the other side can still be told why."""
        if self._end is None:
            self._end = error
            self._arrived.put_nowait(error)

    def lose(self, reason: str) -> None:
        """The other side, or the way to it, is gone: nobody is left to be told anything."""
        self._is_deaf = True
        self.fail(LinkError("CLOSED", reason))

    async def close(self, code: str, reason: str) -> None:
        """Say why and let go; harmless when repeated."""
        if self._is_closed:
            return
        self._is_closed = True
        if not self._is_deaf:
            await self._say_goodbye(
                wire.Parcel(last=True, envelope=Envelope(refusal=Refusal(code=code, reason=reason)))
            )
        self.fail(LinkError("CLOSED", f"the connection to {self.peer} is over"))
        if self._on_close is not None:
            await self._on_close()

    async def _say_goodbye(self, parcel: wire.Parcel) -> None:
        with contextlib.suppress(nats_errors.Error, TimeoutError, OSError):
            async with asyncio.timeout(CLOSE_LIMIT_S), self._writing:
                self._sent += 1
                parcel.number = self._sent
                await self._client.publish(self._to, parcel.SerializeToString())
