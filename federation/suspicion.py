"""Was this node refused by TLS, or did its peer die? Both look alike: a connection that ends without a word."""

import asyncio
from collections.abc import Callable

from federation.house import Clock
from federation.link import LinkError
from pki.diagnose import diagnose
from pki.keystore import Keystore
from pki.registry import Registry

_CONNECT_S = 5.0
_PROBE_S = 0.5
_CLOSED_IN_A_ROW = 3


class Suspicion:
    """Whether a connection that broke without a word was refused by TLS, or is what the death of a peer looks like.

    It was refused if this node's own certificates are at fault, or if somebody waits at that address every time, and
    closes every time, before a word was heard.
    """

    def __init__(self, keystore: Keystore, registry: Callable[[], Registry], clock: Clock, address: str) -> None:
        self._keystore = keystore
        self._registry = registry
        self._clock = clock
        self._address = address
        self._closed = 0

    def heard(self) -> None:
        """The peer spoke: this node was let in."""
        self._closed = 0

    async def judge(self, error: LinkError) -> LinkError:
        """The same end under the name that it deserves."""
        if error.code != "TLS_REFUSED":
            self._closed = 0
            return error
        if await asyncio.to_thread(diagnose, self._keystore, self._clock.now(), self._registry()):
            return error
        if not await _is_waiting(self._address):
            self._closed = 0
            return LinkError("UNREACHABLE", f"the connection broke, and nobody answers any more: {error.reason}")
        self._closed += 1
        return (
            error if self._closed >= _CLOSED_IN_A_ROW else LinkError("CLOSED", f"the connection broke: {error.reason}")
        )


async def _is_waiting(address: str) -> bool:
    """Whether somebody there waits to be spoken to, as a TLS server does; a proxy of a dead one hangs up."""
    host, _, port = address.rpartition(":")
    try:
        async with asyncio.timeout(_CONNECT_S):
            reader, writer = await asyncio.open_connection(host.strip("[]"), int(port))
    except (OSError, ValueError):
        return False
    try:
        async with asyncio.timeout(_PROBE_S):
            return await reader.read(1) != b""
    except TimeoutError:
        return True
    except OSError:
        return False
    finally:
        writer.close()
