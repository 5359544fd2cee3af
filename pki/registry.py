"""Who is who: the signed, dated, versioned document that every node keeps a copy of.

The signed bytes are kept and passed on unchanged. A registry is accepted if a key that the *root* delegated to signed
it; each sign certificate in it must besides come from one of its issuing CAs, so a stolen registry key alone forges
nobody's records. Certificates of the past stay listed: a frame of last year verifies with the key of last year.
"""

import base64
import binascii
import json
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Any

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ed25519

from pki import encoding, names, profile
from pki.errors import PkiError
from pki.private_file import read_private, write_private

STATES = ("planned", "active", "revoked")
MAX_BYTES = 32 << 20
_FORMAT = 1
_DOMAIN = b"lienthong.registry.v1\0"
_CLOCK_SLACK = timedelta(days=1)


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


class Registry:
    """A verified registry; immutable, so a reader may keep it while a newer one arrives."""

    __slots__ = ("_by_code", "_by_name", "_children", "_contents", "_keys", "raw")

    def __init__(self, raw: bytes, contents: Contents) -> None:
        self.raw = raw
        self._contents = contents
        self._by_name: Mapping[str, CentreEntry] = MappingProxyType({one.name: one for one in contents.centres})
        # The last of equal rank wins: a code that was used again means its present bearer.
        ranked = sorted(contents.centres, key=lambda one: (one.state != "revoked", one.since))
        self._by_code = {one.code: one for one in ranked}
        self._children: dict[str, list[str]] = {}
        for one in contents.centres:
            if one.parent is not None and one.state != "revoked":
                self._children.setdefault(one.parent, []).append(one.name)
        self._keys = _index_keys(contents)

    @classmethod
    def verified(cls, raw: bytes, root_pem: bytes) -> "Registry":
        """The registry in these bytes; BAD_REGISTRY if the root stands behind it in no way."""
        payload, delegation = _open(raw, encoding.from_pem(root_pem, "root.pem"))
        contents = _decode(payload)
        profile.check_time(delegation, contents.issued_at, "the registry key")
        _check_tree(contents.centres)
        root = encoding.from_pem(root_pem, "root.pem")
        for one in contents.issuing:
            profile.check_issuing(encoding.from_der(one, "an issuing CA"), root)
        return cls(raw, contents)

    @property
    def version(self) -> int:
        """Grows by one with every change."""
        return self._contents.version

    @property
    def issued_at(self) -> datetime:
        """When the authority signed this version."""
        return self._contents.issued_at

    @property
    def contents(self) -> Contents:
        """Everything stated, for the authority that writes the next version."""
        return self._contents

    @property
    def centres(self) -> tuple[CentreEntry, ...]:
        """Every centre ever planned, in the order of planning."""
        return self._contents.centres

    @property
    def issuing_certificates(self) -> tuple[bytes, ...]:
        """DER of the issuing CAs, oldest first; the last one signs now."""
        return self._contents.issuing

    @property
    def sealing_certificate(self) -> bytes:
        """DER of the certificate that enrolment requests are sealed to."""
        return self._contents.sealing

    def centre(self, name: str) -> CentreEntry | None:
        """The centre with this registry name."""
        return self._by_name.get(name)

    def by_code(self, code: str) -> CentreEntry | None:
        """The centre that bears this administrative code now; a revoked one only if no other does."""
        return self._by_code.get(code)

    def parent_of(self, name: str) -> str | None:
        """The registry name one step up, none for the top and for a stranger."""
        entry = self._by_name.get(name)
        return entry.parent if entry else None

    def children_of(self, name: str) -> tuple[str, ...]:
        """Registry names one step down, planned and active ones."""
        return tuple(self._children.get(name, ()))

    def is_descendant(self, name: str, of: str) -> bool:
        """Whether `of` stands anywhere above `name`; nobody descends from itself."""
        above = self.parent_of(name)
        while above is not None:
            if above == of:
                return True
            above = self.parent_of(above)
        return False

    def public_key(self, name: str, key_id: bytes) -> ed25519.Ed25519PublicKey | None:
        """The record key of that centre, of any period; none if this centre never had it."""
        found = self._keys.get((name, key_id))
        return found[0] if found else None

    def certificate(self, name: str, key_id: bytes) -> bytes | None:
        """DER of the certificate behind `public_key`."""
        found = self._keys.get((name, key_id))
        return found[1] if found else None


def sign_registry(contents: Contents, key: ed25519.Ed25519PrivateKey, delegation: x509.Certificate) -> bytes:
    """The bytes that travel: payload, signature, and the root's delegation to the signer."""
    payload = _encode(contents)
    envelope = {
        "payload": _text(payload),
        "signature": _text(key.sign(_DOMAIN + payload)),
        "delegation": _text(encoding.der(delegation)),
    }
    return json.dumps(envelope, separators=(",", ":")).encode()


class RegistryFile:
    """The registry that a node holds: in memory for everybody, on disk for the next start, never an older one."""

    def __init__(self, path: Path, root_pem: bytes, now: Callable[[], datetime]) -> None:
        self._path = path
        self._root_pem = root_pem
        self._now = now
        self._lock = threading.Lock()
        self._listeners: list[Callable[[Registry], None]] = []
        self._current = Registry.verified(read_private(path), root_pem)

    @property
    def current(self) -> Registry:
        """The newest registry seen; keep the object for the length of one decision."""
        return self._current

    def listen(self, callback: Callable[[Registry], None]) -> None:
        """Calls back after each newer registry, in the thread that offered it."""
        self._listeners.append(callback)

    def offer(self, raw: bytes) -> bool:
        """Takes a newer registry and says so; an older or equal one changes nothing.

        PkiError: the bytes are no registry of this federation, or the same version with other content (FORK).
        """
        with self._lock:
            if raw == self._current.raw:
                return False
            candidate = Registry.verified(raw, self._root_pem)
            if candidate.version == self._current.version and candidate.contents != self._current.contents:
                raise PkiError("FORK", f"two registries claim version {candidate.version}; the first one stays")
            if candidate.version <= self._current.version:
                return False
            if candidate.issued_at > self._now() + _CLOCK_SLACK:
                raise PkiError("NOT_YET", "the registry is dated in the future; check this computer's clock")
            write_private(self._path, raw)
            self._current = candidate
        for callback in tuple(self._listeners):
            callback(candidate)
        return True


def _index_keys(contents: Contents) -> dict[tuple[str, bytes], tuple[ed25519.Ed25519PublicKey, bytes]]:
    issuing = tuple(encoding.from_der(one, "an issuing CA") for one in contents.issuing)
    found: dict[tuple[str, bytes], tuple[ed25519.Ed25519PublicKey, bytes]] = {}
    for centre in contents.centres:
        for raw in centre.sign_certificates:
            key = profile.check_sign(encoding.from_der(raw, "a sign certificate"), centre.name, issuing)
            found[centre.name, encoding.key_id(key)] = (key, raw)
    return found


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


def _check_tree(centres: Iterable[CentreEntry]) -> None:
    parents: dict[str, str | None] = {}
    for one in centres:
        if not names.is_centre_name(one.name) or one.state not in STATES or one.name in parents:
            raise PkiError("BAD_REGISTRY", "the registry lists a centre without a proper name and state, or twice")
        # A parent is planned before its children, so the order itself rules out circles.
        if one.parent is not None and one.parent not in parents:
            raise PkiError("BAD_REGISTRY", f"the parent of {one.name} is not listed before it")
        parents[one.name] = one.parent


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
