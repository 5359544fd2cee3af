"""PEM and DER in and out, with refusals that name what was unreadable."""

import hashlib

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, x25519
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from pki.errors import PkiError

# What a damaged or hostile certificate makes the library raise; only the first is a ValueError.
MALFORMED = (
    ValueError,
    TypeError,
    UnsupportedAlgorithm,
    x509.InvalidVersion,
    x509.DuplicateExtension,
    x509.ExtensionNotFound,
    x509.UnsupportedGeneralNameType,
)

PrivateKey = ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey | x25519.X25519PrivateKey
PublicKey = ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey | x25519.X25519PublicKey


def pem(certificate: x509.Certificate) -> bytes:
    """The certificate as text."""
    return certificate.public_bytes(Encoding.PEM)


def der(certificate: x509.Certificate) -> bytes:
    """The certificate as bytes."""
    return certificate.public_bytes(Encoding.DER)


def from_pem(content: bytes, what: str) -> x509.Certificate:
    """One certificate from text; UNREADABLE names what it should have been."""
    try:
        return _sound(x509.load_pem_x509_certificate(content))
    except MALFORMED as error:
        raise PkiError("UNREADABLE", f"{what} is no certificate") from error


def from_der(content: bytes, what: str) -> x509.Certificate:
    """One certificate from bytes; UNREADABLE names what it should have been."""
    try:
        return _sound(x509.load_der_x509_certificate(content))
    except MALFORMED as error:
        raise PkiError("UNREADABLE", f"{what} is no certificate") from error


def chain_from_pem(content: bytes, what: str) -> list[x509.Certificate]:
    """All certificates in a text, in order; UNREADABLE if one of them is damaged."""
    try:
        return [_sound(one) for one in x509.load_pem_x509_certificates(content)]
    except MALFORMED as error:
        raise PkiError("UNREADABLE", f"{what} is no chain of certificates") from error


def key_pem(key: PrivateKey, passphrase: bytes | None = None) -> bytes:
    """A private key as PKCS#8 text, encrypted if there is a passphrase."""
    lock: KeySerializationEncryption = BestAvailableEncryption(passphrase) if passphrase else NoEncryption()
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, lock)


def ec_key(content: bytes, what: str, passphrase: bytes | None = None) -> ec.EllipticCurvePrivateKey:
    """An elliptic curve private key from PKCS#8 text."""
    key = _private_key(content, what, passphrase)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise PkiError("UNREADABLE", f"{what} is a key of another kind")
    return key


def ed25519_key(content: bytes, what: str, passphrase: bytes | None = None) -> ed25519.Ed25519PrivateKey:
    """A signing key from PKCS#8 text."""
    key = _private_key(content, what, passphrase)
    if not isinstance(key, ed25519.Ed25519PrivateKey):
        raise PkiError("UNREADABLE", f"{what} is a key of another kind")
    return key


def x25519_key(content: bytes, what: str, passphrase: bytes | None = None) -> x25519.X25519PrivateKey:
    """A sealing key from PKCS#8 text."""
    key = _private_key(content, what, passphrase)
    if not isinstance(key, x25519.X25519PrivateKey):
        raise PkiError("UNREADABLE", f"{what} is a key of another kind")
    return key


def raw_ed25519(key: ed25519.Ed25519PublicKey) -> bytes:
    """The 32 bytes of a signing key."""
    return key.public_bytes(Encoding.Raw, PublicFormat.Raw)


def key_id(key: ed25519.Ed25519PublicKey) -> bytes:
    """SHA-256 of the raw public key: how a frame names the key that signed it."""
    return hashlib.sha256(raw_ed25519(key)).digest()


def spki_sha256(key: PublicKey) -> bytes:
    """SHA-256 of a public key with its kind: how the registry names an auth key."""
    return hashlib.sha256(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).digest()


def is_signed_by(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    """Whether that authority's name and key are the ones that signed the certificate."""
    try:
        certificate.verify_directly_issued_by(issuer)
    except (InvalidSignature, *MALFORMED):
        return False
    return True


def issuer_key(certificate: x509.Certificate) -> bytes:
    """SHA-256 of the public key of an authority: how a deny-list says whose serial number it means."""
    key = certificate.public_key()
    return sha256(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))


def sha256(content: bytes) -> bytes:
    """SHA-256."""
    return hashlib.sha256(content).digest()


def _sound(certificate: x509.Certificate) -> x509.Certificate:
    """The library reads these parts late; read here, they fail here."""
    _ = list(certificate.extensions), certificate.public_key(), certificate.subject, certificate.issuer
    _ = certificate.not_valid_after_utc, certificate.not_valid_before_utc
    return certificate


def _private_key(content: bytes, what: str, passphrase: bytes | None) -> object:
    try:
        return load_pem_private_key(content, passphrase)
    except (ValueError, TypeError) as error:
        raise PkiError("UNREADABLE", f"{what} is no private key, or its passphrase is wrong") from error
