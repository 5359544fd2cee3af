"""The certificates of a federation: what each may say, how it is written, how it is checked.

Every chain here has a fixed shape (root -> issuing -> leaf, root -> delegation), so a leaf that is not for TLS is
checked link by link against that shape. TLS leaves go through full path validation in `pki.gate`.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, x25519
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from pki import names
from pki.encoding import MALFORMED, PublicKey, is_signed_by
from pki.errors import PkiError

ROOT_LIFE = timedelta(days=15 * 365)
ISSUING_LIFE = timedelta(days=3 * 365)
AUTH_LIFE = timedelta(days=60)
SIGN_LIFE = timedelta(days=365)
BACKDATE = timedelta(minutes=5)

# OIDs under 2.25 (a UUID as a number) need no registration and collide with nobody.
USE_RECORDS = x509.ObjectIdentifier("2.25.104921466203735410942098134127905161303")
USE_SEALING = x509.ObjectIdentifier("2.25.104921466203735410942098134127905161304")
USE_REGISTRY = x509.ObjectIdentifier("2.25.104921466203735410942098134127905161305")

_TLS_USES = (ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH)
_KEY_USES = (
    "digital_signature",
    "content_commitment",
    "key_encipherment",
    "data_encipherment",
    "key_agreement",
    "key_cert_sign",
    "crl_sign",
    "encipher_only",
    "decipher_only",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Signer:
    """A certificate authority: its certificate and the key that signs below it."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    def digest(self) -> hashes.SHA256 | hashes.SHA384:
        """The hash that fits the strength of this key's curve."""
        return hashes.SHA384() if isinstance(self.key.curve, ec.SECP384R1) else hashes.SHA256()


def root_certificate(key: ec.EllipticCurvePrivateKey, title: str, now: datetime) -> x509.Certificate:
    """A self-signed root that may stand above one level of authority."""
    draft = _draft(_subject(title), _subject(title), key.public_key(), now, now + ROOT_LIFE)
    draft = draft.add_extension(x509.BasicConstraints(ca=True, path_length=1), critical=True)
    draft = draft.add_extension(_usage("key_cert_sign", "crl_sign"), critical=True)
    draft = draft.add_extension(_key_identifier(key.public_key()), critical=False)
    return draft.sign(key, hashes.SHA384())


def issuing_certificate(public_key: ec.EllipticCurvePublicKey, root: Signer, now: datetime) -> x509.Certificate:
    """An authority that can sign leaves only, and only for names below our domain."""
    draft = _draft_below(root, _subject("Lien Thong issuing CA"), public_key, now, ISSUING_LIFE)
    draft = draft.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    draft = draft.add_extension(_usage("key_cert_sign", "crl_sign"), critical=True)
    inside = x509.NameConstraints([x509.DNSName(names.DOMAIN)], None)
    return draft.add_extension(inside, critical=True).sign(root.key, root.digest())


def delegation_certificate(public_key: ed25519.Ed25519PublicKey, root: Signer, now: datetime) -> x509.Certificate:
    """The root's word that this key speaks for the registry; worthless for anything else."""
    draft = _draft_below(root, _subject("Lien Thong registry"), public_key, now, ISSUING_LIFE)
    return _leaf(draft, "digital_signature", (USE_REGISTRY,)).sign(root.key, root.digest())


def sealing_certificate(public_key: x25519.X25519PublicKey, issuing: Signer, now: datetime) -> x509.Certificate:
    """The authority's word that requests sealed to this key are read by nobody else."""
    draft = _draft_below(issuing, _subject("Lien Thong sealing"), public_key, now, ISSUING_LIFE)
    draft = draft.add_extension(x509.SubjectAlternativeName([x509.DNSName(names.SEALING_NAME)]), critical=False)
    return _leaf(draft, "key_agreement", (USE_SEALING,)).sign(issuing.key, issuing.digest())


def auth_certificate(
    public_key: ec.EllipticCurvePublicKey, name: str, issuing: Signer, now: datetime
) -> x509.Certificate:
    """A centre's TLS certificate: both ends of a link, one name."""
    draft = _draft_below(issuing, _subject(name), public_key, now, AUTH_LIFE)
    draft = draft.add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
    return _leaf(draft, "digital_signature", _TLS_USES).sign(issuing.key, issuing.digest())


def sign_certificate(
    public_key: ed25519.Ed25519PublicKey, name: str, issuing: Signer, now: datetime
) -> x509.Certificate:
    """A centre's certificate for signing records; no TLS stack accepts its use."""
    draft = _draft_below(issuing, _subject(name), public_key, now, SIGN_LIFE)
    draft = draft.add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
    return _leaf(draft, "digital_signature", (USE_RECORDS,)).sign(issuing.key, issuing.digest())


def check_root(root: x509.Certificate) -> None:
    """BAD_CHAIN unless this is a self-signed authority; trust in it comes from its pinned SHA-256."""
    _check_link(root, root, "the root")
    _check_authority(root, "the root", deepest=1)


def check_issuing(issuing: x509.Certificate, root: x509.Certificate) -> None:
    """BAD_CHAIN unless the root made this an authority over leaves below our domain."""
    _check_link(issuing, root, "the issuing CA")
    _check_authority(issuing, "the issuing CA", deepest=0)
    try:
        inside = issuing.extensions.get_extension_for_class(x509.NameConstraints).value.permitted_subtrees
    except MALFORMED as error:
        raise PkiError("BAD_CHAIN", "the issuing CA is not constrained to our domain") from error
    if inside is None or list(inside) != [x509.DNSName(names.DOMAIN)]:
        raise PkiError("BAD_CHAIN", "the issuing CA is not constrained to our domain")


