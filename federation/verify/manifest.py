"""What the exporting centre says it put into a bundle, under its signature."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cryptography.exceptions import InvalidSignature

from .bundle import MANIFEST, SIGNATURE
from .frames import KeyFor
from .verdict import Damaged

FORMAT = "lienthong-frames-1"
PACK_FORMAT = "lienthong-evidence-1"  # a pack: what proves one subject, and nothing else
DOMAIN = b"lienthong.evidence.manifest.v1\x00"


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """Who exported what and when, and what every member's SHA-256 was."""

    exporter: str
    exported_at: str
    members: Mapping[str, str]
    key_id: bytes = b""
    subject: Mapping[str, str] | None = None


def write(
    exporter: str,
    key_id: bytes,
    exported_at: str,
    members: Mapping[str, bytes],
    subject: Mapping[str, str] | None = None,
) -> bytes:
    """The manifest of these members, the bytes that the exporter signs after DOMAIN; with a subject that of a pack."""
    content = {
        "format": FORMAT if subject is None else PACK_FORMAT,
        **({} if subject is None else {"subject": dict(subject)}),
        "exporter": exporter,
        "key_id": key_id.hex(),
        "exported_at": exported_at,
        "members": {name: hashlib.sha256(members[name]).hexdigest() for name in sorted(members)},
    }
    return json.dumps(content, indent=1).encode()


def read(members: Mapping[str, bytes], key_for: KeyFor) -> Manifest:
    """The manifest, if its exporter's signature holds; Damaged otherwise."""
    raw = members.get(MANIFEST, b"")
    try:
        content: Any = json.loads(raw)
        if content["format"] not in {FORMAT, PACK_FORMAT}:
            raise Damaged("MANIFEST", "the bundle has a format that is not known")
        exporter, key_id = str(content["exporter"]), bytes.fromhex(content["key_id"])
        subject = content["subject"].items() if content["format"] == PACK_FORMAT else None
        manifest = Manifest(
            exporter=exporter,
            exported_at=str(content["exported_at"]),
            members={str(name): str(digest) for name, digest in content["members"].items()},
            key_id=key_id,
            subject=None if subject is None else {str(name): str(value) for name, value in subject},
        )
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise Damaged("MANIFEST", "the manifest cannot be read") from error
    key = key_for(exporter, key_id)
    if key is None:
        raise Damaged("MANIFEST", f"no certificate from the trusted root names {exporter} with its key")
    try:
        key.key.verify(members.get(SIGNATURE, b""), DOMAIN + raw)
    except InvalidSignature as error:
        raise Damaged("MANIFEST", f"the manifest does not carry the signature of {exporter}") from error
    return manifest
