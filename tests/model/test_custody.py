"""Never two that may end an incident, never none that answers for it: every state messages can lead to is visited.

The network is a set of messages that never leave: each may arrive late, twice, in any order, or never. Wrong variants
of the rules must be caught by the same search, or the search is blind.
"""

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from node.incident import custody as rules
from node.incident.custody import Answer, CustodyError
from node.incident.value import Custody, CustodyState

T0 = datetime(2025, 6, 1, tzinfo=UTC)
CENTRES = ("commune", "district", "province")
ABOVE = {"commune": "district", "district": "province"}
MOST_TERM = 10


@dataclass(frozen=True)
class Message:
    kind: str
    sender: str
    to: str
    term: int
    accepted: bool = False


@dataclass(frozen=True)
class Post:
    name: str
    custody: Custody
    log: frozenset = frozenset()

    def decision(self, giver: str, term: int) -> str | None:
        return next((verdict for one, at, verdict in self.log if (one, at) == (giver, term)), None)

    def note(self, giver: str, term: int, verdict: str) -> "Post":
        kept = {entry for entry in self.log if entry[:2] != (giver, term)}
        return replace(self, log=frozenset({*kept, (giver, term, verdict)}))


@dataclass(frozen=True)
class World:
    posts: tuple[Post, ...]
    messages: frozenset[Message] = frozenset()

    def post(self, name: str) -> Post:
        return next(post for post in self.posts if post.name == name)

    def put(self, post: Post, *messages: Message) -> "World":
        posts = tuple(post if one.name == post.name else one for one in self.posts)
        return World(posts, self.messages | set(messages))


def may_end(custody: Custody, me: str) -> bool:
    return custody.may_end(me)


@dataclass(frozen=True)
class Variant:
    """The rules as they are, and the places where a wrong variant differs."""

    hear_answer: Callable = rules.hear_answer
    may_end: Callable = may_end
    has_tombstone: bool = True
    has_timer: bool = False
    is_final: bool = True


@dataclass
class Model:
    variant: Variant = field(default_factory=Variant)

    def start(self, centres: tuple[str, ...] = CENTRES) -> World:
        first = Post("commune", rules.opened("commune", T0))
        rest = [Post(name, Custody(CustodyState.ELSEWHERE, "commune", None, 1, T0)) for name in centres[1:]]
        return World((first, *rest))

    def next(self, world: World) -> Iterator[World]:
        for post in world.posts:
            yield from self._acts(world, post)
        for message in world.messages:
            heard = self.deliver(world, message)
            if heard is not None:
                yield heard

    def _acts(self, world: World, post: Post) -> Iterator[World]:
        custody, me, above = post.custody, post.name, ABOVE.get(post.name)
        is_known = above in {one.name for one in world.posts}
        if is_known and custody.may_end(me) and custody.term < MOST_TERM:
            offered = rules.offer(custody, me=me, to=str(above), now=T0)
            yield world.put(replace(post, custody=offered), Message("offer", me, str(above), custody.term))
        if custody.state is CustodyState.OFFERED and custody.holder == me:
            if not custody.asked_back:
                asked = rules.ask_back(custody, me=me)
                yield world.put(replace(post, custody=asked), Message("withdraw", me, str(above), custody.term))
            if self.variant.has_timer:
                back = Custody(CustodyState.HELD, me, None, custody.term + 2, T0)
                yield world.put(replace(post, custody=back))
        if custody.state is CustodyState.OFFERED and custody.offered_to == me:
            for accepted in (True, False):
                yield self.decide(world, post, accepted=accepted)

    def decide(self, world: World, post: Post, *, accepted: bool) -> World:
        giver, term = post.custody.holder, post.custody.term
        verdict = Answer(giver, term, accepted)
        decided = rules.answer(post.custody, verdict, me=post.name, now=T0)
        noted = post.note(giver, term, "accepted" if accepted else "refused")
        return world.put(replace(noted, custody=decided), Message("answer", post.name, giver, term, accepted))

    def deliver(self, world: World, message: Message) -> World | None:
        post = world.post(message.to)
        match message.kind:
            case "offer":
                return self._offer(world, post, message)
            case "withdraw":
                return self._withdraw(world, post, message)
            case _:
                verdict = Answer(message.to, message.term, message.accepted)
                heard = self.variant.hear_answer(post.custody, verdict, me=post.name, receiver=message.sender, now=T0)
                return world.put(replace(post, custody=heard)) if heard != post.custody else None

    def _offer(self, world: World, post: Post, message: Message) -> World | None:
        decision = post.decision(message.sender, message.term)
        if decision is not None and (self.variant.is_final or decision != "refused"):
            return None
        try:
            heard = rules.hear_offer(
                post.custody if self.variant.is_final else None,
                me=post.name,
                giver=message.sender,
                term=message.term,
                now=T0,
            )
        except CustodyError:
            return None
        return world.put(replace(post.note(message.sender, message.term, "pending"), custody=heard))

    def _withdraw(self, world: World, post: Post, message: Message) -> World | None:
        giver, term = message.sender, message.term
        decision = post.decision(giver, term)
        if decision in {"accepted", "refused"}:
            return None
        if decision == "pending":
            return self.decide(world, post, accepted=False)
        noted = post.note(giver, term, "refused") if self.variant.has_tombstone else post
        answered = world.put(noted, Message("answer", post.name, giver, term))
        return answered if answered != world else None


