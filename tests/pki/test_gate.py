"""Chains that are validly signed, and wrong all the same."""

import base64
import random
from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.x509.oid import ExtendedKeyUsageOID

from pki import encoding, profile
from pki.errors import GateRefused
from pki.gate import Gate, presented_chain
from pki.names import mint_name
from tests.fakes.authority import THREE_TIERS, FakeFederation, empty_federation, small_federation


@pytest.fixture(scope="module")
def land(tmp_path_factory: pytest.TempPathFactory) -> FakeFederation:
    return small_federation(tmp_path_factory.mktemp("land"), centres=THREE_TIERS)


def refused(land: FakeFederation, chain: bytes, at=None) -> str:
    with pytest.raises(GateRefused) as caught:
        land.gate.admit(chain, at or land.now)
    return caught.value.code


def key_of(land: FakeFederation, code: str) -> ec.EllipticCurvePrivateKey:
    return encoding.ec_key(land.keystore(code).tls_key_pem, "tls.key")


def dns(text: str) -> x509.GeneralName:
    return x509.DNSName(text)


def test_a_member_comes_in(land: FakeFederation) -> None:
    keystore = land.keystore("26374")
    admission = land.gate.admit(keystore.tls_chain_pem, land.now)
    leaf = x509.load_pem_x509_certificate(keystore.tls_chain_pem)
    assert admission.name == keystore.name
    assert admission.fingerprint == leaf.fingerprint(hashes.SHA256()).hex()
    assert admission.not_after == leaf.not_valid_after_utc
    # Some peers send the root along, some stacks hand the leaf over twice.
    assert land.gate.admit(keystore.tls_chain_pem + land.root_pem, land.now) == admission
    twice = presented_chain({"x509_pem_cert": [encoding.pem(leaf)], "x509_pem_cert_chain": [keystore.tls_chain_pem]})
    assert land.gate.admit(twice, land.now) == admission


def test_a_forged_chain_that_is_right_in_everything_is_let_in(land: FakeFederation) -> None:
    """The forger of these tests can make a good chain, so each refusal below has the reason it names."""
    chain, _ = land.forged_chain(names=[dns(land.name("26374"))], key=key_of(land, "26374"))
    assert land.gate.admit(chain, land.now).name == land.name("26374")


def test_chain_of_another_federation(land: FakeFederation, tmp_path) -> None:
    other = small_federation(tmp_path, centres=THREE_TIERS, foreign=True)
    assert refused(land, other.keystore("26374").tls_chain_pem) == "BAD_CHAIN"
    # Even one that bears our name and brings our issuing CA along.
    chain, _ = other.forged_chain(names=[dns(land.name("26374"))], key=key_of(land, "26374"))
    leaf = encoding.pem(x509.load_pem_x509_certificate(chain))
    assert refused(land, leaf + land.keystore("26374").issuing_pem) == "BAD_CHAIN"
    assert refused(land, chain + other.root_pem) == "BAD_CHAIN"


def test_unknown_centre(land: FakeFederation) -> None:
    chain, _ = land.forged_chain(names=[dns(mint_name())])
    assert refused(land, chain) == "UNKNOWN_CENTRE"


def test_planned_centre_that_has_not_enrolled(land: FakeFederation) -> None:
    name = land.plan("25993", "COC phường Trảng Dài", "coc", "731")
    chain, _ = land.forged_chain(names=[dns(name)])
    assert refused(land, chain) == "NOT_ACTIVE"


def test_a_key_that_the_registry_does_not_name(land: FakeFederation) -> None:
    """A certificate that the authority signed for the right name, over somebody else's key."""
    chain, _ = land.forged_chain(names=[dns(land.name("26374"))])
    assert refused(land, chain) == "WRONG_KEY"


def test_siblings_key_is_the_sibling(land: FakeFederation) -> None:
    """A sibling with its own valid chain comes in under its own name, and with ours not at all."""
    land.join("26377", "COC phường Phước Tân", "coc", "731")
    assert land.gate.admit(land.keystore("26377").tls_chain_pem, land.now).name == land.name("26377")
    chain, _ = land.forged_chain(names=[dns(land.name("26374"))], key=key_of(land, "26377"))
    assert refused(land, chain) == "WRONG_KEY"


def test_replaced_keys_end_the_old_ones(land: FakeFederation) -> None:
    land.join("26380", "COC phường Long Bình", "coc", "731")
    old = land.keystore("26380")
    admission = land.gate.admit(old.tls_chain_pem, land.now)
    new = land.enrol("26380")
    assert refused(land, old.tls_chain_pem) == "WRONG_KEY"
    with pytest.raises(GateRefused) as caught:
        land.gate.recheck(admission, land.now)
    assert caught.value.code == "WRONG_KEY"
    assert land.gate.admit(new.tls_chain_pem, land.now).name == old.name


