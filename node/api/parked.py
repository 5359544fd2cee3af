"""For commands on this machine: records that are parked are tried again after a mend."""

from collections.abc import Callable
from typing import Any

from fastapi import APIRouter, Depends, Request
from sqlalchemy.orm import Session

from federation import parking
from node import audit
from node.access import public
from node.clock import Clock
from node.context import NodeContext
from node.database import Database

local_router = APIRouter(prefix="/local/v1/parked", tags=["local"], dependencies=[Depends(public)])

ACTOR = "local"
STEP = 500
_MOST_REASONS = 50


@local_router.post("/replay", summary="Try parked records again, for a command on this machine")
def replay(request: Request) -> dict[str, Any]:
    """Apply what can be applied by now; what cannot stays parked with its present reason."""
    context: NodeContext = request.app.state.node
    return tried_again(context.database, context.clock, request.app.state.delivery.replay_parked)


def tried_again(database: Database, clock: Clock, replay_parked: Callable[..., int]) -> dict[str, Any]:
    """Try all of them, in bounded steps; what was applied, and why the rest was not."""
    now, applied, skip = clock.now(), 0, 0
    left = database.read(lambda session: parking.count(session, only_readable=True))
    while skip < left:
        count = replay_parked(now, skip)
        applied, left, skip = applied + count, left - count, skip + STEP - count

    def step(session: Session) -> dict[str, Any]:
        left = parking.count(session)
        audit.record(
            session,
            actor=ACTOR,
            act="parked.replay",
            subject="",
            detail={"applied": applied, "still_parked": left},
            now=now,
        )
        return {"applied": applied, "still_parked": left, "why": rows(session)[:_MOST_REASONS]}

    return database.write(step)


def rows(session: Session) -> list[dict[str, Any]]:
    """What is parked, as a program reads it; without the contents."""
    return [
        {
            "parked_at": one.at.isoformat(),
            "origin": one.origin,
            "lane": one.lane,
            "audience": one.audience,
            "rid": str(one.rid) if one.rid else None,
            "kind": one.kind,
            "sender": one.sender,
            "code": one.code,
            "reason": one.reason,
        }
        for one in parking.parked(session)
    ]
