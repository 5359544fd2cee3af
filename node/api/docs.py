"""The API reference: the OpenAPI document, and a page that lists its routes without fetching anything from outside."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Depends, FastAPI, Query, Request
from fastapi.dependencies.models import Dependant
from fastapi.responses import HTMLResponse
from fastapi.routing import iter_route_contexts
from starlette.routing import Mount

from node.access import Public, Requires, public
from node.page import language_of, render

_HTML = "text/html"
router = APIRouter(dependencies=[Depends(public)])


@dataclass(frozen=True, slots=True)
class Route:
    """One route as the reference shows it; `permission` is None when the route names none and is not public."""

    method: str
    path: str
    permission: str | None


def routes(app: FastAPI) -> Iterator[Route]:
    """List every route with the permission that it asks for."""
    for context in iter_route_contexts(app.routes):
        if context.path is None or isinstance(context.original_route, Mount):
            continue  # the folder of styles and pictures is for everybody
        permission = _permission(getattr(context, "dependant", None))
        for method in sorted(getattr(context, "methods", None) or {"WS"}):
            yield Route(method, context.path, permission)


def _permission(dependant: Dependant | None) -> str | None:
    calls = list(_calls(dependant)) if dependant else []
    named = [call.permission for call in calls if isinstance(call, Requires)]
    if any(named):
        return " + ".join(dict.fromkeys(permission.value for permission in named if permission))
    if named:
        return "đã đăng nhập"
    return "công khai" if any(isinstance(call, Public) for call in calls) else None


def _calls(dependant: Dependant) -> Iterator[object]:
    for inner in dependant.dependencies:
        yield inner.call
        yield from _calls(inner)


@router.get("/openapi.json", include_in_schema=False)
def openapi(request: Request) -> dict[str, Any]:
    """Give the OpenAPI document."""
    return document_of(request.app)


def document_of(app: FastAPI) -> dict[str, Any]:
    """The OpenAPI document; what answers with a page answers with one, too, when it says no."""
    document = app.openapi()
    for methods in document["paths"].values():
        for operation in methods.values():
            answers = operation["responses"]
            if _HTML in answers.get("200", {}).get("content", {}):
                for status, answer in answers.items():
                    if not status.startswith("2"):
                        answer["content"] = {**answer.get("content", {}), _HTML: {"schema": {"type": "string"}}}
    return document


@router.get("/docs", response_class=HTMLResponse, include_in_schema=False)
def reference(request: Request, lang: Annotated[str, Query(max_length=8)] = "") -> HTMLResponse:
    """Show the routes by subject."""
    app: FastAPI = request.app
    document = document_of(app)
    permissions = {(route.method, route.path): route.permission or "" for route in routes(app)}
    groups: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            entry = _entry(method.upper(), path, operation)
            entry["permission"] = permissions.get((entry["method"], path), "")
            groups[(operation.get("tags") or ["khác"])[0]].append(entry)
    ordered = sorted(groups.items())
    return render(request, "docs.html", language_of(request, lang), groups=ordered, openapi=document["openapi"])


def _entry(method: str, path: str, operation: dict[str, Any]) -> dict[str, Any]:
    parameters = [
        {
            "name": one["name"],
            "place": one["in"],
            "required": one.get("required", False),
            "type": one.get("schema", {}).get("type", ""),
        }
        for one in operation.get("parameters", [])
    ]
    body = operation.get("requestBody", {}).get("content", {})
    parameters += [{"name": "(body)", "place": kind, "required": True, "type": ""} for kind in body]
    return {
        "method": method,
        "path": path,
        "summary": operation.get("summary", ""),
        "description": operation.get("description", ""),
        "parameters": parameters,
    }
