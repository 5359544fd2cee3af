"""Private keys that rest encrypted: where a start finds the passphrase, and how they come to rest.

Beside the keys, `passphrase.path` names a private file on another medium: a credential that the service manager hands
over, a mounted stick, a file in memory. Who copies the keys' folder alone, or finds the disk, has encrypted keys.
"""

from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from pki import encoding
from pki.errors import KeystoreError, PkiError
from pki.private_file import read_private, sync_folder, write_private

POINTER = "passphrase.path"
PRIVATE = ("tls.key", "sign.key")
LEAST = 12


def passphrase_for(folder: Path) -> bytes | None:
    """The passphrase of the keys in this folder; none if they rest in the clear."""
    if not (folder / POINTER).exists():
        return None
    return _passphrase(Path(read_private(folder / POINTER).decode().strip()))


def opened(content: bytes, passphrase: bytes | None) -> bytes:
    """A private key's text without encryption, as TLS takes it from memory."""
    if passphrase is None:
        return content
    try:
        key = load_pem_private_key(content, passphrase)
    except TypeError:
        return content  # a lock that was interrupted: this one still rests in the clear
    except (ValueError, UnsupportedAlgorithm) as error:
        raise KeystoreError("KEYS_LOCKED", "the keys do not open with the passphrase that they point to") from error
    if not isinstance(key, ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey):
        raise KeystoreError("KEYS_DAMAGED", "a key is of a kind that no centre uses")
    return encoding.key_pem(key)


def lock(folder: Path, passphrase_file: Path) -> None:
    """Encrypts the keys at rest; the pointer is written first, so that a crash leaves what a start can read."""
    if (folder / POINTER).exists():
        raise PkiError("LOCKED", f"the keys in {folder} rest under a passphrase already; unlock them first")
    if passphrase_file.resolve().is_relative_to(folder.resolve()):
        raise PkiError("PASSPHRASE", "a passphrase beside its keys protects nothing; keep it on another medium")
    words = _passphrase(passphrase_file)
    write_private(folder / POINTER, f"{passphrase_file}\n".encode())
    for name in PRIVATE:
        _rewrite(folder / name, words, words)


def unlock(folder: Path) -> None:
    """Decrypts the keys at rest; the pointer goes last."""
    words = passphrase_for(folder)
    if words is None:
        raise PkiError("UNLOCKED", f"the keys in {folder} rest in the clear already")
    for name in PRIVATE:
        _rewrite(folder / name, words, None)
    (folder / POINTER).unlink()
    sync_folder(folder)


def _rewrite(path: Path, old: bytes, new: bytes | None) -> None:
    key = load_pem_private_key(opened(read_private(path), old), None)
    if not isinstance(key, ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey):
        raise KeystoreError("KEYS_DAMAGED", f"{path} is a key of a kind that no centre uses")
    write_private(path, encoding.key_pem(key, new))


def _passphrase(file: Path) -> bytes:
    words = read_private(file).partition(b"\n")[0].rstrip(b"\r")
    if len(words) < LEAST:
        raise KeystoreError("KEYS_LOCKED", f"{file}: a passphrase for keys has at least {LEAST} characters")
    return words
