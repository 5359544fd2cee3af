"""The kinds of record that delivery writes and takes itself, beside those of the node above it."""

from collections.abc import Callable, Mapping

from sqlalchemy.orm import Session

from federation import bypass, end_receipt, heads
from federation.effects import Handler
from federation.frame import Inbound
from federation.ledger import PAST_PARENT
from pki.registry import Registry


def own_kinds(handlers: Mapping[str, Handler], *, name: str, registry: Callable[[], Registry]) -> Mapping[str, Handler]:
    """What delivery does with its own kinds; `handlers` are the node's, for what comes past a parent."""

    def receipt(session: Session, inbound: Inbound) -> None:
        end_receipt.hear(session, inbound, name=name, registry=registry())

    def past_parent(session: Session, inbound: Inbound) -> None:
        bypass.hear(session, inbound, name=name, registry=registry(), handlers=handlers)

    def told_heads(session: Session, inbound: Inbound) -> None:
        heads.Listener(name, registry(), inbound.received_at).hear(session, inbound)

    return {end_receipt.KIND: receipt, PAST_PARENT: past_parent, heads.KIND: told_heads}
