"""How a child proves over NATS who it is: TLS ends at the server, which tells nobody whose certificate it saw.

The child signs the parent's random challenge twice, with the key of its TLS certificate and with its record key. The
parent takes the chain to the same gate as on any other link: expiry, revocation and a replaced key mean the same.
"""

import hashlib
from dataclasses import dataclass
from datetime import datetime

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from federation.link import LinkError
from federation.v1 import nats_pb2 as wire
from pki.errors import GateRefused
from pki.gate import Admission, Gate
from pki.keystore import Keystore
from pki.registry import Registry

NONCE_BYTES = 32
_DOMAIN = b"lienthong.federation.nats.v1\x00"


@dataclass(frozen=True, slots=True, kw_only=True)
class Occasion:
    """What a proof is for, and worthless beyond: these two centres, this connection, this challenge."""

    child: str
    parent: str
    connection: str
    nonce: bytes

    def statement(self) -> bytes:
        """The bytes that are signed."""
        parts = (self.child.encode(), self.parent.encode(), self.connection.encode(), self.nonce)
        return hashlib.sha256(_DOMAIN + b"".join(len(one).to_bytes(4, "big") + one for one in parts)).digest()


def prove(keystore: Keystore, occasion: Occasion) -> wire.Proof:
    """The child's answer to a challenge."""
    key = serialization.load_pem_private_key(keystore.tls_key_pem, None)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise LinkError("BAD_PROOF", "the TLS key of this centre is not of the kind that proves")
    statement = occasion.statement()
    return wire.Proof(
        tls_chain_pem=keystore.tls_chain_pem,
        tls_signature=key.sign(statement, ec.ECDSA(hashes.SHA256())),
        key_id=keystore.key_id,
        sign_signature=keystore.sign(statement),
    )


def check(proof: wire.Proof, occasion: Occasion, *, gate: Gate, registry: Registry, at: datetime) -> Admission:
    """The admission of the one who proved; raises GateRefused or LinkError(BAD_PROOF)."""
    admission = gate.admit(proof.tls_chain_pem, at)
    if admission.name != occasion.child:
        raise GateRefused("WRONG_NAME", f"{admission.name} speaks on the subject of {occasion.child}")
    leaf = x509.load_pem_x509_certificates(proof.tls_chain_pem)[0].public_key()
    record_key = registry.public_key(occasion.child, proof.key_id)
    statement = occasion.statement()
    if not isinstance(leaf, ec.EllipticCurvePublicKey):
        raise LinkError("BAD_PROOF", f"{occasion.child} proves with a key of another kind")
    if record_key is None or not _is_current(registry, occasion.child, proof.key_id, at):
        raise GateRefused("WRONG_KEY", f"the registry names another record key for {occasion.child} now")
    try:
        leaf.verify(proof.tls_signature, statement, ec.ECDSA(hashes.SHA256()))
        record_key.verify(proof.sign_signature, statement)
    except InvalidSignature as error:
        raise LinkError("BAD_PROOF", f"who speaks as {occasion.child} does not hold its keys") from error
    return admission


def _is_current(registry: Registry, name: str, key_id: bytes, at: datetime) -> bool:
    """Whether the certificate of that record key is valid now: one of last year still verifies old frames only."""
    raw = registry.certificate(name, key_id)
    if raw is None:
        return False
    certificate = x509.load_der_x509_certificate(raw)
    return certificate.not_valid_before_utc <= at <= certificate.not_valid_after_utc
