"""The change from one issuing authority to another: the spare waits beside the one in use until the tree names it.

Its key comes into the authority's folder as `next.key`. The moment a registry that two signers approved ends its list
of issuing authorities with the spare, the spare takes the place of the one in use; a crash at any point leaves one of
the two in place, and the next look finishes the change.
"""

from pathlib import Path

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from pki import encoding, profile
from pki.errors import PkiError
from pki.private_file import read_private, sync_folder, write_private
from pki.profile import Signer


def stage(folder: Path, spare_folder: Path, root_pem: bytes, passphrase: bytes | None) -> Signer:
    """Copies a spare's certificate and key into the authority's folder, not yet in use."""
    if read_private(spare_folder / "root.pem") != root_pem:
        raise PkiError("WRONG_ROOT", f"{spare_folder} belongs to another federation")
    certificate_pem = read_private(spare_folder / "issuing.pem")
    key = encoding.ec_key(read_private(spare_folder / "issuing.key"), "issuing.key", passphrase)
    certificate = encoding.from_pem(certificate_pem, "issuing.pem")
    profile.check_issuing(certificate, encoding.from_pem(root_pem, "root.pem"))
    if _public(certificate.public_key()) != _public(key.public_key()):
        raise PkiError("KEYS_DAMAGED", f"{spare_folder}/issuing.key is not the key of issuing.pem")
    write_private(folder / "next.pem", certificate_pem)
    write_private(folder / "next.key", encoding.key_pem(key))
    return Signer(certificate=certificate, key=key)


def in_use(folder: Path, newest: bytes) -> Signer:
    """The issuing authority that signs now; `newest` is the DER that the registry names last."""
    waiting = folder / "next.pem"
    if waiting.exists() and encoding.der(encoding.from_pem(read_private(waiting), "next.pem")) == newest:
        if (folder / "next.key").exists():
            (folder / "next.key").replace(folder / "issuing.key")
        waiting.replace(folder / "issuing.pem")
        sync_folder(folder)
    return Signer(
        certificate=encoding.from_pem(read_private(folder / "issuing.pem"), "issuing.pem"),
        key=encoding.ec_key(read_private(folder / "issuing.key"), "issuing.key"),
    )


def _public(key: object) -> bytes:
    content: bytes = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)  # type: ignore[attr-defined]  # any kind of key has it
    return content
