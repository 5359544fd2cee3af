"""What a newcomer sends to the authority and gets back, inside the seal.

Two certificate requests (PKCS#10) prove that the newcomer holds both keys; a signature by each key over one transcript
binds them to this token and to each other, so that nobody can enrol somebody else's public key as his own. From a
certificate request only the public key is taken. Its subject, names and extensions are not read.
"""

import base64
import json
from dataclasses import dataclass, field
from typing import Any

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, x25519
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import NameOID

from pki import encoding
from pki.enrol_token import EnrolToken, token_hash
from pki.errors import PkiError
from pki.sealing import seal

MAX_SEALED_BYTES = 32 << 10
MAX_REQUEST_BYTES = 4 << 10
_TRANSCRIPT = b"lienthong.enrol.transcript.v1\0"
_REQUEST = b"lienthong.enrol.request.v1\0"
_ANSWER = b"lienthong.enrol.answer.v1\0"


@dataclass(frozen=True, slots=True, kw_only=True)
class ProvenRequest:
    """A request whose proofs of possession held; nothing else of it is believed."""

    secret: bytes = field(repr=False)
    auth_key: ec.EllipticCurvePublicKey
    sign_key: ed25519.Ed25519PublicKey
    reply_key: x25519.X25519PublicKey

    @property
    def token_hash(self) -> bytes:
        """Which token was shown, in its stored form."""
        return token_hash(self.secret)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What the authority made: certificates (PEM), the registry that lists them, and the centre's facts."""

    auth: bytes
    sign: bytes
    issuing: bytes
    root: bytes
    registry: bytes
    identity: dict[str, Any]


def request_context(root_der: bytes) -> bytes:
    """Binds a sealed request to one federation."""
    return _REQUEST + encoding.sha256(root_der)


def answer_context(sealed_request: bytes) -> bytes:
    """Binds a sealed answer to the request that it answers."""
    return _ANSWER + encoding.sha256(sealed_request)


def fingerprint(sealed_request: bytes) -> str:
    """What both sides of an enrolment show and a person compares: twenty hexadecimal digits in groups of four."""
    digits = encoding.sha256(_REQUEST + sealed_request).hex()[:20]
    return " ".join(digits[start : start + 4] for start in range(0, 20, 4))


def encode_request(
    token: EnrolToken,
    auth_key: ec.EllipticCurvePrivateKey,
    sign_key: ed25519.Ed25519PrivateKey,
    reply_key: x25519.X25519PublicKey,
) -> bytes:
    """The plain request with its four proofs; seal it before it leaves this computer."""
    nobody = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "enrolment")])
    draft = x509.CertificateSigningRequestBuilder().subject_name(nobody)
    transcript = _transcript(token.secret, auth_key.public_key(), sign_key.public_key(), reply_key)
    return _dump(
        token=_text(token.secret),
        auth_request=_text(draft.sign(auth_key, hashes.SHA256()).public_bytes(Encoding.DER)),
        sign_request=_text(draft.sign(sign_key, None).public_bytes(Encoding.DER)),
        reply_key=_text(reply_key.public_bytes(Encoding.Raw, PublicFormat.Raw)),
        auth_proof=_text(auth_key.sign(transcript, ec.ECDSA(hashes.SHA256()))),
        sign_proof=_text(sign_key.sign(transcript)),
    )


def decode_request(plain: bytes) -> ProvenRequest:
    """Checks every proof; BAD_REQUEST or BAD_CSR names the first that fails."""
    try:
        body = json.loads(plain)
        secret, reply = _bytes(body["token"]), x25519.X25519PublicKey.from_public_bytes(_bytes(body["reply_key"]))
        auth_request, sign_request = _bytes(body["auth_request"]), _bytes(body["sign_request"])
        auth_proof, sign_proof = _bytes(body["auth_proof"]), _bytes(body["sign_proof"])
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise PkiError("BAD_REQUEST", "the enrolment request is malformed") from error
    seal(b"", reply, _ANSWER)  # a weak key is refused now, and not after certificates were made for it
    auth_key = _auth_key(_load(auth_request, "the request for the TLS certificate"))
    sign_key = _sign_key(_load(sign_request, "the request for the sign certificate"))
    transcript = _transcript(secret, auth_key, sign_key, reply)
    try:
        auth_key.verify(auth_proof, transcript, ec.ECDSA(hashes.SHA256()))
        sign_key.verify(sign_proof, transcript)
    except InvalidSignature as error:
        raise PkiError("BAD_REQUEST", "the sender does not hold the keys that it asks certificates for") from error
    return ProvenRequest(secret=secret, auth_key=auth_key, sign_key=sign_key, reply_key=reply)


def encode_answer(answer: Answer) -> bytes:
    """The plain answer; seal it to the request's reply key."""
    return _dump(
        auth=_text(answer.auth),
        sign=_text(answer.sign),
        issuing=_text(answer.issuing),
        root=_text(answer.root),
        registry=_text(answer.registry),
        identity=answer.identity,
    )


def decode_answer(plain: bytes) -> Answer:
    """Reads an answer without believing it; `pki.enrol` checks every certificate against the pinned root."""
    try:
        body = json.loads(plain)
        return Answer(
            auth=_bytes(body["auth"]),
            sign=_bytes(body["sign"]),
            issuing=_bytes(body["issuing"]),
            root=_bytes(body["root"]),
            registry=_bytes(body["registry"]),
            identity=dict(body["identity"]),
        )
    except (ValueError, KeyError, TypeError) as error:
        raise PkiError("BAD_ANSWER", "the authority's answer is malformed") from error


def _load(content: bytes, what: str) -> x509.CertificateSigningRequest:
    if len(content) > MAX_REQUEST_BYTES:
        raise PkiError("BAD_CSR", f"{what} is larger than a request for one key")
    try:
        request = x509.load_der_x509_csr(content)
        held = request.is_signature_valid
        digest = request.signature_hash_algorithm
        _ = request.public_key()
    except encoding.MALFORMED as error:
        raise PkiError("BAD_CSR", f"{what} is unreadable, or its key is of a kind that no centre uses") from error
    if not held:
        raise PkiError("BAD_CSR", f"{what} was not signed by its own key")
    if digest is not None and not isinstance(digest, hashes.SHA256 | hashes.SHA384 | hashes.SHA512):
        raise PkiError("BAD_CSR", f"{what} is signed with a hash that is too weak")
    return request


def _auth_key(request: x509.CertificateSigningRequest) -> ec.EllipticCurvePublicKey:
    key = request.public_key()
    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
        raise PkiError("BAD_CSR", "a centre's TLS key is a P-256 key")
    return key


def _sign_key(request: x509.CertificateSigningRequest) -> ed25519.Ed25519PublicKey:
    key = request.public_key()
    if not isinstance(key, ed25519.Ed25519PublicKey):
        raise PkiError("BAD_CSR", "a centre's sign key is an Ed25519 key")
    return key


def _transcript(
    secret: bytes,
    auth_key: ec.EllipticCurvePublicKey,
    sign_key: ed25519.Ed25519PublicKey,
    reply_key: x25519.X25519PublicKey,
) -> bytes:
    keys = b"".join(encoding.spki_sha256(one) for one in (auth_key, sign_key, reply_key))
    return _TRANSCRIPT + token_hash(secret) + keys


def _dump(**body: object) -> bytes:
    return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()


def _text(content: bytes) -> str:
    return base64.b64encode(content).decode()


def _bytes(text: str) -> bytes:
    return base64.b64decode(text, validate=True)
