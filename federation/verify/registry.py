"""What the centres are called: read from the signed registry, for people who read the answer."""

import base64
import json
from typing import Any

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ed25519

from .certificates import UNREADABLE
from .verdict import Damaged, Listing

# The extended key usage that the root writes into its delegation to the registry's key, and nowhere else.
USE_REGISTRY = "2.25.104921466203735410942098134127905161305"
_DOMAIN = b"lienthong.registry.v1\x00"


def listings(raw: bytes, root_pem: bytes) -> dict[str, Listing]:
    """Code and title by registry name; Damaged if the root does not stand behind these bytes."""
    try:
        envelope: Any = json.loads(raw)
        payload = base64.b64decode(envelope["payload"], validate=True)
        signature = base64.b64decode(envelope["signature"], validate=True)
        delegation = x509.load_der_x509_certificate(base64.b64decode(envelope["delegation"], validate=True))
        _delegated(delegation, x509.load_pem_x509_certificate(root_pem)).verify(signature, _DOMAIN + payload)
        centres: Any = json.loads(payload)["centres"]
        return {
            str(one["name"]): Listing(str(one["code"]), str(one["title"]), str(one.get("parent") or ""))
            for one in centres
        }
    except InvalidSignature as error:
        raise Damaged("REGISTRY", "the registry does not carry the signature that the root delegated") from error
    except (KeyError, RecursionError, x509.ExtensionNotFound, x509.DuplicateExtension, *UNREADABLE) as error:
        raise Damaged("REGISTRY", "the registry cannot be read") from error


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
