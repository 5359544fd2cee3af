"""Which modules are switched on, and which screens they bring."""

from typing import Any

from fastapi import APIRouter, Depends, Request

from node.access import signed_in
from node.context import NodeContext
from node.maturity import open_rules

router = APIRouter(prefix="/api/v1/modules", tags=["modules"], dependencies=[Depends(signed_in)])


@router.get("", summary="The modules of this node")
def modules(request: Request) -> list[dict[str, Any]]:
    """List what is switched on and how mature it is; a page's file is a path from the top of the checkout."""
    context: NodeContext = request.app.state.node
    found = []
    for module in context.modules:
        manifest = context.manifests[module.name]
        pages = [
            {
                "title": page.title,
                "title_en": page.title_en or page.title,
                "file": f"modules/{module.name}/{page.file}",
                "permission": page.permission,
            }
            for page in module.pages
        ]
        found.append(
            {
                "name": module.name,
                "title": manifest.title,
                "summary": manifest.summary,
                "maturity": manifest.maturity,
                "open_rules": list(open_rules(manifest.rules)),
                "pages": pages,
            }
        )
    return found
