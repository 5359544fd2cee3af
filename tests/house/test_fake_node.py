"""The node that the screens are tested against says nothing that the real one would not say in the same shape."""

import os
from collections.abc import Iterator

import httpx
import pytest
from starlette.testclient import TestClient

from node import account
from node.incident.act import open_incident
from node.incident.value import IncidentKind, Place, Severity
from node.role import Role
from tests.fakes.node_api import COOKIE, FakeNode
from tests.house.application import node

create_app = node  # what FakeNode stands for
PASSWORD = "mot-mat-khau-dai"
PATHS = (
    "/api/v1/session",
    "/api/v1/centre",
    "/api/v1/incidents",
    "/api/v1/incidents/{id}",
    "/api/v1/situation",
    "/api/v1/links",
    "/api/v1/figures",
    "/api/v1/figures/incident.opened",
    "/api/v1/health",
    "/api/v1/modules",
    "/api/v1/territory",
)


def unlike(fake: object, real: object, path: str = "") -> list[str]:
    """Members that the fake has and the real one lacks, or has of another type: a screen would lean on air.

    The real node may say more. Nothing is said about an empty list or an unknown value.
    """
    if isinstance(fake, dict) and isinstance(real, dict):
        found = [f"{path}.{key} is only the fake's" for key in fake.keys() - real.keys()]
        return found + [
            line for key in fake.keys() & real.keys() for line in unlike(fake[key], real[key], f"{path}.{key}")
        ]
    if isinstance(fake, list) and isinstance(real, list) and fake and real:
        return unlike(fake[0], real[0], f"{path}[]")
    if fake is None or real is None or (isinstance(fake, int | float) and isinstance(real, int | float)):
        return []
    return [] if type(fake) is type(real) else [f"{path} is {type(fake).__name__} and {type(real).__name__}"]


@pytest.fixture(scope="module")
def real() -> Iterator[httpx.Client]:
    """The real node with one incident and somebody signed in."""
    running = create_app()
    context = running.context
    hashed = account.hash_password("dieuhanh", PASSWORD)

    def step(session) -> None:
        account.add(
            session,
            username="dieuhanh",
            display_name="Điều hành",
            role=Role.LEADER,
            area_code=None,
            password_hash=hashed,
            actor="test",
            now=context.clock.now(),
        )
        open_incident(
            session,
            centre=context.centre,
            kind=IncidentKind("house.flood", "Ngập lụt", Severity.HIGH),
            severity=Severity.HIGH,
            title="Ngập đường",
            description="Nước ngập đến đầu gối",
            area_code="75",
            place=Place(10.95, 106.82),
            category="flood",
            thumbnail=None,
            actor="test",
            now=context.clock.now(),
            random=os.urandom,
        )

    context.database.write(step)
    client = TestClient(running.app, base_url="http://127.0.0.1:8001")
    assert client.post("/api/v1/session", json={"username": "dieuhanh", "password": PASSWORD}).status_code == 200
    yield client
    client.close()


@pytest.fixture(scope="module")
def fake() -> Iterator[httpx.Client]:
    server = FakeNode().start()
    with httpx.Client(base_url=server.url, cookies={COOKIE: server.session("lanhdao")}) as client:
        yield client
    server.stop()


def _answer(client: httpx.Client, path: str) -> object:
    if "{id}" in path:
        path = path.format(id=client.get("/api/v1/incidents").json()["items"][0]["id"])
    answer = client.get(path)
    assert answer.status_code == 200, answer.text
    return answer.json()


@pytest.mark.parametrize("path", PATHS)
def test_the_fake_answers_as_the_real_node_does(path: str, fake: httpx.Client, real: httpx.Client) -> None:
    assert unlike(_answer(fake, path), _answer(real, path)) == []


def test_the_comparison_sees_a_difference() -> None:
    assert unlike({"a": 1, "b": [{"c": "x"}]}, {"a": 2.5, "b": [{"d": "x"}]}) == [".b[].c is only the fake's"]
    assert unlike({"a": "1"}, {"a": 1}) == [".a is str and int"]
    assert unlike({"a": None, "b": []}, {"a": 1, "b": [1]}) == []
