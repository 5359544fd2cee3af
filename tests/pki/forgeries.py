"""Chains that are validly signed and wrong all the same, each with the key that proves possession of it."""

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID

from pki import encoding, profile
from pki.founding import create_spare
from pki.names import mint_name
from tests.fakes.authority import FakeFederation

TLS = "TLS"  # refused by the handshake: the gate never sees it
DAY = dt.timedelta(days=1)
Pair = tuple[bytes, bytes]


@dataclass(frozen=True)
class Forger:
    """What an attacker holds: in the worst case every key of the federation but the gate's word."""

    land: FakeFederation
    foreign: FakeFederation
    folder: Path
    code: str = "26374"

    @property
    def name(self) -> str:
        return self.land.name(self.code)

    @property
    def key(self) -> ec.EllipticCurvePrivateKey:
        return encoding.ec_key(self.land.keystore(self.code).tls_key_pem, "tls.key")

    def chain(self, *names: x509.GeneralName, key: ec.EllipticCurvePrivateKey | None = None, **rest: object) -> Pair:
        return self.land.forged_chain(names=names or (x509.DNSName(self.name),), key=key or self.key, **rest)

    def beside(self, other: x509.GeneralName) -> Pair:
        return self.chain(x509.DNSName(self.name), other)

    def below(self, signer: profile.Signer, *between: x509.Certificate) -> Pair:
        leaf = profile.auth_certificate(self.key.public_key(), self.name, signer, self.land.now)
        return b"".join(encoding.pem(one) for one in (leaf, *between)), encoding.key_pem(self.key)

    def root(self) -> profile.Signer:
        folder = self.land.folder / "root"
        return profile.Signer(
            certificate=encoding.from_pem(self.land.root_pem, "root"),
            key=encoding.ec_key((folder / "root.key").read_bytes(), "root.key"),
        )

    def draft(self, *, common_name: str = "x", is_named: bool = True) -> x509.CertificateBuilder:
        signer, subject = self.land.issuing_signer(), profile._subject(common_name)
        draft = profile._draft_below(signer, subject, self.key.public_key(), self.land.now, DAY)
        if not is_named:
            return draft
        return draft.add_extension(x509.SubjectAlternativeName([x509.DNSName(self.name)]), critical=False)

    def finished(self, draft: x509.CertificateBuilder) -> Pair:
        signer = self.land.issuing_signer()
        leaf = profile._leaf(draft, "digital_signature", profile._TLS_USES).sign(signer.key, hashes.SHA256())
        return encoding.pem(leaf) + encoding.pem(signer.certificate), encoding.key_pem(self.key)


def own_ca(forger: Forger) -> Pair:
    """A centre plays authority with its own certificate."""
    district = forger.land.keystore("731")
    certificate = x509.load_pem_x509_certificate(district.tls_chain_pem)
    signer = profile.Signer(certificate=certificate, key=encoding.ec_key(district.tls_key_pem, "tls.key"))
    return forger.below(signer, certificate, forger.land.issuing_signer().certificate)


def deeper(forger: Forger) -> Pair:
    """The real issuing CA certifies another authority below itself."""
    signer, key = forger.land.issuing_signer(), ec.generate_private_key(ec.SECP256R1())
    draft = profile._draft_below(signer, profile._subject("deeper"), key.public_key(), forger.land.now, DAY)
    draft = draft.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    middle = draft.add_extension(profile._usage("key_cert_sign"), critical=True).sign(signer.key, hashes.SHA256())
    return forger.below(profile.Signer(certificate=middle, key=key), middle, signer.certificate)


def authority(forger: Forger) -> Pair:
    """Right in everything, and an authority besides; with a key usage that TLS takes."""
    signer = forger.land.issuing_signer()
    draft = forger.draft().add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    draft = draft.add_extension(profile._usage("digital_signature", "key_cert_sign"), critical=True)
    draft = draft.add_extension(x509.ExtendedKeyUsage(list(profile._TLS_USES)), critical=False)
    leaf = draft.sign(signer.key, hashes.SHA256())
    return encoding.pem(leaf) + encoding.pem(signer.certificate), encoding.key_pem(forger.key)


def spare(forger: Forger) -> Pair:
    """The spare was stolen from the safe: the root certified it, and the tree does not name it."""
    if not (forger.folder / "spare").exists():
        create_spare(forger.land.folder / "root", forger.folder / "spare", now=forger.land.now)
    certificate = encoding.from_pem((forger.folder / "spare" / "issuing.pem").read_bytes(), "spare")
    key = encoding.ec_key((forger.folder / "spare" / "issuing.key").read_bytes(), "spare")
    return forger.below(profile.Signer(certificate=certificate, key=key), certificate)


def self_signed(forger: Forger) -> Pair:
    own = profile.root_certificate(forger.key, "own", forger.land.now)
    return forger.below(profile.Signer(certificate=own, key=forger.key), own)


def without_issuer(forger: Forger) -> Pair:
    chain, key = forger.chain()
    return encoding.pem(x509.load_pem_x509_certificate(chain)), key


def foreign_with_our_issuer(forger: Forger) -> Pair:
    """Another federation certifies our name over our key, and sends our issuing CA along."""
    chain, key = forger.foreign.forged_chain(names=[x509.DNSName(forger.name)], key=forger.key)
    leaf = encoding.pem(x509.load_pem_x509_certificate(chain))
    return leaf + encoding.pem(forger.land.issuing_signer().certificate), key


