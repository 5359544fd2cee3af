"""What a centre signs about a backup: whose it is, of when, what is in it, and how far it holds every stream."""

import hashlib
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from federation.frame import Signer, StreamKey
from federation.hello import Cursor
from node.backup.sealed import BackupError
from pki.keystore import FILES

FORMAT = "lienthong-backup-1"
DATABASE = "node.db"
PUBLIC = ("root.pem", "issuing.pem", "registry.signed", "sign.pem")
KEYS = tuple(f"keys/{name}" for name in FILES)
_KEY_FILE = re.compile(r"keys/[a-z][a-z0-9_-]{0,40}\.(key|pem|signed|json)")
Heads = Mapping[StreamKey, Cursor]
KeyFor = Callable[[str, bytes], Ed25519PublicKey | None]
_DOMAIN = b"lienthong.backup.manifest.v1\x00"


@dataclass(frozen=True, slots=True)
class Member:
    """One file in a backup."""

    name: str
    size: int
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """A backup as its centre describes it."""

    centre: str
    code: str
    title: str
    key_id: bytes
    made_at: datetime
    version: str
    members: tuple[Member, ...]
    heads: Heads

    @property
    def has_keys(self) -> bool:
        """Whether the private keys are in it."""
        return any(one.name in KEYS for one in self.members)

    def signed(self, signer: Signer) -> tuple[bytes, bytes]:
        """The bytes that say all this, and the centre's signature."""
        raw = json.dumps(
            {
                "format": FORMAT,
                "centre": self.centre,
                "code": self.code,
                "title": self.title,
                "key_id": self.key_id.hex(),
                "made_at": self.made_at.isoformat(),
                "version": self.version,
                "members": [{"name": one.name, "size": one.size, "sha256": one.sha256} for one in self.members],
                "heads": heads_as_json(self.heads),
            },
            ensure_ascii=False,
        ).encode()
        return raw, sign(_DOMAIN, raw, signer)


def read_manifest(raw: bytes) -> Manifest:
    """What a manifest says, unproved; raises BackupError for one that no centre of ours wrote."""
    try:
        said: Any = json.loads(raw)
        if said["format"] != FORMAT:
            raise BackupError("the backup has a format that this version does not know")
        manifest = Manifest(
            centre=str(said["centre"]),
            code=str(said["code"]),
            title=str(said["title"]),
            key_id=bytes.fromhex(said["key_id"]),
            made_at=datetime.fromisoformat(said["made_at"]),
            version=str(said["version"]),
            members=tuple(Member(str(one["name"]), int(one["size"]), str(one["sha256"])) for one in said["members"]),
            heads=heads_from_json(said["heads"]),
        )
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise BackupError("the list of the backup cannot be read") from error
    _check_members(manifest.members)
    return manifest


def check_signature(raw: bytes, signature: bytes, manifest: Manifest, key_for: KeyFor) -> None:
    """BackupError unless the centre that the manifest names signed it."""
    check(_DOMAIN, raw, signature, key_for(manifest.centre, manifest.key_id), "the list of the backup")


def sign(domain: bytes, raw: bytes, signer: Signer) -> bytes:
    """A centre's signature over a document of that kind."""
    return signer.sign(hashlib.sha256(domain + raw).digest())


def check(domain: bytes, raw: bytes, signature: bytes, key: Ed25519PublicKey | None, what: str) -> None:
    """BackupError unless the document carries that key's signature."""
    try:
        if key is None:
            raise BackupError(f"{what} is signed with a key that the registry does not know")
        key.verify(signature, hashlib.sha256(domain + raw).digest())
    except InvalidSignature as error:
        raise BackupError(f"{what} does not carry its centre's signature") from error


def heads_as_json(heads: Heads) -> list[dict[str, Any]]:
    """How far each stream is held, for a document."""
    return [
        {
            "origin": key.origin,
            "lane": key.lane,
            "audience": key.audience,
            "epoch": epoch.hex(),
            "frame_no": frame_no,
            "frame_hash": frame_hash.hex(),
        }
        for key, (epoch, frame_no, frame_hash) in heads.items()
    ]


def heads_from_json(said: Sequence[Mapping[str, Any]]) -> Heads:
    """The same again; raises ValueError, KeyError or TypeError for what is none."""
    return {
        StreamKey(str(one["origin"]), str(one["lane"]), str(one["audience"])): (
            bytes.fromhex(one["epoch"]),
            int(one["frame_no"]),
            bytes.fromhex(one["frame_hash"]),
        )
        for one in said
    }


def is_allowed(name: str) -> bool:
    """Whether a backup may hold a file of that name: a few are known, and those of keys lead nowhere else."""
    return name == DATABASE or name in PUBLIC or _KEY_FILE.fullmatch(name) is not None


def _check_members(members: Sequence[Member]) -> None:
    names = [one.name for one in members]
    strange = next((name for name in names if not is_allowed(name)), None)
    if strange is not None:
        raise BackupError(f"the backup holds a file that belongs in none: {strange[:80]!r}")
    if DATABASE not in names or len(set(names)) != len(names) or any(one.size < 0 for one in members):
        raise BackupError("the list of the backup contradicts itself")
