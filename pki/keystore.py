"""The keys of one node, read once at the start and refused if anybody else could have read them."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec, ed25519

from pki import encoding, names, profile
from pki.errors import KeystoreError, PkiError
from pki.locked_keys import PRIVATE, opened, passphrase_for
from pki.private_file import check_private, read_private

FILES = (
    "tls.key",
    "tls.pem",
    "sign.key",
    "sign.pem",
    "root.pem",
    "issuing.pem",
    "registry.signed",
    "identity.json",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Keystore:
    """Everything a node needs to be itself; secrets stay out of every representation."""

    folder: Path
    name: str
    identity: dict[str, Any]
    key_id: bytes
    sign_certificate: bytes
    tls_key_pem: bytes = field(repr=False)
    tls_chain_pem: bytes
    root_pem: bytes
    issuing_pem: bytes
    _sign_key: ed25519.Ed25519PrivateKey = field(repr=False)

    @staticmethod
    def exists(folder: Path) -> bool:
        """Whether this node has enrolled."""
        return (folder / "identity.json").is_file()

    @classmethod
    def load(cls, folder: Path) -> "Keystore":
        """Reads the folder; KeystoreError if it is absent, wider than 0700/0600, or does not fit together."""
        check_private(folder)
        content = {name: read_private(folder / name) for name in FILES}
        passphrase = passphrase_for(folder)
        for name in PRIVATE:
            content[name] = opened(content[name], passphrase)
        try:
            return _assemble(cls, folder, content)
        except KeystoreError:
            raise
        except (PkiError, ValueError, KeyError) as error:
            raise KeystoreError("KEYS_DAMAGED", f"{folder} does not fit together: {error}") from error

    @property
    def registry_path(self) -> Path:
        """Where this node keeps its copy of the registry."""
        return self.folder / "registry.signed"

    def sign(self, message: bytes) -> bytes:
        """The centre's Ed25519 signature; the caller separates the domains of its messages."""
        return self._sign_key.sign(message)


def _assemble(cls: type[Keystore], folder: Path, content: dict[str, bytes]) -> Keystore:
    identity = json.loads(content["identity.json"])
    sign_key = encoding.ed25519_key(content["sign.key"], "sign.key")
    tls_key = encoding.ec_key(content["tls.key"], "tls.key")
    tls = encoding.from_pem(content["tls.pem"], "tls.pem")
    issuing = encoding.from_pem(content["issuing.pem"], "issuing.pem")
    sign = encoding.from_pem(content["sign.pem"], "sign.pem")
    name = str(identity["name"])
    certified = profile.check_sign(sign, name, (issuing,))
    key_id = encoding.key_id(sign_key.public_key())
    auth = tls.public_key()
    if not isinstance(auth, ec.EllipticCurvePublicKey) or auth != tls_key.public_key():
        raise KeystoreError("KEYS_DAMAGED", f"{folder}/tls.key is not the key of tls.pem")
    if encoding.key_id(certified) != key_id or names.centre_name(tls) != name:
        raise KeystoreError("KEYS_DAMAGED", f"{folder} holds keys or certificates of two centres")
    return cls(
        folder=folder,
        name=name,
        identity=identity,
        key_id=key_id,
        sign_certificate=encoding.der(sign),
        tls_key_pem=content["tls.key"],
        tls_chain_pem=content["tls.pem"],
        root_pem=content["root.pem"],
        issuing_pem=content["issuing.pem"],
        _sign_key=sign_key,
    )
