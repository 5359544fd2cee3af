"""The child: it writes, seals, keeps what the parent may still need, and puts itself right when both meet."""

from collections.abc import Iterable
from typing import NamedTuple

from tests.model.chain import NONE, Chains, bit, bits
from tests.model.parent import FORK, ROLLBACK
from tests.model.rules import Rules


class Child(NamedTuple):
    """The child's disk."""

    head: int = NONE  # the last frame it sealed
    floor: int = 0  # of so many frames, counted from the first, the bytes are forgotten
    pending: tuple[int, ...] = ()  # records written and not sealed, oldest first
    rows: int = 0  # the records that its own tables know
    acked: int = NONE  # the last frame for which it holds a receipt


def readable(chains: Chains, child: Child) -> int:
    """The records whose bytes the child can still show, as a set of bits."""
    return bits(child.pending) | bits(chains.beyond(child.head, child.floor))


def write(child: Child, rid: int) -> Child:
    """Business row and record, in one transaction; only then the user is told."""
    return child._replace(pending=(*child.pending, rid), rows=child.rows | bit(rid))


def seal(rules: Rules, chains: Chains, child: Child, live: int) -> tuple[Child, list[int]]:
    """Number, chain and sign the oldest record, in the epoch of this start; its genesis first if it has none yet."""
    head, sealed = child.head, []
    is_opened = chains.epoch[head] == live or (not rules.has_epochs and head != NONE)
    if not is_opened:
        head = chains.after(head, live, 0)
        sealed.append(head)
    head = chains.after(head, live, child.pending[0])
    sealed.append(head)
    return child._replace(head=head, pending=child.pending[1:]), sealed


def acknowledged(rules: Rules, chains: Chains, child: Child, heads: Iterable[int]) -> int:
    """The last of the child's frames that one of these words of the parent covers."""
    found = NONE
    for head in heads:
        if rules.ack_names_hash:
            last = chains.common(child.head, head)
        else:
            same = [chains.same_number(child.head, frame) for frame in chains.path[head][1:]]
            last = max(same, key=chains.depth, default=NONE)
        found = max(found, last, key=chains.depth)
    return found


def meet(
    rules: Rules, chains: Chains, child: Child, live: int, answer: int, fresh: int
) -> tuple[Child, int, int] | None:
    """Hear how far the parent holds the chain; the disk, the epoch and the alarms after that, None if nothing helps.

    A parent that is behind is normal: sending goes on from there. A parent that is ahead, or elsewhere, holds frames
    that the child signed and no longer has: it fetches the first of them (one transaction each), and gives new
    numbers, in a new epoch, to every record of its own that is in no frame both have. The parent may turn out to hold
    some of these records under their old numbers: that is what the rid is for.
    """
    alarms = 0
    if child.acked != NONE and not chains.holds(answer, child.acked) and rules.heeds_receipts:
        alarms |= ROLLBACK
        child = child._replace(acked=chains.common(answer, child.acked))
    if chains.holds(child.head, answer):
        return child, live, alarms
    shared = chains.common(child.head, answer)
    depth = chains.depth(shared)
    if depth < child.floor:
        return None  # only an old answer, or a parent that lost what it called safe, can say so
    if _is_fork(chains, child.head, answer, depth, live if rules.rings_when_ahead else NONE):
        alarms |= FORK
    if not rules.gives_back:
        mine = tuple(chains.beyond(child.head, depth))
        return child._replace(head=answer, pending=(*mine, *child.pending)), fresh, alarms
    back = chains.path[answer][depth + 1]
    lacked = [frame for frame in chains.path[child.head][depth + 1 :] if chains.rid[frame]]
    if rules.renumbers == "none":
        lacked = []
    elif rules.renumbers == "live":
        lacked = [frame for frame in lacked if chains.epoch[frame] == live]
    pending = (*(chains.rid[frame] for frame in lacked), *child.pending)
    if rules.compares_rids:
        pending = tuple(rid for rid in pending if not chains.records[back] & bit(rid))
    is_used = live in chains.epochs[child.head] or live in chains.epochs[answer]
    kept = child._replace(head=back, pending=pending, rows=child.rows | chains.records[back])
    return kept, fresh if is_used and rules.has_epochs else live, alarms


def _is_fork(chains: Chains, head: int, answer: int, depth: int, live: int) -> bool:
    """Two frames under one number; or the parent has more of the epoch that is in use here and nowhere else."""
    theirs = chains.path[answer][depth + 1 :]
    mine = {(chains.epoch[frame], chains.no[frame]) for frame in chains.path[head][depth + 1 :]}
    return any((chains.epoch[frame], chains.no[frame]) in mine or chains.epoch[frame] == live for frame in theirs)
