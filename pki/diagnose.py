"""Why a dial may fail: what a node can tell about itself when TLS says nothing.

A refusal inside TLS reaches the dialling side as a closed connection without a word. So after a failed dial the node
looks at its own certificates and at its copy of the registry, with the eyes of the peer.
"""

from datetime import datetime

from pki import encoding, profile
from pki.errors import PkiError
from pki.gate import Gate
from pki.keystore import Keystore
from pki.registry import Registry


def diagnose(keystore: Keystore, now: datetime, registry: Registry | None = None) -> list[str]:
    """One sentence for each thing that would make a peer refuse this node; empty if nothing is wrong on this side."""
    try:
        known = registry or Registry.verified(keystore.registry_path.read_bytes(), keystore.root_pem)
    except (PkiError, OSError) as error:
        return [f"this node's registry cannot be used: {error}"]
    return [*_certificates(keystore, now, known), *_standing(keystore, known)]


def _certificates(keystore: Keystore, now: datetime, registry: Registry) -> list[str]:
    found: list[str] = []
    root = encoding.from_pem(keystore.root_pem, "root.pem")
    issuing = encoding.from_pem(keystore.issuing_pem, "issuing.pem")
    leaf = encoding.from_pem(keystore.tls_chain_pem, "tls.pem")
    sign = encoding.from_der(keystore.sign_certificate, "sign.pem")
    parts = (
        (leaf, "the TLS certificate"),
        (sign, "the sign certificate"),
        (issuing, "the issuing CA"),
        (root, "the root"),
    )
    for certificate, what in parts:
        try:
            profile.check_time(certificate, now, what)
        except PkiError as error:
            found.append(f"{error.reason}; if that is wrong, check this computer's clock ({now:%Y-%m-%d %H:%M} UTC)")
    try:
        profile.check_issuing(issuing, root)
        profile.check_auth(leaf, issuing)
    except PkiError as error:
        found.append(f"tls.pem does not hang from root.pem, so this node has the wrong root: {error.reason}")
    if not found:
        try:
            Gate(keystore.root_pem, lambda: registry).admit(keystore.tls_chain_pem, now)
        except PkiError as error:
            found.append(error.reason)
    return found


def _standing(keystore: Keystore, registry: Registry) -> list[str]:
    entry = registry.centre(keystore.name)
    if entry is None or entry.parent is None:
        return []
    parent = registry.centre(entry.parent)
    if parent is None:
        return [f"the registry does not know this node's parent {entry.parent}"]
    if parent.state != "active":
        return [f"the parent {parent.title} is {parent.state} in the registry, version {registry.version}"]
    return []