def test_revoked_centre_and_its_live_connection(land: FakeFederation) -> None:
    keystore = land.join("26383", "COC phường Tân Hạnh", "coc", "731")
    admission = land.gate.admit(keystore.tls_chain_pem, land.now)
    land.gate.recheck(admission, land.now)
    land.authority.revoke(keystore.name, land.now)
    assert refused(land, keystore.tls_chain_pem) == "REVOKED"
    with pytest.raises(GateRefused) as caught:
        land.gate.recheck(admission, land.now)
    assert caught.value.code == "REVOKED"


def test_expired_and_not_yet(land: FakeFederation) -> None:
    chain = land.keystore("26374").tls_chain_pem
    assert refused(land, chain, land.now + profile.AUTH_LIFE + timedelta(seconds=1)) == "EXPIRED"
    assert refused(land, chain, land.now - timedelta(days=1)) == "NOT_YET"
    admission = land.gate.admit(chain, land.now)
    with pytest.raises(GateRefused) as caught:
        land.gate.recheck(admission, admission.not_after + timedelta(seconds=1))
    assert caught.value.code == "EXPIRED"


def test_leaf_that_outlives_its_issuer(land: FakeFederation) -> None:
    chain, _ = land.forged_chain(
        names=[dns(land.name("26374"))], key=key_of(land, "26374"), until=land.now + 2 * profile.ISSUING_LIFE
    )
    assert refused(land, chain, land.now + profile.ISSUING_LIFE + timedelta(days=1)) == "BAD_CHAIN"


def bad_names(name: str) -> dict[str, list[x509.GeneralName]]:
    return {
        "none": [],
        "wildcard": [dns("*.lienthong.internal")],
        "two": [dns(name), dns(mint_name())],
        "the same twice": [dns(name), dns(name)],
        "URI only": [x509.UniformResourceIdentifier(f"spiffe://{name}")],
        "foreign URI beside": [dns(name), x509.UniformResourceIdentifier("spiffe://other.example/admin")],
        "mail beside": [dns(name), x509.RFC822Name("a@example.vn")],
        "upper case": [dns(name.upper())],
        "trailing dot": [dns(f"{name}.")],
        "longer": [dns(f"a.{name}")],
        "domain alone": [dns("lienthong.internal")],
        "outside": [dns("n-aaaaaaaaaaaaaaaa.example.vn")],
        "sealing": [dns("sealing.lienthong.internal")],
        "leading blank": [dns(f" {name}")],
    }


@pytest.mark.parametrize("kind", sorted(bad_names("n-aaaaaaaaaaaaaaaa.lienthong.internal")))
def test_names_that_the_gate_takes_for_nobodys(land: FakeFederation, kind: str) -> None:
    chain, _ = land.forged_chain(names=bad_names(land.name("26374"))[kind], key=key_of(land, "26374"))
    assert refused(land, chain) == "BAD_SAN"


@pytest.mark.parametrize(
    "uses",
    [
        (ExtendedKeyUsageOID.SERVER_AUTH,),
        (),
        (ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE,),
        (profile.USE_RECORDS,),
        (ExtendedKeyUsageOID.CODE_SIGNING,),
    ],
)
def test_a_certificate_that_is_not_for_a_client(land: FakeFederation, uses) -> None:
    chain, _ = land.forged_chain(names=[dns(land.name("26374"))], key=key_of(land, "26374"), uses=uses)
    assert refused(land, chain) == "BAD_CHAIN"


def test_authorities_are_no_peers(land: FakeFederation) -> None:
    issuing = land.keystore("26374").issuing_pem
    assert refused(land, issuing) == "BAD_SAN"
    assert refused(land, land.root_pem) == "BAD_SAN"
    chain, _ = land.forged_chain(names=[dns(land.name("26374"))], key=key_of(land, "26374"), authority=True)
    assert refused(land, chain) == "BAD_CHAIN"


def test_a_leaf_below_a_leaf(land: FakeFederation) -> None:
    """A centre plays authority with its own certificate."""
    middle = profile.Signer(
        certificate=x509.load_pem_x509_certificate(land.keystore("731").tls_chain_pem), key=key_of(land, "731")
    )
    leaf = profile.auth_certificate(key_of(land, "26374").public_key(), land.name("26374"), middle, land.now)
    assert refused(land, encoding.pem(leaf) + land.keystore("731").tls_chain_pem) == "BAD_CHAIN"


