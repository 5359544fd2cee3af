"""What the centres are called: read from the signed registry, for people who read the answer."""

import base64
import hashlib
import json
from datetime import datetime
from typing import Any

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ed25519

from .certificates import UNREADABLE
from .verdict import Damaged, Listing

# The extended key usage that the root writes into its delegation to the registry's key, and nowhere else.
USE_REGISTRY = "2.25.104921466203735410942098134127905161305"
_DOMAIN = b"lienthong.registry.v1\x00"
_TREE_DOMAIN = b"lienthong.registry.tree.v1\x00"
_THRESHOLD = 2


def listings(raw: bytes, root_pem: bytes) -> dict[str, Listing]:
    """Code and title by registry name; Damaged if the root does not stand behind these bytes."""
    try:
        envelope: Any = json.loads(raw)
        payload = base64.b64decode(envelope["payload"], validate=True)
        signature = base64.b64decode(envelope["signature"], validate=True)
        delegation = x509.load_der_x509_certificate(base64.b64decode(envelope["delegation"], validate=True))
        root = x509.load_pem_x509_certificate(root_pem)
        _delegated(delegation, root).verify(signature, _DOMAIN + payload)
        body: Any = json.loads(payload)
        _check_time(delegation, str(body["issued_at"]))
        _check_tree(body, envelope["approvals"], root)
        centres: Any = body["centres"]
        return {
            str(one["name"]): Listing(str(one["code"]), str(one["title"]), str(one.get("parent") or ""))
            for one in centres
        }
    except InvalidSignature as error:
        raise Damaged("REGISTRY", "the registry does not carry the signature that the root delegated") from error
    except (KeyError, RecursionError, x509.ExtensionNotFound, x509.DuplicateExtension, *UNREADABLE) as error:
        raise Damaged("REGISTRY", "the registry cannot be read") from error


def tree_bytes(body: Any) -> bytes:  # noqa: ANN401 - JSON
    """The half of a registry that needs two signatures, as the bytes that they sign."""
    members = ("name", "code", "title", "tier", "parent", "since")
    tree = {
        "tree_version": body["tree_version"],
        "tree_at": body["tree_at"],
        "issuing": [_sha256(one) for one in body["issuing"]],
        "sealing": _sha256(body["sealing"]),
        "centres": [[centre[name] for name in members] for centre in body["centres"]],
    }
    return json.dumps(tree, ensure_ascii=False, separators=(",", ":")).encode()


def _check_tree(body: Any, approvals: Any, root: x509.Certificate) -> None:  # noqa: ANN401 - JSON
    """Damaged unless enough different keys of this root approved exactly this tree."""
    signed, keys = _TREE_DOMAIN + tree_bytes(body), set[bytes]()
    for approval in approvals:
        try:
            delegation = x509.load_der_x509_certificate(base64.b64decode(approval["delegation"], validate=True))
            key = _delegated(delegation, root)
            _check_time(delegation, str(body["tree_at"]))
            key.verify(base64.b64decode(approval["signature"], validate=True), signed)
        except (Damaged, InvalidSignature, x509.ExtensionNotFound, x509.DuplicateExtension, *UNREADABLE):
            continue
        keys.add(key.public_bytes_raw())
    if len(keys) < _THRESHOLD:
        raise Damaged("REGISTRY", f"the tree takes {_THRESHOLD} signers, and {len(keys)} signed it")


def _check_time(delegation: x509.Certificate, at: str) -> None:
    if not delegation.not_valid_before_utc <= datetime.fromisoformat(at) <= delegation.not_valid_after_utc:
        raise Damaged("REGISTRY", "the registry was signed when its signer was not delegated")


def _sha256(text: str) -> str:
    return hashlib.sha256(base64.b64decode(text, validate=True)).hexdigest()


def _delegated(delegation: x509.Certificate, root: x509.Certificate) -> ed25519.Ed25519PublicKey:
    delegation.verify_directly_issued_by(root)
    basic = delegation.extensions.get_extension_for_class(x509.BasicConstraints).value
    uses = delegation.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    key = delegation.public_key()
    if (
        basic.ca
        or [use.dotted_string for use in uses] != [USE_REGISTRY]
        or not isinstance(key, ed25519.Ed25519PublicKey)
    ):
        raise Damaged("REGISTRY", "the registry's key was certified for something else")
    return key
