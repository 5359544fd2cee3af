"""The office that certifies: the issuing CA in use, one-time tokens, and the next version of the registry.

Its folder (issuing, sealing and one signer's key) belongs to the node at the top; `pki.founding` makes it. States of
the registry change with the one signature that is here. A change of the tree waits in `proposal.json` for a second
signer, unless that signer's key lies here too.

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
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import x25519

from pki import encoding, names, profile, request, spare
from pki.approval import Approval, SigningKey, check_approvals, tree_bytes
from pki.contents import CentreEntry, Contents, Denied
from pki.enrol_token import new_token
from pki.errors import PkiError
from pki.private_file import append_private, make_private_folder, read_private, write_private
from pki.profile import Signer
from pki.proposal import Proposal, changes, merged, read_proposal
from pki.registry import Registry, check_step
from pki.sealing import seal, unseal
from pki.statement import sign_contents
from pki.token_book import TOKEN_LIFE, TokenBook, TokenNote

SECOND_SIGNER = "second-signer"
REGISTRY_LIFE = timedelta(days=30)
_RENEW_AFTER = timedelta(days=1)


def expiry(now: datetime) -> datetime:
    """Until when a registry signed now may be taken for the newest."""
    return now + REGISTRY_LIFE


class Authority:
    """The issuing side of one federation, over its folder."""

    def __init__(self, folder: Path, sealing: x25519.X25519PrivateKey) -> None:
        self._folder = folder
        self._sealing = sealing
        self._signer = SigningKey.load(folder, "registry.key")
        self._root_pem = read_private(folder / "root.pem")
        self._tokens = TokenBook(folder)
        self._thread = threading.Lock()

    @classmethod
    def load(cls, folder: Path) -> "Authority":
        """Opens an authority folder; refused if wider than 0700/0600."""
        make_private_folder(folder)
        authority = cls(folder, encoding.x25519_key(read_private(folder / "sealing.key"), "sealing.key"))
        profile.check_issuing(authority.issuing.certificate, authority.root)
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
    def issuing(self) -> Signer:
        """The issuing authority that signs now."""
        return spare.in_use(self._folder, self.registry.issuing_certificates[-1])

    @property
    def registry_raw(self) -> bytes:
        """The newest signed registry."""
        return read_private(self._folder / "registry.signed")

    @property
    def registry(self) -> Registry:
        """The newest registry, verified."""
        return Registry.verified(self.registry_raw, self._root_pem)

    def plan(self, code: str, title: str, tier: str, parent_name: str | None, now: datetime) -> CentreEntry:
        """Mints a name for a centre that shall join below this parent; `planned`, or `proposed` to a second signer."""
        with self._locked():
            registry = self.registry
            draft = self._draft(registry)
            _check_plan(draft.centres, code, title, tier, parent_name)
            entry = CentreEntry(
                name=names.mint_name(),
                code=code,
                title=title,
                tier=tier,
                parent=parent_name,
                state="planned",
                since=now,
            )
            published = self._change_tree(registry, replace(draft, centres=(*draft.centres, entry)), now)
            self._note(now, "planned" if published else "proposed", name=entry.name, code=code)
            return entry if published else replace(entry, state="proposed")

    def by_code(self, code: str) -> CentreEntry | None:
        """The centre that bears this code, or would by the proposal that waits for a second signer."""
        known = self.registry.by_code(code)
        if known is not None and known.state != "revoked":
            return known
        proposed = next((one for one in self._draft(self.registry).centres if one.code == code), None)
        return proposed if proposed is not None and proposed.state != "revoked" else known

    @property
    def proposal(self) -> Proposal | None:
        """The change of the tree that waits for a second signer."""
        path = self._folder / "proposal.json"
        return read_proposal(read_private(path)) if path.exists() else None

    def publish(self, raw: bytes, now: datetime) -> list[str]:
        """Puts a proposal into force that two signers approved, and says what it changed."""
        with self._locked():
            registry, proposal = self.registry, read_proposal(raw)
            check_approvals(proposal.contents, proposal.approvals, self.root)
            contents = merged(registry, proposal)
            if tree_bytes(contents) != tree_bytes(proposal.contents):
                raise PkiError("STALE_PROPOSAL", "the tree has changed since this was proposed; propose it again")
            done = changes(registry, contents)
            self._publish(registry, contents, now, proposal.approvals)
            (self._folder / "proposal.json").unlink(missing_ok=True)
            self._note(now, "published", changes="; ".join(done))
            return done

    def adopt_spare(self, spare_folder: Path, now: datetime, passphrase: bytes | None = None) -> bool:
        """Proposes that the spare certifies from now on, with the old one still believed; whether that is in force."""
        with self._locked():
            registry = self.registry
            fresh = spare.stage(self._folder, spare_folder, self._root_pem, passphrase)
            draft = self._draft(registry)
            sealing = encoding.der(profile.sealing_certificate(self._sealing.public_key(), fresh, now))
            der = encoding.der(fresh.certificate)
            issuing = (*(one for one in draft.issuing if one != der), der)
            published = self._change_tree(registry, replace(draft, issuing=issuing, sealing=sealing), now)
            self._note(now, "spare", serial=f"{fresh.certificate.serial_number:x}")
            return published

    def withdraw(self, now: datetime) -> None:
        """Forgets the change that waits for a second signer."""
        with self._locked():
            (self._folder / "proposal.json").unlink(missing_ok=True)
            self._note(now, "withdrawn")

    def deny(self, issuer: bytes, serial: int, until: datetime, now: datetime) -> None:
        """Puts one certificate on the deny-list; one signature is enough, and nobody takes it off again."""
        with self._locked():
            registry = self.registry
            if registry.is_denied(issuer, serial):
                return
            fresh = Denied(issuer=issuer, serial=serial, until=until)
            contents = replace(registry.contents, denied=(*registry.contents.denied, fresh))
            self._publish(registry, contents, now)
            self._note(now, "denied", serial=f"{serial:x}")

    def refresh(self, now: datetime) -> bool:
        """Signs the registry anew if the newest is older than a day, so that none of the others goes stale."""
        with self._locked():
            registry = self.registry
            if now - registry.issued_at < _RENEW_AFTER:
                return False
            self._publish(registry, registry.contents, now)
            return True

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
            gone = _with(registry.centres, replace(entry, state="revoked", until=now))
            self._publish(registry, replace(registry.contents, centres=gone), now)
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
        issuing = self.issuing
        auth = profile.auth_certificate(proven.auth_key, entry.name, issuing, now)
        sign = profile.sign_certificate(proven.sign_key, entry.name, issuing, now)
        active = replace(
            entry,
            state="active",
            sign_certificates=(*entry.sign_certificates, encoding.der(sign)),
            auth_keys=(encoding.spki_sha256(proven.auth_key),),
        )
        raw = self._publish(registry, replace(registry.contents, centres=_with(registry.centres, active)), now)
        serials = {"auth_serial": f"{auth.serial_number:x}", "sign_serial": f"{sign.serial_number:x}"}
        self._note(now, "enrolled", name=entry.name, code=entry.code, **serials)
        answer = request.Answer(
            auth=encoding.pem(auth),
            sign=encoding.pem(sign),
            issuing=encoding.pem(issuing.certificate),
            root=self._root_pem,
            registry=raw,
            identity=_identity(active, now),
        )
        return request.encode_answer(answer)

    def _draft(self, registry: Registry) -> Contents:
        """The contents that a further change of the tree starts from: what waits for a second signer, or what is."""
        waiting = self.proposal
        if waiting is None or waiting.contents.tree_version != registry.tree_version + 1:
            return registry.contents
        return merged(registry, waiting)

    def _change_tree(self, registry: Registry, contents: Contents, now: datetime) -> bool:
        """Publishes a changed tree if both signers' keys are here; else it waits for the second, and False."""
        changed = replace(contents, tree_version=registry.tree_version + 1, tree_at=now)
        first = self._signer.approve(changed)
        second = self._folder / SECOND_SIGNER
        if second.exists():
            self._publish(registry, changed, now, (first, SigningKey.load(second).approve(changed)))
            return True
        waiting = Proposal(base=registry.raw, contents=changed, approvals=(first,))
        write_private(self._folder / "proposal.json", waiting.encoded())
        return False

    def _publish(
        self, before: Registry, contents: Contents, now: datetime, approvals: tuple[Approval, ...] | None = None
    ) -> bytes:
        denied = tuple(one for one in contents.denied if one.until > now)
        fresh = replace(contents, version=before.version + 1, issued_at=now, expires_at=expiry(now), denied=denied)
        raw = sign_contents(fresh, self._signer, before.approvals if approvals is None else approvals)
        check_step(before, Registry.verified(raw, self._root_pem))  # never publish what the others would refuse
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


def _check_plan(centres: tuple[CentreEntry, ...], code: str, title: str, tier: str, parent_name: str | None) -> None:
    if not code or not title or not tier:
        raise PkiError("INCOMPLETE", "a centre has a code, a title and a tier")
    members = {one.name: one for one in centres if one.state != "revoked"}
    bearer = next((one for one in members.values() if one.code == code), None)
    if bearer is not None:
        raise PkiError("CODE_TAKEN", f"{bearer.title} already bears the code {code}")
    if parent_name is None:
        top = next((one for one in members.values() if one.parent is None), None)
        if top is not None:
            raise PkiError("PARENT_ABSENT", f"only {top.title} stands at the top; name a parent")
    elif parent_name not in members:
        raise PkiError("PARENT_UNKNOWN", f"no centre {parent_name} can be a parent")
