"""What goes beside a frame and under no signature: small secrets that its readers need and that can be forgotten.

A frame is kept for ever in the bytes that were signed. What must be erasable later, such as the key of something that a
record holds enciphered, therefore never stands in one: it is handed over with the frame, on the same mutual TLS, and
whoever receives it keeps it in a row that can be deleted. Delivery carries it and knows nothing of it.
"""

from typing import Protocol

from sqlalchemy import Connection

from federation.frame import StreamKey

LARGEST = 4096


class Companion(Protocol):
    """What a node puts beside its frames, and does with what came beside those of a neighbour."""

    def beside(self, connection: Connection, stream: StreamKey, raw: bytes) -> bytes:
        """What goes with this frame now; empty for nothing."""
        ...

    def arrived(self, connection: Connection, peer: str, given: bytes) -> None:
        """Keep what a neighbour put beside a frame; what cannot be read is passed over."""
        ...


class Nothing:
    """Nothing goes beside."""

    def beside(self, connection: Connection, stream: StreamKey, raw: bytes) -> bytes:
        """Nothing."""
        _ = connection, stream, raw
        return b""

    def arrived(self, connection: Connection, peer: str, given: bytes) -> None:
        """Nothing."""


NOTHING = Nothing()
