"""The text an operator carries from the parent to a new centre, once.

`lt1.<secret>.<root>.<parent>.<check>`: 128 random bits, the SHA-256 of the root that the newcomer may trust, the
parent it will dial (`local` at the node that has the authority), and a checksum that catches a slip of the hand.
"""

import base64
import binascii
import hashlib
import secrets
from dataclasses import dataclass, field

from pki.errors import PkiError
from pki.names import DOMAIN, is_centre_name

_LOCAL = "local"


@dataclass(frozen=True, slots=True, kw_only=True)
class EnrolToken:
    """A one-time token; its secret is kept out of every representation."""

    secret: bytes = field(repr=False)
    root_sha256: bytes
    parent: str | None

    @property
    def hash(self) -> bytes:
        """What the authority stores in place of the secret."""
        return token_hash(self.secret)

    def text(self) -> str:
        """The form that is handed over; never log it."""
        parent = self.parent.removesuffix(f".{DOMAIN}") if self.parent else _LOCAL
        body = f"lt1.{_base32(self.secret)}.{_base32(self.root_sha256)}.{parent}"
        return f"{body}.{_check(body)}"


def token_hash(secret: bytes) -> bytes:
    """SHA-256 of a token's secret; enough, since the secret is 128 random bits and no password."""
    return hashlib.sha256(b"lienthong.token.v1\0" + secret).digest()


def new_token(root_sha256: bytes, parent: str | None) -> EnrolToken:
    """A fresh token with 128 bits from the operating system."""
    return EnrolToken(secret=secrets.token_bytes(16), root_sha256=root_sha256, parent=parent)


def parse_token(text: str) -> EnrolToken:
    """Reads a token's text; TOKEN_UNREADABLE says what to do, and never repeats the text."""
    body, _, check = text.strip().lower().rpartition(".")
    parts = body.split(".")
    if len(parts) != 4 or parts[0] != "lt1" or not secrets.compare_digest(_check(body).encode(), check.encode()):  # noqa: PLR2004 - the four fields above
        raise PkiError("TOKEN_UNREADABLE", "this is no whole token; copy the file that the parent made, unchanged")
    parent = None if parts[3] == _LOCAL else f"{parts[3]}.{DOMAIN}"
    try:
        secret, root = _from_base32(parts[1], 16), _from_base32(parts[2], 32)
    except (binascii.Error, ValueError) as error:
        raise PkiError("TOKEN_UNREADABLE", "a field of the token is damaged") from error
    if parent is not None and not is_centre_name(parent):
        raise PkiError("TOKEN_UNREADABLE", "the token names no parent")
    return EnrolToken(secret=secret, root_sha256=root, parent=parent)


def _base32(content: bytes) -> str:
    return base64.b32encode(content).decode().lower().rstrip("=")


def _from_base32(text: str, size: int) -> bytes:
    content = base64.b32decode(text.upper() + "=" * (-len(text) % 8))
    if len(content) != size:
        raise ValueError("a field of the wrong size")
    return content


def _check(body: str) -> str:
    return _base32(hashlib.sha256(body.encode()).digest())[:4]
