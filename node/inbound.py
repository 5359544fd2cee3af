"""The switchboard: which of the node's nouns takes a record of which kind."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from sqlalchemy.orm import Session

from federation.receiver import Handler, Inbound
from node import presence
from node.figures import approval, hearing
from node.figures import wire as figure_wire
from node.incident import anew, hear, recall, wire
from node.incident.pages import Ear

if TYPE_CHECKING:
    from node.context import NodeContext


def handlers(context: "NodeContext") -> Mapping[str, Handler]:
    """What this node does with each kind of record; a handler raises Unacceptable for what it cannot apply."""

    def incident_news(session: Session, inbound: Inbound) -> None:
        hear.hear(session, inbound, ear_of(context))

    def centre_presence(session: Session, inbound: Inbound) -> None:
        presence.hear(session, inbound, now=context.clock.now())

    return {
        **dict.fromkeys(sorted(wire.KINDS), incident_news),
        presence.KIND: centre_presence,
        figure_wire.KIND: _figures(context),
        approval.KIND: _approvals(context),
    }


def own_handlers(context: "NodeContext") -> Mapping[str, Handler]:
    """What this node does with records of its own that it lost and a neighbour gave back."""

    def own_news(session: Session, inbound: Inbound) -> None:
        recall.recall(session, inbound, ear_of(context))

    figures = {figure_wire.KIND: _figures(context), approval.KIND: _approvals(context)}
    return {**dict.fromkeys(sorted(wire.KINDS), own_news), **figures}


def decide_what_waited(context: "NodeContext", session: Session) -> int:
    """After a restore, once all neighbours have told what they know: answer what was asked back, say who answers."""
    return anew.say(session, ear_of(context))


def _figures(context: "NodeContext") -> Handler:
    def figure_states(session: Session, inbound: Inbound) -> None:
        registry, definitions = context.registry.current, context.definitions
        hearing.hear(session, inbound, registry, definitions, now=context.clock.now())

    return figure_states


def _approvals(context: "NodeContext") -> Handler:
    def figure_approval(session: Session, inbound: Inbound) -> None:
        hearing.hear_approval(session, inbound, context.registry.current, now=context.clock.now())

    return figure_approval


def ear_of(context: "NodeContext") -> Ear:
    """Who hears at this moment."""
    return Ear(context.centre, context.registry.current, context.clock.now(), context.custody_locked())
