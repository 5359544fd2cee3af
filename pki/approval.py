"""Two signatures for the shape of the tree: who signs, over which bytes, and when they are enough.

What a registry states falls into two halves. *The tree* is who there is, below whom, under which code, title and tier,
and which authorities certify; a stolen key that could change it would put itself anywhere. *The states* are who is
active, with which keys, who was revoked and what is denied; they change daily, and in a hurry. The states need one
signature of a key that the root delegated to. The tree needs two, by two different keys. The approvals of a tree travel
with every later registry that has the same tree.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ed25519

from pki import encoding, profile
from pki.contents import Contents
from pki.errors import PkiError
from pki.private_file import read_private

THRESHOLD = 2
_DOMAIN = b"lienthong.registry.tree.v1\0"


@dataclass(frozen=True, slots=True, kw_only=True)
class Approval:
    """One signer's signature over a tree, with the root's delegation to that signer (DER)."""

    signature: bytes
    delegation: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class SigningKey:
    """A key that the root delegated the registry to."""

    key: ed25519.Ed25519PrivateKey = field(repr=False)
    delegation: x509.Certificate

    @classmethod
    def load(cls, folder: Path, name: str = "signer.key", passphrase: bytes | None = None) -> "SigningKey":
        """Reads a signer's folder; refused if others may read it, or if the two do not belong together."""
        found = cls(
            key=encoding.ed25519_key(read_private(folder / name), name, passphrase),
            delegation=encoding.from_pem(read_private(folder / "delegation.pem"), "delegation.pem"),
        )
        if found.delegation.public_key() != found.key.public_key():
            raise PkiError("KEYS_DAMAGED", f"{folder}/{name} is not the key of delegation.pem")
        return found

    def approve(self, contents: Contents) -> Approval:
        """This signer's word for the tree of these contents, and for nothing else in them."""
        return Approval(
            signature=self.key.sign(_DOMAIN + tree_bytes(contents)), delegation=encoding.der(self.delegation)
        )


def tree_bytes(contents: Contents) -> bytes:
    """The half of a registry that needs two signatures, as the bytes that they sign."""
    centres = [[one.name, one.code, one.title, one.tier, one.parent, one.since.isoformat()] for one in contents.centres]
    tree = {
        "tree_version": contents.tree_version,
        "tree_at": contents.tree_at.isoformat(),
        "issuing": [encoding.sha256(one).hex() for one in contents.issuing],
        "sealing": encoding.sha256(contents.sealing).hex(),
        "centres": centres,
    }
    return json.dumps(tree, ensure_ascii=False, separators=(",", ":")).encode()


def tree_fingerprint(contents: Contents) -> str:
    """What two signers compare by voice before the second one signs: twenty hexadecimal digits in groups of four."""
    digits = encoding.sha256(_DOMAIN + tree_bytes(contents)).hex()[:20]
    return " ".join(digits[start : start + 4] for start in range(0, 20, 4))


def check_approvals(contents: Contents, approvals: Iterable[Approval], root: x509.Certificate) -> None:
    """TOO_FEW_SIGNERS unless enough different keys of this root approved exactly this tree."""
    keys = {one for approval in approvals if (one := approver(contents, approval, root)) is not None}
    if len(keys) < THRESHOLD:
        reason = f"a change of the tree takes {THRESHOLD} signers, and {len(keys)} signed tree {contents.tree_version}"
        raise PkiError("TOO_FEW_SIGNERS", reason)


def approver(contents: Contents, approval: Approval, root: x509.Certificate) -> bytes | None:
    """The raw public key behind an approval; none if it is by no signer of this root, at that time, for this tree."""
    try:
        delegation = encoding.from_der(approval.delegation, "a delegation")
        key = profile.check_delegation(delegation, root)
        profile.check_time(delegation, contents.tree_at, "the signer's delegation")
        key.verify(approval.signature, _DOMAIN + tree_bytes(contents))
    except (PkiError, InvalidSignature):
        return None
    return encoding.raw_ed25519(key)
