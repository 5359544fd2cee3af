"""The picture that a telephone reads its secret from, made on this machine: no page fetches it, no file keeps it."""

import segno

from node import totp
from node.context import NodeContext

_ISSUER = "Liên Thông"


def picture(context: NodeContext, username: str, secret: bytes) -> str:
    """Give the picture as an address that holds it, for an image's source."""
    address = totp.address_for(secret, username, f"{_ISSUER} {context.centre.code}")
    return segno.make(address, error="m", micro=False).svg_data_uri(scale=5, border=4, dark="#000", light="#fff")


def spaced(secret: bytes) -> str:
    """Write the secret in groups of four, for a telephone without a camera."""
    letters = totp.spelled(secret)
    return " ".join(letters[start : start + 4] for start in range(0, len(letters), 4))
