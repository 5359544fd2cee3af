"""Bytes that only the holder of one X25519 key can read (HPKE, RFC 9180: X25519, HKDF-SHA256, AES-256-GCM)."""

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric import x25519
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite

from pki.errors import PkiError

_SUITE = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)


def seal(plain: bytes, to: x25519.X25519PublicKey, context: bytes) -> bytes:
    """Encrypts once for one reader; `context` must be the same when opening. UNSEALABLE if the key is a weak one."""
    try:
        return _SUITE.encrypt(plain, to, info=context)
    except ValueError as error:
        raise PkiError("UNSEALABLE", "nothing can be sealed to this key") from error


def unseal(sealed: bytes, key: x25519.X25519PrivateKey, context: bytes) -> bytes:
    """Decrypts; UNSEALABLE if the bytes were meant for another key or context, or were changed."""
    try:
        return _SUITE.decrypt(sealed, key, info=context)
    except (InvalidTag, ValueError) as error:
        raise PkiError("UNSEALABLE", "the sealed bytes are not for this key, or were changed on the way") from error
