"""The counter behind which the node takes in what the intake process hands over."""

from fastapi import APIRouter, FastAPI

from node.api import guard, problem
from node.context import NodeContext

_alive = APIRouter(include_in_schema=False)


def counter_application(context: NodeContext) -> FastAPI:
    """Make what the intake process may ask of the node, through a socket that only it can open."""
    app = FastAPI(title="counter", openapi_url=None, docs_url=None, redoc_url=None, max_body_size=guard.LARGEST_BODY)
    problem.install(app)
    for module in context.modules:
        for router in module.counter:
            app.include_router(router, prefix=f"/counter/{module.name}")
    app.include_router(_alive)
    app.state.node = context
    return app


@_alive.get("/healthz")
def alive() -> dict[str, str]:
    """Say that the node answers."""
    return {"status": "ok"}
