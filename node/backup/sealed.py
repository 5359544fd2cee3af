r"""A file of any size that only one key opens: AES-256-GCM over pieces of 1 MiB, in order, with an end that shows.

    "lienthong-backup-1\n" || length of header (4 bytes) || header, then of each piece: length (4 bytes) || sealed

Each file has a key of its own: drawn at random and sealed to the recipient's X25519 key (HPKE), or derived from a
passphrase with scrypt and a salt of this file. The nonce of a piece is its number (11 bytes) and whether it is the last
(1 byte); what is authenticated with each is the SHA-256 of everything before the first piece.
"""

import base64
import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, ClassVar

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from node.errors import Conflict
from pki.errors import PkiError
from pki.private_file import read_private
from pki.sealing import seal, unseal

MAGIC = b"lienthong-backup-1\n"
PIECE = 1024 * 1024
LEAST_PASSPHRASE = 12
_KEY_CONTEXT = b"lienthong.backup.key.v1"
_LONGEST_HEADER = 64 * 1024
_TAG = 16
_SCRYPT = {"n": 2**15, "r": 8, "p": 1}


class BackupError(Conflict):
    """A backup cannot be made, believed or put back; the detail says why."""

    code: ClassVar[str] = "backup"


@dataclass(frozen=True, slots=True)
class Lock:
    """What closes a backup: a recipient's public key, or a passphrase."""

    recipient: X25519PublicKey | None = None
    passphrase: bytes | None = None

    def close(self, random: Callable[[int], bytes]) -> tuple[bytes, dict[str, Any]]:
        """A key for one file, and what its header says for whoever shall open it."""
        if self.recipient is not None:
            key = random(32)
            sealed = base64.b64encode(seal(key, self.recipient, _KEY_CONTEXT)).decode()
            return key, {"lock": "x25519", "recipient": self.recipient.public_bytes_raw().hex(), "sealed_key": sealed}
        if self.passphrase is None:
            raise BackupError("no lock was given")
        salt = random(16)
        return _derived(self.passphrase, salt), {"lock": "passphrase", "salt": salt.hex()}


def recipient_of(text: str) -> X25519PublicKey:
    """The public key that settings name, 64 hexadecimal digits."""
    try:
        return X25519PublicKey.from_public_bytes(bytes.fromhex(text.strip()))
    except ValueError as error:
        raise BackupError("backup.recipient: must be an X25519 public key in 64 hexadecimal digits") from error


def passphrase_in(file: Path) -> bytes:
    """The passphrase on the first line of a file that only its owner may read."""
    line = read_private(file).partition(b"\n")[0].rstrip(b"\r")
    if len(line) < LEAST_PASSPHRASE:
        raise BackupError(f"{file}: a passphrase for backups has at least {LEAST_PASSPHRASE} characters")
    return line


class Sealing:
    """Writes what it is given, sealed, into a file; `end` must be called, or the file does not open."""

    def __init__(self, out: BinaryIO, lock: Lock, said: Mapping[str, Any], random: Callable[[int], bytes]) -> None:
        """Begin the file; what is said is in clear text, for whoever looks for the right key."""
        key, how = lock.close(random)
        header = json.dumps({**said, **how}, ensure_ascii=False).encode()
        before = MAGIC + len(header).to_bytes(4, "big") + header
        self._out = out
        self._aead = AESGCM(key)
        self._said = hashlib.sha256(before).digest()
        self._hash = hashlib.sha256()
        self._number = 0
        self._rest = bytearray()
        self._put(before)

    def write(self, content: bytes) -> None:
        """Seal some more; the last piece is held back until the end is known."""
        self._rest += content
        while len(self._rest) > PIECE:
            self._seal(bytes(self._rest[:PIECE]), is_last=False)
            del self._rest[:PIECE]

    def end(self) -> str:
        """Seal the last piece; the SHA-256 of the whole file."""
        self._seal(bytes(self._rest), is_last=True)
        return self._hash.hexdigest()

    def _seal(self, piece: bytes, *, is_last: bool) -> None:
        sealed = self._aead.encrypt(_nonce(self._number, is_last=is_last), piece, self._said)
        self._put(len(sealed).to_bytes(4, "big") + sealed)
        self._number += 1

    def _put(self, content: bytes) -> None:
        self._hash.update(content)
        self._out.write(content)


