"""Two communes and a province with a liar between them.

Whatever the communes sign reaches the district at once, and the district may do with it what it likes: pass it on late,
twice, out of order or not at all, alter it, sign something else in a commune's name, invent receipts, replay old ones,
and claim any total. It cannot sign with a key that it does not have. The province applies only what the origin signed
and what comes next in the origin's chain; its signed receipt goes down through the liar to the origin; a commune that
has no receipt of the province within the limit raises an alarm and dials the province itself; and the province may
learn elsewhere how far a commune has signed (an audit, a neighbour, the bypass), which binds the liar to its limit.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from tests.model.search import Label

LIMIT = 2  # ticks that a receipt, or a frame whose number is known elsewhere, may take
COMMUNES = ("Tam Phước", "Phước Tân")
BAD_SIGNATURE, WITHHELD, WRONG_TOTAL = 1, 2, 4
NEVER = -1


@dataclass(frozen=True, slots=True)
class RelayRules:
    """What province and communes check; a variant leaves one thing out."""

    signature: str = "origin"  # whose signature a frame needs: its "origin"'s, "any" centre's, or "none"
    checks_chain: bool = True
    trusts_totals: bool = False  # the wall shows what the district claims instead of the sum of signed rows
    compares_totals: bool = True  # a claim that contradicts the signed rows is announced
    shows_gaps: bool = True  # a total with a known gap is shown as unknown, not as a fact
    names_forgers: bool = True  # a frame that its origin did not sign is announced, not only thrown away
    receipts_of_top: bool = True  # a receipt must be signed by the province itself
    receipts_name_frame: bool = True  # a receipt counts for the stream and frames it names, and no others
    rings_without_receipt: bool = True
    heeds_heads: bool = True  # the province compares what it holds with a head seen elsewhere
    has_bypass: bool = True


class Commune(NamedTuple):
    signed: tuple[int, ...] = ()  # when each of its frames was signed
    receipt: int = 0  # up to which frame it believes that the province holds them
    rang: bool = False


class Seen(NamedTuple):
    """What the province knows about one commune."""

    effects: tuple[int, ...] = ()  # numbers of the frames it applied, in its order; negative where not the commune's
    head: int = 0  # up to which frame it knows, from elsewhere, that the commune has signed
    since: int = NEVER


class State(NamedTuple):
    now: int
    communes: tuple[Commune, ...]
    seen: tuple[Seen, ...]
    alarms: int = 0
    shown: int = NEVER  # the total on the province's wall as a fact; unknown where it cannot be one
    lied: bool = False  # a claim was made that the signed rows contradict
    forged: bool = False  # a frame was offered that its origin did not sign

    def commune(self, which: int, commune: Commune) -> "State":
        return self._replace(communes=(*self.communes[:which], commune, *self.communes[which + 1 :]))

    def province(self, which: int, seen: Seen) -> "State":
        return self._replace(seen=(*self.seen[:which], seen, *self.seen[which + 1 :]))


class Relay:
    """The search's view: the liar has every choice, the honest ones follow the rules."""

    def __init__(
        self, rules: RelayRules | None = None, frames: tuple[int, ...] = (2, 1), ticks: int = 4, breaks: str = ""
    ) -> None:
        self.rules = rules or RelayRules()
        self.frames = frames
        self.ticks = ticks
        self.breaks = breaks

    def start(self) -> State:
        return State(0, tuple(Commune() for _ in self.frames), tuple(Seen() for _ in self.frames))

    def next(self, state: State) -> Iterator[tuple[Label, State]]:
        if state.now < self.ticks:
            yield ("time passes", 0, 0), self.tick(state)
        for which, commune in enumerate(state.communes):
            yield from self._honest(state, which, commune)
            yield from self._liar(state, which, commune)
        for total in range(sum(self.frames) + 2):
            yield ("claims a total of", 0, total), self._claim(state, total)

    def _honest(self, state: State, which: int, commune: Commune) -> Iterator[tuple[Label, State]]:
        signed, seen = len(commune.signed), state.seen[which]
        if signed < self.frames[which]:
            grown = commune._replace(signed=(*commune.signed, state.now))
            yield ("signs frame", which, signed + 1), state.commune(which, grown)
        if seen.head < signed:
            since = seen.since if seen.head > len(seen.effects) else state.now
            told = state.province(which, seen._replace(head=signed, since=since))
            yield ("is heard elsewhere to have signed up to", which, signed), self._show(told)
        if commune.rang and self.rules.has_bypass:
            yield ("dials the province", which, signed), self.bypass(state, which)

    def _liar(self, state: State, which: int, commune: Commune) -> Iterator[tuple[Label, State]]:
        signed, seen = len(commune.signed), state.seen[which]
        if len(seen.effects) <= sum(self.frames):  # a broken variant could go on for ever
            for number in range(1, signed + 1):
                yield ("passes on frame", which, number), self._deliver(state, which, number, "origin")
            for signer in ("any", "none"):
                number = len(seen.effects) + 1
                yield (
                    (f"offers what {signer} signed as frame", which, number),
                    self._deliver(state, which, -number, signer),
                )
        for number in range(commune.receipt + 1, signed + 1):
            if self._is_receipt_good(state, which, number, "province"):
                yield ("passes on a receipt for", which, number), state.commune(which, commune._replace(receipt=number))
            if self._is_receipt_good(state, which, number, "district"):
                yield ("invents a receipt for", which, number), state.commune(which, commune._replace(receipt=number))

    def _is_receipt_good(self, state: State, which: int, number: int, signer: str) -> bool:
        """Whether the commune takes the liar's receipt: the province's own, or one that the district signed."""
        if signer == "district":
            return not self.rules.receipts_of_top
        if self.rules.receipts_name_frame:
            return number <= len(state.seen[which].effects)
        return any(seen.effects for seen in state.seen)

    def _deliver(self, state: State, which: int, number: int, signer: str) -> State:
        """The province takes a frame, or says why not. A number below zero marks what the commune never signed."""
        seen = state.seen[which]
        strict = ("origin", "any", "none")
        if strict.index(signer) > strict.index(self.rules.signature):
            alarms = state.alarms | BAD_SIGNATURE if self.rules.names_forgers else state.alarms
            return state._replace(alarms=alarms, forged=True)
        if self.rules.checks_chain and abs(number) != len(seen.effects) + 1:
            return state
        return self._show(state.province(which, seen._replace(effects=(*seen.effects, number))))

    def bypass(self, state: State, which: int) -> State:
        """Commune and province talk without the district: frames up, head and receipt with them."""
        signed = len(state.communes[which].signed)
        for number in range(len(state.seen[which].effects) + 1, signed + 1):
            state = self._deliver(state, which, number, "origin")
        state = state.province(which, state.seen[which]._replace(head=signed, since=state.now))
        return self._show(state.commune(which, state.communes[which]._replace(receipt=signed)))

    def tick(self, state: State) -> State:
        """Time passes; whoever is owed something for longer than the limit says so."""
        now = state.now + 1
        for which, commune in enumerate(state.communes):
            is_late = any(now - at >= LIMIT for at in commune.signed[commune.receipt :])
            if is_late and self.rules.rings_without_receipt:
                state = state.commune(which, commune._replace(rang=True))
            seen = state.seen[which]
            if self.rules.heeds_heads and seen.head > len(seen.effects) and now - seen.since >= LIMIT:
                state = state._replace(alarms=state.alarms | WITHHELD)
        return state._replace(now=now)

    def _sum(self, state: State) -> int | None:
        """The total of the signed rows, where the province holds all that it knows to exist; else it is not known."""
        if any(seen.head > len(seen.effects) for seen in state.seen):
            return None
        return sum(len(seen.effects) for seen in state.seen)

    def _show(self, state: State) -> State:
        if self.rules.trusts_totals:
            return state
        known = self._sum(state)
        if known is None and not self.rules.shows_gaps:
            return state
        return state._replace(shown=NEVER if known is None else known)

    def _claim(self, state: State, total: int) -> State:
        if self.rules.trusts_totals:
            return state._replace(shown=total)
        known = self._sum(state)
        if known is None or known == total:
            return state
        alarms = state.alarms | WRONG_TOTAL if self.rules.compares_totals else state.alarms
        return state._replace(lied=True, alarms=alarms)

    # what must never be ------------------------------------------------------------------------------------------

    def wrong(self, state: State) -> str | None:
        for faults in (self._faults, self._overdue, self._false_totals):
            for name, words in faults(state):
                if not self.breaks or name == self.breaks:
                    return f"{name}: {words}"
        return None

    def _faults(self, state: State) -> Iterator[tuple[str, str]]:
        for which, (commune, seen) in enumerate(zip(state.communes, state.seen, strict=True)):
            name = COMMUNES[which]
            if any(number < 0 for number in seen.effects):
                yield "effect", f"the province applied what {name} never signed"
            elif seen.effects != tuple(range(1, len(seen.effects) + 1)):
                yield "effect", f"the province applied frames {seen.effects} of {name}"
            if commune.receipt > len(seen.effects):
                yield "receipt", f"{name} believes frame {commune.receipt} arrived, the province does not hold it"

    def _overdue(self, state: State) -> Iterator[tuple[str, str]]:
        for which, (commune, seen) in enumerate(zip(state.communes, state.seen, strict=True)):
            name, signed = COMMUNES[which], len(commune.signed)
            held = len(seen.effects)
            if any(state.now - at >= LIMIT for at in commune.signed[held:]) and not commune.rang:
                yield "withheld", f"a frame of {name} is overdue and {name} raised no alarm"
            is_overdue = seen.head > held and state.now - seen.since >= LIMIT
            if is_overdue and not state.alarms & WITHHELD:
                yield "withheld", f"the province knows of frame {seen.head} of {name}, lacks it and raised no alarm"
            if commune.rang and not self._reaches(state, which):
                yield "withheld", f"{name} raised an alarm and its {signed} frames still do not reach the province"

    def _false_totals(self, state: State) -> Iterator[tuple[str, str]]:
        known = self._sum(state)
        if state.shown not in (NEVER, known):
            words = "there is a known gap" if known is None else f"the signed rows say {known}"
            yield "total", f"the wall shows {state.shown} as a fact, but {words}"
        if state.forged and not state.alarms & BAD_SIGNATURE:
            yield "forgery", "a frame was offered that its origin did not sign, and nobody says so"
        if state.lied and not state.alarms & WRONG_TOTAL:
            yield "total", "the district's total contradicts the signed rows, and nobody says so"

    def _reaches(self, state: State, which: int) -> bool:
        """Whether a commune that rang gets everything to the province though the district withholds all."""
        if not self.rules.has_bypass:
            return len(state.seen[which].effects) == len(state.communes[which].signed)
        after = self.bypass(state, which)
        return after.seen[which].effects == tuple(range(1, len(after.communes[which].signed) + 1))

    def tell(self, label: Label) -> str:
        what, which, number = label
        if what == "time passes":
            return "time passes"
        if what == "claims a total of":
            return f"district claims a total of {number}"
        if what.startswith(("signs", "is heard", "dials")):
            return f"{COMMUNES[which]} {what}" + ("" if what.startswith("dials") else f" {number}")
        return f"district {what} {number} of {COMMUNES[which]}"


WRONG = (
    ("no check of the origin's signature", RelayRules(signature="none"), "effect"),
    ("any centre's signature will do", RelayRules(signature="any"), "effect"),
    ("no check of the chain", RelayRules(checks_chain=False), "effect"),
    ("trust the relay's totals", RelayRules(trusts_totals=True), "total"),
    ("do not compare totals with signed rows", RelayRules(compares_totals=False), "total"),
    ("show a total with a known gap as a fact", RelayRules(shows_gaps=False), "total"),
    ("throw a forged frame away in silence", RelayRules(names_forgers=False), "forgery"),
    ("receipts need not be signed by the top", RelayRules(receipts_of_top=False), "receipt"),
    ("a receipt counts for any frame", RelayRules(receipts_name_frame=False), "receipt"),
    ("no alarm without a receipt", RelayRules(rings_without_receipt=False), "withheld"),
    ("ignore a head seen elsewhere", RelayRules(heeds_heads=False), "withheld"),
    ("no bypass after the alarm", RelayRules(has_bypass=False), "withheld"),
)