def fault(world: World, variant: Variant) -> str | None:
    enders = [post.name for post in world.posts if variant.may_end(post.custody, post.name)]
    carers = [post.name for post in world.posts if post.custody.is_responsible(post.name)]
    if len(enders) > 1:
        return f"two may end it: {enders}"
    if not carers:
        return "nobody answers for it"
    return None


def search(variant: Variant, centres: tuple[str, ...], most: int = 200_000) -> tuple[int, str | None]:
    model = Model(variant)
    start = model.start(centres)
    seen, waiting = {start}, deque([start])
    while waiting:
        world = waiting.popleft()
        wrong = fault(world, variant)
        if wrong:
            return len(seen), wrong
        for one in model.next(world):
            if one not in seen:
                seen.add(one)
                waiting.append(one)
        assert len(seen) < most, "the model has no bounds"
    return len(seen), None


def test_every_state_of_two_centres_is_safe():
    visited, wrong = search(Variant(), CENTRES[:2])
    assert wrong is None
    assert visited > 100


def test_every_state_of_three_centres_is_safe():
    visited, wrong = search(Variant(), CENTRES)
    assert wrong is None
    assert visited > 1_000


def _no_fence(custody, verdict, *, me, receiver, now):
    if custody.state is not CustodyState.OFFERED or custody.holder != me:
        return custody
    same_term = replace(verdict, term=custody.term)
    return rules.hear_answer(custody, same_term, me=me, receiver=receiver, now=now)


def _ends_while_offered(custody, me):
    return custody.holder == me


@pytest.mark.parametrize(
    "variant",
    [
        pytest.param(Variant(has_timer=True), id="the giver's own timer returns the offer"),
        pytest.param(Variant(may_end=_ends_while_offered), id="the giver may end while it is offered"),
        pytest.param(Variant(has_tombstone=False), id="a withdrawn offer leaves no tombstone"),
        pytest.param(Variant(hear_answer=_no_fence), id="an answer counts for an offer of another term"),
        pytest.param(Variant(is_final=False), id="a decision can be taken again"),
    ],
)
def test_a_wrong_variant_is_caught(variant):
    _, wrong = search(variant, CENTRES)
    assert wrong is not None


class Custodians(RuleBasedStateMachine):
    """The same rules under long random histories, without the bound of the search."""

    def __init__(self):
        super().__init__()
        self.model = Model()
        self.world = self.model.start()

    @rule(data=st.data())
    def somebody_acts(self, data):
        acts = [one for post in self.world.posts for one in self.model._acts(self.world, post)]
        if acts:
            self.world = data.draw(st.sampled_from(acts))

    @precondition(lambda self: self.world.messages)
    @rule(data=st.data())
    def a_message_arrives(self, data):
        order = sorted(self.world.messages, key=repr)
        self.world = self.model.deliver(self.world, data.draw(st.sampled_from(order))) or self.world

    @invariant()
    def is_safe(self):
        assert fault(self.world, Variant()) is None


Custodians.TestCase.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
TestCustodians = Custodians.TestCase
