"""Custody when one centre between two others is put back, again and again, to copies of different lives.

A *life* is what a centre does from one restore to the next. A copy may hold the end of a life that an earlier restore
gave up: words that nobody heard, beside others of a later life that were heard. The centres below and above keep their
disks. What each believes goes through the very functions that the node uses; here stand only the order of events and
what a centre does once it was put back: it puts aside what nobody heard, takes back what was heard, and, when both
neighbours have told all, says anew who answers.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import permutations
from typing import NamedTuple

from node.incident import custody as rules
from node.incident.custody import Answer, CustodyError
from node.incident.value import Custody, CustodyState
from tests.model.search import Label

GIVER, MIDDLE, TOP = "commune", "district", "province"
ABOVE = {GIVER: MIDDLE, MIDDLE: TOP}
_T0 = datetime(2026, 5, 4, tzinfo=UTC)
OFFERED = CustodyState.OFFERED


@dataclass(frozen=True, slots=True)
class LifeRules:
    """What a variant may get wrong."""

    puts_aside: bool = True  # what nobody heard is not said as it stands: it may contradict what was heard since
    heard_counts: bool = True  # a decision given back takes the place of the contrary one that nobody heard
    says_anew: bool = True  # once all is told, a restored centre says to both sides who answers
    answers_anew: bool = True  # an offer that is made anew and was decided is answered anew


class Word(NamedTuple):
    """What one centre signs about the incident; `life` makes equal words of two lives different ones."""

    life: int
    kind: str  # offer, withdraw, answer, say, pass
    by: str
    holder: str = ""
    to: str = ""
    term: int = 0
    giver: str = ""
    at: int = 0
    accepted: bool = False
    anew: bool = False
    inner: "Word | None" = None


class Post(NamedTuple):
    """A centre's disk: what it believes, decided and signed, and how much of each neighbour it heard."""

    custody: Custody
    decided: frozenset[tuple[str, int, str]] = frozenset()
    up: tuple[Word, ...] = ()
    down: tuple[Word, ...] = ()
    heard_below: int = 0
    heard_above: int = 0


class World(NamedTuple):
    """Three centres, the copies of the middle one, and what its neighbours hold of its two streams."""

    posts: tuple[Post, ...]
    copies: tuple[Post, ...]
    held: tuple[tuple[Word, ...], tuple[Word, ...]]  # by the giver of `down`, by the top of `up`
    life: int
    left: int


NAMES = (GIVER, MIDDLE, TOP)


def _signed(custody: Custody) -> tuple[str, str, int]:
    to = custody.offered_to if custody.state is OFFERED else ""
    return custody.holder, to or "", custody.term


