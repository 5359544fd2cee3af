import pytest

from tests.fakes.node_api import COOKIE, FakeNode
from ui.client import Client, NodeDownError, RefusedError, open_connection

FLOOD = "01890000-0000-7000-8000-000000001042"


@pytest.fixture
def client(node):
    with open_connection(node.url) as connection:
        yield Client(connection, {COOKIE: node.session()}, node.url)


def test_reads_who_the_visitor_is(client):
    session = client.session()
    assert (session["username"], session["role"], session["centre"]["code"]) == ("dieuhanh", "operator", "731")


def test_filters_that_are_empty_are_not_sent(client, node):
    found = client.incidents(q="", severity=None, status=None, open=True, limit=10)
    assert found["total"] == 6
    assert node.requests[-1][1] == "/api/v1/incidents?open=true&limit=10"


def test_acts_with_id_version_and_origin(client, node):
    shown = client.incident(FLOOD)
    changed = client.act(FLOOD, "escalate", shown["version"], {"reason": "vượt khả năng"})
    assert changed["version"] == shown["version"] + 1
    assert node.acts == [(FLOOD, "dieuhanh", {"reason": "vượt khả năng", "name": "escalate", "version": 3})]
    assert node.requests[-1][2]["Origin"] == node.url


def test_fields_cannot_replace_name_or_version(client, node):
    client.act(FLOOD, "receive", 3, {"name": "refuse", "version": 99})
    assert node.acts[0][2] == {"name": "receive", "version": 3}


def test_a_stale_version_is_refused_and_does_nothing(client, node):
    node.change(FLOOD, status="triaged", status_title="Đã phân loại")
    with pytest.raises(RefusedError) as refused:
        client.act(FLOOD, "receive", 3, {})
    assert (refused.value.status, refused.value.code) == (409, "stale")
    assert node.acts == []


def test_what_is_wrong_with_an_answer_is_named(client):
    with pytest.raises(RefusedError) as refused:
        client.act(FLOOD, "refuse", 3, {})
    assert refused.value.errors == ({"field": "reason", "message": "Cần nêu lý do"},)


def test_nobody_inherits_a_cookie(node):
    with open_connection(node.url) as connection:
        answer = connection.post("/login", data={"username": "dieuhanh", "password": "mat-khau-1"})
        assert answer.headers["set-cookie"]
        assert list(connection.cookies.jar) == []
        with pytest.raises(RefusedError) as refused:
            Client(connection, {}).session()
    assert refused.value.status == 401


def test_a_silent_node_is_told_apart_from_a_refusal():
    node = FakeNode().start()
    node.stop()
    with open_connection(node.url) as connection, pytest.raises(NodeDownError):
        Client(connection, {}).centre()


def test_lists_come_bare_or_wrapped(client, node):
    assert client.modules()[0]["name"] == "citizen"
    assert client.areas()[0]["code"] == "75"
    node.modules = {"items": node.modules}
    assert client.modules()[0]["name"] == "citizen"


def test_a_modules_path_stays_below_the_module(client, node):
    for path in ("../../api/v1/session", "a/./b", "", "/api"):
        with pytest.raises(ValueError, match="below a module"):
            client.module_get("citizen", path)
    assert node.requests == []
    with pytest.raises(RefusedError):
        client.module_bytes("citizen", "api/desk/reports/1/photo")
    assert node.requests[-1][1] == "/modules/citizen/api/desk/reports/1/photo"
