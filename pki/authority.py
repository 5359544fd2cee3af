"""The office that certifies: root, issuing CA, one-time tokens, and the next version of the registry.

Two folders, two kinds of care. The *root* folder is made once, used once a year and otherwise lies in a safe; no node
is ever given it. The *authority* folder (issuing, sealing and registry keys) belongs to the node at the top.

Every change holds a lock on the folder, so a command line and a running node may work on it at the same time. What is
one-time is spent on disk before anything is issued: a crash in between costs a token, never a second certificate.
"""

import contextlib
import fcntl
import json
import os
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, x25519

from pki import encoding, names, profile, request
from pki.enrol_token import new_token
from pki.errors import PkiError
from pki.private_file import append_private, make_private_folder, read_private, write_private
from pki.profile import Signer
from pki.registry import Registry
from pki.sealing import seal, unseal
from pki.statement import CentreEntry, Contents, sign_contents
from pki.token_book import TOKEN_LIFE, TokenBook, TokenNote


def create_root(folder: Path, *, title: str, now: datetime, passphrase: bytes | None = None) -> bytes:
    """Makes a federation's root in a folder of its own and gives its certificate (PEM)."""
    make_private_folder(folder)
    if (folder / "root.key").exists():
        raise PkiError("EXISTS", f"{folder} already holds a root; a second one would be another federation")
    key = ec.generate_private_key(ec.SECP384R1())
    certificate = encoding.pem(profile.root_certificate(key, title, now))
    write_private(folder / "root.key", encoding.key_pem(key, passphrase))
    write_private(folder / "root.pem", certificate)
    return certificate


def create_issuing(root_folder: Path, folder: Path, *, now: datetime, passphrase: bytes | None = None) -> "Authority":
    """Makes the authority's keys, has the root certify them, and signs the first, empty registry."""
    root_pem = read_private(root_folder / "root.pem")
    root = Signer(
        certificate=encoding.from_pem(root_pem, "root.pem"),
        key=encoding.ec_key(read_private(root_folder / "root.key"), "root.key", passphrase),
    )
    make_private_folder(folder)
    if (folder / "registry.signed").exists():
        raise PkiError("EXISTS", f"{folder} already holds an authority")
    issuing_key = ec.generate_private_key(ec.SECP256R1())
    sealing_key = x25519.X25519PrivateKey.generate()
    registry_key = ed25519.Ed25519PrivateKey.generate()
    issuing = Signer(certificate=profile.issuing_certificate(issuing_key.public_key(), root, now), key=issuing_key)
    sealing = profile.sealing_certificate(sealing_key.public_key(), issuing, now)
    delegation = profile.delegation_certificate(registry_key.public_key(), root, now)
    contents = Contents(
        version=1,
        issued_at=now,
        issuing=(encoding.der(issuing.certificate),),
        sealing=encoding.der(sealing),
        centres=(),
    )
    write_private(folder / "root.pem", root_pem)
    write_private(folder / "issuing.key", encoding.key_pem(issuing_key))
    write_private(folder / "issuing.pem", encoding.pem(issuing.certificate))
    write_private(folder / "sealing.key", encoding.key_pem(sealing_key))
    write_private(folder / "registry.key", encoding.key_pem(registry_key))
    write_private(folder / "delegation.pem", encoding.pem(delegation))
    write_private(folder / "registry.signed", sign_contents(contents, registry_key, delegation))
    return Authority.load(folder)