def test_an_authority_below_the_authority(land: FakeFederation) -> None:
    """The issuing CA may stand above leaves only; a forged CA:TRUE below it leads nowhere."""
    chain, key_pem = land.forged_chain(names=[], uses=(), authority=True)
    certificate = x509.load_pem_x509_certificate(chain)
    middle = profile.Signer(certificate=_with_identifier(certificate, land, key_pem), key=encoding.ec_key(key_pem, "x"))
    leaf = profile.auth_certificate(key_of(land, "26374").public_key(), land.name("26374"), middle, land.now)
    assert refused(land, encoding.pem(leaf) + encoding.pem(middle.certificate) + land.keystore("731").issuing_pem) == (
        "BAD_CHAIN"
    )


def _with_identifier(certificate: x509.Certificate, land: FakeFederation, key_pem: bytes) -> x509.Certificate:
    signer = land.issuing_signer()
    key = encoding.ec_key(key_pem, "x").public_key()
    draft = profile._draft(
        certificate.subject, signer.certificate.subject, key, land.now, signer.certificate.not_valid_after_utc
    )
    above = signer.certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    return (
        draft.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(profile._usage("key_cert_sign"), critical=True)
        .add_extension(profile._key_identifier(key), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(above), critical=False)
        .sign(signer.key, hashes.SHA256())
    )


def test_other_kinds_of_keys(land: FakeFederation) -> None:
    signer = land.issuing_signer()
    for key in (ec.generate_private_key(ec.SECP384R1()), ed25519.Ed25519PrivateKey.generate()):
        leaf = profile.auth_certificate(key.public_key(), land.name("26374"), signer, land.now)  # type: ignore[arg-type]  # the point of the test
        assert refused(land, encoding.pem(leaf) + encoding.pem(signer.certificate)) == "BAD_CHAIN"


def test_the_sign_certificate_opens_no_link(land: FakeFederation) -> None:
    sign = x509.load_der_x509_certificate(land.keystore("26374").sign_certificate)
    assert refused(land, encoding.pem(sign) + land.keystore("26374").issuing_pem) == "BAD_CHAIN"


@pytest.mark.parametrize(
    "chain", [b"", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", b"\xff" * 100]
)
def test_no_chain_at_all(land: FakeFederation, chain: bytes) -> None:
    assert refused(land, chain) == "BAD_CHAIN"


def test_chain_without_its_issuer_and_with_too_many(land: FakeFederation) -> None:
    chain = land.keystore("26374").tls_chain_pem
    leaf = encoding.pem(x509.load_pem_x509_certificate(chain))
    assert refused(land, leaf) == "BAD_CHAIN"
    assert refused(land, chain * 3) == "BAD_CHAIN"
    assert refused(land, chain * 100) == "BAD_CHAIN"


def test_an_unknown_critical_extension(land: FakeFederation) -> None:
    signer = land.issuing_signer()
    draft = profile._draft_below(
        signer, profile._subject("x"), key_of(land, "26374").public_key(), land.now, profile.AUTH_LIFE
    )
    draft = draft.add_extension(x509.SubjectAlternativeName([dns(land.name("26374"))]), critical=False)
    draft = draft.add_extension(
        x509.UnrecognizedExtension(x509.ObjectIdentifier("2.25.77"), b"\x05\x00"), critical=True
    )
    leaf = profile._leaf(draft, "digital_signature", profile._TLS_USES).sign(signer.key, hashes.SHA256())
    assert refused(land, encoding.pem(leaf) + encoding.pem(signer.certificate)) == "BAD_CHAIN"


def test_damaged_chains_are_refused_and_break_nothing(land: FakeFederation) -> None:
    """A flipped byte anywhere is a refusal, never another exception."""
    leaf, issuing = x509.load_pem_x509_certificates(land.keystore("26374").tls_chain_pem)
    dice = random.Random(7)  # noqa: S311 - repeatable damage, no secret
    for _ in range(400):
        damaged = bytearray(encoding.der(leaf))
        damaged[dice.randrange(len(damaged))] ^= 1 << dice.randrange(8)
        refused(land, _as_pem(bytes(damaged)) + encoding.pem(issuing))


def _as_pem(content: bytes) -> bytes:
    body = base64.encodebytes(content).decode()
    return f"-----BEGIN CERTIFICATE-----\n{body}-----END CERTIFICATE-----\n".encode()


def test_empty_federation_admits_nobody(land: FakeFederation, tmp_path) -> None:
    other = empty_federation(tmp_path)
    gate = Gate(land.root_pem, lambda: other.authority.registry)
    with pytest.raises(GateRefused) as caught:
        gate.admit(land.keystore("26374").tls_chain_pem, land.now)
    assert caught.value.code == "UNKNOWN_CENTRE"
