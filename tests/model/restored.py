"""Custody when a disk is put back: the records of both sides travel as chains, and either side may forget the newest.

Giver and receiver each keep the chain of what they signed and a copy of the other's; what somebody believes about the
incident is read from these two, the first decision about an offer being the one that counts. A restored side may not
act on custody before a hello is complete: the other has given back what it holds of the restored side's chain, and
has sent again what the restored side had of the other's. From that hello on nothing more is taken from the epochs
before it: without that last rule, an old record that arrives late turns what the hello said into a lie.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from tests.model.search import Label

SIDES = ("giver", "receiver")
Record = tuple[int, str, int]  # (epoch, kind, term)
Chain = tuple[Record, ...]


@dataclass(frozen=True, slots=True)
class RestoreRules:
    """What a variant may get wrong."""

    locks: bool = True  # a restored side does nothing about custody before its hello is complete
    closes_epochs: bool = True  # a hello ends the epochs before it: their late frames are kept as evidence only
    answer_proves_offer: bool = True  # an answer encloses the signed offer; a giver that forgot it believes the answer
    newest_offer_counts: bool = True  # a later offer of the same giver proves that the earlier ones are settled
    gives_back: bool = True


class Side(NamedTuple):
    own: Chain = ()
    got: Chain = ()
    epoch: int = 0
    is_locked: bool = False
    least: int = 0  # frames of the other side's earlier epochs are no longer taken


class Pair(NamedTuple):
    sides: tuple[Side, Side]
    backups: tuple[Side, Side]
    net: frozenset[tuple[int, Chain]]  # whose chain, up to and with the frame
    left: tuple[int, int]

    def put(self, which: int, side: Side) -> "Pair":
        return self._replace(sides=(side, self.sides[1]) if which == 0 else (self.sides[0], side))


def common(one: Chain, other: Chain) -> int:
    count = 0
    for mine, theirs in zip(one, other, strict=False):
        if mine != theirs:
            break
        count += 1
    return count


class Restored:
    """The search's view; the giver may offer twice, and each side may be restored so many times."""

    def __init__(self, restores: tuple[int, int], rules: RestoreRules | None = None, most_term: int = 3) -> None:
        self.restores = restores
        self.rules = rules or RestoreRules()
        self.most_term = most_term

    def start(self) -> Pair:
        return Pair((Side(), Side()), (Side(), Side()), frozenset(), self.restores)

    # what each side believes -------------------------------------------------------------------------------------

    def decision(self, chain: Chain, term: int) -> str | None:
        return next((kind for _, kind, at in chain if at == term and kind in {"accept", "refuse"}), None)

    def giver(self, pair: Pair) -> tuple[str, int]:
        own, got = pair.sides[0].own, pair.sides[0].got
        offers = [at for _, kind, at in own if kind == "offer"]
        if self.rules.answer_proves_offer:
            offers += [at for _, _, at in got]
        term = max(offers, default=0)
        if not term:
            return "held", 1
        said = self.decision(got, term)
        return {"accept": ("given", term + 1), "refuse": ("held", term + 2), None: ("offered", term)}[said]

    def receiver(self, pair: Pair) -> tuple[str, int]:
        own, got = pair.sides[1].own, pair.sides[1].got
        for term in (at for _, kind, at in own if kind == "accept"):
            if self.decision(own, term) == "accept":
                return "held", term + 1
        offers = [at for _, kind, at in got if kind == "offer"]
        asked = (max(offers, default=0),) if self.rules.newest_offer_counts else tuple(offers)
        waiting = [at for at in asked if at and self.decision(own, at) is None]
        return ("asked", min(waiting)) if waiting else ("elsewhere", 0)

    # what may happen ---------------------------------------------------------------------------------------------

    def next(self, pair: Pair) -> Iterator[tuple[Label, Pair]]:
        yield from self._acts(pair)
        for whose, chain in pair.net:
            to = 1 - whose
            side = pair.sides[to]
            if chain[:-1] == side.got and (chain[-1][0] >= side.least or not self.rules.closes_epochs):
                yield ("hears", to, chain[-1]), pair.put(to, side._replace(got=chain))
        met = self.hello(pair)
        if met != pair:
            yield ("hello", 0, None), met
        for which in (0, 1):
            yield from self._fails(pair, which)

    def _acts(self, pair: Pair) -> Iterator[tuple[Label, Pair]]:
        giver, receiver = pair.sides
        if not (giver.is_locked and self.rules.locks):
            state, term = self.giver(pair)
            if state == "held" and term <= self.most_term:
                yield self._say(pair, 0, "offer", term)
            if state == "offered" and not any(kind == "withdraw" and at == term for _, kind, at in giver.own):
                yield self._say(pair, 0, "withdraw", term)
        if not (receiver.is_locked and self.rules.locks):
            state, term = self.receiver(pair)
            if state == "asked":
                for kind in ("accept", "refuse"):
                    yield self._say(pair, 1, kind, term)

    def _say(self, pair: Pair, which: int, kind: str, term: int) -> tuple[Label, Pair]:
        side = pair.sides[which]
        own = (*side.own, (side.epoch, kind, term))
        after = pair.put(which, side._replace(own=own))
        return ("signs", which, own[-1]), after._replace(net=pair.net | {(which, own)})

    def hello(self, pair: Pair) -> Pair:
        """Both exchange where they stand, to the end: given back, sent again, unlocked."""
        for which in (0, 1):
            mine, theirs = pair.sides[which], pair.sides[1 - which]
            shared = common(mine.own, theirs.got)
            own, epoch, net = mine.own, mine.epoch, pair.net
            if shared < len(theirs.got) and self.rules.gives_back:
                epoch = mine.epoch + 1 if any(one[0] == mine.epoch for one in mine.own[shared:]) else mine.epoch
                own = theirs.got
                for _, kind, term in mine.own[shared:]:
                    own = (*own, (epoch, kind, term))
                    net |= {(which, own)}
            pair = pair.put(which, mine._replace(own=own, epoch=epoch))._replace(net=net)
        for which in (0, 1):
            mine, theirs = pair.sides[which], pair.sides[1 - which]
            pair = pair.put(which, mine._replace(got=theirs.own, is_locked=False, least=theirs.epoch))
        return pair

    def _fails(self, pair: Pair, which: int) -> Iterator[tuple[Label, Pair]]:
        side, backup = pair.sides[which], pair.backups[which]
        if not pair.left[which]:
            return
        kept = Side(side.own, side.got)
        if kept != backup:
            backups = (kept, pair.backups[1]) if which == 0 else (pair.backups[0], kept)
            yield ("is backed up", which, None), pair._replace(backups=backups)
            left = tuple(count - (place == which) for place, count in enumerate(pair.left))
            back = backup._replace(epoch=side.epoch + 1, is_locked=True, least=side.least)
            yield ("is restored", which, None), pair.put(which, back)._replace(left=left)

    # what must never be ------------------------------------------------------------------------------------------

    def wrong(self, pair: Pair) -> str | None:
        giver, receiver = pair.sides
        gives, takes = self.giver(pair)[0], self.receiver(pair)[0]
        is_free = [not (side.is_locked and self.rules.locks) for side in pair.sides]
        if gives == takes == "held" and all(is_free):
            return "I6: giver and receiver may both end it"
        # A restored side that does not know yet counts as answering: until its hello it takes everything for its own.
        if gives == "given" and takes != "held" and not receiver.is_locked and not giver.is_locked:
            return "I6: nobody answers for it"
        ended = self.hello(pair)
        holders = [self.giver(ended)[0] in {"held", "offered"}, self.receiver(ended)[0] == "held"]
        if holders.count(True) != 1:
            return "I7: after a hello over quiet links not exactly one side answers for it"
        return None

    def tell(self, label: Label) -> str:
        what, which, record = label
        if what == "hello":
            return "both exchange a hello to its end"
        words = "" if record is None else f" {record[1]}({record[2]}) in epoch {record[0]}"
        return f"{SIDES[which]} {what}{words}"


WRONG = (
    ("not locked after a restore", RestoreRules(locks=False), "I6"),
    ("late frames of an epoch that a hello ended are taken", RestoreRules(closes_epochs=False), "I6"),
    ("an answer does not prove its offer", RestoreRules(answer_proves_offer=False), "I7"),
    ("an offer stays open after a later one", RestoreRules(newest_offer_counts=False), "I7"),
    ("nothing is given back", RestoreRules(gives_back=False), "I6"),
)