class Authority:
    """The issuing side of one federation, over its folder."""

    def __init__(self, folder: Path, issuing: Signer, sealing: x25519.X25519PrivateKey) -> None:
        self._folder = folder
        self._issuing = issuing
        self._sealing = sealing
        self._registry_key = encoding.ed25519_key(read_private(folder / "registry.key"), "registry.key")
        self._delegation = encoding.from_pem(read_private(folder / "delegation.pem"), "delegation.pem")
        self._root_pem = read_private(folder / "root.pem")
        self._tokens = TokenBook(folder)
        self._thread = threading.Lock()

    @classmethod
    def load(cls, folder: Path) -> "Authority":
        """Opens an authority folder; refused if wider than 0700/0600."""
        make_private_folder(folder)
        issuing = Signer(
            certificate=encoding.from_pem(read_private(folder / "issuing.pem"), "issuing.pem"),
            key=encoding.ec_key(read_private(folder / "issuing.key"), "issuing.key"),
        )
        authority = cls(folder, issuing, encoding.x25519_key(read_private(folder / "sealing.key"), "sealing.key"))
        profile.check_issuing(issuing.certificate, authority.root)
        return authority

    @property
    def root_pem(self) -> bytes:
        """The root's certificate; its key is not here."""
        return self._root_pem

    @property
    def root(self) -> x509.Certificate:
        """The root's certificate, parsed."""
        return encoding.from_pem(self._root_pem, "root.pem")

    @property
    def registry_raw(self) -> bytes:
        """The newest signed registry."""
        return read_private(self._folder / "registry.signed")

    @property
    def registry(self) -> Registry:
        """The newest registry, verified."""
        return Registry.verified(self.registry_raw, self._root_pem)

    def plan(self, code: str, title: str, tier: str, parent_name: str | None, now: datetime) -> CentreEntry:
        """Mints a name for a centre that shall join below this parent, and publishes it as planned."""
        with self._locked():
            registry = self.registry
            bearer = registry.by_code(code)
            if bearer is not None and bearer.state != "revoked":
                raise PkiError("CODE_TAKEN", f"{bearer.title} already bears the code {code}")
            if not code or not title or not tier:
                raise PkiError("INCOMPLETE", "a centre has a code, a title and a tier")
            if parent_name is None:
                top = next((one for one in registry.centres if one.parent is None and one.state != "revoked"), None)
                if top is not None:
                    raise PkiError("PARENT_ABSENT", f"only {top.title} stands at the top; name a parent")
            elif (parent := registry.centre(parent_name)) is None or parent.state == "revoked":
                raise PkiError("PARENT_UNKNOWN", f"no centre {parent_name} can be a parent")
            entry = CentreEntry(
                name=names.mint_name(),
                code=code,
                title=title,
                tier=tier,
                parent=parent_name,
                state="planned",
                since=now,
            )
            self._publish(registry, (*registry.centres, entry), now)
            self._note(now, "planned", name=entry.name, code=code)
            return entry

    def issue_token(
        self, code: str, now: datetime, *, requested_by: str | None = None, replace_keys: bool = False
    ) -> str:
        """A one-time token for a planned centre; only its hash stays here, and an earlier unused one is void.

        `requested_by`: the registry name of the parent that asks from afar; it may ask for its own planned children.
        `replace_keys`: also for an active centre, whose present keys end when the token is used.
        """
        with self._locked():
            registry = self.registry
            entry = registry.by_code(code)
            if entry is None or entry.state == "revoked":
                raise PkiError("NOT_PLANNED", f"no centre with the code {code} is planned")
            if requested_by is not None and (entry.parent != requested_by or replace_keys):
                raise PkiError("NOT_YOURS", f"the centre with the code {code} is not planned below the one that asks")
            if entry.state != "planned" and not replace_keys:
                raise PkiError("ALREADY_ACTIVE", f"{entry.title} has enrolled; only the authority replaces keys")
            token = new_token(encoding.sha256(encoding.der(self.root)), entry.parent)
            fresh = TokenNote(hash=token.hash.hex(), name=entry.name, expires_at=now + TOKEN_LIFE)
            self._tokens.add(fresh, now)
            self._note(now, "token", name=entry.name, code=code, requested_by=requested_by or "here")
            return token.text()

    def enrol(self, sealed_request: bytes, now: datetime, *, via: str | None = None) -> bytes:
        """Certifies the keys in a sealed request and gives the sealed answer.

        `via`: the registry name of the node that handed it over; the newcomer must be planned below it.
        The same bytes again repeat the same answer, which only their sender can read; any other use of a spent token
        is refused.
        """
        if len(sealed_request) > request.MAX_SEALED_BYTES:
            raise PkiError("TOO_LARGE", "the sealed request is larger than a request can be")
        plain = unseal(sealed_request, self._sealing, request.request_context(encoding.der(self.root)))
        proven = request.decode_request(plain)
        with self._locked():
            try:
                return self._enrol(proven, sealed_request, now, via)
            except PkiError as error:
                self._note(now, "refused", code=error.code, via=via or "here")
                raise

    def revoke(self, name: str, now: datetime) -> None:
        """Ends a centre's membership; its certificates stay listed, so that its past records still verify."""
        with self._locked():
            registry = self.registry
            entry = registry.centre(name)
            if entry is None or entry.state == "revoked":
                raise PkiError("UNKNOWN_CENTRE", f"no member bears the name {name}")
            if registry.children_of(name):
                raise PkiError("HAS_CHILDREN", f"{entry.title} still has centres below it")
            self._publish(registry, _with(registry.centres, replace(entry, state="revoked", until=now)), now)
            self._note(now, "revoked", name=name)

    def _enrol(self, proven: request.ProvenRequest, sealed: bytes, now: datetime, via: str | None) -> bytes:
        digest = encoding.sha256(sealed).hex()
        note = self._tokens.find(proven.token_hash, now)
        if note is None:
            raise PkiError("TOKEN_UNKNOWN", "the authority did not issue this token, or forgot it after its day")
        if note.used_at is not None:
            if (earlier := self._tokens.answer(note, digest)) is not None:
                return earlier
            raise PkiError("TOKEN_USED", "this token has been used; ask the parent for a new one")
        if now >= note.expires_at:
            raise PkiError("TOKEN_EXPIRED", "this token is older than a day; ask the parent for a new one")
        registry = self.registry
        entry = self._newcomer(registry, note, proven, via)
        self._tokens.spend(note, digest, now)
        answer_plain = self._certify(registry, entry, proven, now)
        sealed_answer = seal(answer_plain, proven.reply_key, request.answer_context(sealed))
        self._tokens.keep_answer(digest, sealed_answer)
        return sealed_answer

    def _newcomer(
        self, registry: Registry, note: TokenNote, proven: request.ProvenRequest, via: str | None
    ) -> CentreEntry:
        entry = registry.centre(note.name)
        if entry is None or entry.state == "revoked":
            raise PkiError("NOT_PLANNED", "the centre of this token is no longer planned")
        if via is not None and not registry.is_descendant(entry.name, via):
            raise PkiError("WRONG_WAY", f"{entry.title} is not planned below the node that handed this over")
        auth, sign = encoding.spki_sha256(proven.auth_key), encoding.key_id(proven.sign_key)
        for one in registry.centres:
            if auth in one.auth_keys or registry.public_key(one.name, sign) is not None:
                raise PkiError("KEY_REUSED", "one of these keys is in use already; make new ones")
        return entry

    def _certify(self, registry: Registry, entry: CentreEntry, proven: request.ProvenRequest, now: datetime) -> bytes:
        auth = profile.auth_certificate(proven.auth_key, entry.name, self._issuing, now)
        sign = profile.sign_certificate(proven.sign_key, entry.name, self._issuing, now)
        active = replace(
            entry,
            state="active",
            sign_certificates=(*entry.sign_certificates, encoding.der(sign)),
            auth_keys=(encoding.spki_sha256(proven.auth_key),),
        )
        raw = self._publish(registry, _with(registry.centres, active), now)
        serials = {"auth_serial": f"{auth.serial_number:x}", "sign_serial": f"{sign.serial_number:x}"}
        self._note(now, "enrolled", name=entry.name, code=entry.code, **serials)
        answer = request.Answer(
            auth=encoding.pem(auth),
            sign=encoding.pem(sign),
            issuing=encoding.pem(self._issuing.certificate),
            root=self._root_pem,
            registry=raw,
            identity=_identity(active, now),
        )
        return request.encode_answer(answer)

    def _publish(self, before: Registry, centres: tuple[CentreEntry, ...], now: datetime) -> bytes:
        contents = replace(before.contents, version=before.version + 1, issued_at=now, centres=centres)
        raw = sign_contents(contents, self._registry_key, self._delegation)
        Registry.verified(raw, self._root_pem)  # never publish what the others would refuse
        write_private(self._folder / "registry.signed", raw)
        return raw

    def _note(self, now: datetime, act: str, **facts: str) -> None:
        line = json.dumps({"at": now.isoformat(), "act": act, **facts}, ensure_ascii=False)
        append_private(self._folder / "journal.jsonl", line.encode())

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        with self._thread:
            descriptor = os.open(self._folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX)
                yield
            finally:
                os.close(descriptor)


def _with(centres: tuple[CentreEntry, ...], changed: CentreEntry) -> tuple[CentreEntry, ...]:
    return tuple(changed if one.name == changed.name else one for one in centres)


def _identity(entry: CentreEntry, now: datetime) -> dict[str, Any]:
    return {
        "name": entry.name,
        "code": entry.code,
        "title": entry.title,
        "tier": entry.tier,
        "parent": entry.parent,
        "enrolled_at": now.isoformat(),
    }
