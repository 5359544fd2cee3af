"""What a page for strangers may know of its centre: no database, no key, nobody's session."""

from collections.abc import Callable, Mapping
from typing import Protocol

from pydantic import BaseModel

from node.clock import Clock
from node.pace import Pace
from node.territory import Centre, Territory


class Facts(Protocol):
    """The part of a running node that its intake process has too; a `NodeContext` and a `Door` are both such."""

    @property
    def centre(self) -> Centre:
        """The centre, as far as its settings tell."""
        ...

    @property
    def territory(self) -> Territory:
        """The dated units."""
        ...

    @property
    def clock(self) -> Clock:
        """The reader of the time."""
        ...

    @property
    def random(self) -> Callable[[int], bytes]:
        """The source of random bytes."""
        ...

    @property
    def pace(self) -> Pace:
        """How often something may happen."""
        ...

    @property
    def module_settings(self) -> Mapping[str, BaseModel]:
        """The sections [modules.<name>], checked."""
        ...