class Unsealing:
    """Reads what `Sealing` wrote; raises BackupError for anything that is not exactly that."""

    def __init__(self, source: BinaryIO, key_file: Path) -> None:
        """Read the header, and open the file's key."""
        self._source = source
        self.header, before = read_header(source)
        self._aead = AESGCM(_opened(self.header, key_file))
        self._said = hashlib.sha256(before).digest()
        self._hash = hashlib.sha256(before)
        self._number = 0
        self._rest = bytearray()
        self._is_over = False

    def read(self, count: int) -> bytes:
        """The next bytes, exactly so many."""
        while len(self._rest) < count:
            if self._is_over:
                raise BackupError("the backup ends too early: it is cut off, or was never finished")
            self._rest += self._next()
        found = bytes(self._rest[:count])
        del self._rest[:count]
        return found

    def end(self) -> str:
        """Nothing may follow; the SHA-256 of the whole file."""
        while not self._is_over:
            self._rest += self._next()
        if self._rest or self._source.read(1):
            raise BackupError("the backup holds more than its list says")
        return self._hash.hexdigest()

    def _next(self) -> bytes:
        length = self._source.read(4)
        size = int.from_bytes(length, "big")
        if len(length) < 4 or not _TAG <= size <= PIECE + _TAG:  # noqa: PLR2004 - the bytes of a length
            raise BackupError("the backup ends too early: it is cut off, or was never finished")
        sealed = self._source.read(size)
        if len(sealed) < size:
            raise BackupError("the backup ends too early: it is cut off, or was never finished")
        self._hash.update(length + sealed)
        piece, self._is_over = self._unsealed(sealed)
        self._number += 1
        return piece

    def _unsealed(self, sealed: bytes) -> tuple[bytes, bool]:
        """A piece, and whether it is the last."""
        for is_last in (False, True):
            try:
                return self._aead.decrypt(_nonce(self._number, is_last=is_last), sealed, self._said), is_last
            except InvalidTag:
                continue
        reason = f"piece {self._number} was changed" + (", or the key is another one" if self._number == 0 else "")
        raise BackupError(f"the backup cannot be opened: {reason}")


def read_header(source: BinaryIO) -> tuple[dict[str, Any], bytes]:
    """What a backup says in clear text, unproved, and the bytes that say it."""
    begin = source.read(len(MAGIC) + 4)
    if not begin.startswith(MAGIC) or len(begin) < len(MAGIC) + 4:
        raise BackupError("the file is no backup of a centre")
    length = int.from_bytes(begin[len(MAGIC) :], "big")
    raw = source.read(length) if length <= _LONGEST_HEADER else b""
    try:
        header = json.loads(raw)
    except ValueError as error:
        raise BackupError("the beginning of the backup cannot be read") from error
    if len(raw) != length or not isinstance(header, dict):
        raise BackupError("the beginning of the backup cannot be read")
    return header, begin + raw


def _opened(header: Mapping[str, Any], key_file: Path) -> bytes:
    """The key of one file, opened with what the person has."""
    try:
        if header.get("lock") == "passphrase":
            return _derived(passphrase_in(key_file), bytes.fromhex(header["salt"]))
        if header.get("lock") != "x25519":
            raise BackupError("the backup has a lock that is not known")
        key = serialization.load_pem_private_key(read_private(key_file), None)
        if not isinstance(key, X25519PrivateKey):
            raise BackupError(f"{key_file}: is no X25519 private key")
        if key.public_key().public_bytes_raw().hex() != header["recipient"]:
            raise BackupError(f"the backup is for the key {header['recipient']}, and {key_file} is another one")
        return unseal(base64.b64decode(header["sealed_key"], validate=True), key, _KEY_CONTEXT)
    except PkiError as error:
        raise BackupError(f"the backup cannot be opened: {error}") from error
    except (KeyError, TypeError, ValueError) as error:
        raise BackupError(f"the backup cannot be opened: {key_file} or the file's beginning is not readable") from error


def _derived(passphrase: bytes, salt: bytes) -> bytes:
    return Scrypt(salt=salt, length=32, **_SCRYPT).derive(passphrase)


def _nonce(number: int, *, is_last: bool) -> bytes:
    return number.to_bytes(11, "big") + bytes([is_last])
