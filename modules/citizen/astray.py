"""An address that is none: a browser gets a page that leads back, a program the problem document."""

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response

from modules.citizen import rendering
from modules.citizen.asking import facts_of, wants_page
from node.access import public
from node.errors import NotFound

router = APIRouter(dependencies=[Depends(public)], include_in_schema=False)  # the module mounts it behind all others


@router.get("/{path:path}", response_class=Response)
def astray(request: Request, path: str) -> Response:
    """Say that the address is mistyped, with the ways to the form and to a receipt."""
    if not wants_page(request):
        raise NotFound(f"không có đường dẫn này: {path[:80]}")
    return rendering.page("astray.html", facts_of(request), rendering.language_of(request), status=404, values={})
