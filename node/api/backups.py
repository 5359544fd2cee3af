"""For commands on this machine: a backup that was restored on trial is declared safe."""

from pathlib import Path
from typing import Any

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel, Field

from node import audit
from node.access import public
from node.backup import journal
from node.backup.trial import Verdict, open_verdict
from node.context import NodeContext

local_router = APIRouter(prefix="/local/v1/backups", tags=["local"], dependencies=[Depends(public)])

ACTOR = "local"
_LARGEST = 32 * 1024 * 1024


class SignedVerdict(BaseModel):
    """What `backup verify` found, under this centre's signature."""

    document: str
    signature: str = Field(max_length=128, pattern="^([0-9a-f]{2})*$")

    def opened(self, context: NodeContext) -> Verdict:
        """The verdict, if this centre signed it."""
        raw, signature = self.document.encode(), bytes.fromhex(self.signature)
        return open_verdict(raw, signature, context.registry.current, context.centre.name)


@local_router.post("/safe", summary="Declare a backup safe, for a command on this machine", max_body_size=_LARGEST)
def declare(request: Request, body: SignedVerdict) -> dict[str, Any]:
    """Remember it beside the database, then tell the neighbours."""
    context: NodeContext = request.app.state.node
    verdict = body.opened(context)
    remember(context.settings.node.folder, verdict)
    moved = request.app.state.delivery.declare_safe(verdict.heads)
    context.database.write(
        lambda session: audit.record(
            session,
            actor=ACTOR,
            act="backup.safe",
            subject=verdict.sha256,
            detail={"file": verdict.file, "made_at": verdict.made_at, "streams": len(verdict.heads), "moved": moved},
            now=context.clock.now(),
        )
    )
    return {"streams": len(verdict.heads), "moved": moved}


def remember(folder: Path, verdict: Verdict) -> None:
    """Write down beside the database what neighbours will rely on."""
    entry = journal.Entry(
        what=journal.SAFE,
        at=verdict.tried_at,
        file=verdict.file,
        sha256=verdict.sha256,
        made_at=verdict.made_at,
        heads=verdict.heads,
    )
    journal.note(folder, entry)
