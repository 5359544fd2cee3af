"""Who is not let in, and that both sides can say why; every certificate here is validly signed by somebody."""

import dataclasses
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509

from federation.delivery import ParentAddress
from federation.ledger import Lane
from tests.fakes.authority import FakeFederation, small_federation
from tests.federation.conftest import FIVE
from tests.federation.nodes import Node, until


@pytest.fixture
async def province(nodes):
    return await nodes("75").start()


async def dial(node: Node, province: Node, name: str | None = None) -> None:
    address = ParentAddress(f"127.0.0.1:{province.port}", name or province.name)
    await node.delivery.start(parent=address, listen=None)


def wearing(node: Node, chain: bytes, key: bytes) -> Node:
    """The node with another TLS certificate than its own."""
    node.use(dataclasses.replace(node.keystore, tls_chain_pem=chain, tls_key_pem=key))
    return node


def error_of(node: Node, province: Node) -> tuple[str, str]:
    states = [one for one in node.delivery.peers() if one.name == province.name]
    return (states[0].error_code, states[0].last_error) if states else ("", "")


async def test_a_node_of_another_federation_is_refused_and_each_side_says_so(
    tmp_path: Path, province, nodes, federation: FakeFederation
) -> None:
    foreign = small_federation(tmp_path / "elsewhere", centres=FIVE, foreign=True)
    stranger = Node(foreign, "731")
    try:
        await dial(stranger, province)
        await until(lambda: error_of(stranger, province)[0] == "FOREIGN_PEER")
        assert "no valid certificate of this federation" in error_of(stranger, province)[1]
    finally:
        await stranger.stop()
    # The other way round: it trusts the province's root, and is refused by TLS on the province's side.
    district = nodes("731")
    theirs = foreign.keystore("731")
    wearing(district, theirs.tls_chain_pem, theirs.tls_key_pem)
    await dial(district, province)
    await until(lambda: error_of(district, province)[0] == "TLS_REFUSED")
    await until(lambda: "wrong root" in error_of(district, province)[1])
    assert province.heard() == []


async def test_an_expired_certificate_is_refused_and_the_child_finds_the_cause_itself(
    province, nodes, federation: FakeFederation
) -> None:
    district = nodes("731")
    chain, key = federation.forged_chain(
        names=[x509.DNSName(district.name)],
        since=federation.now - timedelta(days=3),
        until=federation.now - timedelta(days=1),
    )
    await dial(wearing(district, chain, key), province)
    await until(lambda: error_of(district, province)[0] == "TLS_REFUSED")
    await until(lambda: "expired" in error_of(district, province)[1])


@pytest.mark.parametrize(
    ("name", "code"),
    [("n-aaaaaaaaaaaaaaaa.lienthong.internal", "UNKNOWN_CENTRE"), ("*.lienthong.internal", "BAD_SAN")],
)
async def test_a_name_that_the_registry_does_not_know_is_refused_with_the_reason_on_both_sides(
    province, nodes, federation: FakeFederation, name, code
) -> None:
    district = nodes("731")
    await dial(wearing(district, *federation.forged_chain(names=[x509.DNSName(name)])), province)
    await until(lambda: error_of(district, province)[0] == code)
    assert error_of(district, province)[1]
    await until(lambda: any(one.code == "PEER_REFUSED" and code in one.detail for one in province.delivery.alarms()))


async def test_a_certificate_signed_well_for_another_key_than_the_registrys_is_refused(
    province, nodes, federation: FakeFederation
) -> None:
    district = nodes("731")
    await dial(wearing(district, *federation.forged_chain(names=[x509.DNSName(district.name)])), province)
    await until(lambda: error_of(district, province)[0] == "WRONG_KEY")


async def test_a_siblings_child_a_sibling_and_a_parent_are_no_children(province, nodes) -> None:
    district, commune = nodes("735"), nodes("26374")
    await district.start()
    for stranger, door in ((commune, district), (nodes("731"), district)):
        await dial(stranger, door)
        await until(lambda one=stranger, door=door: error_of(one, door)[0] == "NOT_MY_CHILD")
        await until(lambda one=stranger, door=door: ("PEER_REFUSED", one.name, "") in door.alarms())
        stranger.say("listen to me")
        assert door.heard() == []


async def test_a_grandchild_may_come_in_and_brings_nothing_of_what_goes_to_its_parent(province, nodes) -> None:
    """For its bypass it is let in; tests/federation/test_past_parent.py has what that may carry."""
    commune = nodes("26374")
    await dial(commune, province)
    await until(lambda: commune.peer(province) and commune.peer(province).connected)
    commune.say("listen to me")
    commune.say("my parent's", audience="parent")
    commune.say("figures", lane=Lane.REGULAR)
    await until(lambda: len(commune.held()) == 6)
    assert [row for row in province.held() if row[0] == commune.name] == []


async def test_the_keys_of_a_sibling_do_not_help_to_write_as_another(province, nodes, federation) -> None:
    """A district with its own good TLS certificate that signs records as its sibling: named, and nothing kept."""
    district = nodes("731")
    stolen = federation.keystore("735")
    own = federation.keystore("731")
    district.use(dataclasses.replace(stolen, tls_chain_pem=own.tls_chain_pem, tls_key_pem=own.tls_key_pem))
    await dial(district, province)
    await until(lambda: error_of(district, province)[0] == "BAD_HELLO")
    assert province.heard() == []


async def test_a_revoked_child_is_cut_off_while_it_is_connected(nodes, federation: FakeFederation) -> None:
    district, commune = nodes("731"), nodes("26374")
    await district.start()
    await dial(commune, district)
    await until(lambda: district.peer(commune) and district.peer(commune).connected)
    federation.authority.revoke(commune.name, federation.now)
    district.registry.offer(federation.authority.registry_raw)
    await until(lambda: error_of(commune, district)[0] == "REVOKED")
    await until(lambda: district.peer(commune) is None)
    commune.say("too late")
    assert district.heard() == []


async def test_a_certificate_that_runs_out_ends_the_connection_it_was_admitted_on(
    nodes, federation: FakeFederation
) -> None:
    province, district = nodes("75"), nodes("731")
    await province.start()
    await dial(district, province)
    await until(lambda: province.peer(district) and province.peer(district).connected)
    province.clock.ahead = timedelta(days=400)
    district.say("signed in time, delivered too late")
    await until(lambda: error_of(district, province)[0] == "EXPIRED")
    assert province.heard() == []


SCRIPT = """
import os, sys
from federation.tls_log import HandshakeLog
heard = []
with HandshakeLog(heard.append) as log:
    os.write(2, b"I0101 1:1 ssl_transport_security.cc:2563] Handshake failed with error SSL: certificate has ")
    os.write(2, b"expired\\nan ordinary line\\n")
os.write(2, b"after\\n")
print(log.count, heard)
"""


def test_failed_handshakes_are_taken_from_stderr_and_everything_is_passed_on() -> None:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
        cwd=Path(__file__).parents[2],
    )
    assert done.stdout.strip() == "1 ['Handshake failed with error SSL: certificate has expired']"
    assert done.stderr.splitlines()[1:] == ["an ordinary line", "after"]


async def test_what_tls_refused_rings(province) -> None:
    province.delivery.note_tls_refused("Handshake failed with error SSL: certificate has expired")
    await until(lambda: [one.code for one in province.delivery.alarms()] == ["TLS_REFUSED"])
