"""The kinds of record that delivery writes and takes itself, beside those of the node above it."""

from collections.abc import Callable, Mapping

from sqlalchemy.orm import Session

from federation import bypass, end_receipt, heads
from federation.effects import Handler
from federation.frame import Inbound
from pki.registry import Registry


def with_own_kinds(
    handlers: Mapping[str, Handler], *, name: str, registry: Callable[[], Registry]
) -> Mapping[str, Handler]:
    """Handlers of a node, and those of delivery's own kinds."""

    def receipt(session: Session, inbound: Inbound) -> None:
        end_receipt.hear(session, inbound, name=name, registry=registry())

    def past_parent(session: Session, inbound: Inbound) -> None:
        bypass.hear(session, inbound, name=name, registry=registry(), handlers=handlers)

    def told_heads(session: Session, inbound: Inbound) -> None:
        heads.Listener(name, registry(), inbound.received_at).hear(session, inbound)

    return {**handlers, end_receipt.KIND: receipt, bypass.KIND: past_parent, heads.KIND: told_heads}
