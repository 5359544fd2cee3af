"""The parent: it judges where a frame stands in the chain that it holds, and applies what comes next."""

from typing import NamedTuple

from tests.model.chain import GENESIS, NONE, Chains, bit
from tests.model.rules import Rules

FORK, ROLLBACK = 1, 2


class Parent(NamedTuple):
    """The parent's disk; alarms stand in another book, which no restore takes back."""

    effects: tuple[int, ...]  # how often each record took effect
    head: int = NONE
    parked: int = 0  # records that are held and could not be applied
    alarms: int = 0

    @property
    def applied(self) -> int:
        """The records that took effect, as a set of bits."""
        return sum(1 << index for index, times in enumerate(self.effects) if times)

    @property
    def held(self) -> int:
        """The records that it holds, applied or parked."""
        return self.applied | self.parked


def judge(  # noqa: PLR0911 - a table of cases, one line each
    rules: Rules, chains: Chains, head: int, frame: int
) -> str:
    """What a frame is to a parent that holds the chain up to `head`."""
    if chains.holds(head, frame):
        return "held"
    if chains.prev[frame] == head:
        return "next"
    if chains.same_number(head, frame) != NONE:
        return "fork" if rules.compares_hash else "held as another"
    if rules.accepts_gaps:
        return "next"
    epoch, no = chains.epoch[frame], chains.no[frame]
    if no == GENESIS:
        return "ahead" if chains.holds(head, chains.prev[frame]) else "gap"
    if epoch == chains.epoch[head]:
        return "fork" if no == chains.no[head] + 1 else "gap"
    if epoch in chains.epochs[head]:
        return "fork" if rules.late_is_fork else "late"
    return "gap"


def commit(rules: Rules, chains: Chains, parent: Parent, frame: int, act: str, poison: int) -> Parent:
    """One transaction: the effect, the cursor (with the frame's bytes and its rid), or both."""
    rid = chains.rid[frame]
    if "effect" in act and rid:
        before = chains.prev[frame] if parent.head == frame else parent.head  # the rids kept with the cursor
        was_seen = rules.applies_once and chains.records[before] & bit(rid)
        if rid == poison and not parent.effects[rid - 1]:
            parent = parent if rules.drops_poison else parent._replace(parked=parent.parked | bit(rid))
        elif not was_seen:
            parent = parent._replace(effects=_applied(parent.effects, rid))
    return parent._replace(head=frame) if "cursor" in act else parent


def replay(parent: Parent) -> Parent:
    """Apply what was parked, after the fault was mended."""
    for rid in range(1, len(parent.effects) + 1):
        if parent.parked & bit(rid):
            parent = parent._replace(effects=_applied(parent.effects, rid), parked=parent.parked & ~bit(rid))
    return parent


def _applied(effects: tuple[int, ...], rid: int) -> tuple[int, ...]:
    return (*effects[: rid - 1], min(effects[rid - 1] + 1, 2), *effects[rid:])
