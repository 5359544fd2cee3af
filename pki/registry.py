"""Who is who: the signed, dated, versioned document that every node keeps a copy of.

The signed bytes are kept and passed on unchanged. A registry is accepted if a key that the *root* delegated to signed
it, and two such keys approved its tree (`pki.approval`); each sign certificate in it must besides come from one of its
issuing CAs, so a stolen registry key alone moves nobody and forges nobody's records. Certificates of the past stay
listed: a frame of last year verifies with the key of last year.

It also holds the deny-list, so that one signature, one version and one expiry cover both: nobody can show an old list
beside a new registry. Past its expiry a registry still lets neighbours talk, because a district must not lose its
communes while the province is away; but it rings, and no newcomer starts from one.
"""

import threading
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from types import MappingProxyType

from cryptography.hazmat.primitives.asymmetric import ed25519

from pki import encoding, names, profile
from pki.approval import Approval, tree_bytes
from pki.contents import CentreEntry, Contents
from pki.errors import PkiError
from pki.private_file import read_private, write_private
from pki.statement import Statement, open_statement

STATES = ("planned", "active", "revoked")
__all__ = ["CentreEntry", "Registry", "RegistryFile"]

_CLOCK_SLACK = timedelta(days=1)
_ON_ITS_WAY = timedelta(hours=1)


class Registry:
    """A verified registry; immutable, so a reader may keep it while a newer one arrives."""

    __slots__ = (
        "_by_code",
        "_by_name",
        "_children",
        "_contents",
        "_denied",
        "_keys",
        "approvals",
        "issuing_keys",
        "raw",
        "root_key",
        "signer",
    )

    def __init__(self, raw: bytes, statement: Statement, root_key: bytes) -> None:
        contents = statement.contents
        self.raw = raw
        self.root_key = root_key
        self.signer = statement.delegation
        self.approvals: tuple[Approval, ...] = statement.approvals
        self._contents = contents
        self.issuing_keys = frozenset(
            encoding.issuer_key(encoding.from_der(one, "an issuing CA")) for one in contents.issuing
        )
        self._denied = frozenset((one.issuer, one.serial) for one in contents.denied)
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
        root = encoding.from_pem(root_pem, "root.pem")
        statement = open_statement(raw, root)
        contents = statement.contents
        _check_tree(contents.centres)
        for one in contents.issuing:
            profile.check_issuing(encoding.from_der(one, "an issuing CA"), root)
        return cls(raw, statement, encoding.issuer_key(root))

    @property
    def version(self) -> int:
        """Grows by one with every change."""
        return self._contents.version

    @property
    def issued_at(self) -> datetime:
        """When the authority signed this version."""
        return self._contents.issued_at

    @property
    def tree_version(self) -> int:
        """Grows by one with each change of the tree, which two signers approved."""
        return self._contents.tree_version

    @property
    def expires_at(self) -> datetime:
        """Until when this version may be taken for the newest."""
        return self._contents.expires_at

    def is_stale(self, now: datetime) -> bool:
        """Whether a newer version should have arrived by now."""
        return now > self._contents.expires_at

    def is_denied(self, issuer: bytes, serial: int) -> bool:
        """Whether nobody takes this certificate any more; `issuer` is the SHA-256 of its issuer's public key."""
        return (issuer, serial) in self._denied

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

        PkiError: the bytes are no registry of this federation, much older (OLD_REGISTRY), the same version or tree with
        other content (FORK), of an older tree (OLD_TREE), signed by a key that is denied (DENIED_SIGNER), or take back
        what is for ever (TAKEN_BACK).
        """
        with self._lock:
            if raw == self._current.raw:
                return False
            candidate = Registry.verified(raw, self._root_pem)
            if candidate.version == self._current.version and candidate.contents != self._current.contents:
                raise PkiError("FORK", f"two registries claim version {candidate.version}; the first one stays")
            if candidate.version <= self._current.version:
                _check_age(self._current, candidate)
                return False
            if candidate.issued_at > self._now() + _CLOCK_SLACK:
                raise PkiError("NOT_YET", "the registry is dated in the future; check this computer's clock")
            check_step(self._current, candidate)
            write_private(self._path, raw)
            self._current = candidate
        for callback in tuple(self._listeners):
            callback(candidate)
        return True


def _check_age(seen: Registry, offered: Registry) -> None:
    """Two ways bring one registry, so a slightly older one is nothing; a much older one was brought back."""
    if seen.issued_at - offered.issued_at > _ON_ITS_WAY:
        reason = f"registry {offered.version} of {offered.issued_at:%Y-%m-%d %H:%M} UTC is offered as the newest"
        raise PkiError("OLD_REGISTRY", f"{reason}, and {seen.version} was seen here")


def check_step(before: Registry, after: Registry) -> None:
    """PkiError unless the later registry is what an honest authority may say after the earlier one."""
    if after.tree_version < before.tree_version:
        raise PkiError("OLD_TREE", f"registry {after.version} brings back tree {after.tree_version}")
    changed = tree_bytes(after.contents) != tree_bytes(before.contents)
    if changed and after.tree_version == before.tree_version:
        raise PkiError("FORK", f"two trees claim version {after.tree_version}; the first one stays")
    signers = (after.signer, *(one.delegation for one in after.approvals if changed))
    if any(before.is_denied(before.root_key, encoding.from_der(one, "x").serial_number) for one in signers):
        raise PkiError("DENIED_SIGNER", f"registry {after.version} was signed by a key that is on the deny-list")
    for one in before.centres:
        later = after.centre(one.name)
        if later is None or (one.state == "revoked" and later.state != "revoked"):
            raise PkiError("TAKEN_BACK", f"registry {after.version} takes back the end of {one.name}, or forgets it")
        if not set(one.sign_certificates) <= set(later.sign_certificates):
            raise PkiError("TAKEN_BACK", f"registry {after.version} forgets keys that {one.name} signed with")
    for gone in before.contents.denied:
        if gone.until > after.issued_at and not after.is_denied(gone.issuer, gone.serial):
            raise PkiError("TAKEN_BACK", f"registry {after.version} takes a certificate off the deny-list")


def _index_keys(contents: Contents) -> dict[tuple[str, bytes], tuple[ed25519.Ed25519PublicKey, bytes]]:
    issuing = tuple(encoding.from_der(one, "an issuing CA") for one in contents.issuing)
    found: dict[tuple[str, bytes], tuple[ed25519.Ed25519PublicKey, bytes]] = {}
    for centre in contents.centres:
        for raw in centre.sign_certificates:
            key = profile.check_sign(encoding.from_der(raw, "a sign certificate"), centre.name, issuing)
            found[centre.name, encoding.key_id(key)] = (key, raw)
    return found


def _check_tree(centres: Iterable[CentreEntry]) -> None:
    parents: dict[str, str | None] = {}
    for one in centres:
        if not names.is_centre_name(one.name) or one.state not in STATES or one.name in parents:
            raise PkiError("BAD_REGISTRY", "the registry lists a centre without a proper name and state, or twice")
        # A parent is planned before its children, so the order itself rules out circles.
        if one.parent is not None and one.parent not in parents:
            raise PkiError("BAD_REGISTRY", f"the parent of {one.name} is not listed before it")
        parents[one.name] = one.parent
