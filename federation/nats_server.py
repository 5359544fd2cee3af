"""What a parent's NATS server is told: who may connect and on which subjects, from the registry and from nothing else.

The server checks at the handshake that a certificate leads to the root and that its key is one the registry names now
(`pinned_certs`), takes the certificate's DNS name for the user, and lets each user use its own subjects alone. The file
is JSON, which the server reads as well as its own notation.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from federation import nats_subject as subject
from pki.keystore import Keystore
from pki.private_file import write_private
from pki.registry import Registry

MESSAGE_BYTES = 1024 * 1024
_CONNECTIONS_EACH = 4
_SPARE_CONNECTIONS = 16


def configuration(registry: Registry, keystore: Keystore, address: str) -> bytes:
    """The server's configuration file for the parent with these keys; the same registry gives the same bytes."""
    children = sorted(_active_children(registry, keystore.name))
    reload = subject.RELOAD.format("*")
    content: dict[str, Any] = {
        "server_name": keystore.name,
        "listen": address,
        "max_payload": MESSAGE_BYTES,
        "max_pending": 256 * MESSAGE_BYTES,
        "max_connections": _SPARE_CONNECTIONS + _CONNECTIONS_EACH * len(children),
        "max_subscriptions": 8,
        "write_deadline": "10s",
        "ping_interval": "10s",
        "ping_max": 2,
        "tls": _tls(registry, keystore, children),
        "system_account": "SYSTEM",
        "accounts": {
            # The parent may ask its server to read this file again, and nothing else of the system's account.
            "SYSTEM": {"exports": [{"service": reload, "accounts": ["CENTRES"]}]},
            "CENTRES": {
                "imports": [{"service": {"account": "SYSTEM", "subject": reload}}],
                "users": [_parent(keystore.name), *(_child(name) for name in children)],
            },
        },
    }
    return json.dumps(content, indent=1).encode() + b"\n"


def _active_children(registry: Registry, name: str) -> Iterator[str]:
    for child in registry.children_of(name):
        entry = registry.centre(child)
        if entry is not None and entry.state == "active":
            yield child


def _tls(registry: Registry, keystore: Keystore, children: list[str]) -> dict[str, Any]:
    entries = [registry.centre(name) for name in (keystore.name, *children)]
    return {
        "cert_file": str(keystore.folder.absolute() / "tls.pem"),
        "key_file": str(keystore.folder.absolute() / "tls.key"),
        "ca_file": str(keystore.folder.absolute() / "root.pem"),
        "verify_and_map": True,
        "handshake_first": True,
        "min_version": "1.3",
        "timeout": 5,
        "pinned_certs": sorted(key.hex() for entry in entries if entry is not None for key in entry.auth_keys),
    }


def _parent(name: str) -> dict[str, Any]:
    publish = [subject.ALL_DOWN, subject.RELOAD.format("*")]
    return {"user": name, "permissions": {"publish": publish, "subscribe": [subject.ALL_UP, f"{subject.INBOX}.>"]}}


def _child(name: str) -> dict[str, Any]:
    return {"user": name, "permissions": {"publish": [subject.up(name)], "subscribe": [subject.down(name)]}}


def write(path: Path, content: bytes) -> bool:
    """Put the file in its place, readable by its owner only; False if it says this already."""
    if path.is_file() and path.read_bytes() == content:
        return False
    path.parent.mkdir(mode=0o700, exist_ok=True)
    write_private(path, content)
    return True
