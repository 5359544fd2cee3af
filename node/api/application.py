"""The two HTTP applications of a node: one for people and programs, one for commands on the same machine."""

from fastapi import FastAPI
from fastapi.staticfiles import StaticFiles

from node.api import (
    accounts,
    audit,
    backups,
    docs,
    guard,
    health,
    incidents,
    ledger,
    links,
    live,
    modules,
    node_health,
    originals,
    parked,
    problem,
    restores,
    session,
    situation,
    territory,
    tokens,
)
from node.context import NodeContext
from node.page import STATIC
from node.version import VERSION

ROUTERS = (
    health,
    session,
    accounts,
    audit,
    modules,
    incidents,
    originals,
    situation,
    links,
    node_health,
    territory,
    docs,
    live,
)
LOCAL_ROUTERS = (
    accounts.local_router,
    ledger.local_router,
    node_health.local_router,
    restores.local_router,
    backups.local_router,
    parked.local_router,
    tokens.local_router,
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
    )
    problem.install(app)
    for part in ROUTERS:
        app.include_router(part.router)
    for module in context.modules:
        for router in module.routers:
            app.include_router(router, prefix=f"/modules/{module.name}")
    app.mount("/static", StaticFiles(directory=STATIC))
    return app


def local_application() -> FastAPI:
    """Make what is reached through the node's Unix socket only."""
    app = FastAPI(title="local", openapi_url=None, docs_url=None, redoc_url=None, max_body_size=guard.LARGEST_BODY)
    problem.install(app)
    for router in LOCAL_ROUTERS:
        app.include_router(router)
    return app
