"""The newcomer's half of enrolment: make keys, prove them, seal, and later believe only what the pinned root signed.

The token is the one thing that came by a trusted hand. It carries the root's SHA-256, and from there everything is
checked, not trusted: the offer (root, issuing CA, sealing key) that the parent sends, and the answer at the end.

The keys are on disk, in `<keys>.pending`, before the request leaves. A newcomer that loses power in between runs the
same command with the same token and gets the same answer.
"""

import json
import secrets
import shutil
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec, ed25519, x25519

from pki import encoding, names, profile, request
from pki.enrol_token import EnrolToken
from pki.errors import PkiError
from pki.keystore import Keystore
from pki.private_file import make_private_folder, read_private, sync_folder, write_private
from pki.registry import Registry
from pki.sealing import seal, unseal


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """What a parent shows to a newcomer; public, and worth nothing until `check_offer` compared it to the token."""

    root: bytes
    issuing: bytes
    sealing: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """A newcomer between request and answer."""

    token: EnrolToken
    root_der: bytes
    sealed_request: bytes
    tls_key: ec.EllipticCurvePrivateKey = field(repr=False)
    sign_key: ed25519.Ed25519PrivateKey = field(repr=False)
    reply_key: x25519.X25519PrivateKey = field(repr=False)


def offer_of(registry: Registry, root_pem: bytes) -> Offer:
    """The offer that a member makes to newcomers, from its own registry."""
    root = encoding.from_pem(root_pem, "root.pem")
    return Offer(
        root=encoding.der(root), issuing=registry.issuing_certificates[-1], sealing=registry.sealing_certificate
    )


def check_offer(token: EnrolToken, offer: Offer, now: datetime) -> x25519.X25519PublicKey:
    """The sealing key, if the whole offer hangs from the root that the token names; WRONG_ROOT if it does not."""
    if encoding.sha256(offer.root) != token.root_sha256:
        raise PkiError("WRONG_ROOT", "the node at this address belongs to another federation than the token")
    root = encoding.from_der(offer.root, "the root")
    issuing = encoding.from_der(offer.issuing, "the issuing CA")
    sealing = encoding.from_der(offer.sealing, "the sealing key")
    profile.check_root(root)
    profile.check_issuing(issuing, root)
    key = profile.check_sealing(sealing, issuing)
    for certificate, what in ((root, "the root"), (issuing, "the issuing CA"), (sealing, "the sealing key")):
        profile.check_time(certificate, now, what)
    return key


def begin(token: EnrolToken, offer: Offer, now: datetime) -> Attempt:
    """Makes the centre's keys and the sealed request."""
    sealing_key = check_offer(token, offer, now)
    tls_key = ec.generate_private_key(ec.SECP256R1())
    sign_key = ed25519.Ed25519PrivateKey.generate()
    reply_key = x25519.X25519PrivateKey.generate()
    plain = request.encode_request(token, tls_key, sign_key, reply_key.public_key())
    return Attempt(
        token=token,
        root_der=offer.root,
        sealed_request=seal(plain, sealing_key, request.request_context(offer.root)),
        tls_key=tls_key,
        sign_key=sign_key,
        reply_key=reply_key,
    )


def begin_or_resume(token: EnrolToken, offer: Offer, now: datetime, keys: Path) -> Attempt:
    """As `begin`, with the keys safe on disk before the request leaves; the same token continues an earlier attempt."""
    check_offer(token, offer, now)
    pending = _pending(keys)
    earlier = _resume(token, offer, pending)
    if earlier is not None:
        return earlier
    shutil.rmtree(pending, ignore_errors=True)
    attempt = begin(token, offer, now)
    make_private_folder(pending)
    write_private(pending / "tls.key", encoding.key_pem(attempt.tls_key))
    write_private(pending / "sign.key", encoding.key_pem(attempt.sign_key))
    write_private(pending / "reply.key", encoding.key_pem(attempt.reply_key))
    write_private(pending / "token.sha256", token.hash)
    write_private(pending / "request.sealed", attempt.sealed_request)
    return attempt