class Lives:
    """The search's view: how often the middle is put back, to how many copies, and up to which term offers are made."""

    def __init__(
        self,
        restores: int,
        copies: int,
        *,
        rules: LifeRules | None = None,
        most_term: int = 1,
        withdraws: bool = True,
        has_top: bool = True,
        is_offered: bool = False,
    ) -> None:
        self.restores, self.copies, self.most_term = restores, copies, most_term
        self.rules = rules or LifeRules()
        self.withdraws, self.has_top, self.is_offered = withdraws, has_top, is_offered

    def start(self) -> World:
        elsewhere = Post(Custody(CustodyState.ELSEWHERE, GIVER, None, 1, _T0))
        first = Post(rules.opened(GIVER, _T0))
        world = World((first, elsewhere, elsewhere), (), ((), ()), 0, self.restores)
        if not self.is_offered:
            return world
        ((_, offered),) = self._acts(world, 0)
        return self._carry_all(self._put(world, 0, offered))

    # what may happen ---------------------------------------------------------------------------------------------

    def next(self, world: World) -> Iterator[tuple[Label, World]]:
        for place in range(3):
            for word, post in self._acts(world, place):
                yield ("does", NAMES[place], word), self._put(world, place, post)
        yield from self._carried(world)
        middle = world.posts[1]
        if world.left and len(world.copies) < self.copies and middle not in world.copies:
            yield ("is backed up", MIDDLE, len(world.copies)), world._replace(copies=(*world.copies, middle))
        if world.left:
            for number, copy in enumerate(world.copies):
                for order in permutations((0, 2)):
                    for sent_first in (False, True):
                        after = self._put_back(world, copy, order, sent_first=sent_first)
                        yield ("is put back to copy", MIDDLE, number), after

    def _put(self, world: World, place: int, post: Post) -> World:
        return world._replace(posts=(*world.posts[:place], post, *world.posts[place + 1 :]))

    def _acts(self, world: World, place: int) -> Iterator[tuple[str, Post]]:
        post, me = world.posts[place], NAMES[place]
        custody = post.custody
        above = ABOVE.get(me) if self.has_top or me == GIVER else None
        if above and custody.may_end(me) and custody.term <= self.most_term:
            offered = post._replace(custody=rules.offer(custody, me=me, to=above, now=_T0))
            yield "offer", self._tell(world, me, offered, "offer")
        if self.withdraws and custody.state is OFFERED and custody.holder == me and not custody.asked_back:
            asked = post._replace(custody=rules.ask_back(custody, me=me))
            yield "withdraw", self._tell(world, me, asked, "withdraw")
        if custody.state is OFFERED and custody.offered_to == me:
            for accepted in (True, False):
                yield "accept" if accepted else "decline", self._decide(world, me, post, accepted=accepted)

    def _decide(self, world: World, me: str, post: Post, *, accepted: bool) -> Post:
        giver, term = post.custody.holder, post.custody.term
        custody = rules.answer(post.custody, Answer(giver, term, accepted), me=me, now=_T0)
        post = self._note(post, giver, term, "accepted" if accepted else "refused")._replace(custody=custody)
        return self._tell(world, me, post, "say", Answer(giver, term, accepted))

    def _note(self, post: Post, giver: str, term: int, verdict: str) -> Post:
        kept = {one for one in post.decided if one[:2] != (giver, term)}
        return post._replace(decided=frozenset({*kept, (giver, term, verdict)}))

    def decision(self, post: Post, giver: str, term: int) -> str | None:
        return next((verdict for one, at, verdict in post.decided if (one, at) == (giver, term)), None)

    def _tell(
        self, world: World, me: str, post: Post, kind: str, answer: Answer | None = None, *, anew: bool = False
    ) -> Post:
        holder, to, term = _signed(post.custody)
        said = Word(world.life if me == MIDDLE else 0, kind, me, holder, to, term, anew=anew)
        if answer is not None:
            said = said._replace(giver=answer.giver, at=answer.term, accepted=answer.accepted)
        if me != TOP:
            post = post._replace(up=(*post.up, said))
        if me != GIVER:
            post = post._replace(down=(*post.down, said._replace(kind="say")))
        return post

    def _pass(self, world: World, post: Post, word: Word, *, upwards: bool) -> Post:
        passed = Word(world.life, "pass", MIDDLE, inner=word)
        return post._replace(up=(*post.up, passed)) if upwards else post._replace(down=(*post.down, passed))

    # what is heard -----------------------------------------------------------------------------------------------

    def _carried(self, world: World) -> Iterator[tuple[Label, World]]:
        giver, middle, top = world.posts
        if middle.heard_below < len(giver.up):
            word = giver.up[middle.heard_below]
            heard = self.hear(world, 1, word, from_below=True)
            yield ("hears", MIDDLE, word), self._put(world, 1, heard._replace(heard_below=middle.heard_below + 1))
        if middle.heard_above < len(top.down):
            word = top.down[middle.heard_above]
            heard = self.hear(world, 1, word, from_below=False)
            yield ("hears", MIDDLE, word), self._put(world, 1, heard._replace(heard_above=middle.heard_above + 1))
        below, above = world.held
        if len(below) < len(middle.down):
            word = middle.down[len(below)]
            after = self._put(world, 0, self.hear(world, 0, word, from_below=False))
            yield ("hears", GIVER, word), after._replace(held=((*below, word), above))
        if self.has_top and len(above) < len(middle.up):
            word = middle.up[len(above)]
            after = self._put(world, 2, self.hear(world, 2, word, from_below=True))
            yield ("hears", TOP, word), after._replace(held=(below, (*above, word)))

    def hear(self, world: World, place: int, word: Word, *, from_below: bool, is_locked: bool = False) -> Post:
        """As `node.incident.hear`; raises CustodyError for what the node would park."""
        post, me = world.posts[place], NAMES[place]
        if word.inner is not None:
            return self._claimed(post, me, word.inner)
        if word.kind == "offer":
            post = self._offered(world, post, me, word, is_locked=is_locked)
        elif word.giver == me:
            verdict = Answer(me, word.at, word.accepted)
            custody = rules.hear_answer(post.custody, verdict, me=me, receiver=word.by, now=_T0, is_proved=True)
            post = self._claimed(post._replace(custody=custody), me, word)
        elif word.kind != "withdraw":
            post = self._claimed(post, me, word)
        if me == MIDDLE:
            post = self._pass(world, post, word, upwards=from_below)
        if word.kind == "withdraw":
            post = self._asked_back(world, post, me, word, is_locked=is_locked)
        return post

    def _claimed(self, post: Post, me: str, word: Word) -> Post:
        if not word.holder or word.by not in {post.custody.holder, post.custody.offered_to}:
            return post
        heard = rules.told(post.custody, me=me, holder=word.holder, offered_to=word.to or None, term=word.term, now=_T0)
        return post._replace(custody=heard)

    def _offered(self, world: World, post: Post, me: str, word: Word, *, is_locked: bool) -> Post:
        decision = self.decision(post, word.by, word.term)
        if decision is not None:
            if word.anew and decision in {"accepted", "refused"} and self.rules.answers_anew and not is_locked:
                return self._tell(world, me, post, "say", Answer(word.by, word.term, decision == "accepted"))
            return post
        if is_locked and word.term < post.custody.term:
            return self._note(post, word.by, word.term, "void")
        if word.by not in {post.custody.holder, post.custody.offered_to}:
            raise CustodyError("not the holder")
        heard = rules.hear_offer(post.custody, me=me, giver=word.by, term=word.term, now=_T0)
        return self._note(post, word.by, word.term, "pending")._replace(custody=heard)

    def _asked_back(self, world: World, post: Post, me: str, word: Word, *, is_locked: bool) -> Post:
        custody, decision = post.custody, self.decision(post, word.by, word.term)
        if decision not in {None, "pending"}:
            if word.anew and self.rules.answers_anew and not is_locked and decision != "void":
                return self._tell(world, me, post, "say", Answer(word.by, word.term, decision == "accepted"))
            return post
        is_open = custody.state is OFFERED and (custody.holder, custody.term) == (word.by, word.term)
        if is_locked:
            return post._replace(custody=replace(custody, asked_back=True)) if is_open else post
        if is_open:
            return self._decide(world, me, post, accepted=False)
        post = self._note(post, word.by, word.term, "refused")
        return self._tell(world, me, post, "say", Answer(word.by, word.term, accepted=False))

    # a disk is put back ------------------------------------------------------------------------------------------

    def _put_back(self, world: World, copy: Post, order: tuple[int, ...], *, sent_first: bool) -> World:
        world = world._replace(life=world.life + 1, left=world.left - 1)
        below, above = world.held
        unheard = (_beyond(copy.down, below), _beyond(copy.up, above))
        post = copy._replace(down=below, up=above)
        parked: list[tuple[Word, bool]] = []
        for place in order:
            if sent_first:
                post = self._send_again(world, post, place, parked)
            mine = (copy.down, below) if place == 0 else (copy.up, above)
            for word in _beyond(mine[1], mine[0]):
                post = self._recall(post, word)
            if not sent_first:
                post = self._send_again(world, post, place, parked)
        for word, from_below in parked:
            post = self.hear(self._put(world, 1, post), 1, word, from_below=from_below, is_locked=True)
        return self._put(world, 1, self._settle(world, post, unheard))

    def _send_again(self, world: World, post: Post, place: int, parked: list[tuple[Word, bool]]) -> Post:
        said = world.posts[0].up if place == 0 else world.posts[2].down
        heard = post.heard_below if place == 0 else post.heard_above
        is_behind = any(from_below == (place == 0) for _, from_below in parked)
        for word in said[heard:]:
            try:
                heard = self.hear(self._put(world, 1, post), 1, word, from_below=place == 0, is_locked=True)
            except CustodyError:
                is_behind = True
            if is_behind:
                parked.append((word, place == 0))
            else:
                post = heard
        count = len(said)
        return post._replace(heard_below=count) if place == 0 else post._replace(heard_above=count)

    def _recall(self, post: Post, word: Word) -> Post:
        if not word.holder:
            return post
        if word.giver and word.by == MIDDLE:
            verdict, before = ("refused", "accepted")[word.accepted], self.decision(post, word.giver, word.at)
            if before in {"accepted", "refused"} and before != verdict and self.rules.heard_counts:
                unheard = Answer(word.giver, word.at, before == "accepted")
                post = post._replace(custody=rules.undecided(post.custody, unheard, me=MIDDLE, now=_T0))
            if before in {None, "pending"} or self.rules.heard_counts:
                post = self._note(post, word.giver, word.at, verdict)
        state = OFFERED if word.to else CustodyState.HELD if word.holder == MIDDLE else CustodyState.ELSEWHERE
        own = Custody(state, word.holder, word.to or None, word.term, _T0, asked_back=word.kind == "withdraw")
        return post._replace(custody=rules.recalled(post.custody, own, me=MIDDLE))

    def _settle(self, world: World, post: Post, unheard: tuple[tuple[Word, ...], ...]) -> Post:
        is_bare, life = self.rules.puts_aside, world.life
        spoken = [tuple(_bare(word) if is_bare else word for word in words) for words in unheard]
        post = post._replace(down=(*post.down, *(one._replace(life=life) for one in spoken[0])))
        post = post._replace(up=(*post.up, *(one._replace(life=life) for one in spoken[1])))
        if post.custody.state is OFFERED and post.custody.offered_to == MIDDLE and post.custody.asked_back:
            post = self._decide(world, MIDDLE, post, accepted=False)
        if not self.rules.says_anew:
            return post
        kind = "say"
        if post.custody.state is OFFERED and post.custody.holder == MIDDLE:
            kind = "withdraw" if post.custody.asked_back else "offer"
        final = [one for one in post.decided if one[0] == GIVER and one[2] in {"accepted", "refused"}]
        giver, term, verdict = max(final, key=lambda one: one[1], default=("", 0, ""))
        answer = Answer(giver, term, verdict == "accepted") if giver else None
        return self._tell(world, MIDDLE, post, kind, answer, anew=True)

    # what must never be ------------------------------------------------------------------------------------------

    def wrong(self, world: World) -> str | None:
        try:
            quiet = self._carry_all(world)
            holder = self._answering(quiet)
            told = [self._tell(quiet, NAMES[place], quiet.posts[place], "say") for place in holder[:1]]
            ended = self._carry_all(self._put(quiet, holder[0], told[0])) if holder else quiet
        except CustodyError as error:
            return f"I3: a word is parked: {error}"
        for one in (world, quiet, ended):
            enders = [name for name, post in zip(NAMES, one.posts, strict=True) if post.custody.may_end(name)]
            if len(enders) > 1:
                return f"I6: {' and '.join(enders)} may both end it"
            if not self._answering(one):
                return "I6: nobody answers for it"
        known = [post.custody for post in ended.posts[: 3 if self.has_top else 2]]
        views = {(one.holder, one.offered_to or "", one.term) for one in known}
        if len(views) > 1:
            return f"I7: the links are quiet, and the views differ: {sorted(views)}"
        return None

    def _answering(self, world: World) -> list[int]:
        return [place for place, name in enumerate(NAMES) if world.posts[place].custody.is_responsible(name)]

    def _carry_all(self, world: World) -> World:
        while True:
            after = next((one for _, one in self._carried(world)), None)
            if after is None:
                return world
            world = after

    def tell(self, label: Label) -> str:
        what, who, detail = label
        if isinstance(detail, Word):
            said = detail.inner or detail
            passed = " passed on" if detail.inner else ""
            about = f" answers {said.giver}({said.at}) {said.accepted}" if said.giver else ""
            return f"{who} hears {said.kind} of {said.by}{passed}: {said.holder} {said.to} {said.term}{about}"
        return f"{who} {what} {detail}"


def _beyond(mine: tuple[Word, ...], theirs: tuple[Word, ...]) -> tuple[Word, ...]:
    """What one chain holds after the last word that both share."""
    count = 0
    for one, other in zip(mine, theirs, strict=False):
        if one != other:
            break
        count += 1
    return mine[count:]


def _bare(word: Word) -> Word:
    """The same word without what it says of custody: a line of the timeline."""
    return word if word.inner else Word(word.life, "say", word.by)


WRONG: tuple[tuple[str, LifeRules, str], ...] = (
    ("what nobody heard is said as it stands", LifeRules(puts_aside=False), "I6"),
    ("a decision given back does not count", LifeRules(heard_counts=False), "I6"),
    ("nobody says anew who answers", LifeRules(says_anew=False), "I7"),
    ("a decided offer that is made anew is not answered", LifeRules(answers_anew=False), "I7"),
)
