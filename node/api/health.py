"""Is the node alive, and what is it: for probes, for the sign-in page, for whoever asks."""

from typing import Any

from fastapi import APIRouter, Depends, Request
from fastapi.responses import RedirectResponse

from node.access import public
from node.context import NodeContext
from node.version import VERSION

router = APIRouter(tags=["centre"], dependencies=[Depends(public)])


@router.get("/healthz", summary="The node answers")
def health() -> dict[str, str]:
    """Say that requests are served; how the links and jobs are is the situation's to say."""
    return {"status": "ok"}


@router.get("/api/v1/centre", summary="Which centre this is")
def centre(request: Request) -> dict[str, Any]:
    """Describe the centre as far as everybody may know it."""
    context: NodeContext = request.app.state.node
    return {
        "name": context.centre.name,
        "code": context.centre.code,
        "title": context.centre.title,
        "tier": context.centre.tier.value,
        "tree_label": context.territory.tree_label,
        "modules": [module.name for module in context.modules],
        "version": VERSION,
    }


@router.get("/", response_class=RedirectResponse, include_in_schema=False)
def entrance(request: Request) -> RedirectResponse:
    """Lead to the module that has a page for everybody, or to the page to sign in on."""
    context: NodeContext = request.app.state.node
    return RedirectResponse(entrance_of(context) or "/login", 303)


def entrance_of(context: NodeContext) -> str:
    """Give the path of the first module with an entrance; empty if none has one."""
    paths = [f"/modules/{module.name}{module.entrance}" for module in context.modules if module.entrance]
    return paths[0] if paths else ""
