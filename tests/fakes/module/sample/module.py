"""The smallest module that uses everything a module may bring; it passes the catalog's door like a real one."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import Column, Integer, MetaData, String, Table, func, insert, select
from sqlalchemy.orm import Session

from node.access import Permission, Principal, public, require
from node.context import NodeContext
from node.incident.value import IncidentKind, Severity
from node.job import Job
from node.module import Module, Page

tables = MetaData()
note = Table(
    "sample_note",
    tables,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("text", String(200), nullable=False),
)
router = APIRouter()


class SampleSettings(BaseModel):
    model_config = ConfigDict(extra="forbid")

    greeting: str = Field(default="xin chào", min_length=1)
    limit: int = Field(default=10, ge=1)


@router.get("/", dependencies=[Depends(public)])
def greet(request: Request) -> dict[str, Any]:
    context: NodeContext = request.app.state.node
    notes = context.database.read(lambda session: session.scalar(select(func.count()).select_from(note)))
    settings = context.module_settings["sample"]
    return {"greeting": settings.greeting, "notes": notes}


@router.post("/notes", status_code=201)
def add(
    request: Request, text: str, principal: Annotated[Principal, Depends(require(Permission.INCIDENT_ACT))]
) -> dict[str, Any]:
    context: NodeContext = request.app.state.node
    context.database.write(lambda session: session.execute(insert(note).values(text=text)))
    return {"by": principal.username}


def keep_time(session: Session, context: NodeContext) -> None:
    session.execute(insert(note).values(text=context.clock.now().isoformat()))


MODULE = Module(
    name="sample",
    routers=(router,),
    tables=tables,
    incident_kinds=(IncidentKind("sample.flood", "Ngập", Severity.HIGH),),
    pages=(Page(title="Ghi chú", file="page.py"),),
    jobs=(Job(name="sample.time", period_s=60.0, step=keep_time),),
    settings=SampleSettings,
    entrance="/",
)
