"""The API against its own document: no request ends in a fault of ours, and none is answered astray."""

import pytest
import schemathesis
from fastapi import FastAPI, HTTPException
from hypothesis import HealthCheck, settings
from schemathesis.checks import not_a_server_error
from schemathesis.core.failures import FailureGroup
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from starlette.testclient import TestClient

from node import account
from node.api.docs import routes
from node.role import PERMISSIONS, Permission, Role
from tests.house.application import node

PASSWORD = "mot-mat-khau-dai"
CHECKS = (not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance)
EXAMPLES = 6


def signed_in(role: Role) -> dict[str, str]:
    """The session cookie of an account of that role."""
    running = node()
    context = running.context
    hashed = account.hash_password(f"doc-{role}", PASSWORD)
    context.database.write(
        lambda session: account.add(
            session,
            username=f"doc-{role}",
            display_name="Người thử",
            role=role,
            area_code=None,
            password_hash=hashed,
            actor="test",
            now=context.clock.now(),
        )
    )
    client = TestClient(running.app, base_url="http://127.0.0.1:8001")
    answer = client.post("/api/v1/session", json={"username": f"doc-{role}", "password": PASSWORD})
    assert answer.status_code == 200, answer.text
    return dict(client.cookies)


schema = schemathesis.openapi.from_asgi("/openapi.json", node().app)


@pytest.fixture(scope="module")
def cookies():
    return {role: signed_in(role) for role in (Role.OPERATOR, Role.LEADER, Role.ADMIN)}


def able(method: str, path: str) -> Role:
    """The least of the roles that may use a route, so that the route itself answers and not only its guard."""
    named = next((one.permission for one in routes(node().app) if (one.method, one.path) == (method, path)), None)
    asked = {Permission(one) for one in (named or "").split(" + ") if one in set(Permission)}
    return next(role for role in (Role.OPERATOR, Role.LEADER, Role.ADMIN) if asked <= PERMISSIONS[role])


@schema.parametrize()
@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
def test_every_route_answers_as_its_document_says(case, cookies):
    case.cookies = {**(case.cookies or {}), **cookies[able(case.method, case.path)]}
    case.validate_response(case.call(), checks=CHECKS)


def test_the_check_sees_a_fault_and_a_drift():
    app = FastAPI()

    @app.get("/fault")
    def fault() -> None:
        raise HTTPException(500)

    @app.get("/drift")
    def drift() -> None:
        raise HTTPException(418)

    found = schemathesis.openapi.from_asgi("/openapi.json", app)
    for path, check in (("/fault", not_a_server_error), ("/drift", status_code_conformance)):
        case = found[path]["GET"].Case()
        with pytest.raises(FailureGroup):
            case.validate_response(case.call(), checks=(check,))
