"""The way from the node's own address to the intake process."""

from fastapi import APIRouter, Depends, Request
from fastapi.responses import RedirectResponse

from node.access import public


def elsewhere(origin: str) -> APIRouter:
    """Lead to the intake process from where a module's pages would be, if the node served them itself."""
    router = APIRouter(dependencies=[Depends(public)], include_in_schema=False)

    @router.get("/{path:path}")
    def led(request: Request, path: str) -> RedirectResponse:
        _ = path
        query = f"?{request.url.query}" if request.url.query else ""
        return RedirectResponse(f"{origin}{request.scope['raw_path'].decode('ascii')}{query}", 307)

    return router
