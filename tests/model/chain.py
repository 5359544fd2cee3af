"""Frames and chains, small enough to count: a frame is a number, and because each names the one before it, a frame's
number stands for the whole chain up to it, as its hash does in the real protocol.
"""

NONE = 0  # the chain without a frame
GENESIS = 0  # frame number 0 opens an epoch and carries no record


class Chains:
    """Every frame ever thought of, each once: same epoch, number, record and predecessor, same number here."""

    def __init__(self) -> None:
        self.epoch = [-1]
        self.no = [-1]
        self.rid = [0]
        self.prev = [NONE]
        self.path: list[tuple[int, ...]] = [(NONE,)]
        self.records: list[int] = [0]  # as a set of bits
        self.epochs: list[frozenset[int]] = [frozenset()]
        self._known: dict[tuple[int, int, int, int], int] = {}

    def after(self, prev: int, epoch: int, rid: int) -> int:
        """The frame with that record which follows `prev`; a genesis where the record is 0."""
        no = GENESIS if rid == 0 else self.no[prev] + 1
        key = (epoch, no, rid, prev)
        frame = self._known.get(key)
        if frame is None:
            frame = self._known[key] = len(self.no)
            self.epoch.append(epoch)
            self.no.append(no)
            self.rid.append(rid)
            self.prev.append(prev)
            self.path.append((*self.path[prev], frame))
            self.records.append(self.records[prev] | bit(rid))
            self.epochs.append(self.epochs[prev] | {epoch})
        return frame

    def depth(self, frame: int) -> int:
        return len(self.path[frame]) - 1

    def holds(self, head: int, frame: int) -> bool:
        """Whether `frame` lies on the chain that ends in `head`."""
        path, depth = self.path[head], len(self.path[frame]) - 1
        return depth < len(path) and path[depth] == frame

    def common(self, one: int, other: int) -> int:
        """The last frame that two chains share."""
        first, second = self.path[one], self.path[other]
        last = NONE
        for mine, theirs in zip(first, second, strict=False):
            if mine != theirs:
                break
            last = mine
        return last

    def same_number(self, head: int, frame: int) -> int:
        """The frame of that chain which bears the epoch and number of `frame`, or NONE."""
        epoch, no = self.epoch[frame], self.no[frame]
        for held in self.path[head][1:]:
            if self.epoch[held] == epoch and self.no[held] == no:
                return held
        return NONE

    def beyond(self, head: int, depth: int) -> list[int]:
        """The records of a chain after that many frames, in their order."""
        return [self.rid[frame] for frame in self.path[head][depth + 1 :] if self.rid[frame]]

    def tell(self, frame: int) -> str:
        if frame == NONE:
            return "nothing"
        what = f"r{self.rid[frame]}" if self.rid[frame] else "genesis"
        return f"e{self.epoch[frame]}.{self.no[frame]}({what})"


def bit(rid: int) -> int:
    return 1 << (rid - 1) if rid else 0


def bits(rids: tuple[int, ...] | list[int]) -> int:
    found = 0
    for rid in rids:
        found |= bit(rid)
    return found


def names(mask: int) -> str:
    return ", ".join(f"r{rid}" for rid in range(1, 10) if mask & bit(rid)) or "nothing"
