"""The switchboard: which of the node's nouns takes a record of which kind."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from sqlalchemy.orm import Session

from federation.receiver import Handler, Inbound
from node import presence
from node.incident import hear, wire

if TYPE_CHECKING:
    from node.context import NodeContext


def handlers(context: "NodeContext") -> Mapping[str, Handler]:
    """What this node does with each kind of record; a handler raises Unacceptable for what it cannot apply."""

    def incident_news(session: Session, inbound: Inbound) -> None:
        ear = hear.Ear(context.centre, context.registry.current, context.clock.now())
        hear.hear(session, inbound, ear)

    def centre_presence(session: Session, inbound: Inbound) -> None:
        presence.hear(session, inbound, now=context.clock.now())

    return {**dict.fromkeys(sorted(wire.KINDS), incident_news), presence.KIND: centre_presence}