def other_curve(forger: Forger) -> Pair:
    key = ec.generate_private_key(ec.SECP384R1())
    signer = forger.land.issuing_signer()
    leaf = profile.auth_certificate(key.public_key(), forger.name, signer, forger.land.now)
    return encoding.pem(leaf) + encoding.pem(signer.certificate), encoding.key_pem(key)


def delegation(forger: Forger) -> Pair:
    """A certificate that the root gave to a signer, with the name of a centre."""
    root = forger.root()
    draft = profile._draft_below(root, profile._subject("x"), forger.key.public_key(), forger.land.now, DAY)
    draft = draft.add_extension(x509.SubjectAlternativeName([x509.DNSName(forger.name)]), critical=False)
    leaf = profile._leaf(draft, "digital_signature", (profile.USE_REGISTRY,)).sign(root.key, root.digest())
    return encoding.pem(leaf), encoding.key_pem(forger.key)


def ours(label: str) -> x509.GeneralName:
    return x509.DNSName(label)


CLIENT = ExtendedKeyUsageOID.CLIENT_AUTH
FORGERIES: dict[str, tuple[str, Callable[[Forger], Pair]]] = {
    "wrong root": (TLS, lambda it: it.foreign.forged_chain(names=[ours(it.name)], key=it.key)),
    "wrong root, our issuer sent along": (TLS, foreign_with_our_issuer),
    "self-signed": (TLS, self_signed),
    "expired": (TLS, lambda it: it.chain(since=it.land.now - 3 * DAY, until=it.land.now - DAY)),
    "not yet valid": (TLS, lambda it: it.chain(since=it.land.now + 2 * DAY, until=it.land.now + 9 * DAY)),
    "below a centre's own certificate": (TLS, own_ca),
    "chain too deep": (TLS, deeper),
    "without its issuer": (TLS, without_issuer),
    "name outside the constraint": (TLS, lambda it: it.chain(ours("n-aaaaaaaaaaaaaaaa.example.vn"))),
    "unknown critical extension": (
        TLS,
        lambda it: it.finished(
            it.draft().add_extension(x509.UnrecognizedExtension(x509.ObjectIdentifier("2.25.77"), b"\5\0"), True)
        ),
    ),
    "server only": (TLS, lambda it: it.chain(uses=(ExtendedKeyUsageOID.SERVER_AUTH,))),
    "for signing code": (TLS, lambda it: it.chain(uses=(ExtendedKeyUsageOID.CODE_SIGNING,))),
    "for records": (TLS, lambda it: it.chain(uses=(profile.USE_RECORDS,))),
    "a signer's delegation": (TLS, delegation),
    "without any use": ("BAD_CHAIN", lambda it: it.chain(uses=())),
    "for any use": (TLS, lambda it: it.chain(uses=(ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE,))),
    "an authority": ("BAD_CHAIN", authority),
    "of another curve": ("BAD_CHAIN", other_curve),
    "two names": ("BAD_SAN", lambda it: it.beside(ours(mint_name()))),
    "the same name twice": ("BAD_SAN", lambda it: it.beside(ours(it.name))),
    "wildcard": ("BAD_SAN", lambda it: it.chain(ours("*.lienthong.internal"))),
    "foreign URI beside": ("BAD_SAN", lambda it: it.beside(x509.UniformResourceIdentifier("spiffe://x.vn/admin"))),
    "address beside": ("BAD_SAN", lambda it: it.beside(x509.IPAddress(ip_address("10.0.0.1")))),
    "mail beside": ("BAD_SAN", lambda it: it.beside(x509.RFC822Name("a@example.vn"))),
    "URI only": ("BAD_SAN", lambda it: it.chain(x509.UniformResourceIdentifier(f"spiffe://{it.name}"))),
    "common name only": (
        TLS,
        lambda it: it.finished(it.draft(common_name=it.name, is_named=False)),
    ),
    "upper case": ("BAD_SAN", lambda it: it.chain(ours(it.name.upper()))),
    "longer name": ("BAD_SAN", lambda it: it.chain(ours(f"a.{it.name}"))),
    "the sealing key's name": ("BAD_SAN", lambda it: it.chain(ours("sealing.lienthong.internal"))),
    "unknown centre": ("UNKNOWN_CENTRE", lambda it: it.chain(ours(mint_name()))),
    "planned centre": ("NOT_ACTIVE", lambda it: it.chain(ours(it.land.name("25993")))),
    "withdrawn centre": ("REVOKED", lambda it: it.chain(ours(it.land.name("26173")))),
    "key that the registry does not name": (
        "WRONG_KEY",
        lambda it: it.chain(key=ec.generate_private_key(ec.SECP256R1())),
    ),
    "sibling's key under the own name": (
        "WRONG_KEY",
        lambda it: it.chain(key=encoding.ec_key(it.land.keystore("735").tls_key_pem, "tls.key")),
    ),
    "by the spare that nobody adopted": ("UNKNOWN_ISSUER", spare),
    "straight from the root": ("UNKNOWN_ISSUER", lambda it: it.below(it.root())),
}
