"""Who answers for an incident: pure functions over the custody that one centre sees, made safe by a fencing term.

The holder of term t offers: it keeps the duty of care and loses the right to end. The receiver decides once about
(giver, t): it accepts and holds t+1, or declines, which leaves a tombstone; then the giver holds t+2. To ask an offer
back is a request: if the receiver has not decided yet, it declines. No timer returns an offer, because the giver cannot
know what the receiver has decided meanwhile. An answer counts only for the offer that is open, of exactly that term -
or for one that the giver signed and forgot, because its disk was put back: then the answer brings the signed offer.
"""

from dataclasses import dataclass, replace
from datetime import datetime

from node.incident.value import Custody, CustodyState


class CustodyError(ValueError):
    """A custody act that the rules exclude: a programming error here, a reason to refuse a record from elsewhere."""


@dataclass(frozen=True, slots=True)
class Answer:
    """The receiver's final word about the offer that ``giver`` made under ``term``; ``offer`` is that offer, signed."""

    giver: str
    term: int
    accepted: bool
    offer: bytes = b""

    @property
    def next_term(self) -> int:
        """The term under which the incident is held after this answer."""
        return self.term + (1 if self.accepted else 2)


def opened(me: str, now: datetime) -> Custody:
    """The custody of an incident that this centre opens."""
    return Custody(CustodyState.HELD, me, None, 1, now)


def offer(custody: Custody, *, me: str, to: str, now: datetime) -> Custody:
    """What the holder sees after it offered the incident; raises CustodyError unless it may end it."""
    if not custody.may_end(me) or to == me:
        raise CustodyError("only the holder offers, once at a time, to another")
    return replace(custody, state=CustodyState.OFFERED, offered_to=to, since=now)


def ask_back(custody: Custody, *, me: str) -> Custody:
    """What the giver sees after it asked for the offer back: the offer stands until the receiver has decided."""
    if custody.state is not CustodyState.OFFERED or custody.holder != me:
        raise CustodyError("there is no open offer of this centre")
    return replace(custody, asked_back=True)


def hear_offer(custody: Custody | None, *, me: str, giver: str, term: int, now: datetime) -> Custody:
    """What the receiver sees of an offer that is new to it; raises CustodyError for one that cannot be."""
    if custody is not None and (custody.is_responsible(me) or term < custody.term):
        raise CustodyError(f"an offer of term {term} cannot be: this centre knows of term {custody.term}")
    return Custody(CustodyState.OFFERED, giver, me, term, now)


def answer(custody: Custody, verdict: Answer, *, me: str, now: datetime) -> Custody:
    """What the receiver sees after its decision."""
    if not (custody.state is CustodyState.OFFERED and custody.offered_to == me):
        raise CustodyError("no offer to this centre is open")
    if (custody.holder, custody.term) != (verdict.giver, verdict.term):
        raise CustodyError("the decision is about another offer")
    if verdict.accepted:
        return Custody(CustodyState.HELD, me, None, verdict.next_term, now)
    return Custody(CustodyState.ELSEWHERE, verdict.giver, None, verdict.next_term, now)


def hear_answer(
    custody: Custody, verdict: Answer, *, me: str, receiver: str, now: datetime, is_proved: bool = False
) -> Custody:
    """What the giver sees after the receiver's answer; an answer to any other offer changes nothing.

    `is_proved`: the answer brought the offer, signed by this centre, so that it counts even where this was forgotten.
    """
    is_mine = custody.state is CustodyState.OFFERED and custody.holder == me == verdict.giver
    is_open = is_mine and custody.offered_to == receiver and custody.term == verdict.term
    is_forgotten = is_proved and verdict.giver == me and progress(custody) < (verdict.term, True)
    if not (is_open or is_forgotten):
        return custody
    if verdict.accepted:
        return Custody(CustodyState.GIVEN, receiver, None, verdict.next_term, now)
    return Custody(CustodyState.HELD, me, None, verdict.next_term, now)


def told(custody: Custody | None, *, me: str, holder: str, offered_to: str | None, term: int, now: datetime) -> Custody:
    """What a bystander sees after it was told who holds; never changes what this centre answers for or is offered."""
    if custody is not None:
        is_open_here = custody.state is CustodyState.OFFERED and custody.offered_to == me
        is_mine = custody.is_responsible(me) or is_open_here
        is_known = (term, offered_to is not None) <= (custody.term, custody.offered_to is not None)
        if is_mine or is_known or holder == me:
            return custody
    state = custody.state if custody is not None else CustodyState.ELSEWHERE
    return Custody(state, holder, offered_to, term, now)


def progress(custody: Custody) -> tuple[int, bool]:
    """How far an incident has come: each term begins with a holder and ends with an offer."""
    return custody.term, custody.offered_to is not None


def recalled(custody: Custody, own: Custody, *, me: str) -> Custody:
    """What a centre sees once it was given its own signed word back: what it knows, unless that word goes further."""
    if progress(own) <= progress(custody):
        return custody
    if me in {own.holder, own.offered_to}:
        return own
    had_it = custody.is_responsible(me) or custody.state is CustodyState.GIVEN
    return replace(own, state=CustodyState.GIVEN if had_it else CustodyState.ELSEWHERE)


def undecided(custody: Custody, verdict: Answer, *, me: str, now: datetime) -> Custody:
    """What the receiver sees of an offer once a decision that nobody heard is void: the offer, unless more is known.

    Only what followed from that decision goes with it: that it held, offered in its turn, or did not hold.
    """
    if custody.term != verdict.next_term or custody.holder != (me if verdict.accepted else verdict.giver):
        return custody
    return Custody(CustodyState.OFFERED, verdict.giver, me, verdict.term, now)
