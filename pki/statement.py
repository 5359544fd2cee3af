"""The registry as a signed statement: the bytes that say what it states, and who stands behind them."""

import base64
import binascii
import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from cryptography import x509
from cryptography.exceptions import InvalidSignature

from pki import encoding, profile
from pki.approval import Approval, SigningKey, check_approvals
from pki.contents import CentreEntry, Contents, Denied
from pki.errors import PkiError

MAX_BYTES = 8 << 20
_FORMAT = 2
_MOST_APPROVALS = 8
_DOMAIN = b"lienthong.registry.v1\0"


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """A registry's contents, the delegation (DER) of the key that signed all of it, and the approvals of its tree."""

    contents: Contents
    delegation: bytes
    approvals: tuple[Approval, ...]


def sign_contents(contents: Contents, signer: SigningKey, approvals: tuple[Approval, ...]) -> bytes:
    """The bytes that travel: payload, signature, the root's delegation to the signer, and the tree's approvals."""
    payload = encode_contents(contents)
    envelope = {
        "payload": _text(payload),
        "signature": _text(signer.key.sign(_DOMAIN + payload)),
        "delegation": _text(encoding.der(signer.delegation)),
        "approvals": encode_approvals(approvals),
    }
    return json.dumps(envelope, separators=(",", ":")).encode()


def open_statement(raw: bytes, root: x509.Certificate) -> Statement:
    """What a registry states, if keys that this root delegated to signed it; BAD_REGISTRY if not."""
    payload, delegation, approvals = _open(raw, root)
    contents = decode_contents(payload)
    profile.check_time(delegation, contents.issued_at, "the registry key")
    check_approvals(contents, approvals, root)
    return Statement(contents=contents, delegation=encoding.der(delegation), approvals=approvals)


def _open(raw: bytes, root: x509.Certificate) -> tuple[bytes, x509.Certificate, tuple[Approval, ...]]:
    if len(raw) > MAX_BYTES:
        raise PkiError("BAD_REGISTRY", "the registry is larger than any federation needs")
    try:
        envelope = json.loads(raw)
        payload = _bytes(envelope["payload"])
        signature = _bytes(envelope["signature"])
        delegation = encoding.from_der(_bytes(envelope["delegation"]), "the delegation")
        approvals = decode_approvals(envelope["approvals"])
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise PkiError("BAD_REGISTRY", "these bytes are no signed registry") from error
    try:
        profile.check_delegation(delegation, root).verify(signature, _DOMAIN + payload)
    except PkiError as error:
        raise PkiError("BAD_REGISTRY", f"the registry was signed by a stranger ({error.reason})") from error
    except InvalidSignature as error:
        raise PkiError("BAD_REGISTRY", "the registry's signature does not fit its content") from error
    return payload, delegation, approvals


def encode_approvals(approvals: tuple[Approval, ...]) -> list[dict[str, str]]:
    """Approvals as they stand in JSON."""
    return [{"signature": _text(one.signature), "delegation": _text(one.delegation)} for one in approvals]


def decode_approvals(body: list[dict[str, str]]) -> tuple[Approval, ...]:
    """Approvals out of JSON, none of them believed yet; ValueError, KeyError or TypeError if it holds none."""
    if len(body) > _MOST_APPROVALS:
        raise ValueError("more approvals than a federation has signers")
    return tuple(Approval(signature=_bytes(one["signature"]), delegation=_bytes(one["delegation"])) for one in body)


def encode_contents(contents: Contents) -> bytes:
    """The payload that is signed."""
    payload = {
        "format": _FORMAT,
        "version": contents.version,
        "issued_at": contents.issued_at.isoformat(),
        "expires_at": contents.expires_at.isoformat(),
        "tree_version": contents.tree_version,
        "tree_at": contents.tree_at.isoformat(),
        "issuing": [_text(one) for one in contents.issuing],
        "sealing": _text(contents.sealing),
        "centres": [_encode_centre(one) for one in contents.centres],
        "denied": [[one.issuer.hex(), f"{one.serial:x}", one.until.isoformat()] for one in contents.denied],
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


def decode_contents(payload: bytes) -> Contents:
    """The contents in a payload whose signature was checked; BAD_REGISTRY if they are malformed."""
    try:
        body: Any = json.loads(payload)
        if body["format"] != _FORMAT:
            raise PkiError("BAD_REGISTRY", "the registry has a format that this version does not know")
        return Contents(
            version=int(body["version"]),
            issued_at=_time(body["issued_at"]),
            expires_at=_time(body["expires_at"]),
            tree_version=int(body["tree_version"]),
            tree_at=_time(body["tree_at"]),
            issuing=tuple(_bytes(one) for one in body["issuing"]),
            sealing=_bytes(body["sealing"]),
            centres=tuple(_decode_centre(one) for one in body["centres"]),
            denied=tuple(
                Denied(issuer=bytes.fromhex(issuer), serial=int(serial, 16), until=_time(until))
                for issuer, serial, until in body["denied"]
            ),
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
