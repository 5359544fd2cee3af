"""Every route says who may call it; hiding a menu protects nothing."""

from fastapi import APIRouter, Depends, FastAPI, WebSocket

from node.access import Permission, public, require, signed_in
from tests.house.application import applications
from tests.house.routes import NOTHING, Route, routes

# What the framework and mounted folders answer without asking; none of it is anybody's data.
FRAMEWORK = ("/openapi.json", "/docs", "/redoc", "/static", "/modules/citizen/static")


def test_every_route_names_a_permission_or_says_that_it_is_public() -> None:
    found = routes(*applications())
    assert found
    assert [route for route in found if route.guard == NOTHING] == []


def test_nothing_else_is_answered_without_a_guard() -> None:
    bare = [route for route in routes(*applications()) if route.guard == "framework"]
    assert [route.path for route in bare if not route.path.startswith(FRAMEWORK)] == []


def test_what_changes_something_is_public_only_where_strangers_must() -> None:
    """Signing in and out, and a citizen's own report: nothing else may be changed without a permission."""
    allowed = ("/login", "/logout", "/api/v1/session", "/modules/citizen/api/reports")
    changing = [route for route in routes(*applications()) if route.method not in {"GET", "WS"}]
    assert [route for route in changing if "public" in route.guard and not route.path.startswith(allowed)] == []


def test_the_check_sees_a_bare_route() -> None:
    inner = APIRouter(prefix="/inner", dependencies=[Depends(require(Permission.INCIDENT_READ))])
    app = FastAPI(openapi_url=None)

    @inner.get("/kept")
    def kept() -> None: ...

    @inner.websocket("/live")
    async def live(socket: WebSocket) -> None: ...

    @app.get("/bare")
    def bare() -> None: ...

    @app.get("/open", dependencies=[Depends(public)])
    def opened() -> None: ...

    @app.post("/own", dependencies=[Depends(signed_in)])
    def own() -> None: ...

    app.include_router(inner, prefix="/outer")
    assert routes(app) == [
        Route("/bare", "GET", NOTHING),
        Route("/open", "GET", "public"),
        Route("/outer/inner/kept", "GET", "incident.read"),
        Route("/outer/inner/live", "WS", "incident.read"),
        Route("/own", "POST", "signed in"),
    ]
