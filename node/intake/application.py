"""What strangers reach: the public routes of the modules, in the intake process, and nothing of the node."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from fastapi import APIRouter, Depends, FastAPI, Request
from fastapi.responses import RedirectResponse
from pydantic import BaseModel

from node.access import public
from node.api import guard, problem
from node.clock import Clock
from node.errors import NotFound
from node.intake.line import Line
from node.module import Module
from node.pace import Pace
from node.territory import Centre, Territory

_health = APIRouter(dependencies=[Depends(public)], include_in_schema=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Door:
    """What the intake process knows of its centre."""

    centre: Centre
    territory: Territory
    clock: Clock
    random: Callable[[int], bytes]
    pace: Pace
    module_settings: Mapping[str, BaseModel]


def intake_application(door: Door, line: Line, modules: Sequence[Module]) -> FastAPI:
    """Make what strangers reach: the public routes of the modules, and nothing of the node."""
    app = guard.GuardedApplication(
        title=door.centre.title, openapi_url=None, docs_url=None, redoc_url=None, max_body_size=guard.LARGEST_BODY
    )
    problem.install(app)
    app.include_router(_health)
    for module in modules:
        for router in module.public:
            app.include_router(router, prefix=f"/modules/{module.name}")
    app.state.node, app.state.line = door, line
    app.state.entrance = next((f"/modules/{one.name}{one.entrance}" for one in modules if one.entrance), "")
    return app


@_health.get("/healthz")
async def health(request: Request) -> dict[str, str]:
    """Say that this process answers, and whether its node does."""
    line: Line = request.app.state.line
    return {"status": "ok", "node": "ok" if await line.is_answered() else "silent"}


@_health.get("/", response_class=RedirectResponse)
def entrance(request: Request) -> RedirectResponse:
    """Lead to the first page that a module has for everybody."""
    if not request.app.state.entrance:
        raise NotFound("không có trang nào ở đây")
    return RedirectResponse(request.app.state.entrance, 303)
