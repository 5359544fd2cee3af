"""Who stands behind a subject: what is signed well by the wrong one, or for another occasion, proves nothing."""

import dataclasses
from datetime import timedelta

import pytest
from cryptography import x509

from federation.link import LinkError
from federation.nats_proof import Occasion, check, prove
from pki.errors import GateRefused
from tests.fakes.authority import real_now


@pytest.fixture
def occasion(world) -> Occasion:
    return Occasion(child=world.name("26374"), parent=world.name("731"), connection="c1", nonce=bytes(32))


def judge(world, proof, occasion, at=None):
    return check(proof, occasion, gate=world.gate, registry=world.registry, at=at or real_now())


def test_the_holder_of_both_keys_is_admitted_as_on_any_link(world, occasion) -> None:
    admission = judge(world, prove(world.keystore("26374"), occasion), occasion)
    assert admission.name == world.name("26374")


@pytest.mark.parametrize(
    "change", [{"connection": "c2"}, {"nonce": bytes(31) + b"1"}, {"parent": "n-aaaaaaaaaaaaaaaa.lienthong.internal"}]
)
def test_a_proof_of_another_occasion_is_none(world, occasion, change) -> None:
    proof = prove(world.keystore("26374"), dataclasses.replace(occasion, **change))
    with pytest.raises(LinkError, match="BAD_PROOF"):
        judge(world, proof, occasion)


def test_a_sibling_cannot_prove_itself_on_anothers_subject(world, occasion) -> None:
    with pytest.raises(GateRefused, match="WRONG_NAME"):
        judge(world, prove(world.keystore("731"), occasion), occasion)


def test_anothers_certificate_with_ones_own_signature_is_no_proof(world, occasion) -> None:
    """A certificate is public: who shows it must hold its key."""
    proof = prove(world.keystore("731"), occasion)
    proof.tls_chain_pem = world.keystore("26374").tls_chain_pem
    proof.key_id = world.keystore("26374").key_id
    with pytest.raises(LinkError, match="BAD_PROOF"):
        judge(world, proof, occasion)


def test_the_tls_key_alone_is_not_enough(world, occasion) -> None:
    proof = prove(world.keystore("26374"), occasion)
    proof.sign_signature = prove(world.keystore("731"), occasion).sign_signature
    with pytest.raises(LinkError, match="BAD_PROOF"):
        judge(world, proof, occasion)
    proof.key_id = world.keystore("731").key_id
    with pytest.raises(GateRefused, match="WRONG_KEY"):
        judge(world, proof, occasion)


def test_the_record_key_alone_is_not_enough(world, occasion) -> None:
    proof = prove(world.keystore("26374"), occasion)
    proof.tls_signature = prove(world.keystore("731"), occasion).tls_signature
    with pytest.raises(LinkError, match="BAD_PROOF"):
        judge(world, proof, occasion)


def test_a_key_that_the_registry_does_not_name_is_refused_though_the_authority_signed_it(world, occasion) -> None:
    chain, key = world.forged_chain(names=[x509.DNSName(occasion.child)])
    own = dataclasses.replace(world.keystore("26374"), tls_chain_pem=chain, tls_key_pem=key)
    with pytest.raises(GateRefused, match="WRONG_KEY"):
        judge(world, prove(own, occasion), occasion)


def test_an_expired_certificate_and_a_revoked_centre_are_refused(federation) -> None:
    occasion = Occasion(child=federation.name("26374"), parent=federation.name("731"), connection="c", nonce=bytes(32))
    proof = prove(federation.keystore("26374"), occasion)
    with pytest.raises(GateRefused, match="EXPIRED"):
        judge(federation, proof, occasion, federation.now + timedelta(days=100))
    federation.authority.revoke(occasion.child, federation.now)
    with pytest.raises(GateRefused, match="REVOKED"):
        judge(federation, proof, occasion)
