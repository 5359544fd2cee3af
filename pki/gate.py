"""Who may come in: the check of a peer's chain that follows TLS.

TLS proves that the peer holds a key under our root; it does not prove enough. A certificate authority bound to a DNS
subtree can still add a foreign URI name, TLS stacks accept wildcards and take a server's certificate for a client, and
none of them knows that a centre was revoked this morning. So: path validation with our own policy for the leaf, one
literal name and no other, the use of a client, and the word of the registry.

Whether the admitted name is the *right* peer (my child, my parent) is the caller's question.
"""

import itertools
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509 import verification
from cryptography.x509.oid import ExtendedKeyUsageOID

from pki import encoding, names
from pki.errors import GateRefused, PkiError
from pki.registry import Registry

_LONGEST_CHAIN = 4  # leaf (twice in some stacks), issuing, and the root that some peers send along
_LARGEST_CHAIN_BYTES = 64 << 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Admission:
    """A peer that was let in: cache it per connection, and ask `Gate.recheck` again per frame.

    `members`: of each certificate below the root, its issuer (SHA-256 of the public key) and its serial.
    """

    name: str
    fingerprint: str
    not_after: datetime
    auth_key: bytes
    members: tuple[tuple[bytes, int], ...]


def presented_chain(auth_context: Mapping[str, Iterable[bytes]]) -> bytes:
    """The peer's chain, leaf first, from what gRPC hands over: on a server its `x509_pem_cert_chain` lacks the leaf."""
    leaf = next(iter(auth_context.get("x509_pem_cert", ())), b"")
    above = next(iter(auth_context.get("x509_pem_cert_chain", ())), b"")
    return leaf + above


class Gate:
    """Admits peers of one federation, by its root and by whatever the registry says at that moment."""

    def __init__(self, root_pem: bytes, registry: Callable[[], Registry]) -> None:
        self._root = encoding.from_pem(root_pem, "root.pem")
        self._registry = registry

    @property
    def registry(self) -> Registry:
        """The registry that is asked at this moment."""
        return self._registry()

    def admit(self, chain_pem: bytes, at: datetime) -> Admission:
        """The peer behind this chain (leaf first), as of that moment; GateRefused says why not."""
        leaf, between = self._parse(chain_pem)
        try:
            name = names.centre_name(leaf)
        except PkiError as error:
            raise GateRefused(error.code, error.reason) from error
        chain = self._check_path(leaf, between, at)
        key = leaf.public_key()
        if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
            raise GateRefused("BAD_CHAIN", "a TLS key is a P-256 key")
        admission = Admission(
            name=name,
            fingerprint=leaf.fingerprint(hashes.SHA256()).hex(),
            not_after=leaf.not_valid_after_utc,
            auth_key=encoding.spki_sha256(key),
            members=tuple(
                (encoding.issuer_key(issuer), one.serial_number) for one, issuer in itertools.pairwise(chain)
            ),
        )
        self.recheck(admission, at)
        return admission

    def recheck(self, admission: Admission, at: datetime) -> None:
        """What may change under a live connection: expiry, and the registry's word; cheap enough for each frame."""
        if at > admission.not_after:
            raise GateRefused("EXPIRED", f"the certificate expired on {admission.not_after:%Y-%m-%d %H:%M} UTC")
        registry = self._registry()
        entry = registry.centre(admission.name)
        if any(registry.is_denied(*member) for member in admission.members):
            raise GateRefused("DENIED", f"a certificate of {admission.name}, or its issuer's, is on the deny-list")
        if entry is None:
            raise GateRefused("UNKNOWN_CENTRE", f"the registry does not know {admission.name}")
        if entry.state == "revoked":
            raise GateRefused("REVOKED", f"{entry.title} ({admission.name}) was revoked")
        if entry.state != "active":
            raise GateRefused("NOT_ACTIVE", f"{entry.title} ({admission.name}) is planned and has not enrolled")
        if admission.auth_key not in entry.auth_keys:
            raise GateRefused("WRONG_KEY", f"the registry names another key for {entry.title} ({admission.name})")
        if admission.members[0][0] not in registry.issuing_keys:
            raise GateRefused("UNKNOWN_ISSUER", "the registry does not name the authority that certified this key")

    def _parse(self, chain_pem: bytes) -> tuple[x509.Certificate, list[x509.Certificate]]:
        if len(chain_pem) > _LARGEST_CHAIN_BYTES:
            raise GateRefused("BAD_CHAIN", "the chain is larger than ours ever are")
        try:
            chain = encoding.chain_from_pem(chain_pem, "the chain")
        except PkiError as error:
            raise GateRefused("BAD_CHAIN", error.reason) from error
        if not 1 <= len(chain) <= _LONGEST_CHAIN:
            raise GateRefused("BAD_CHAIN", f"the chain has {len(chain)} certificates; ours have two")
        return chain[0], [one for one in chain[1:] if one not in (self._root, chain[0])]

    def _check_path(
        self, leaf: x509.Certificate, between: list[x509.Certificate], at: datetime
    ) -> list[x509.Certificate]:
        """The chain from the leaf to our root, or GateRefused."""
        try:
            return self._verify(leaf, between, at)
        except (verification.VerificationError, *encoding.MALFORMED) as error:
            # A chain that would hold at another time is an expired one, any other is a wrong one.
            for code, moment in (("EXPIRED", leaf.not_valid_after_utc), ("NOT_YET", leaf.not_valid_before_utc)):
                if self._holds(leaf, between, moment) and (moment < at) == (code == "EXPIRED"):
                    raise GateRefused(
                        code, f"the certificate is not valid now ({code}: {moment:%Y-%m-%d %H:%M} UTC)"
                    ) from error
            raise GateRefused("BAD_CHAIN", f"the chain does not lead to our root as it should: {error}") from error

    def _holds(self, leaf: x509.Certificate, between: list[x509.Certificate], at: datetime) -> bool:
        try:
            self._verify(leaf, between, at)
        except (verification.VerificationError, *encoding.MALFORMED):
            return False
        return True

    def _verify(self, leaf: x509.Certificate, between: list[x509.Certificate], at: datetime) -> list[x509.Certificate]:
        return verified_path(leaf, between, [self._root], at, leaf_policy())


