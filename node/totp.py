"""Codes that change with the time (RFC 6238): SHA-1, six digits, thirty seconds, as every telephone has them."""

import base64
import hmac
from datetime import datetime
from urllib.parse import quote, urlencode

SECRET_BYTES = 20
PERIOD_S = 30
DIGITS = 6
_LEEWAY = 1  # steps by which a telephone's clock may be off


def code_at(secret: bytes, step: int, *, digits: int = DIGITS, digest: str = "sha1") -> str:
    """Give the code of one step of time."""
    mac = hmac.digest(secret, step.to_bytes(8, "big"), digest)
    offset = mac[-1] & 0x0F
    number = int.from_bytes(mac[offset : offset + 4], "big") & 0x7FFFFFFF
    return str(number % 10**digits).zfill(digits)


def step_of(now: datetime) -> int:
    """Say in which step of time a moment lies."""
    return int(now.timestamp()) // PERIOD_S


def matching_step(secret: bytes, code: str, now: datetime, *, after: int = -1) -> int | None:
    """Give the step that a code belongs to, near now and later than `after`: a code that was used names none."""
    here, found = step_of(now), None
    for step in range(here - _LEEWAY, here + _LEEWAY + 1):  # all of them, so that the time taken tells nothing
        is_same = hmac.compare_digest(code_at(secret, step).encode(), code.encode())
        if is_same and step > after:
            found = step
    return found


def address_for(secret: bytes, username: str, issuer: str) -> str:
    """Give the otpauth address that a telephone reads from the picture."""
    label = quote(f"{issuer}:{username}", safe="")
    return f"otpauth://totp/{label}?" + urlencode({"secret": spelled(secret), "issuer": issuer}, quote_via=quote)


def spelled(secret: bytes) -> str:
    """Write a secret as a person may type it into a telephone that has no camera."""
    return base64.b32encode(secret).decode().rstrip("=")
