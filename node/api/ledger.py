"""The local socket's way to mend the ledger of a running node: only its writer may write."""

from typing import Any

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel, Field

from federation.examination.copies import Shelf
from federation.examination.finding import Fault, Finding
from federation.frame import StreamKey
from node.access import public
from node.context import NodeContext
from node.proof import COPIES_FILE, mend_here, read_copies

local_router = APIRouter(prefix="/local/v1/ledger", tags=["local"], dependencies=[Depends(public)])

_ASKED = "the child that delivered it is asked when it next comes, within a minute; verify again then"


class Damage(BaseModel):
    """One finding of `verify`, as it prints them."""

    fault: Fault
    origin: str
    lane: str
    audience: str
    reason: str
    epoch: str = ""
    frame_no: int | None = None
    last_frame_no: int | None = None
    seq: int | None = None
    last_seq: int | None = None
    rid: str = ""
    pos: int | None = None
    last_pos: int | None = None

    def finding(self) -> Finding:
        """The same for those who mend."""
        rest = self.model_dump(exclude={"origin", "lane", "audience", "epoch"})
        return Finding(stream=StreamKey(self.origin, self.lane, self.audience), epoch=bytes.fromhex(self.epoch), **rest)


class Damages(BaseModel):
    """What is to be mended with the copies that lie in the node's folder."""

    damages: list[Damage] = Field(max_length=1000)


@local_router.post("/mend", summary="Mend damaged frames and rows, from a command on this machine")
def mend_ledger(request: Request, body: Damages) -> list[dict[str, Any]]:
    """Mend what can be: every piece is verified again, and what does not fit is left."""
    context: NodeContext = request.app.state.node
    shelf = Shelf(context.registry.current.public_key)
    if (context.settings.node.folder / COPIES_FILE).exists():
        read_copies(context.settings.node.folder, shelf)
    findings = [one.finding() for one in body.damages]
    outcome = mend_here(context.database, findings, shelf, context.clock, context.centre.name)
    asked = request.app.state.wants.ask(request.app.state.copies, [one.finding for one in outcome if not one.done])
    return [
        {
            "damage": one.finding.as_json(),
            "done": one.done,
            "how": _ASKED if not one.done and one.finding.stream in asked else one.how,
        }
        for one in outcome
    ]
