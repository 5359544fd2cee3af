"""Newcomers that wait, as the screen and local commands see them: who may look, who may decide, what is kept."""

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from federation.enrolment.desk import EnrolmentDesk
from federation.enrolment.waiting import WaitingRoom
from node.api import enrolments, problem
from node.role import Role
from pki.errors import PkiError
from pki.request import fingerprint

SHOWN = fingerprint(b"a sealed request")
PATH = f"/api/v1/enrolments/{SHOWN}"


@pytest.fixture
def desk(centre, federation):
    """The desk of this centre, with one newcomer before it."""
    room = WaitingRoom()
    made = EnrolmentDesk(
        keystore=federation.keystore("731"),
        registry=centre.context.registry,
        clock=centre.clock,
        waiting_room=room,
    )
    with pytest.raises(PkiError):
        room.pass_or_wait(b"a sealed request", "203.0.113.7", centre.clock.now())
    centre.app.include_router(enrolments.router)
    centre.app.state.enrolment = made
    return made


def test_an_administrator_compares_and_approves(centre, desk):
    client = centre.signed_in(Role.ADMIN)
    found = client.get("/api/v1/enrolments").json()
    assert found["asked"] is True
    assert [(one["fingerprint"], one["address"]) for one in found["items"]] == [(SHOWN, "203.0.113.7")]
    assert client.post(PATH, json={"decision": "approved"}).json()["decision"] == "approved"
    desk.waiting_room.pass_or_wait(b"a sealed request", "203.0.113.7", centre.clock.now())
    assert client.get("/api/v1/enrolments").json()["items"] == []
    line = next(one for one in centre.audited() if one.act == "enrolment.approve")
    assert (line.actor, line.subject) == ("admin", SHOWN)


def test_refused_and_mistyped(centre, desk):
    client = centre.signed_in(Role.ADMIN)
    answer = client.post("/api/v1/enrolments/0000", json={"decision": "approved"})
    assert (answer.status_code, answer.json()["reason_code"]) == (404, "UNKNOWN_REQUEST")
    assert client.post(PATH, json={"decision": "perhaps"}).status_code == 422
    assert client.post(PATH, json={"decision": "refused"}).status_code == 200
    with pytest.raises(PkiError, match="REFUSED_HERE"):
        desk.waiting_room.pass_or_wait(b"a sealed request", "203.0.113.7", centre.clock.now())
    assert any(one.act == "enrolment.refuse" for one in centre.audited())


@pytest.mark.parametrize("role", [Role.OPERATOR, Role.LEADER])
def test_nobody_else_looks_or_decides(centre, desk, role):
    client = centre.signed_in(role)
    assert client.get("/api/v1/enrolments").status_code == 403
    assert client.post(PATH, json={"decision": "approved"}).status_code == 403
    assert centre.client().get("/api/v1/enrolments").status_code == 401
    assert len(desk.newcomers(centre.clock.now())) == 1


def test_the_command_on_this_machine(centre, desk):
    local = FastAPI()
    local.include_router(enrolments.local_router)
    problem.install(local)
    local.state.node, local.state.enrolment = centre.context, desk
    client = TestClient(local)
    assert len(client.get("/local/v1/enrolments").json()["items"]) == 1
    assert client.post(f"/local/v1/enrolments/{SHOWN}", json={"decision": "approved"}).status_code == 200
    assert any((one.act, one.actor) == ("enrolment.approve", "local") for one in centre.audited())


def test_where_nobody_is_asked(centre, desk):
    desk.waiting_room = None
    assert centre.signed_in(Role.ADMIN).get("/api/v1/enrolments").json() == {"asked": False, "items": []}
