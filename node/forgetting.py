"""The job that gives up the bytes of own frames, a few at a time, once a neighbour holds them safely."""

import logging
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from federation import tables
from federation.frame import from_us
from federation.safety import prune
from node.context import NodeContext
from node.job import Job
from pki.keystore import Keystore

PERIOD_S = 30.0
MOST_FRAMES = 100
MOST_BYTES = 2 * 1024 * 1024
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Forgotten:
    """How many frames' bytes a node has given up, and when it did so last."""

    frames: int
    last_at: datetime | None


def forgetting(keystore: Keystore) -> Job:
    """The job; it takes little at a time, so that what people record does not wait for it."""

    def step(session: Session, context: NodeContext) -> int:
        return forget(session, context, keystore)

    return Job(name="forgetting", period_s=PERIOD_S, step=step)


def forget(session: Session, context: NodeContext, keystore: Keystore) -> int:
    """Give up what may go now, a bounded number of frames; how many."""
    now, registry = context.clock.now(), context.registry.current
    count = prune(session, signer=keystore, registry=registry, now=now, limit=MOST_FRAMES, most_bytes=MOST_BYTES)
    if count:
        log.info("bytes of frames were given up, safe above", extra={"frames": count})
    return count


def forgotten(session: Session) -> Forgotten:
    """What was given up so far."""
    frames = session.execute(select(func.coalesce(func.sum(tables.stream.c.floor), 0))).scalar_one()
    last = session.execute(select(func.max(tables.given_up.c.at_us))).scalar_one_or_none()
    return Forgotten(int(frames), None if last is None else from_us(last))
