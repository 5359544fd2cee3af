"""What a registry states, before it is bytes: centres, authorities, and certificates that nobody takes any more."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class CentreEntry:
    """One centre as the registry states it; `sign_certificates` (DER) and `auth_keys` (SHA-256) go oldest first."""

    name: str
    code: str
    title: str
    tier: str
    parent: str | None
    state: str
    since: datetime
    until: datetime | None = None
    sign_certificates: tuple[bytes, ...] = ()
    auth_keys: tuple[bytes, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Denied:
    """A certificate that nobody takes any more: SHA-256 of its issuer's public key, serial, and its own end."""

    issuer: bytes
    serial: int
    until: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Contents:
    """What the authority signs: everything a registry states."""

    version: int
    issued_at: datetime
    expires_at: datetime
    tree_version: int
    tree_at: datetime
    issuing: tuple[bytes, ...]
    sealing: bytes
    centres: tuple[CentreEntry, ...]
    denied: tuple[Denied, ...] = ()
