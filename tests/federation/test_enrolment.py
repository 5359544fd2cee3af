"""Enrolment over real TLS on loopback: three tiers, and everybody who is turned away."""

import logging
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import grpc
import grpc.aio
import pytest
import pytest_asyncio
from cryptography import x509

from federation.enrolment.channel import open_channel
from federation.enrolment.desk import EnrolmentDesk
from federation.enrolment.visit import ask_parent_for_token, enrol_at_home, enrol_at_parent
from federation.v1 import enrolment_pb2, enrolment_pb2_grpc
from pki import enrol
from pki.enrol_token import new_token, parse_token
from pki.errors import PkiError
from pki.keystore import Keystore
from pki.request import MAX_SEALED_BYTES
from tests.fakes.authority import THREE_TIERS, FakeFederation, empty_federation, small_federation
from tests.fakes.clock import FakeClock


class Post:
    """One node as enrolment sees it: its desk, the open port, and the mutual TLS port."""

    def __init__(self, federation: FakeFederation, code: str, *, parent: str | None, authority: bool) -> None:
        self.federation = federation
        self.keystore = federation.keystore(code)
        self.registry = federation.registry_file(code)
        self.clock = FakeClock(federation.now)
        self.desk = EnrolmentDesk(
            keystore=self.keystore,
            registry=self.registry,
            clock=self.clock,
            authority=federation.authority if authority else None,
            parent_address=parent,
        )
        self.open_address = ""
        self.link_address = ""
        self._server: grpc.aio.Server | None = None

    async def start(self) -> "Post":
        self.open_address = f"127.0.0.1:{await self.desk.open('127.0.0.1:0')}"
        server = grpc.aio.server()
        self.desk.add_registration(server)
        pair = (self.keystore.tls_key_pem, self.keystore.tls_chain_pem)
        credentials = grpc.ssl_server_credentials([pair], self.keystore.root_pem, require_client_auth=True)
        self.link_address = f"127.0.0.1:{server.add_secure_port('127.0.0.1:0', credentials)}"
        await server.start()
        self._server = server
        return self

    async def stop(self) -> None:
        await self.desk.close()
        if self._server:
            await self._server.stop(None)


class Land:
    """IOC with the authority, one OC below it, and room for newcomers."""

    def __init__(self, folder: Path) -> None:
        self.federation = small_federation(folder, centres=THREE_TIERS)
        self.folder = folder

    async def start(self) -> "Land":
        self.ioc = await Post(self.federation, "75", parent=None, authority=True).start()
        self.oc = await Post(self.federation, "731", parent=self.ioc.link_address, authority=False).start()
        return self

    async def stop(self) -> None:
        await self.oc.stop()
        await self.ioc.stop()

    def newcomer(self, code: str = "25993", parent: str = "731") -> str:
        return self.federation.plan(code, "COC phường Trảng Dài", "coc", parent)

    async def token(self, code: str = "25993") -> str:
        return await self.oc.desk.token(code)


@pytest_asyncio.fixture
async def land(tmp_path: Path) -> AsyncIterator[Land]:
    land = await Land(tmp_path).start()
    yield land
    await land.stop()


def now_of(land: Land):
    return lambda: land.federation.now


async def refusal(awaitable) -> PkiError:
    with pytest.raises(PkiError) as caught:
        await awaitable
    return caught.value


