"""The whole corpus of forged and out-of-place chains against a live gRPC server: the good one comes in, no other."""

import dataclasses
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from cryptography import x509

from federation.frame import VERSION
from federation.grpc_link import GrpcLink
from federation.link import LinkError
from federation.tls_log import HandshakeLog
from federation.v1.link_pb2 import Envelope, Hello
from node.clock import SystemClock
from pki import encoding
from pki.diagnose import diagnose
from pki.errors import GateRefused
from pki.gate import Gate
from pki.keystore import Keystore
from tests.fakes.authority import DONG_NAI, FakeFederation, small_federation
from tests.federation.nodes import Node, until
from tests.pki.forgeries import FORGERIES, TLS, Forger

FIVE = tuple(one for one in DONG_NAI if one[0] in {"75", "731", "735", "26374", "26173"})
BY_GATE = sorted(kind for kind, (code, _) in FORGERIES.items() if code != TLS)
BY_TLS = sorted(kind for kind, (code, _) in FORGERIES.items() if code == TLS)


@pytest.fixture(scope="module")
def forger(tmp_path_factory: pytest.TempPathFactory) -> Forger:
    land = small_federation(tmp_path_factory.mktemp("land"), centres=FIVE)
    land.plan("25993", "COC phường Trảng Dài", "coc", "731")
    land.authority.revoke(land.name("26173"), land.now)
    foreign = small_federation(tmp_path_factory.mktemp("foreign"), centres=FIVE, foreign=True)
    return Forger(land=land, foreign=foreign, folder=tmp_path_factory.mktemp("loot"))


@pytest_asyncio.fixture
async def district(forger: Forger) -> AsyncIterator[Node]:
    """A live parent of the commune whose name and keys are abused; `told` is what it heard of those it refused."""
    (forger.land.home("731") / "node.db").unlink(missing_ok=True)
    node = Node(forger.land, "731")
    node.told = []
    note = node.delivery.note_refused
    node.delivery.note_refused = lambda *said: (node.told.append(said), note(*said))
    yield await node.start()
    await node.stop()


def wearing(land: FakeFederation, chain: bytes, key: bytes) -> GrpcLink:
    keystore = dataclasses.replace(land.keystore("26374"), tls_chain_pem=chain, tls_key_pem=key)
    gate = Gate(land.root_pem, lambda: land.registry)
    return GrpcLink(keystore=keystore, gate=gate, clock=SystemClock(), on_refused=lambda *_: None)


async def refusal(link: GrpcLink, district: Node) -> LinkError:
    """How a connection ends for the one who dials; whoever hears a word was let in."""
    try:
        channel = await link.dial(f"127.0.0.1:{district.port}", district.name)
    except LinkError as error:
        return error
    try:
        heard = await channel.receive()
    except LinkError as error:
        return error
    finally:
        await channel.close("DONE", "")
    pytest.fail(f"it was let in: {heard}")


def test_the_corpus_is_large_enough() -> None:
    assert len(BY_GATE) >= 15
    assert len(BY_TLS) >= 10


async def test_the_forger_can_make_a_good_chain_and_that_one_comes_in(forger: Forger, district: Node) -> None:
    """So each refusal below has the reason that it names, and no other."""
    for chain, key in (forger.chain(), (forger.land.keystore("26374").tls_chain_pem, forger.chain()[1])):
        link = wearing(forger.land, chain, key)
        channel = await link.dial(f"127.0.0.1:{district.port}", district.name)
        await channel.send(Envelope(hello=Hello(version=VERSION, node=forger.name)))
        assert (await channel.receive()).hello.node == district.name
        await channel.close("DONE", "")


async def test_refused_by_the_gate_with_a_reason_on_both_sides_and_an_alarm(forger: Forger, district: Node) -> None:
    """Whoever dials reads the code and a sentence; the parent hears the same and rings, once for each code."""
    for kind in BY_GATE:
        code, forge = FORGERIES[kind]
        district.told.clear()
        error = await refusal(wearing(forger.land, *forge(forger)), district)
        assert (kind, error.code) == (kind, code)
        assert [(kind, told[1], told[2]) for told in district.told] == [(kind, code, error.reason)]
    codes = {FORGERIES[kind][0] for kind in BY_GATE}
    await until(lambda: {one.detail.partition(":")[0] for one in district.delivery.alarms()} == codes)
    assert {one.code for one in district.delivery.alarms()} == {"PEER_REFUSED"}
    assert not any(one.connected for one in district.delivery.peers())


async def test_refused_by_tls_counted_here_and_explained_by_the_one_who_dials(forger: Forger, district: Node) -> None:
    """Neither side's code sees the other: a line of gRPC's is counted here, and who dials looks at itself."""
    with HandshakeLog(district.delivery.note_tls_refused) as log:
        for number, kind in enumerate(BY_TLS, start=1):
            chain, key = FORGERIES[kind][1](forger)
            worn = dataclasses.replace(forger.land.keystore("26374"), tls_chain_pem=chain)
            assert diagnose(worn, forger.land.now, forger.land.registry), f"{kind}: nothing is found wrong with itself"
            error = await refusal(wearing(forger.land, chain, key), district)
            assert (kind, error.code) == (kind, "TLS_REFUSED")
            await until(lambda number=number: log.count >= number, kind)
    assert district.delivery.tls_refusals == log.count
    await until(lambda: [one.code for one in district.delivery.alarms()] == ["TLS_REFUSED"])
    assert district.told == []
    assert not any(one.connected for one in district.delivery.peers())


def test_the_same_corpus_without_tls_is_refused_by_the_gate_alone(forger: Forger) -> None:
    """Another link may have a laxer TLS: the gate does not lean on it."""
    for kind, (_, forge) in FORGERIES.items():
        chain, _ = forge(forger)
        with pytest.raises(GateRefused):
            pytest.fail(f"{kind}: {forger.land.gate.admit(chain, forger.land.now)}")


async def test_the_sign_certificate_is_no_key_for_tls(forger: Forger, district: Node) -> None:
    """An Ed25519 certificate of the right name: the dialling side's own TLS does not take it."""
    keystore: Keystore = forger.land.keystore("26374")
    sign = x509.load_der_x509_certificate(keystore.sign_certificate)
    chain = encoding.pem(sign) + keystore.issuing_pem
    key = (Path(keystore.folder) / "sign.key").read_bytes()
    error = await refusal(wearing(forger.land, chain, key), district)
    assert error.code in {"TLS_REFUSED", "UNREACHABLE", "FOREIGN_PEER"}
    assert not any(one.connected for one in district.delivery.peers())
