"""Visit every state that a model can reach, nearest first, and tell the shortest way to the first wrong one.

A model is a start, a function from a state to what may happen next, and a function that says what is wrong with a
state. Nothing is drawn by chance: a model that holds here holds for every order of events within its budgets.
"""

from collections.abc import Callable, Hashable, Iterable, Iterator
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

State = TypeVar("State", bound=Hashable)
Label = tuple  # (what happened, its details): put into words only when a trace is told


class Model(Protocol[State]):
    """What the search asks of a model."""

    def start(self) -> State: ...

    def next(self, state: State) -> Iterable[tuple[Label, State]]: ...

    def wrong(self, state: State) -> str | None: ...

    def tell(self, label: Label) -> str: ...


@dataclass(frozen=True, slots=True)
class Found(Generic[State]):
    """How many states were visited; if one was wrong: what is wrong with it, and how it came about."""

    states: int
    wrong: str | None = None
    trace: tuple[str, ...] = ()
    is_whole: bool = True

    @property
    def holds(self) -> bool:
        """Every reachable state was visited, and nothing is wrong with any."""
        return self.wrong is None and self.is_whole


def explore(model: Model, most: int = 2_000_000, look: Callable[[State], None] | None = None) -> Found:
    """Search breadth first; stop at the first wrong state, or after `most` states (then the answer is not whole)."""
    start = model.start()
    came: dict = {start: None}
    rank = [start]
    while rank:
        following = []
        for state in rank:
            wrong = model.wrong(state)
            if wrong is not None:
                return Found(len(came), wrong, tuple(_tell(model, came, state)))
            if look is not None:
                look(state)
            for label, after in model.next(state):
                if after not in came:
                    came[after] = (state, label)
                    following.append(after)
        if len(came) > most:
            return Found(len(came), is_whole=False)
        rank = following
    return Found(len(came))


def _tell(model: Model, came: dict, state: State) -> Iterator[str]:
    steps = []
    while came[state] is not None:
        state, label = came[state]
        steps.append(model.tell(label))
    return reversed(steps)
