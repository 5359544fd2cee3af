"""What the root is taken out of its safe for: the root itself, the authority, its spare, and signers.

The *root* folder is made once, used once a year and otherwise lies in a safe; no node is ever given it. The *authority*
folder (issuing, sealing and one signer's key) belongs to the node at the top. The *second signer's* folder belongs to
another person, on another medium: a change of the tree takes both. The *spare* is an issuing authority that lies beside
the root until the one in use is stolen or lost.
"""

from datetime import datetime
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec, ed25519, x25519

from pki import encoding, profile
from pki.approval import SigningKey
from pki.authority import SECOND_SIGNER, Authority, expiry
from pki.contents import Contents
from pki.errors import PkiError
from pki.private_file import make_private_folder, read_private, write_private
from pki.profile import Signer
from pki.statement import sign_contents


def create_root(folder: Path, *, title: str, now: datetime, passphrase: bytes | None = None) -> bytes:
    """Makes a federation's root in a folder of its own and gives its certificate (PEM)."""
    make_private_folder(folder)
    if (folder / "root.key").exists():
        raise PkiError("EXISTS", f"{folder} already holds a root; a second one would be another federation")
    key = ec.generate_private_key(ec.SECP384R1())
    certificate = encoding.pem(profile.root_certificate(key, title, now))
    write_private(folder / "root.key", encoding.key_pem(key, passphrase))
    write_private(folder / "root.pem", certificate)
    return certificate


def create_issuing(
    root_folder: Path,
    folder: Path,
    *,
    now: datetime,
    passphrase: bytes | None = None,
    second_signer: Path | None = None,
    second_passphrase: bytes | None = None,
) -> Authority:
    """Makes the authority's keys and a second signer's, has the root certify them, and signs the first registry.

    Without a folder for the second signer its key lies inside of the authority's: one person can then do everything.
    """
    root_pem, root = _root(root_folder, passphrase)
    make_private_folder(folder)
    if (folder / "registry.signed").exists():
        raise PkiError("EXISTS", f"{folder} already holds an authority")
    issuing = _new_issuing(root, now)
    sealing_key = x25519.X25519PrivateKey.generate()
    sealing = profile.sealing_certificate(sealing_key.public_key(), issuing, now)
    first, second = _new_signer(root, now), _new_signer(root, now)
    contents = Contents(
        version=1,
        issued_at=now,
        expires_at=expiry(now),
        tree_version=1,
        tree_at=now,
        issuing=(encoding.der(issuing.certificate),),
        sealing=encoding.der(sealing),
        centres=(),
    )
    _write_signer(second_signer or folder / SECOND_SIGNER, second, root_pem, second_passphrase)
    write_private(folder / "root.pem", root_pem)
    write_private(folder / "issuing.key", encoding.key_pem(issuing.key))
    write_private(folder / "issuing.pem", encoding.pem(issuing.certificate))
    write_private(folder / "sealing.key", encoding.key_pem(sealing_key))
    write_private(folder / "registry.key", encoding.key_pem(first.key))
    write_private(folder / "delegation.pem", encoding.pem(first.delegation))
    approvals = (first.approve(contents), second.approve(contents))
    write_private(folder / "registry.signed", sign_contents(contents, first, approvals))
    return Authority.load(folder)


def create_spare(root_folder: Path, folder: Path, *, now: datetime, passphrase: bytes | None = None) -> None:
    """Makes a spare issuing authority; nobody takes what it signs until two signers put it into the registry."""
    root_pem, root = _root(root_folder, passphrase)
    make_private_folder(folder)
    if (folder / "issuing.key").exists():
        raise PkiError("EXISTS", f"{folder} already holds an issuing authority")
    spare = _new_issuing(root, now)
    write_private(folder / "root.pem", root_pem)
    write_private(folder / "issuing.pem", encoding.pem(spare.certificate))
    write_private(folder / "issuing.key", encoding.key_pem(spare.key, passphrase))


def create_signer(
    root_folder: Path,
    folder: Path,
    *,
    now: datetime,
    passphrase: bytes | None = None,
    signer_passphrase: bytes | None = None,
) -> None:
    """Makes one more signer, for the day on which one of the two is away for ever."""
    root_pem, root = _root(root_folder, passphrase)
    if (folder / "signer.key").exists():
        raise PkiError("EXISTS", f"{folder} already holds a signer")
    _write_signer(folder, _new_signer(root, now), root_pem, signer_passphrase)


def _root(folder: Path, passphrase: bytes | None) -> tuple[bytes, Signer]:
    root_pem = read_private(folder / "root.pem")
    key = encoding.ec_key(read_private(folder / "root.key"), "root.key", passphrase)
    return root_pem, Signer(certificate=encoding.from_pem(root_pem, "root.pem"), key=key)


def _new_issuing(root: Signer, now: datetime) -> Signer:
    key = ec.generate_private_key(ec.SECP256R1())
    return Signer(certificate=profile.issuing_certificate(key.public_key(), root, now), key=key)


def _new_signer(root: Signer, now: datetime) -> SigningKey:
    key = ed25519.Ed25519PrivateKey.generate()
    return SigningKey(key=key, delegation=profile.delegation_certificate(key.public_key(), root, now))


def _write_signer(folder: Path, signer: SigningKey, root_pem: bytes, passphrase: bytes | None) -> None:
    make_private_folder(folder)
    write_private(folder / "root.pem", root_pem)
    write_private(folder / "delegation.pem", encoding.pem(signer.delegation))
    write_private(folder / "signer.key", encoding.key_pem(signer.key, passphrase))
