"""The two HTTP applications of a node: one for people and programs, one for commands on the same machine."""

from collections.abc import Sequence

from fastapi import APIRouter, FastAPI
from fastapi.staticfiles import StaticFiles

from node.api import (
    accounts,
    audit,
    backups,
    docs,
    enrolments,
    entry,
    figure_acts,
    figures,
    guard,
    health,
    incidents,
    ledger,
    links,
    live,
    local_accounts,
    modules,
    node_health,
    originals,
    own,
    parked,
    problem,
    restores,
    session,
    situation,
    territory,
    tokens,
)
from node.context import NodeContext
from node.intake.elsewhere import elsewhere
from node.module import Module
from node.page import STATIC
from node.version import VERSION

ROUTERS = (
    health,
    entry,
    session,
    own,
    accounts,
    audit,
    modules,
    incidents,
    originals,
    situation,
    figure_acts,
    figures,
    links,
    node_health,
    enrolments,
    territory,
    docs,
    live,
)
LOCAL_ROUTERS = (
    local_accounts.router,
    ledger.local_router,
    node_health.local_router,
    restores.local_router,
    backups.local_router,
    parked.local_router,
    tokens.local_router,
    enrolments.local_router,
)


def public_application(context: NodeContext) -> FastAPI:
    """Make what is reached over HTTP: the node's routes, and those of the modules that are switched on."""
    app = guard.GuardedApplication(
        title=f"Liên Thông: {context.centre.title}",
        version=VERSION,
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        max_body_size=guard.LARGEST_BODY,
        responses=problem.DOCUMENTED,
    )
    problem.install(app)
    for part in ROUTERS:
        app.include_router(part.router)
    for module in context.modules:
        for router in (*module.routers, *_for_everybody(context, module)):
            app.include_router(router, prefix=f"/modules/{module.name}")
    app.mount("/static", StaticFiles(directory=STATIC))
    return app


def _for_everybody(context: NodeContext, module: Module) -> tuple[APIRouter, ...]:
    """Give what strangers may ask of a module, or, where a process apart serves it, the way there."""
    intake = context.settings.intake.listen
    if not intake:
        return module.public
    return (elsewhere(f"http://{intake}"),) if module.public else ()


def local_application(modules: Sequence[Module] = ()) -> FastAPI:
    """Make what is reached through the node's Unix socket only."""
    app = FastAPI(title="local", openapi_url=None, docs_url=None, redoc_url=None, max_body_size=guard.LARGEST_BODY)
    problem.install(app)
    for router in LOCAL_ROUTERS:
        app.include_router(router)
    for module in modules:
        for router in module.local_routers:
            app.include_router(router, prefix=f"/local/v1/{module.name}")
    return app
