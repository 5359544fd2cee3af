"""Free ports on this machine's loopback address."""

import errno
import socket
from collections.abc import Iterable

LOOPBACK = "127.0.0.1"
_HIGHEST = 65535
_OURS_FROM = 10_000
_LENT_FROM = 32_768  # Linux lends from here on by default, see ip_local_port_range of ip(7)


def is_free(port: int) -> bool:
    """Whether a server could listen there now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return True


def choose(wanted: Iterable[int]) -> list[int]:
    """One free port per wish: the wished one where it is free, else another; 0 wishes for any."""
    chosen: list[int] = []
    for wish in wanted:
        port = wish if 0 < wish <= _HIGHEST and wish not in chosen and is_free(wish) else _any_free(chosen)
        chosen.append(port)
    return chosen


def _any_free(but_not: list[int]) -> int:
    """A free port below those that the system lends to outgoing connections: one of them could be taken any moment."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        start = int(probe.getsockname()[1])
    for step in range(_LENT_FROM - _OURS_FROM):
        port = _OURS_FROM + (start + step) % (_LENT_FROM - _OURS_FROM)
        if port not in but_not and is_free(port):
            return port
    raise OSError(errno.EADDRINUSE, f"no port from {_OURS_FROM} to {_LENT_FROM - 1} is free")
