"""What must be true in every state of the delivery model, whatever went wrong before, and how it must end.

I1 what was promised is held by the child (as bytes) or by the parent; I2 no effect twice; I3 the parent holds a prefix
of the chain, each record of it applied or parked (which is I9, too); I4 what was acknowledged is on the parent's disk;
I5 two frames under one number ring, and nothing else rings as a fork; I7 over quiet links the child knows its own
history again and every promised record has had its effect. I6 is about custody, I8 and I10 about the tiers above.
"""

from collections.abc import Iterator
from typing import NamedTuple

from tests.model import child as child_side
from tests.model import parent as parent_side
from tests.model.chain import NONE, Chains, names
from tests.model.child import Child
from tests.model.parent import FORK, ROLLBACK, Parent
from tests.model.rules import Budget, Rules


class World(NamedTuple):
    child: Child
    live: int  # the child's epoch, in its memory
    parent: Parent
    doing: tuple[int, int]  # the frame in the parent's hands and the next of its transactions; (0, 0) when idle
    net: frozenset[int]  # frames
    said: frozenset[int]  # how far the parent ever said it holds the chain (acknowledgements, answers to a hello)
    safe: frozenset[int]  # how far it ever said that a backup holds the chain
    child_backup: Child
    backup_live: int
    parent_backup: Parent
    epochs: int  # the next epoch to be drawn
    left: tuple[int, int, int, int]  # crashes, restores, rollbacks, restores of the parent that may still happen
    written: int
    owed: int  # records that somebody was promised
    away: int  # of these, what a restore took from the child and nobody has given back yet
    twice: bool  # the child signed two frames under one number
    met_two: bool  # the parent was shown two frames under one number


class Judge:
    """Looks at one state at a time; with `looks_for`, only at these invariants."""

    def __init__(self, budget: Budget, rules: Rules, chains: Chains, looks_for: frozenset[str] | None) -> None:
        self.budget = budget
        self.rules = rules
        self.chains = chains
        self.looks_for = looks_for
        self._ends: dict = {}

    def wrong(self, world: World) -> str | None:
        for faults in (self._losses, self._false_words, self._alarms, self._unfinished):
            for name, words in faults(world):
                if self.looks_for is None or name in self.looks_for:
                    return f"{name}: {words}"
        return None

    def _losses(self, world: World) -> Iterator[tuple[str, str]]:
        parent = world.parent
        if any(times > 1 for times in parent.effects):
            yield "I2", "an effect was applied twice"
        if world.doing[0]:
            return  # what is in the parent's hands is judged when it has been put down, or dropped
        gone = world.owed & ~(child_side.readable(self.chains, world.child) | parent.held)
        if gone:
            yield "I1", f"{names(gone)} was promised, and neither child nor parent holds it"
        odd = parent.held ^ self.chains.records[parent.head]
        if odd:
            yield "I3", f"{names(odd)} is either behind the cursor and has no effect, or has one and is in no frame"

    def _false_words(self, world: World) -> Iterator[tuple[str, str]]:
        if not world.doing[0] and world.left[3] == self.budget.parent_restores:
            lie = next((head for head in world.said if not self.chains.holds(world.parent.head, head)), NONE)
            if lie:
                yield "I4", f"{self.chains.tell(lie)} was acknowledged and is not on the parent's disk"

    def _alarms(self, world: World) -> Iterator[tuple[str, str]]:
        alarms = world.parent.alarms
        if world.met_two and not alarms & FORK:
            yield "I5", "two frames under one number were shown to the parent, and there is no alarm"
        if world.left[2] == self.budget.rollbacks:
            if alarms & FORK:
                yield "I5", "a fork is announced, but the child was honestly restarted or restored"
            if world.twice:
                yield "I5", "a child that was never set back in secret signed two frames under one number"
        if alarms & ROLLBACK and world.left[3] == self.budget.parent_restores and not self.budget.is_late:
            yield "I5", "the parent is said to have lost something, but it was never restored"

    def _unfinished(self, world: World) -> Iterator[tuple[str, str]]:
        """What is still missing after the links stay up, nothing fails any more, and everybody did what was left."""
        if self.looks_for is not None and "I7" not in self.looks_for:
            return
        key = (world.child, world.live, world.parent, world.doing)
        if key not in self._ends:
            self._ends[key] = self._quiet(world)
        ended = self._ends[key]
        if ended is None:
            yield "I7", "over quiet links, child and parent never agree"
            return
        kept, parent = ended
        if world.owed & ~kept.rows:
            yield "I7", f"over quiet links, the child never has {names(world.owed & ~kept.rows)} again"
        if world.owed & ~parent.applied:
            yield "I7", f"over quiet links, {names(world.owed & ~parent.applied)} never takes effect at the parent"
        shared = self.chains.common(world.parent.head, world.child.head)
        unknown = self.chains.path[world.parent.head][self.chains.depth(shared) + 1 :]
        if any(self.chains.epoch[frame] == world.live for frame in unknown) and not parent.alarms & FORK:
            yield "I7", "the parent holds frames of the child's present epoch that the child lacks, and nobody says so"
        was = world.child.acked
        behind = was != NONE and not self.chains.holds(world.parent.head, was)
        if behind and not world.doing[0] and not parent.alarms & ROLLBACK:
            yield "I7", "over quiet links, the parent holds less than it gave a receipt for, and nobody says so"

    def _quiet(self, world: World) -> tuple[Child, Parent] | None:
        """Finish by the rules alone: hello until both agree where they stand, then seal and deliver in order."""
        rules, chains = self.rules, self.chains
        kept, live, parent, fresh = world.child, world.live, world.parent, 50
        frame, stage = world.doing
        if frame:
            parent = self._commit(parent, frame, rules.receive[stage:])
        for _ in range(20):
            met = child_side.meet(rules, chains, kept, live, parent.head, fresh)
            if met is None:
                return None
            kept, live, alarms = met
            fresh = max(fresh, live + 1)
            parent = parent._replace(alarms=parent.alarms | alarms)
            if chains.holds(kept.head, parent.head):
                while kept.pending:
                    kept, _ = child_side.seal(rules, chains, kept, live)
                parent = self._take_all(kept, parent)
                if parent.head == kept.head:
                    return kept, parent_side.replay(parent)
        return None

    def _take_all(self, kept: Child, parent: Parent) -> Parent:
        """The parent after every frame that the child can still show, in order, as far as it takes them."""
        for frame in self.chains.path[kept.head][self.chains.depth(parent.head) + 1 :]:
            is_kept = self.chains.depth(frame) > kept.floor
            if not is_kept or parent_side.judge(self.rules, self.chains, parent.head, frame) != "next":
                break
            parent = self._commit(parent, frame, self.rules.receive)
        return parent

    def _commit(self, parent: Parent, frame: int, acts: tuple[str, ...]) -> Parent:
        for act in acts:
            if act != "ack":
                parent = parent_side.commit(self.rules, self.chains, parent, frame, act, self.budget.poison)
        return parent
