"""What carries envelopes between two neighbours; gRPC is one such link, tests have another.

A link proves who the other side is, keeps order, and tells when it broke. It promises nothing about delivery: whatever
was not acknowledged is offered again on the next connection.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from federation.v1.link_pb2 import Envelope


class LinkError(Exception):
    """A connection that could not be made or is over; `code` is stable, `reason` a sentence for a person.

    `is_vacant`: the computer there answered at once that nobody listens, which costs nobody anything.
    """

    def __init__(self, code: str, reason: str, *, is_vacant: bool = False) -> None:
        super().__init__(f"{code}: {reason}")
        self.code = code
        self.reason = reason
        self.is_vacant = is_vacant


class Channel(Protocol):
    """One live connection to a neighbour whose name is proved."""

    @property
    def peer(self) -> str:
        """The registry name that the other side proved."""

    async def send(self, envelope: Envelope) -> None:
        """Hand an envelope over, waiting while the other side is slow; raises LinkError when the connection is over."""

    async def receive(self) -> Envelope:
        """The next envelope; raises LinkError when the connection is over."""

    def recheck(self, at: datetime) -> None:
        """Raise LinkError if the other side's certificate has run out or its registry entry no longer allows it."""

    async def close(self, code: str, reason: str) -> None:
        """End the connection and tell the other side why, if it can still hear; harmless when repeated."""


Accept = Callable[[Channel], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class ParentAddress:
    """Where the parent listens, and the name it must prove; without a name, the registry's parent of this node."""

    address: str
    name: str | None = None


class Link(Protocol):
    """A way to reach a parent and to be reached by children."""

    async def dial(self, address: str, name: str) -> Channel:
        """Connect to the neighbour of that name; raises LinkError with the reason it could not be."""

    async def listen(self, address: str, accept: Accept) -> int:
        """Let children in; `accept` lives as long as a connection. The port; raises LinkError(BIND)."""

    async def close(self) -> None:
        """Stop listening and end every connection."""
