"""One child, one parent, a few records, and a network that may do anything but invent.

What was sent stays in the network for ever: it may arrive late, twice, in any order, or never. Either side may lose
power between any two of its transactions and may be put back to its backup, which may be old. The child may even be
set back without knowing it (a virtual machine's snapshot, a clone). A state holds what is on the disks, the little
that lives in memory (the child's epoch, the parent's half-done step), the network, the backups, what may still go
wrong, and what only the judge knows: which records somebody was promised (`owed`).

Left out because it changes nothing: a frame is in the network as soon as it is sealed, an acknowledgement as soon as
it is true; both may stay undelivered for ever, which is the crash in between.
"""

from collections.abc import Iterator

from tests.model import child as child_side
from tests.model import parent as parent_side
from tests.model.chain import NONE, Chains, bit
from tests.model.child import Child
from tests.model.invariants import Judge, World
from tests.model.parent import FORK, Parent
from tests.model.rules import Budget, Rules
from tests.model.search import Label


class Delivery:
    """The search's view of the protocol: what may happen next, and what must never be."""

    def __init__(self, budget: Budget, rules: Rules | None = None, looks_for: frozenset[str] | None = None) -> None:
        """With `looks_for`, only these invariants are looked at: a trace then ends in the harm that it is to show."""
        self.budget = budget
        self.rules = rules or Rules()
        self.chains = Chains()
        self.judge = Judge(budget, self.rules, self.chains, looks_for)

    def start(self) -> World:
        empty, above = Child(), Parent((0,) * self.budget.records)
        left = (self.budget.crashes, self.budget.restores, self.budget.rollbacks, self.budget.parent_restores)
        nothing = frozenset()
        return World(
            empty, 1, above, (0, 0), nothing, nothing, nothing, empty, 1, above, 2, left, 0, 0, 0, False, False
        )

    # what may happen ---------------------------------------------------------------------------------------------

    def next(self, world: World) -> Iterator[tuple[Label, World]]:
        yield from self._child_acts(world)
        yield from self._hello(world)
        yield from self._child_hears(world)
        yield from self._parent_acts(world)
        yield from self._child_fails(world)
        yield from self._parent_fails(world)

    def _child_acts(self, world: World) -> Iterator[tuple[Label, World]]:
        if world.written < self.budget.records:
            rid = world.written + 1
            kept = child_side.write(world.child, rid)
            yield ("writes", rid), world._replace(child=kept, written=rid, owed=world.owed | bit(rid))
        if world.child.pending:
            kept, sealed = child_side.seal(self.rules, self.chains, world.child, world.live)
            numbers = {(self.chains.epoch[frame], self.chains.no[frame]): frame for frame in world.net}
            clash = any(
                numbers.get((self.chains.epoch[frame], self.chains.no[frame]), frame) != frame for frame in sealed
            )
            net = world.net | set(sealed)
            yield ("seals", sealed[-1]), world._replace(child=kept, net=net, twice=world.twice or clash)
        if self.rules.prune == "send":
            depth = self.chains.depth(world.child.head)
            if depth > world.child.floor:
                yield ("deletes", world.child.head), world._replace(child=world.child._replace(floor=depth))

    def _hello(self, world: World) -> Iterator[tuple[Label, World]]:
        answers = {world.parent.head}
        if self.budget.is_late:
            answers |= {frame for head in world.said for frame in self.chains.path[head]}
        for answer in answers:
            met = child_side.meet(self.rules, self.chains, world.child, world.live, answer, world.epochs)
            if met is None:
                continue
            kept, live, alarms = met
            epochs = max(world.epochs, live + 1)
            if (kept == world.child and live == world.live) or epochs > self.budget.epochs + 1:
                continue
            parent = world.parent._replace(alarms=world.parent.alarms | alarms)
            away = world.away & ~child_side.readable(self.chains, kept)
            yield (
                ("hears that the parent holds", answer),
                world._replace(child=kept, live=live, epochs=epochs, parent=parent, away=away),
            )

    def _child_hears(self, world: World) -> Iterator[tuple[Label, World]]:
        """An acknowledgement arrives; if it allows it, bytes are forgotten."""
        acked = child_side.acknowledged(self.rules, self.chains, world.child, world.said)
        if acked not in (NONE, world.child.acked) and self.chains.holds(acked, world.child.acked):
            yield ("hears an ack of", acked), world._replace(child=world.child._replace(acked=acked))
        ground = world.safe if self.rules.prune == "safe" else {world.child.acked}
        until = child_side.acknowledged(self.rules, self.chains, world.child, ground)
        if self.chains.depth(until) > world.child.floor and self.rules.prune != "send":
            kept = world.child._replace(floor=self.chains.depth(until))
            yield ("forgets bytes up to", until), world._replace(child=kept)

    def _parent_acts(self, world: World) -> Iterator[tuple[Label, World]]:
        frame, stage = world.doing
        if frame:
            yield ("goes on with", frame, self.rules.receive[stage]), self._step(world, frame, stage)
            return
        for one in world.net:
            place = parent_side.judge(self.rules, self.chains, world.parent.head, one)
            if place == "next":
                yield ("takes", one, self.rules.receive[0]), self._step(world, one, 0)
            elif place == "fork":
                two = world.met_two or self.chains.same_number(world.parent.head, one) != NONE
                parent = world.parent._replace(alarms=world.parent.alarms | FORK)
                yield ("refuses, with an alarm,", one), world._replace(parent=parent, met_two=two)
            elif place == "held as another":
                said = self._more(world.said, one)
                yield ("acknowledges the number of", one), world._replace(said=said, met_two=True)
        if world.parent.parked:
            yield ("is mended and applies the parked", 0), world._replace(parent=parent_side.replay(world.parent))

    def _step(self, world: World, frame: int, stage: int) -> World:
        """One transaction of the parent for a frame."""
        act = self.rules.receive[stage]
        following = (frame, stage + 1) if stage + 1 < len(self.rules.receive) else (0, 0)
        if act == "ack":
            return world._replace(said=self._more(world.said, frame), doing=following)
        parent = parent_side.commit(self.rules, self.chains, world.parent, frame, act, self.budget.poison)
        said = self._more(world.said, parent.head)
        return world._replace(parent=parent, said=said, doing=following)

    def _more(self, heads: frozenset[int], head: int) -> frozenset[int]:
        """Heads with one more; those that lie on the chain of another are left out, as they say nothing more."""
        if head == NONE or any(self.chains.holds(other, head) for other in heads):
            return heads
        return frozenset({other for other in heads if not self.chains.holds(head, other)} | {head})

    # what may fail -----------------------------------------------------------------------------------------------

    def _child_fails(self, world: World) -> Iterator[tuple[Label, World]]:
        crashes, restores, rollbacks, above = world.left
        if (restores or rollbacks) and (world.child_backup, world.backup_live) != (world.child, world.live):
            yield ("is backed up", 0), world._replace(child_backup=world.child, backup_live=world.live)
        fresh = self._fresh(world)
        if fresh > self.budget.epochs:
            return
        drawn = {"live": fresh, "epochs": max(world.epochs, fresh + 1)}
        if crashes and fresh != world.live:
            yield ("loses power", 0), world._replace(**drawn, left=(crashes - 1, restores, rollbacks, above))
        if restores and world.child != world.child_backup:
            back = world._replace(**drawn, left=(crashes, restores - 1, rollbacks, above))
            yield ("is restored from its backup", 0), self._set_back(back)
        if rollbacks and world.child != world.child_backup:
            back = world._replace(live=world.backup_live, left=(crashes, restores, rollbacks - 1, above))
            yield ("is set back without knowing it", 0), self._set_back(back)

    def _fresh(self, world: World) -> int:
        """The epoch of a child that starts: a new one, unless the present one was never used, which nobody can see."""
        if not self.rules.has_epochs:
            return world.live
        return world.epochs if any(self.chains.epoch[frame] == world.live for frame in world.net) else world.live

    def _set_back(self, world: World) -> World:
        """The child's disk is its backup; what neither it nor the parent holds now was lost before it was uploaded."""
        kept = child_side.readable(self.chains, world.child_backup)
        owed = world.owed & (kept | world.parent.held | self._once_uploaded(world))
        back = world._replace(child=world.child_backup, owed=owed, away=owed & ~kept)
        if back.left[1] or back.left[2]:
            return back
        return back._replace(child_backup=Child(), backup_live=0)  # nobody will ask for it again

    def _once_uploaded(self, world: World) -> int:
        """What the parent ever said it holds, where the promise is read so: kept even if both sides lose their disk."""
        if not self.budget.is_literal:
            return 0
        found = 0
        for head in world.said:
            found |= self.chains.records[head]
        return found

    def _parent_fails(self, world: World) -> Iterator[tuple[Label, World]]:
        crashes, restores, rollbacks, above = world.left
        if world.doing[0]:
            yield ("parent loses power", 0), world._replace(doing=(0, 0))
            return
        now, kept = world.parent._replace(alarms=0), world.parent_backup
        safe = self._more(world.safe, now.head)
        if (above and now != kept) or safe != world.safe:
            # What nobody will ask for need not be told apart; what was never tried may turn out to be no backup at all.
            backup = now if above and self.rules.tries_backups else kept
            yield ("parent is backed up", 0), world._replace(parent_backup=backup, safe=safe)
        if above and now != kept:
            lost = now.held & ~kept.held & world.away & ~self._once_uploaded(world)
            parent = kept._replace(alarms=world.parent.alarms)
            owed, away = world.owed & ~lost, world.away & ~lost
            left = (crashes, restores, rollbacks, above - 1)
            back = world._replace(parent=parent, left=left, owed=owed, away=away)
            yield ("parent is restored from its backup", 0), back

    def wrong(self, world: World) -> str | None:
        return self.judge.wrong(world)

    # in words ----------------------------------------------------------------------------------------------------

    def tell(self, label: Label) -> str:
        what, subject, *more = label
        if what == "writes":
            return f"child writes r{subject} and tells the user so"
        if what in {"takes", "goes on with"}:
            return f"parent {what} {self.chains.tell(subject)}: {more[0]}"
        if what.startswith(("refuses", "acknowledges", "is mended")):
            what = f"parent {what}"
        elif not what.startswith("parent"):
            what = f"child {what}"
        return f"{what} {self.chains.tell(subject)}" if subject else what
