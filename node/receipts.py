"""What this centre said upwards and nobody confirmed in time: rung for, sent past the parent, and told to all above."""

from collections.abc import Sequence
from datetime import timedelta

from sqlalchemy.orm import Session

from federation import bypass
from federation.awaited import Watch
from federation.heads import Listener, Teller
from node.context import NodeContext
from node.job import Job

WATCH_PERIOD_S = 2.0
HEADS_PERIOD_S = 600.0


def jobs(context: NodeContext) -> Sequence[Job]:
    """The steps that look after receipts, from this start of the node to its end."""
    name, registry, settings = context.centre.name, context.registry, context.settings
    within = timedelta(seconds=settings.link.receipt_within_s)
    watch = Watch(name=name, registry=lambda: registry.current, within=within, now=context.clock.now())
    teller = Teller(name)

    def look_after(session: Session, _context: NodeContext) -> None:
        now = context.clock.now()
        late = watch.step(session, now)
        if settings.bypass is not None:
            bypass.send(session, late, name=name, registry=registry.current, now=now)

    def tell_heads(session: Session, _context: NodeContext) -> None:
        now = context.clock.now()
        teller.step(session, registry.current, now)
        Listener(name, registry.current, now).watch(session)

    return (
        Job(name="receipts", period_s=WATCH_PERIOD_S, step=look_after),
        Job(name="heads", period_s=HEADS_PERIOD_S, step=tell_heads),
    )
