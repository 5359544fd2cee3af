"""The newcomer's side of the wire, and the call by which a parent asks the authority for a token.

A newcomer knows one thing about the node that it dials: the SHA-256 of the root, from its token. So it looks at the
server's certificate first without believing it, opens a channel that accepts exactly this certificate, and asks for
the rest. Only when the root fits the token, and the certificate that it looked at hangs from that root and names the
parent, it sends its request, over a second channel that trusts that root and nothing else.
"""

import asyncio
import contextlib
import socket
import ssl
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path

import grpc
import grpc.aio
from cryptography import x509

from federation.enrolment.channel import CALL_LIMIT_S, open_channel, refusal_of
from federation.v1 import enrolment_pb2, enrolment_pb2_grpc
from pki import encoding, enrol, names, profile
from pki.authority import Authority
from pki.enrol_token import EnrolToken
from pki.errors import PkiError
from pki.keystore import Keystore
from pki.request import fingerprint

AGAIN_S = 4.0


async def enrol_at_parent(
    address: str,
    token: EnrolToken,
    keys: Path,
    now: Callable[[], datetime],
    *,
    code: str | None = None,
    show: Callable[[str], None] = lambda _fingerprint: None,
    wait: timedelta = timedelta(0),
) -> Keystore:
    """Enrols at the parent's desk and puts the keys folder in place; PkiError says what went wrong and where.

    `show` gets the request's fingerprint before it leaves; `wait` is how long to wait for a person there to compare it.
    """
    if token.parent is None:
        raise PkiError("WRONG_WAY", "this token is for the node with the authority; it enrols from its own folder")
    shown = await asyncio.to_thread(_look, address)
    offer = await _describe(address, token.parent, shown)
    enrol.check_offer(token, offer, now())
    profile.check_auth(shown, encoding.from_der(offer.issuing, "the issuing CA"))
    profile.check_time(shown, now(), "the parent's certificate")
    attempt = enrol.begin_or_resume(token, offer, now(), keys)
    roots_pem = encoding.pem(encoding.from_der(offer.root, "the root"))
    show(fingerprint(attempt.sealed_request))
    deadline = now() + wait
    while True:
        try:
            async with _desk(address, token.parent, roots_pem) as desk:
                sealed = enrolment_pb2.SealedRequest(sealed=attempt.sealed_request)
                answer = await desk.Submit(sealed, timeout=CALL_LIMIT_S)
            break
        except PkiError as error:
            if error.code != "PENDING" or now() >= deadline:
                raise
        await asyncio.sleep(AGAIN_S)
    return enrol.finish(attempt, answer.sealed, keys, now(), code=code)


def enrol_from_afar(
    address: str,
    token: EnrolToken,
    keys: Path,
    now: Callable[[], datetime],
    *,
    code: str | None = None,
    show: Callable[[str], None] = lambda _fingerprint: None,
    wait: timedelta = timedelta(0),
) -> Keystore:
    """As `enrol_at_parent`, for a command line."""
    return asyncio.run(enrol_at_parent(address, token, keys, now, code=code, show=show, wait=wait))


def enrol_at_home(
    authority: Authority, token: EnrolToken, keys: Path, now: Callable[[], datetime], *, code: str | None = None
) -> Keystore:
    """Enrols the node that has the authority: the same request, seal and answer, without a wire."""
    attempt = enrol.begin_or_resume(token, enrol.offer_of(authority.registry, authority.root_pem), now(), keys)
    return enrol.finish(attempt, authority.enrol(attempt.sealed_request, now()), keys, now(), code=code)


async def ask_parent_for_token(address: str, keystore: Keystore, parent: str, code: str) -> str:
    """A one-time token for a centre planned below this node, from the authority above it."""
    with _told(f"the parent at {address}"):
        async with open_channel(
            address,
            expected=parent,
            roots_pem=keystore.root_pem,
            key_pem=keystore.tls_key_pem,
            chain_pem=keystore.tls_chain_pem,
        ) as channel:
            stub = enrolment_pb2_grpc.RegistrationStub(channel)
            answer = await stub.RequestToken(enrolment_pb2.TokenRequest(code=code), timeout=CALL_LIMIT_S)
    return answer.token


def token_from_afar(address: str, keystore: Keystore, parent: str, code: str) -> str:
    """As `ask_parent_for_token`, for a command line."""
    return asyncio.run(ask_parent_for_token(address, keystore, parent, code))


def _look(address: str) -> x509.Certificate:
    """The certificate that the server shows; nothing is believed yet and nothing is sent."""
    host, _, port = address.rpartition(":")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE  # looked at only: `enrol_at_parent` compares it to the pinned root
    context.set_alpn_protocols(["h2"])
    try:
        with (
            socket.create_connection((host.strip("[]"), int(port)), timeout=CALL_LIMIT_S) as raw,
            context.wrap_socket(raw) as tls,
        ):
            shown = tls.getpeercert(binary_form=True)
    except (OSError, ValueError) as error:
        raise PkiError("UNREACHABLE", f"nobody answers at {address} ({error}); is the address right?") from error
    if shown is None:
        raise PkiError("UNREACHABLE", f"the node at {address} shows no certificate")
    return encoding.from_der(shown, "the parent's certificate")


async def _describe(address: str, parent: str, shown: x509.Certificate) -> enrol.Offer:
    try:
        name = names.centre_name(shown)
    except PkiError as error:
        raise PkiError("WRONG_PARENT", f"what answers at {address} is no node of a federation") from error
    if name != parent:
        raise PkiError("WRONG_PARENT", f"the node at {address} is {name}, but the token is for {parent}")
    async with _desk(address, parent, encoding.pem(shown)) as desk:
        answer = await desk.Describe(enrolment_pb2.DescribeRequest(), timeout=CALL_LIMIT_S)
    return enrol.Offer(root=answer.root, issuing=answer.issuing, sealing=answer.sealing)


@contextlib.asynccontextmanager
async def _desk(address: str, parent: str, roots_pem: bytes) -> "AsyncIterator[enrolment_pb2_grpc.EnrolmentAsyncStub]":
    with _told(f"the node at {address}"):
        async with open_channel(address, expected=parent, roots_pem=roots_pem) as channel:
            yield enrolment_pb2_grpc.EnrolmentStub(channel)


@contextlib.contextmanager
def _told(whom: str) -> Iterator[None]:
    try:
        yield
    except grpc.aio.AioRpcError as error:
        raise refusal_of(error, whom) from error