def check_sealing(sealing: x509.Certificate, issuing: x509.Certificate) -> x25519.X25519PublicKey:
    """The sealing key, if the issuing CA certified it for exactly that use."""
    _check_link(sealing, issuing, "the sealing key")
    _check_uses(sealing, (USE_SEALING,), "the sealing key")
    key = sealing.public_key()
    if not isinstance(key, x25519.X25519PublicKey) or names.only_dns_name(sealing) != names.SEALING_NAME:
        raise PkiError("BAD_CHAIN", "the sealing certificate is not one for sealing")
    return key


def check_delegation(delegation: x509.Certificate, root: x509.Certificate) -> ed25519.Ed25519PublicKey:
    """The registry key, if the root itself delegated to it."""
    _check_link(delegation, root, "the registry key")
    _check_uses(delegation, (USE_REGISTRY,), "the registry key")
    key = delegation.public_key()
    if not isinstance(key, ed25519.Ed25519PublicKey):
        raise PkiError("BAD_CHAIN", "the registry key is no Ed25519 key")
    return key


def check_auth(certificate: x509.Certificate, issuing: x509.Certificate) -> None:
    """BAD_CHAIN unless this is a leaf of the issuing CA for TLS; a peer's chain goes through `pki.gate` instead."""
    _check_link(certificate, issuing, "the TLS certificate")
    _check_uses(certificate, _TLS_USES, "the TLS certificate")


def check_sign(
    certificate: x509.Certificate, name: str, issuing: tuple[x509.Certificate, ...]
) -> ed25519.Ed25519PublicKey:
    """The record key of the named centre, if one of the issuing CAs certified it; validity in time is the caller's."""
    issuer = next((one for one in issuing if is_signed_by(certificate, one)), None)
    if issuer is None:
        raise PkiError("BAD_CHAIN", "the sign certificate comes from no issuing CA of this federation")
    _check_uses(certificate, (USE_RECORDS,), "the sign certificate")
    key = certificate.public_key()
    if not isinstance(key, ed25519.Ed25519PublicKey):
        raise PkiError("BAD_CHAIN", "the sign certificate holds no Ed25519 key")
    if names.centre_name(certificate) != name:
        raise PkiError("BAD_SAN", "the sign certificate names another centre")
    return key


def check_time(certificate: x509.Certificate, at: datetime, what: str) -> None:
    """EXPIRED or NOT_YET unless the certificate is valid at that moment."""
    if at > certificate.not_valid_after_utc:
        raise PkiError("EXPIRED", f"{what} expired on {certificate.not_valid_after_utc:%Y-%m-%d %H:%M} UTC")
    if at < certificate.not_valid_before_utc:
        raise PkiError("NOT_YET", f"{what} is valid only from {certificate.not_valid_before_utc:%Y-%m-%d %H:%M} UTC")


def _subject(title: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, title)])


def _draft(
    subject: x509.Name, issuer: x509.Name, public_key: PublicKey, now: datetime, until: datetime
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public_key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - BACKDATE)
        .not_valid_after(until)
    )


def _draft_below(
    signer: Signer, subject: x509.Name, public_key: PublicKey, now: datetime, life: timedelta
) -> x509.CertificateBuilder:
    above = signer.certificate
    until = min(now + life, above.not_valid_after_utc)
    if until <= now:
        raise PkiError("EXPIRED", "the authority above has expired and can sign nothing")
    identifier = above.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    return (
        _draft(subject, above.subject, public_key, now, until)
        .add_extension(_key_identifier(public_key), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier),
            critical=False,
        )
    )


def _leaf(
    draft: x509.CertificateBuilder, usage: str, uses: tuple[x509.ObjectIdentifier, ...]
) -> x509.CertificateBuilder:
    return (
        draft.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(usage), critical=True)
        .add_extension(x509.ExtendedKeyUsage(list(uses)), critical=False)
    )


def _usage(*uses: str) -> x509.KeyUsage:
    return x509.KeyUsage(**{use: use in uses for use in _KEY_USES})


def _key_identifier(public_key: PublicKey) -> x509.SubjectKeyIdentifier:
    return x509.SubjectKeyIdentifier.from_public_key(public_key)


def _check_link(certificate: x509.Certificate, issuer: x509.Certificate, what: str) -> None:
    if not is_signed_by(certificate, issuer):
        raise PkiError("BAD_CHAIN", f"{what} was not signed by the expected authority")


def _check_authority(certificate: x509.Certificate, what: str, *, deepest: int) -> None:
    try:
        constraints = certificate.extensions.get_extension_for_class(x509.BasicConstraints).value
        usage = certificate.extensions.get_extension_for_class(x509.KeyUsage).value
    except MALFORMED as error:
        raise PkiError("BAD_CHAIN", f"{what} is no authority") from error
    if not constraints.ca or constraints.path_length != deepest or not usage.key_cert_sign:
        raise PkiError("BAD_CHAIN", f"{what} is no authority of the expected depth")
    if not isinstance(certificate.public_key(), ec.EllipticCurvePublicKey):
        raise PkiError("BAD_CHAIN", f"{what} holds a key of another kind")


def _check_uses(certificate: x509.Certificate, wanted: tuple[x509.ObjectIdentifier, ...], what: str) -> None:
    try:
        constraints = certificate.extensions.get_extension_for_class(x509.BasicConstraints).value
        uses = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except MALFORMED as error:
        raise PkiError("BAD_CHAIN", f"{what} was certified for another use") from error
    if constraints.ca or tuple(uses) != wanted:
        raise PkiError("BAD_CHAIN", f"{what} was certified for another use")
