"""Who may end an incident and who answers for it, while every message may come late, twice, or never.

The holder of term t offers: it still answers for the incident but may no longer end it. Whoever got the offer decides
once about (giver, t): it accepts and holds t+1, or refuses and leaves a tombstone; then the giver holds t+2. Asking an
offer back is a request, and a refusal is the answer to it even where the offer never came.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from tests.model.search import Label

ELSEWHERE, HELD, OFFERED = "elsewhere", "held", "offered"
NAMES = ("commune", "district", "province")


@dataclass(frozen=True, slots=True)
class CustodyRules:
    """What a variant may get wrong."""

    has_timer: bool = False  # the giver takes an unanswered offer back by itself
    ends_while_offered: bool = False  # the giver may still end what it offered
    has_tombstone: bool = True  # a withdrawn offer that never came is remembered as refused
    has_fence: bool = True  # an answer counts only for the offer of exactly its term


class Post(NamedTuple):
    state: str = ELSEWHERE
    term: int = 0
    to: int = -1
    asked: tuple[tuple[int, int], ...] = ()  # (giver, term) of offers that wait for a decision here
    decided: frozenset[tuple[int, int, bool]] = frozenset()  # (giver, term, accepted)


class Duty(NamedTuple):
    posts: tuple[Post, ...]
    net: frozenset[tuple[str, int, int, int]]  # (kind, from, to, term)

    def put(self, place: int, post: Post, *sent: tuple[str, int, int, int]) -> "Duty":
        posts = (*self.posts[:place], post, *self.posts[place + 1 :])
        return Duty(posts, self.net | set(sent))


class Custody:
    """Centres in a row; the incident begins at the lowest, and any holder may offer it to a neighbour, up or down."""

    def __init__(self, centres: int, rules: CustodyRules | None = None, most_term: int = 5) -> None:
        self.centres = centres
        self.rules = rules or CustodyRules()
        self.most_term = most_term

    def start(self) -> Duty:
        return Duty((Post(HELD, 1), *[Post()] * (self.centres - 1)), frozenset())

    def next(self, duty: Duty) -> Iterator[tuple[Label, Duty]]:
        for place, post in enumerate(duty.posts):
            yield from self._acts(duty, place, post)
        for message in duty.net:
            after = self._hear(duty, *message)
            if after is not None and after != duty:
                yield ("hears", message), after

    def _acts(self, duty: Duty, me: int, post: Post) -> Iterator[tuple[Label, Duty]]:
        if post.state == HELD and post.term <= self.most_term:
            for other in {me - 1, me + 1} & set(range(self.centres)):
                sent = ("offer", me, other, post.term)
                yield ("sends", sent), duty.put(me, post._replace(state=OFFERED, to=other), sent)
        if post.state == OFFERED:
            sent = ("withdraw", me, post.to, post.term)
            if sent not in duty.net:
                yield ("sends", sent), duty.put(me, post, sent)
            if self.rules.has_timer:
                yield ("takes back by itself", sent), duty.put(me, post._replace(state=HELD, term=post.term + 2))
        for giver, term in post.asked:
            for accepted in (True, False):
                after = self._decide(duty, me, giver, term, accepted=accepted)
                yield ("sends", ("accept" if accepted else "refuse", me, giver, term)), after

    def _decide(self, duty: Duty, me: int, giver: int, term: int, *, accepted: bool, is_kept: bool = True) -> Duty:
        post = duty.posts[me]
        asked = tuple(one for one in post.asked if one != (giver, term))
        decided = post.decided | {(giver, term, accepted)} if is_kept else post.decided
        post = post._replace(asked=asked, decided=decided)
        if accepted:
            post = post._replace(state=HELD, term=term + 1)
        return duty.put(me, post, ("accept" if accepted else "refuse", me, giver, term))

    def _hear(self, duty: Duty, kind: str, sender: int, me: int, term: int) -> Duty | None:
        post = duty.posts[me]
        is_decided = any(one[:2] == (sender, term) for one in post.decided)
        if kind == "offer":
            if is_decided or (sender, term) in post.asked:
                return None
            return duty.put(me, post._replace(asked=(*post.asked, (sender, term))))
        if kind == "withdraw":
            if is_decided:
                return None
            is_kept = self.rules.has_tombstone or (sender, term) in post.asked
            return self._decide(duty, me, sender, term, accepted=False, is_kept=is_kept)
        if post.state != OFFERED or (self.rules.has_fence and (post.to, post.term) != (sender, term)):
            return None
        state, held = (ELSEWHERE, post.term + 1) if kind == "accept" else (HELD, post.term + 2)
        return duty.put(me, post._replace(state=state, term=held, to=-1))

    def wrong(self, duty: Duty) -> str | None:
        ending = {HELD, OFFERED} if self.rules.ends_while_offered else {HELD}
        enders = [NAMES[place] for place, post in enumerate(duty.posts) if post.state in ending]
        if len(enders) > 1:
            return f"I6: {' and '.join(enders)} may both end it"
        if not any(post.state in {HELD, OFFERED} for post in duty.posts):
            return "I6: nobody answers for it"
        if not self._settles(duty):
            return "I7: an offer stays open though the links are quiet and everybody answers"
        return None

    def _settles(self, duty: Duty) -> bool:
        """Deliver and decide what is open, oldest term first; at the end one holds it and nothing is offered."""
        for _ in range(self.most_term + 2):
            opened = [(post.term, me, post.to) for me, post in enumerate(duty.posts) if post.state == OFFERED]
            if not opened:
                break
            term, me, to = min(opened)
            duty = self._hear(duty, "offer", me, to, term) or duty
            if (me, term) in duty.posts[to].asked:
                duty = self._decide(duty, to, me, term, accepted=True)
            accepted = (me, term, True) in duty.posts[to].decided
            duty = self._hear(duty, "accept" if accepted else "refuse", to, me, term) or duty
        states = [post.state for post in duty.posts]
        return states.count(HELD) == 1 and OFFERED not in states

    def tell(self, label: Label) -> str:
        what, (kind, sender, to, term) = label
        if what == "hears":
            return f"{NAMES[to]} hears {kind}({term}) of {NAMES[sender]}"
        if what == "sends":
            return f"{NAMES[sender]} sends {kind}({term}) to {NAMES[to]}"
        return f"{NAMES[sender]} waits no longer for an answer to its offer({term}) and holds it again"
