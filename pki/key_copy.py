r"""A sealed copy of a folder of keys, kept apart from backups of the database.

    "lienthong-keys-1\n" || length of header (4 bytes) || header || AES-256-GCM of the files, as JSON

The key comes from a passphrase by scrypt with a salt of this copy; the header is authenticated with the files. The
registry lies among them: it is the last version that this node saw. Putting a copy back never brings an older one than
the registry that is there, or than one that another node hands over.
"""

import base64
import itertools
import json
import os
import secrets
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from pki.errors import PkiError
from pki.private_file import check_private, make_private_folder, read_private, sync_folder, write_private
from pki.registry import Registry, check_step

MAGIC = b"lienthong-keys-1\n"
REGISTRY = "registry.signed"
_LARGEST = 64 << 20
_SCRYPT = {"n": 2**15, "r": 8, "p": 1}
# Of an authority's folder: what another start makes by itself, or what is another person's.
_LEFT_OUT = frozenset({"lock"})


def seal_folder(folder: Path, passphrase: bytes) -> bytes:
    """The files of a closed folder, sealed; folders inside of it are left out."""
    check_private(folder)
    files = {
        one.name: base64.b64encode(read_private(one)).decode()
        for one in sorted(folder.iterdir())
        if not one.is_dir() and one.name not in _LEFT_OUT and not one.name.startswith(".")
    }
    salt, nonce = os.urandom(16), os.urandom(12)
    header = json.dumps({"kind": "scrypt", **_SCRYPT, "salt": salt.hex(), "nonce": nonce.hex()}).encode()
    before = MAGIC + len(header).to_bytes(4, "big") + header
    return before + AESGCM(_derived(passphrase, salt)).encrypt(nonce, json.dumps(files).encode(), before)


def open_copy(raw: bytes, passphrase: bytes) -> dict[str, bytes]:
    """The files by name; BAD_COPY if the bytes were changed or the passphrase is another."""
    try:
        before, header = _header(raw)
        salt, nonce = bytes.fromhex(header["salt"]), bytes.fromhex(header["nonce"])
        plain = AESGCM(_derived(passphrase, salt)).decrypt(nonce, raw[len(before) :], before)
        files = {str(name): base64.b64decode(text, validate=True) for name, text in json.loads(plain).items()}
    except InvalidTag as error:
        raise PkiError("BAD_COPY", "the passphrase is wrong, or the copy was changed") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise PkiError("BAD_COPY", "this file is no copy of keys") from error
    if any("/" in name or name.startswith(".") for name in files):
        raise PkiError("BAD_COPY", "the copy names files outside of its folder")
    return files


def put_back(files: Mapping[str, bytes], folder: Path, newest: bytes | None = None) -> int:
    """Puts the folder in place at once and gives the registry's version.

    The registry is the newest of three: the copy's, the one in the folder that is replaced, and `newest`, which another
    node has. Each must be what an honest authority says after the older ones, or nothing is put back.
    """
    root_pem = files["root.pem"]
    found = [files[REGISTRY]]
    if (folder / REGISTRY).exists():
        if read_private(folder / "root.pem") != root_pem:
            raise PkiError("WRONG_ROOT", f"{folder} belongs to another federation than the copy")
        found.append(read_private(folder / REGISTRY))
    known = [Registry.verified(one, root_pem) for one in (*found, *([newest] if newest else []))]
    known.sort(key=lambda one: one.version)
    for earlier, later in itertools.pairwise(known):
        if earlier.version == later.version and earlier.contents != later.contents:
            raise PkiError("FORK", f"two registries claim version {later.version}; find out which one is true")
        check_step(earlier, later)
    spare = folder.with_name(f"{folder.name}.new-{secrets.token_hex(4)}")
    make_private_folder(spare)
    for name, content in {**files, REGISTRY: known[-1].raw}.items():
        write_private(spare / name, content)
    earlier_folder = folder.rename(folder.with_name(f"{spare.name}.earlier")) if folder.exists() else None
    spare.rename(folder)
    sync_folder(folder.parent)
    if earlier_folder is not None:
        _keep_folders(earlier_folder, folder)
        shutil.rmtree(earlier_folder)
    return known[-1].version


def _keep_folders(earlier: Path, folder: Path) -> None:
    for one in earlier.iterdir():
        if one.is_dir():
            one.rename(folder / one.name)


def _header(raw: bytes) -> tuple[bytes, Any]:
    if len(raw) > _LARGEST or not raw.startswith(MAGIC):
        raise ValueError("no copy")
    start = len(MAGIC) + 4
    end = start + int.from_bytes(raw[len(MAGIC) : start], "big")
    return raw[:end], json.loads(raw[start:end])


def _derived(passphrase: bytes, salt: bytes) -> bytes:
    return Scrypt(salt=salt, length=32, **_SCRYPT).derive(passphrase)
