"""The registry as a signed statement: what it says, and the bytes that say it."""

import base64
import binascii
import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ed25519

from pki import encoding, profile
from pki.errors import PkiError

MAX_BYTES = 8 << 20
_FORMAT = 1
_DOMAIN = b"lienthong.registry.v1\0"


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
class Contents:
    """What the authority signs: everything a registry states, before it is bytes."""

    version: int
    issued_at: datetime
    issuing: tuple[bytes, ...]
    sealing: bytes
    centres: tuple[CentreEntry, ...]


def sign_contents(contents: Contents, key: ed25519.Ed25519PrivateKey, delegation: x509.Certificate) -> bytes:
    """The bytes that travel: payload, signature, and the root's delegation to the signer."""
    payload = _encode(contents)
    envelope = {
        "payload": _text(payload),
        "signature": _text(key.sign(_DOMAIN + payload)),
        "delegation": _text(encoding.der(delegation)),
    }
    return json.dumps(envelope, separators=(",", ":")).encode()


def open_contents(raw: bytes, root: x509.Certificate) -> Contents:
    """What a registry states, if a key that this root delegated to signed it; BAD_REGISTRY if not."""
    payload, delegation = _open(raw, root)
    contents = _decode(payload)
    profile.check_time(delegation, contents.issued_at, "the registry key")
    return contents


def _open(raw: bytes, root: x509.Certificate) -> tuple[bytes, x509.Certificate]:
    if len(raw) > MAX_BYTES:
        raise PkiError("BAD_REGISTRY", "the registry is larger than any federation needs")
    try:
        envelope = json.loads(raw)
        payload = _bytes(envelope["payload"])
        signature = _bytes(envelope["signature"])
        delegation = encoding.from_der(_bytes(envelope["delegation"]), "the delegation")
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise PkiError("BAD_REGISTRY", "these bytes are no signed registry") from error
    try:
        profile.check_delegation(delegation, root).verify(signature, _DOMAIN + payload)
    except PkiError as error:
        raise PkiError("BAD_REGISTRY", f"the registry was signed by a stranger ({error.reason})") from error
    except InvalidSignature as error:
        raise PkiError("BAD_REGISTRY", "the registry's signature does not fit its content") from error
    return payload, delegation


def _encode(contents: Contents) -> bytes:
    payload = {
        "format": _FORMAT,
        "version": contents.version,
        "issued_at": contents.issued_at.isoformat(),
        "issuing": [_text(one) for one in contents.issuing],
        "sealing": _text(contents.sealing),
        "centres": [_encode_centre(one) for one in contents.centres],
    }
    return json.dumps(payload, ensure_ascii=False, separators=(",", ":")).encode()


def _encode_centre(entry: CentreEntry) -> dict[str, object]:
    return {
        "name": entry.name,
        "code": entry.code,
        "title": entry.title,
        "tier": entry.tier,
        "parent": entry.parent,
        "state": entry.state,
        "since": entry.since.isoformat(),
        "until": entry.until.isoformat() if entry.until else None,
        "sign_certificates": [_text(one) for one in entry.sign_certificates],
        "auth_keys": [one.hex() for one in entry.auth_keys],
    }


def _decode(payload: bytes) -> Contents:
    try:
        body: Any = json.loads(payload)
        if body["format"] != _FORMAT:
            raise PkiError("BAD_REGISTRY", "the registry has a format that this version does not know")
        return Contents(
            version=int(body["version"]),
            issued_at=_time(body["issued_at"]),
            issuing=tuple(_bytes(one) for one in body["issuing"]),
            sealing=_bytes(body["sealing"]),
            centres=tuple(_decode_centre(one) for one in body["centres"]),
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise PkiError("BAD_REGISTRY", "the registry's content is malformed") from error


def _decode_centre(body: dict[str, Any]) -> CentreEntry:
    return CentreEntry(
        name=str(body["name"]),
        code=str(body["code"]),
        title=str(body["title"]),
        tier=str(body["tier"]),
        parent=None if body["parent"] is None else str(body["parent"]),
        state=str(body["state"]),
        since=_time(body["since"]),
        until=None if body["until"] is None else _time(body["until"]),
        sign_certificates=tuple(_bytes(one) for one in body["sign_certificates"]),
        auth_keys=tuple(bytes.fromhex(one) for one in body["auth_keys"]),
    )


def _time(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError("a time without its offset")
    return moment


def _text(content: bytes) -> str:
    return base64.b64encode(content).decode()


def _bytes(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise ValueError("no base64") from error
