"""Give up, for ever and for all children, the right to read anything but code, to write, and to open a connection.

Linux has this since 5.13 (Landlock), for any user and without help. Each version of the kernel can forbid more; what
it cannot forbid is left to the service manager and to the user that the process runs as.
"""

import ctypes
import os
import struct
from collections.abc import Iterable
from pathlib import Path

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_ASK_VERSION, _PATH_BENEATH, _NO_NEW_PRIVILEGES = 1, 1, 38

_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_DIR = 1, 2, 4, 8
_FS_BITS = {1: 13, 2: 14, 3: 15, 4: 15}  # rights on files that each version knows; from 5 on sixteen
_FS_BITS_NOW = 16
_NET_SINCE, _SCOPE_SINCE = 4, 6
_BIND_AND_CONNECT = 3
_SCOPED_SOCKETS_AND_SIGNALS = 3


class ConfineError(Exception):
    """The process could not give up what it must; the message is a sentence."""


def landlock_version() -> int:
    """Say what this kernel can forbid; 0 if nothing."""
    answer = _libc().syscall(_CREATE_RULESET, None, 0, _ASK_VERSION)
    return max(int(answer), 0)


def confine(readable: Iterable[Path], devices: Iterable[Path] = ()) -> int:
    """Keep only reading and running below `readable`, and using the devices; the kernel's version, 0 if it cannot."""
    version = landlock_version()
    if version == 0:
        return 0
    handled = (1 << _FS_BITS.get(version, _FS_BITS_NOW)) - 1
    net = _BIND_AND_CONNECT if version >= _NET_SINCE else 0
    scope = _SCOPED_SOCKETS_AND_SIGNALS if version >= _SCOPE_SINCE else 0
    wanted = struct.pack("QQQ", handled, net, scope)
    length = 24 if version >= _SCOPE_SINCE else 16 if version >= _NET_SINCE else 8
    rules = _call(_CREATE_RULESET, ctypes.c_char_p(wanted), length, 0)
    try:
        for path in readable:
            _allow(rules, path, _EXECUTE | _READ_FILE | (_READ_DIR if path.is_dir() else 0))
        for path in devices:
            _allow(rules, path, _READ_FILE | _WRITE_FILE)
        if _libc().prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0) != 0:
            raise ConfineError(f"new privileges cannot be refused: {os.strerror(ctypes.get_errno())}")
        _call(_RESTRICT_SELF, rules, 0)
    finally:
        os.close(rules)
    return version


def _allow(rules: int, path: Path, rights: int) -> None:
    try:
        opened = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except FileNotFoundError:
        return
    try:
        _call(_ADD_RULE, rules, _PATH_BENEATH, ctypes.c_char_p(struct.pack("=Qi", rights, opened)), 0)
    finally:
        os.close(opened)


def _call(number: int, *arguments: object) -> int:
    answer = int(_libc().syscall(number, *arguments))
    if answer < 0:
        raise ConfineError(f"the kernel refuses to confine this process: {os.strerror(ctypes.get_errno())}")
    return answer


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)
