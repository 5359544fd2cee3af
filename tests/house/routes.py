"""What a FastAPI application answers to, and what each answer asks of the caller."""

from collections.abc import Iterator
from dataclasses import dataclass

from fastapi import FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.routing import RouteContext, iter_route_contexts

from node.access import Public, Requires

NOTHING = "nothing"


@dataclass(frozen=True, slots=True, order=True)
class Route:
    """One method of one path, and who may call it."""

    path: str
    method: str
    guard: str


def routes(*apps: FastAPI) -> list[Route]:
    """Every method and path of the applications in order, mounted folders of static files included."""
    found: set[Route] = set()
    for context in (one for app in apps for one in iter_route_contexts(app.routes)):
        methods = sorted((context.methods or set()) - {"HEAD", "OPTIONS"})
        kinds = methods or (["WS"] if _is_socket(context) else ["GET"])
        guard = _guard(context)
        path = context.path_format or context.path or ""
        found |= {Route(path, method, guard) for method in kinds}
    return sorted(found)


def _is_socket(context: RouteContext) -> bool:
    return "WebSocket" in type(context.original_route).__name__


def _guard(context: RouteContext) -> str:
    dependant = getattr(context, "dependant", None) or getattr(context.original_route, "dependant", None)
    if dependant is None:
        return "framework"
    found = {_name(guard) for guard in _guards(dependant)}
    return ", ".join(sorted(found)) or NOTHING


def _guards(dependant: Dependant) -> Iterator[Public | Requires]:
    for inner in dependant.dependencies:
        if isinstance(inner.call, Public | Requires):
            yield inner.call
        yield from _guards(inner)


def _name(guard: Public | Requires) -> str:
    if isinstance(guard, Public):
        return "public"
    return str(guard.permission) if guard.permission else "signed in"
