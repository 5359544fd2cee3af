"""Free ports on this machine's loopback address."""

import socket
from collections.abc import Iterable

LOOPBACK = "127.0.0.1"
_HIGHEST = 65535


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
    """A port that the system names; asked again if it is one that was just promised to another."""
    while True:
        with socket.socket() as probe:
            probe.bind((LOOPBACK, 0))
            port = int(probe.getsockname()[1])
        if port not in but_not:
            return port
