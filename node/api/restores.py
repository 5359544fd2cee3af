"""For commands on this machine: what a restore leaves open, and what waits in quarantine for a decision."""

from typing import Any, Literal

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel, Field
from sqlalchemy.orm import Session

from federation import quarantine, settlement
from node import audit, restoration
from node.access import public
from node.context import NodeContext

local_router = APIRouter(prefix="/local/v1/restores", tags=["local"], dependencies=[Depends(public)])


LOCAL = "local"  # whoever may open the node's socket is its owner


class Decision(BaseModel):
    """What becomes of the records in quarantine."""

    decision: Literal["send", "keep"]


class Neighbour(BaseModel):
    """The neighbour that cannot tell any more what this centre forgot."""

    peer: str = Field(max_length=80)


@local_router.put("/quarantine", summary="Decide about the quarantine, for a command on this machine")
def decide(request: Request, asked: Decision) -> dict[str, Any]:
    """Send the records that were put aside, or keep them here, and dial again."""
    context: NodeContext = request.app.state.node
    count = request.app.state.delivery.lift_fence(asked.decision)
    now = context.clock.now()
    context.database.write(
        lambda session: audit.record(
            session, actor=LOCAL, act="quarantine.decide", subject=asked.decision, detail={"records": count}, now=now
        )
    )
    return {"records": count, "decision": asked.decision}


@local_router.put("/settled", summary="Wait no longer for a neighbour, for a command on this machine")
def settle(request: Request, asked: Neighbour) -> dict[str, Any]:
    """Go on without what a neighbour might still tell."""
    context: NodeContext = request.app.state.node
    now = context.clock.now()

    def step(session: Session) -> list[str]:
        settlement.pass_over(session, asked.peer)
        audit.record(session, actor=LOCAL, act="restore.settle", subject=asked.peer, detail={}, now=now)
        return sorted(settlement.unsettled(session))

    return {"unsettled": context.database.write(step)}


@local_router.get("", summary="What is open after a restore, for a command on this machine")
def show(request: Request) -> dict[str, Any]:
    """List the neighbours that are waited for, the fences, and how much is in quarantine."""
    context: NodeContext = request.app.state.node
    return context.database.read(overview)


def overview(session: Session) -> dict[str, Any]:
    """What is open after a restore, as a program reads it."""
    waiting = [one for one in quarantine.listing(session) if not one.decision]
    return {
        "unsettled": sorted(settlement.unsettled(session)),
        "fences": [
            {"peer": peer, "since": since.isoformat(), "detail": detail}
            for peer, since, detail in quarantine.fences(session)
        ],
        "quarantined": len(waiting),
        "reports": restoration.reports(session)[-3:],
    }
