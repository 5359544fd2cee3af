"""What delivery asks of a database: one writer whose answer means "on the disk", and readers beside it."""

import secrets
from collections.abc import Callable
from concurrent.futures import Future
from typing import Protocol, TypeVar

from sqlalchemy.orm import Session

T = TypeVar("T")

TOPIC = "ledger"
RANDOM = "random"
_TOUCHED = "touched"


class Storage(Protocol):
    """A database with a single writer that commits steps in groups."""

    def submit(self, step: Callable[[Session], T], *, urgent: bool = False) -> Future[T]:
        """Queue a step for the writer; the future resolves after its commit returned, or with the step's error.

        An urgent step may use what a full disk keeps in reserve.
        """

    def write(self, step: Callable[[Session], T], *, urgent: bool = False) -> T:
        """Carry a step out and wait until it is committed."""

    def read(self, step: Callable[[Session], T]) -> T:
        """Carry a step out on a connection that cannot write, in the caller's thread."""


def touch(session: Session, topic: str = TOPIC) -> None:
    """Announce that something of the topic changed; listeners hear it after the commit."""
    session.info.setdefault(_TOUCHED, set()).add(topic)


def random_of(session: Session) -> Callable[[int], bytes]:
    """Where the bytes of new identities come from: the system, unless the storage lends another source to its steps."""
    found: Callable[[int], bytes] = session.info.get(RANDOM, secrets.token_bytes)
    return found