async def test_a_commune_joins_through_its_district(land: Land, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    name = land.newcomer()
    before = land.oc.registry.current.version
    text = await land.token()
    keystore = await enrol_at_parent(
        land.oc.open_address, parse_token(text), land.folder / "new" / "keys", now_of(land)
    )
    assert keystore.name == name
    assert keystore.sign_certificate in land.federation.registry.centre(name).sign_certificates
    # The district learned of its child on the way, else it would refuse the child's first dial.
    assert land.oc.registry.current.version > before
    assert land.oc.registry.current.centre(name).state == "active"
    assert land.ioc.registry.current.public_key(name, keystore.key_id) is not None
    assert not list((land.folder / "new").glob("keys.*"))
    secret = text.split(".")[1]
    assert secret not in caplog.text
    kept = b"".join(
        path.read_bytes() for path in (land.folder / "federation" / "authority").rglob("*") if path.is_file()
    )
    assert secret.encode() not in kept


async def test_the_top_enrols_from_its_own_folder(tmp_path: Path) -> None:
    federation = empty_federation(tmp_path / "land")
    name = federation.plan("75", "IOC tỉnh Đồng Nai", "ioc", None)
    token = parse_token(federation.authority.issue_token("75", federation.now))
    keystore = enrol_at_home(federation.authority, token, tmp_path / "ioc" / "keys", lambda: federation.now)
    assert keystore.name == name
    assert (
        await refusal(enrol_at_parent("127.0.0.1:1", token, tmp_path / "x", lambda: federation.now))
    ).code == "WRONG_WAY"


async def test_the_district_cannot_read_what_it_hands_on(land: Land) -> None:
    land.newcomer()
    token = parse_token(await land.token())
    offer = enrol.offer_of(land.oc.registry.current, land.oc.keystore.root_pem)
    attempt = enrol.begin(token, offer, land.federation.now)
    answer = await land.oc.desk.hand_on(attempt.sealed_request, land.oc.keystore.name)
    for sealed in (attempt.sealed_request, answer.sealed):
        assert token.secret not in sealed
        assert b"token" not in sealed
        assert b"CERTIFICATE" not in sealed
    enrol.finish(attempt, answer.sealed, land.folder / "new" / "keys", land.federation.now)


async def test_lost_answer_is_fetched_again_with_the_same_token(land: Land) -> None:
    """Power fails after the authority certified and before the keys folder was in place."""
    name = land.newcomer()
    token, keys = parse_token(await land.token()), land.folder / "new" / "keys"
    offer = enrol.offer_of(land.oc.registry.current, land.oc.keystore.root_pem)
    attempt = enrol.begin_or_resume(token, offer, land.federation.now, keys)
    await land.oc.desk.hand_on(attempt.sealed_request, land.oc.keystore.name)
    assert not keys.exists()
    version = land.federation.registry.version
    keystore = await enrol_at_parent(land.oc.open_address, token, keys, now_of(land))
    assert keystore.name == name
    assert land.federation.registry.version == version
    assert len(land.federation.registry.centre(name).sign_certificates) == 1


async def test_a_used_token_opens_nothing(land: Land) -> None:
    land.newcomer()
    token = parse_token(await land.token())
    await enrol_at_parent(land.oc.open_address, token, land.folder / "first" / "keys", now_of(land))
    error = await refusal(enrol_at_parent(land.oc.open_address, token, land.folder / "second" / "keys", now_of(land)))
    assert error.code == "TOKEN_USED"
    assert not (land.folder / "second" / "keys").exists()


async def test_another_federation_is_not_joined(land: Land, tmp_path: Path) -> None:
    """The address leads to a node of another province: the token's root does not fit, nothing is sent."""
    land.newcomer()
    good = parse_token(await land.token())
    other = new_token(b"\x01" * 32, good.parent)
    error = await refusal(enrol_at_parent(land.oc.open_address, other, tmp_path / "n" / "keys", now_of(land)))
    assert error.code == "WRONG_ROOT"


async def test_wrong_node_of_the_right_federation(land: Land, tmp_path: Path) -> None:
    land.newcomer()
    token = parse_token(await land.token())
    error = await refusal(enrol_at_parent(land.ioc.open_address, token, tmp_path / "n" / "keys", now_of(land)))
    assert error.code == "WRONG_PARENT"


async def test_impostor_with_the_parents_name_gets_no_request(land: Land, tmp_path: Path) -> None:
    """A chain of another federation that bears the parent's very name, behind the real offer."""
    land.newcomer()
    token = parse_token(await land.token())
    other = empty_federation(tmp_path / "other")
    chain, key = other.forged_chain(names=[x509.DNSName(token.parent)])
    seen: list[bytes] = []

    class Impostor(enrolment_pb2_grpc.EnrolmentServicer):
        async def Describe(self, request, context):  # noqa: N802 - named by the protocol
            return land.oc.desk.offer()

        async def Submit(self, request, context):  # noqa: N802 - named by the protocol
            seen.append(request.sealed)
            return enrolment_pb2.SealedAnswer()

    server = grpc.aio.server()
    enrolment_pb2_grpc.add_EnrolmentServicer_to_server(Impostor(), server)
    port = server.add_secure_port("127.0.0.1:0", grpc.ssl_server_credentials([(key, chain)]))
    await server.start()
    try:
        error = await refusal(enrol_at_parent(f"127.0.0.1:{port}", token, tmp_path / "n" / "keys", now_of(land)))
    finally:
        await server.stop(None)
    assert error.code == "BAD_CHAIN"
    assert seen == []


async def test_a_parent_gets_tokens_for_its_own_planned_children_only(land: Land) -> None:
    land.federation.join("735", "OC huyện Vĩnh Cửu", "oc", "75")
    land.federation.plan("26173", "COC xã Phú Lý", "coc", "735")
    assert (await refusal(land.oc.desk.token("26173"))).code == "NOT_YOURS"
    assert (await refusal(land.oc.desk.token("26374"))).code == "ALREADY_ACTIVE"
    assert (await refusal(land.oc.desk.token("99999"))).code == "NOT_PLANNED"
    assert (await refusal(land.oc.desk.token("26374", replace_keys=True))).code == "NO_AUTHORITY"
    assert (await refusal(land.oc.desk.token("9" * 100))).code == "TOO_LARGE"


async def test_a_relay_serves_its_own_branch_only(land: Land, tmp_path: Path) -> None:
    """A district hands on a newcomer of its neighbour, with a valid token."""
    land.federation.join("735", "OC huyện Vĩnh Cửu", "oc", "75")
    land.federation.plan("26173", "COC xã Phú Lý", "coc", "735")
    token = parse_token(land.federation.authority.issue_token("26173", land.federation.now))
    offer = enrol.offer_of(land.federation.registry, land.federation.root_pem)
    attempt = enrol.begin(token, offer, land.federation.now)
    land.ioc.registry.offer(land.federation.authority.registry_raw)
    assert (await refusal(land.oc.desk.hand_on(attempt.sealed_request, land.oc.keystore.name))).code == "WRONG_WAY"


async def test_a_grandchild_does_not_speak_to_the_top(land: Land) -> None:
    commune: Keystore = land.federation.keystore("26374")
    error = await refusal(ask_parent_for_token(land.ioc.link_address, commune, land.ioc.keystore.name, "25993"))
    assert error.code == "NOT_MY_CHILD"


async def test_revoked_child_is_refused_at_once(land: Land) -> None:
    land.federation.join("735", "OC huyện Vĩnh Cửu", "oc", "75")
    district = land.federation.keystore("735")
    land.federation.authority.revoke(district.name, land.federation.now)
    land.ioc.registry.offer(land.federation.authority.registry_raw)
    error = await refusal(ask_parent_for_token(land.ioc.link_address, district, land.ioc.keystore.name, "1"))
    assert error.code == "REVOKED"


async def test_parent_away_is_said_plainly(land: Land, tmp_path: Path) -> None:
    land.newcomer()
    token = parse_token(await land.token())
    await land.ioc.stop()
    error = await refusal(enrol_at_parent(land.oc.open_address, token, tmp_path / "n" / "keys", now_of(land)))
    assert error.code == "UNREACHABLE"
    assert "the parent of the node you enrol at" in error.reason
    await land.oc.stop()
    error = await refusal(enrol_at_parent(land.oc.open_address, token, tmp_path / "n" / "keys", now_of(land)))
    assert error.code == "UNREACHABLE"
    assert land.oc.open_address in error.reason


async def test_too_much_and_too_often(land: Land) -> None:
    async with open_channel(
        land.oc.open_address, expected=land.oc.keystore.name, roots_pem=land.federation.root_pem
    ) as channel:
        stub = enrolment_pb2_grpc.EnrolmentStub(channel)

        async def submit(size: int) -> grpc.aio.AioRpcError:
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await stub.Submit(enrolment_pb2.SealedRequest(sealed=b"x" * size), timeout=10)
            return caught.value

        assert "UNSEALABLE" in (await submit(200)).details()
        assert "TOO_LARGE" in (await submit(MAX_SEALED_BYTES + 1)).details()
        assert (await submit(1 << 20)).code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        for _ in range(20):
            last = await submit(10)
        assert "TOO_OFTEN" in last.details()
        land.oc.clock.advance(60)
        assert "UNSEALABLE" in (await submit(200)).details()


async def test_open_port_does_nothing_but_enrolment(land: Land) -> None:
    async with open_channel(
        land.ioc.open_address, expected=land.ioc.keystore.name, roots_pem=land.federation.root_pem
    ) as channel:
        stub = enrolment_pb2_grpc.RegistrationStub(channel)
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await stub.RequestToken(enrolment_pb2.TokenRequest(code="25993"), timeout=10)
    assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED


async def test_mutual_port_wants_a_certificate(land: Land) -> None:
    async with open_channel(
        land.ioc.link_address, expected=land.ioc.keystore.name, roots_pem=land.federation.root_pem
    ) as channel:
        stub = enrolment_pb2_grpc.RegistrationStub(channel)
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await stub.RequestToken(enrolment_pb2.TokenRequest(code="25993"), timeout=10)
    assert caught.value.code() is grpc.StatusCode.UNAVAILABLE


async def test_refusals_are_logged_with_peer_and_code(land: Land, caplog: pytest.LogCaptureFixture) -> None:
    land.newcomer()
    token = new_token(parse_token(await land.token()).root_sha256, land.oc.keystore.name)
    await refusal(enrol_at_parent(land.oc.open_address, token, land.folder / "n" / "keys", now_of(land)))
    assert "TOKEN_UNKNOWN" in caplog.text
    assert "127.0.0.1" in caplog.text
    assert token.text().split(".")[1] not in caplog.text


def test_the_look_is_never_taken_for_trust() -> None:
    """The one unverified handshake stays in one function, so that a reader finds it."""
    source = Path(enrol_at_parent.__code__.co_filename).read_text()
    assert source.count("CERT_NONE") == 1
    assert ssl.CERT_NONE == 0
