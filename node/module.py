"""The Module interface: the one page that a module's author reads.

A module is a folder `modules/<name>` with a `manifest.toml`, which is read without importing anything, and a
`module.py` that holds exactly one `Module(...)`. The catalog checks it at the door; the node mounts what it lists. A
module imports the node's nouns; the node never imports a module by name in code.

Routes get the running node as `request.app.state.node` (a `NodeContext`), and open with `Depends(require(...))` or
`Depends(public)`. What strangers may ask stands in `public`: it may be served by the intake process, whose
`request.app.state.node` knows the centre and no database (`node/facts.py`), and which asks the node through
`request.app.state.line`; the module answers it in `counter`. Jobs get a `Session` of the writer and the same
`NodeContext`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID

from fastapi import APIRouter
from pydantic import BaseModel
from sqlalchemy import MetaData
from sqlalchemy.orm import Session

from node.figures.reading import Source
from node.incident.value import IncidentKind
from node.job import Job
from node.role import Permission


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """A screen of the dashboard: its titles and its file below the module's folder; the node never imports it.

    `permission` is the one that the screen cannot do without; who lacks it is not offered the screen.
    """

    title: str
    file: str
    title_en: str = ""
    permission: Permission | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Module:
    """Everything a module adds to a node; every field but the name may stay empty."""

    name: str
    routers: tuple[APIRouter, ...] = ()  # HTTP, mounted at /modules/<name>
    public: tuple[APIRouter, ...] = ()  # what strangers may ask, in this order, behind `routers`; intake serves it
    counter: tuple[APIRouter, ...] = ()  # what the intake process asks of the node, mounted at /counter/<name>
    local_routers: tuple[APIRouter, ...] = ()  # for commands of this machine, mounted at /local/v1/<name>
    tables: MetaData | None = None  # rows, every table <name>_*; migrations/ beside them
    incident_kinds: tuple[IncidentKind, ...] = ()  # what it may open, and from which severity it rises
    indicators: tuple[Source, ...] = ()  # which indicators of indicators/ it feeds, and how
    pages: tuple[Page, ...] = ()  # title + file
    jobs: tuple[Job, ...] = ()  # periodic bounded steps
    settings: type[BaseModel] | None = None  # section [modules.<name>] of the node's file
    finds: Callable[[Session, str], UUID | None] | None = None  # the incident that it knows under a typed name
    keeps: Callable[[Session, UUID, bytes], bytes | None] | None = None  # bytes of an attachment, by incident and hash
    entrance: str = ""  # path below /modules/<name> that "/" of the node leads to, such as "/"
