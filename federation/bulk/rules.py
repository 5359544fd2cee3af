"""What the node lends to this lane: which object may leave and where it is, and what is written down about it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from sqlalchemy.orm import Session

from federation.bulk.manifest import Manifest
from federation.bulk.wants import BulkRefused, Want, Wish


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Where an object comes from: this node's own tables, or the child that its record came through."""

    size: int
    media_type: str
    child: str = ""
    own: Callable[[Session], tuple[Manifest, bytes]] | None = None


class Rules(Protocol):
    """The owner's policy and the log; each method is called inside a step."""

    @property
    def keep_days(self) -> float:
        """How long a copy is kept."""

    def source(self, session: Session, wish: Wish) -> Source:
        """Where the object that the parent wishes is; raises BulkRefused with the rule that keeps it here."""

    def room(self, session: Session, size: int, child: str) -> None:
        """Raise BulkRefused where a copy of that size has no place."""

    def leaving(self, session: Session, wish: Wish, manifest: Manifest) -> None:
        """Its first bytes are about to go to the parent; written down before they do."""

    def given(self, session: Session, wish: Wish, manifest: Manifest) -> None:
        """All of it went to the parent."""

    def declined(self, session: Session, wish: Wish, refused: BulkRefused) -> None:
        """The parent was told that it does not come."""

    def got(self, session: Session, want: Want) -> None:
        """All of it came and is verified."""