def finish(attempt: Attempt, sealed_answer: bytes, keys: Path, now: datetime, *, code: str | None = None) -> Keystore:
    """Opens the answer, checks all of it against the pinned root, and puts the keys folder in place at once.

    `code`: the centre that this computer is set up to be; keys of another one are not put in place.
    """
    plain = unseal(sealed_answer, attempt.reply_key, request.answer_context(attempt.sealed_request))
    answer = request.decode_answer(plain)
    _check_answer(attempt, answer, now)
    named = answer.identity.get("code")
    if code is not None and named != code:
        raise PkiError(
            "WRONG_CENTRE",
            f"the token is for {named}, the settings say {code}; correct the settings and run the same command",
        )
    spare = keys.with_name(f"{keys.name}.new-{secrets.token_hex(4)}")
    make_private_folder(spare)
    try:
        _write_keys(spare, attempt, answer)
        Keystore.load(spare)
        earlier = keys.rename(keys.with_name(f"{spare.name}.earlier")) if keys.exists() else None
        spare.rename(keys)
    except BaseException:
        shutil.rmtree(spare, ignore_errors=True)
        raise
    sync_folder(keys.parent)
    for done in (_pending(keys), earlier):
        if done is not None:
            shutil.rmtree(done, ignore_errors=True)
    return Keystore.load(keys)


def _pending(keys: Path) -> Path:
    return keys.with_name(f"{keys.name}.pending")


def _resume(token: EnrolToken, offer: Offer, pending: Path) -> Attempt | None:
    if not (pending / "request.sealed").exists() or read_private(pending / "token.sha256") != token.hash:
        return None
    return Attempt(
        token=token,
        root_der=offer.root,
        sealed_request=read_private(pending / "request.sealed"),
        tls_key=encoding.ec_key(read_private(pending / "tls.key"), "tls.key"),
        sign_key=encoding.ed25519_key(read_private(pending / "sign.key"), "sign.key"),
        reply_key=encoding.x25519_key(read_private(pending / "reply.key"), "reply.key"),
    )


def _check_answer(attempt: Attempt, answer: request.Answer, now: datetime) -> None:
    root = encoding.from_pem(answer.root, "the root")
    if encoding.der(root) != attempt.root_der:
        raise PkiError("WRONG_ROOT", "the answer comes from another root than the token names")
    issuing = encoding.from_pem(answer.issuing, "the issuing CA")
    auth = encoding.from_pem(answer.auth, "the TLS certificate")
    sign = encoding.from_pem(answer.sign, "the sign certificate")
    profile.check_issuing(issuing, root)
    profile.check_auth(auth, issuing)
    name = names.centre_name(auth)
    if auth.public_key() != attempt.tls_key.public_key():
        raise PkiError("BAD_ANSWER", "the TLS certificate is for another key")
    if profile.check_sign(sign, name, (issuing,)) != attempt.sign_key.public_key():
        raise PkiError("BAD_ANSWER", "the sign certificate is for another key")
    for certificate, what in ((auth, "the new TLS certificate"), (sign, "the new sign certificate")):
        profile.check_time(certificate, now, what)
    registry = Registry.verified(answer.registry, answer.root)
    if registry.is_stale(now):
        raise PkiError("STALE_REGISTRY", "the registry in the answer has expired; nobody starts from an old one")
    entry = registry.centre(name)
    if entry is None or entry.state != "active" or entry.parent != attempt.token.parent:
        raise PkiError("BAD_ANSWER", "the registry in the answer does not list this centre below its parent")
    if answer.identity.get("name") != name:
        raise PkiError("BAD_ANSWER", "the answer names another centre than its certificates")


def _write_keys(folder: Path, attempt: Attempt, answer: request.Answer) -> None:
    write_private(folder / "tls.key", encoding.key_pem(attempt.tls_key))
    write_private(folder / "tls.pem", answer.auth + answer.issuing)
    write_private(folder / "sign.key", encoding.key_pem(attempt.sign_key))
    write_private(folder / "sign.pem", answer.sign)
    write_private(folder / "root.pem", answer.root)
    write_private(folder / "issuing.pem", answer.issuing)
    write_private(folder / "registry.signed", answer.registry)
    text = json.dumps(answer.identity, ensure_ascii=False, indent=1)
    write_private(folder / "identity.json", text.encode() + b"\n")
