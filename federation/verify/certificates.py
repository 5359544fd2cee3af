"""From the one trusted root certificate to the key that signed a frame."""

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ed25519

from .verdict import Damaged

DOMAIN = "lienthong.internal"
# The extended key usage that an issuing authority writes into certificates for signing records, and nowhere else.
USE_RECORDS = "2.25.104921466203735410942098134127905161303"
# Whatever the library raises over bytes that are no certificate of ours; not all of it is a ValueError.
UNREADABLE = (ValueError, TypeError, UnsupportedAlgorithm, x509.InvalidVersion, x509.UnsupportedGeneralNameType)
_NAME = re.compile(r"n-[a-z2-7]{16}\.lienthong\.internal")


@dataclass(frozen=True, slots=True)
class SignKey:
    """A centre's key, certified down from the root, and the time for which it was."""

    centre: str
    key: ed25519.Ed25519PublicKey
    since: datetime
    until: datetime

    @property
    def key_id(self) -> bytes:
        """SHA-256 of the raw public key."""
        return hashlib.sha256(self.key.public_bytes_raw()).digest()


class Trust:
    """The root, and the issuing authorities that it vouches for."""

    def __init__(self, root_pem: bytes, issuing: Iterable[bytes]) -> None:
        try:
            root = x509.load_pem_x509_certificate(root_pem)
        except UNREADABLE as error:
            raise Damaged("ROOT", "the root certificate cannot be read") from error
        _check_signed(root, root, "ROOT", "the root certificate")
        _check_authority(root, "ROOT", "the root certificate")
        self._issuing = [_issuing(der, root) for der in issuing]

    def sign_key(self, der: bytes) -> SignKey:
        """The key in a sign certificate; Damaged if the chain to the root does not hold."""
        leaf = _load(der, "SIGN_CERTIFICATE", "the sign certificate")
        issuer = next((one for one in self._issuing if _is_signed(leaf, one)), None)
        if issuer is None:
            raise Damaged("SIGN_CERTIFICATE", "the sign certificate does not come from the trusted root")
        _check_leaf(leaf)
        key = leaf.public_key()
        if not isinstance(key, ed25519.Ed25519PublicKey):
            raise Damaged("SIGN_CERTIFICATE", "the sign certificate holds no Ed25519 key")
        since = max(leaf.not_valid_before_utc, issuer.not_valid_before_utc)
        return SignKey(_only_name(leaf), key, since, min(leaf.not_valid_after_utc, issuer.not_valid_after_utc))


def _issuing(der: bytes, root: x509.Certificate) -> x509.Certificate:
    issuing = _load(der, "ISSUING", "the issuing certificate")
    _check_signed(issuing, root, "ISSUING", "the issuing certificate")
    _check_authority(issuing, "ISSUING", "the issuing certificate")
    try:
        allowed = issuing.extensions.get_extension_for_class(x509.NameConstraints).value.permitted_subtrees
    except (x509.ExtensionNotFound, x509.DuplicateExtension, *UNREADABLE):
        allowed = None
    if allowed is None or list(allowed) != [x509.DNSName(DOMAIN)]:
        raise Damaged("ISSUING", "the issuing certificate is not bound to the federation's names")
    return issuing


def _load(der: bytes, code: str, what: str) -> x509.Certificate:
    try:
        return x509.load_der_x509_certificate(der)
    except UNREADABLE as error:
        raise Damaged(code, f"{what} cannot be read") from error


def _is_signed(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(issuer)
    except (InvalidSignature, *UNREADABLE):
        return False
    return True


def _check_signed(certificate: x509.Certificate, issuer: x509.Certificate, code: str, what: str) -> None:
    if not _is_signed(certificate, issuer):
        raise Damaged(code, f"{what} does not carry the expected signature")


def _check_authority(certificate: x509.Certificate, code: str, what: str) -> None:
    try:
        basic = certificate.extensions.get_extension_for_class(x509.BasicConstraints).value
        usage = certificate.extensions.get_extension_for_class(x509.KeyUsage).value
    except (x509.ExtensionNotFound, x509.DuplicateExtension, *UNREADABLE) as error:
        raise Damaged(code, f"{what} is no authority") from error
    if not (basic.ca and usage.key_cert_sign):
        raise Damaged(code, f"{what} is no authority")


def _check_leaf(leaf: x509.Certificate) -> None:
    try:
        basic = leaf.extensions.get_extension_for_class(x509.BasicConstraints).value
        uses = leaf.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except (x509.ExtensionNotFound, x509.DuplicateExtension, *UNREADABLE) as error:
        raise Damaged("SIGN_CERTIFICATE", "the sign certificate does not say what it is for") from error
    if basic.ca or [use.dotted_string for use in uses] != [USE_RECORDS]:
        raise Damaged("SIGN_CERTIFICATE", "the sign certificate was made for something else")


def _only_name(leaf: x509.Certificate) -> str:
    try:
        names = list(leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value)
    except (x509.ExtensionNotFound, x509.DuplicateExtension, *UNREADABLE) as error:
        raise Damaged("SIGN_CERTIFICATE", "the sign certificate names no centre") from error
    if len(names) != 1 or not isinstance(names[0], x509.DNSName) or not _NAME.fullmatch(names[0].value):
        raise Damaged("SIGN_CERTIFICATE", "the sign certificate does not name exactly one centre")
    return names[0].value