def verified_path(
    leaf: x509.Certificate,
    between: list[x509.Certificate],
    roots: list[x509.Certificate],
    at: datetime,
    policy: verification.ExtensionPolicy,
) -> list[x509.Certificate]:
    """The chain from the leaf to one of the roots, one authority between at most; else VerificationError."""
    return (
        verification.PolicyBuilder()
        .store(verification.Store(roots))
        .time(at)
        .max_chain_depth(1)
        .extension_policies(ca_policy=verification.ExtensionPolicy.webpki_defaults_ca(), ee_policy=policy)
        .build_client_verifier()
        .verify(leaf, between)
        .chain
    )


def leaf_policy() -> verification.ExtensionPolicy:
    """What a peer's own certificate must say: one registry name, no authority, a key for TLS, the use of a client."""
    critical, any_weight = verification.Criticality.CRITICAL, verification.Criticality.AGNOSTIC
    return (
        verification.ExtensionPolicy.permit_all()
        .require_present(x509.SubjectAlternativeName, any_weight, _one_name)
        .require_present(x509.BasicConstraints, critical, _no_authority)
        .require_present(x509.KeyUsage, critical, _signs)
        .require_present(x509.ExtendedKeyUsage, any_weight, _is_client)
    )


def _one_name(
    _policy: verification.Policy, _certificate: x509.Certificate, extension: x509.SubjectAlternativeName
) -> None:
    listed = list(extension)
    if len(listed) != 1 or not isinstance(listed[0], x509.DNSName) or not names.is_centre_name(listed[0].value):
        raise ValueError("not exactly one registry name")


def _no_authority(
    _policy: verification.Policy, _certificate: x509.Certificate, extension: x509.BasicConstraints
) -> None:
    if extension.ca:
        raise ValueError("an authority is no centre")


def _signs(_policy: verification.Policy, _certificate: x509.Certificate, extension: x509.KeyUsage) -> None:
    if not extension.digital_signature or extension.key_cert_sign:
        raise ValueError("the key is not for TLS")


def _is_client(_policy: verification.Policy, _certificate: x509.Certificate, extension: x509.ExtendedKeyUsage) -> None:
    if ExtendedKeyUsageOID.CLIENT_AUTH not in extension:
        raise ValueError("the certificate is not for a client")
