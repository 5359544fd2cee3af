"""Files that only their owner may read: written whole or not at all, refused when opened wider."""

import os
import secrets
import stat
from pathlib import Path

from pki.errors import KeystoreError


def make_private_folder(folder: Path) -> None:
    """Creates the folder as 0700; a folder that exists is checked, not narrowed."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    check_private(folder)


def check_private(path: Path) -> None:
    """KeystoreError unless the path is ours alone: no link, own user, no bit for group and others."""
    try:
        status = path.lstat()
    except FileNotFoundError as error:
        raise KeystoreError("KEYS_ABSENT", f"{path} is absent") from error
    if stat.S_ISLNK(status.st_mode):
        raise KeystoreError("KEYS_WIDE", f"{path} is a link; keys are kept in place")
    if stat.S_IMODE(status.st_mode) & 0o077:
        wanted = "0700" if stat.S_ISDIR(status.st_mode) else "0600"
        mode = stat.S_IMODE(status.st_mode)
        raise KeystoreError("KEYS_WIDE", f"{path} has mode {mode:04o}; it must be {wanted} (chmod {wanted} {path})")
    if status.st_uid != os.geteuid():
        raise KeystoreError("KEYS_WIDE", f"{path} belongs to another user (uid {status.st_uid})")


def read_private(path: Path) -> bytes:
    """The content of a file that passed `check_private`."""
    check_private(path)
    return path.read_bytes()


def write_private(path: Path, content: bytes) -> None:
    """Replaces the file atomically with mode 0600; after a power cut it is the old or the new one."""
    spare = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(spare, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        spare.replace(path)
    except BaseException:
        spare.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def append_private(path: Path, line: bytes) -> None:
    """Adds one line to a 0600 journal and waits for the disk."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    with os.fdopen(descriptor, "ab") as file:
        file.write(line + b"\n")
        file.flush()
        os.fsync(file.fileno())


def sync_folder(folder: Path) -> None:
    """Makes a rename inside the folder durable."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
