"""Incidents over HTTP at a district: who sees what, who may do what, and what a stale screen is told."""

import os
from uuid import UUID

import pytest

from node.api import incidents, links, situation, territory
from node.incident.act import open_incident
from node.incident.value import IncidentKind, Place, Severity
from node.role import Role
from tests.simulation.posts import JPEG

KIND = IncidentKind("citizen.litter", "Rác thải")


@pytest.fixture
def served(centre):
    for part in (incidents, situation, links, territory):
        centre.app.include_router(part.router)
    return centre


@pytest.fixture
def opened(served):
    def make(title="Rác ở đầu hẻm", severity=Severity.NORMAL, area_code="26374", **more):
        context = served.context
        values = {
            "centre": context.centre,
            "kind": KIND,
            "severity": severity,
            "title": title,
            "description": "Bốc mùi từ hôm qua",
            "area_code": area_code,
            "place": Place(10.88, 106.95),
            "category": "Môi trường",
            "thumbnail": JPEG,
            "actor": "Người dân",
            "now": served.clock.now(),
            "random": os.urandom,
        } | more
        served.clock.advance(1)
        return context.database.write(lambda session: open_incident(session, **values))

    return make


def act(client, one, name, version, **fields):
    return client.post(f"/api/v1/incidents/{one.id}/actions", json={"name": name, "version": version, **fields})


def test_the_queue_is_in_working_order_and_paged(served, opened):
    slow = [opened(f"Rác {number}") for number in range(3)]
    grave = opened("Cháy kho", Severity.CRITICAL)
    client = served.signed_in()
    first = client.get("/api/v1/incidents", params={"open": "true", "limit": 2}).json()
    assert first["total"] == 4
    assert [item["id"] for item in first["items"]] == [str(grave.id), str(slow[0].id)]
    second = client.get("/api/v1/incidents", params={"open": "true", "limit": 2, "cursor": first["next_cursor"]}).json()
    assert [item["id"] for item in second["items"]] == [str(slow[1].id), str(slow[2].id)]
    assert second["next_cursor"] is None
    newest = client.get("/api/v1/incidents", params={"limit": 3}).json()
    assert [item["id"] for item in newest["items"]] == [str(grave.id), str(slow[2].id), str(slow[1].id)]
    last = client.get("/api/v1/incidents", params={"limit": 3, "cursor": newest["next_cursor"]}).json()
    assert [item["id"] for item in last["items"]] == [str(slow[0].id)]


def test_filters_and_search_without_diacritics(served, opened):
    opened("Ngập đường Võ Nguyên Giáp", Severity.HIGH)
    two = opened("Cây đổ 100% chắn đường")
    client = served.signed_in()

    def found(**params):
        answer = client.get("/api/v1/incidents", params=params)
        assert answer.status_code == 200, answer.text
        return [item["title"] for item in answer.json()["items"]]

    assert found(q="vo nguyen giap") == ["Ngập đường Võ Nguyên Giáp"]
    assert found(q="CÂY ĐỔ") == ["Cây đổ 100% chắn đường"]
    assert found(q="100%") == ["Cây đổ 100% chắn đường"]
    assert found(q="%") == ["Cây đổ 100% chắn đường"]
    assert found(q=two.number) == found(q=f"#{two.number}") == [two.title]
    assert found(q="ｖｏ nguy\u200bên\u00ad giáp") == [
        "Ngập đường Võ Nguyên Giáp"
    ]  # full width, zero width, soft hyphen


def test_an_exact_number_comes_first_on_every_page(served, opened):
    one = opened("Rác")
    grave = opened(f"Cháy gần nơi của {one.number}", Severity.CRITICAL)
    newer = opened(f"Như {one.number}")
    client = served.signed_in()
    for is_open in ("true", None):
        params = {"q": f"#{one.number}", "limit": 1} | ({"open": is_open} if is_open else {})
        pages, cursor = [], ""
        while cursor is not None:
            body = client.get("/api/v1/incidents", params=params | ({"cursor": cursor} if cursor else {})).json()
            pages += [item["id"] for item in body["items"]]
            cursor = body["next_cursor"]
        assert pages[0] == str(one.id)
        assert sorted(pages) == sorted(str(found.id) for found in (one, grave, newer))


def test_filters_by_severity_and_status(served, opened):
    opened("Ngập đường Võ Nguyên Giáp", Severity.HIGH)
    client = served.signed_in()

    def found(**params):
        return [item["title"] for item in client.get("/api/v1/incidents", params=params).json()["items"]]

    assert found(severity="3,4") == ["Ngập đường Võ Nguyên Giáp"]
    assert found(status="closed") == []
    for params in ({"severity": "9"}, {"severity": "x"}, {"status": "gone"}, {"cursor": "x"}, {"limit": 0}):
        answer = client.get("/api/v1/incidents", params=params)
        assert answer.status_code == 422, params
        assert answer.headers["content-type"] == "application/problem+json"


def test_one_incident_with_all_that_is_known(served, opened):
    one = opened()
    body = served.signed_in().get(f"/api/v1/incidents/{one.id}").json()
    assert body["number"] == one.number
    assert body["status_title"] == "Mới gửi"
    assert body["area_name"] == "Phường Tam Phước"
    assert body["custody"]["state"] == "held"
    assert body["custody"]["holder"]["title"] == served.context.centre.title
    assert body["place"] == {"lat": 10.88, "lon": 106.95}
    assert (body["verified"], body["proofs"]) == (None, [])  # opened here: nobody's signature was to be checked
    assert body["overdue"] is False
    assert [(event["act"], event["title"], event["actor"]) for event in body["timeline"]] == [
        ("open", "Ghi nhận", "Người dân")
    ]
    names = [action["name"] for action in body["actions"]]
    assert "receive" in names
    assert "escalate" in names
    assert "rate" not in names
    refuse = next(action for action in body["actions"] if action["name"] == "refuse")
    assert refuse["danger"] is True
    assert [(field["name"], field["required"]) for field in refuse["fields"]] == [("note", True)]


def test_a_step_is_taken_audited_and_told_back(served, opened):
    one = opened()
    answer = act(served.signed_in(username="hanh"), one, "triage", 1, severity="3", category="Ngập")
    assert answer.status_code == 200, answer.text
    assert (answer.json()["version"], answer.json()["severity"]) == (2, 3)
    assert answer.json()["timeline"][-1]["actor"] == "Hanh"
    assert any(entry.act == "incident.triage" and entry.subject == str(one.id) for entry in served.audited())


def test_a_stale_version_is_told_the_present_one(served, opened):
    one = opened()
    client = served.signed_in()
    assert act(client, one, "receive", 1).status_code == 200
    answer = act(client, one, "refuse", 1, note="x")
    assert answer.status_code == 409
    told = answer.json()
    assert (told["code"], told["version"]) == ("stale", 2)
    assert (told["current"]["status"], told["current"]["custody"]["state"]) == ("received", "held")
    assert [(line["act"], line["title"], line["actor"]) for line in told["changes"]] == [
        ("receive", "Tiếp nhận", "Operator")
    ]


def test_a_conflict_tells_how_it_stands_though_nothing_changed_meanwhile(served, opened):
    one = opened()
    told = act(served.signed_in(), one, "close", 1).json()
    assert (told["code"], told["version"], told["changes"]) == ("conflict", 1, [])
    assert told["current"]["status_title"] == "Mới gửi"


def test_refusals_name_the_field(served, opened):
    one = opened()
    client = served.signed_in()
    answer = act(client, one, "refuse", 1)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == "note"
    assert act(client, one, "close", 1).status_code == 409
    assert act(client, one, "explode", 1).status_code == 422
    assert client.post(f"/api/v1/incidents/{one.id}/actions", json={"name": "receive"}).status_code == 422


def test_roles(served, opened):
    one = opened()
    operator, leader = served.signed_in(), served.signed_in(Role.LEADER)
    assert act(operator, one, "rate", 1, rating="satisfied").status_code == 403
    assert act(operator, one, "triage", 1, severity="2").status_code == 200
    assert act(operator, one, "assign", 2, unit="Tổ 1").status_code == 200
    assert act(operator, one, "ask_extension", 3, days="1", note="chờ").status_code == 200
    assert act(operator, one, "grant_extension", 4, days="1").status_code == 403
    assert "grant_extension" not in [
        action["name"] for action in operator.get(f"/api/v1/incidents/{one.id}").json()["actions"]
    ]
    assert act(leader, one, "grant_extension", 4, days="1").status_code == 200
    for role in (Role.ADMIN, Role.CITIZEN):
        client = served.signed_in(role)
        assert client.get("/api/v1/incidents").status_code == 403
        assert act(client, one, "receive", 5).status_code == 403
    assert served.client().get("/api/v1/incidents").status_code == 401


def test_a_person_sees_the_own_area_only(served, opened):
    mine, other = opened(area_code="26374"), opened(area_code="26377")
    client = served.signed_in(username="tamphuoc", area_code="26374")
    assert [item["id"] for item in client.get("/api/v1/incidents").json()["items"]] == [str(mine.id)]
    for path in (f"/api/v1/incidents/{other.id}", f"/api/v1/incidents/{other.id}/thumbnail"):
        assert client.get(path).status_code == 404
    assert act(client, other, "receive", 1).status_code == 404
    tiles = {tile["key"]: tile["value"] for tile in client.get("/api/v1/situation").json()["tiles"]}
    assert tiles["open"] == 1
    everything = served.signed_in(username="bienhoa", area_code="731")
    assert everything.get("/api/v1/incidents").json()["total"] == 2


def test_the_picture_is_a_jpeg_that_no_browser_runs(served, opened):
    one, bare = opened(), opened(thumbnail=None)
    client = served.signed_in()
    answer = client.get(f"/api/v1/incidents/{one.id}/thumbnail")
    assert answer.content == JPEG
    assert answer.headers["content-type"] == "image/jpeg"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert client.get(f"/api/v1/incidents/{bare.id}/thumbnail").status_code == 404
    assert client.get(f"/api/v1/incidents/{UUID(int=7)}").status_code == 404
    assert client.get("/api/v1/incidents/7").status_code == 422


def test_the_live_items_are_those_of_the_queue(served, opened):
    opened()
    client = served.signed_in()
    listed = client.get("/api/v1/incidents", params={"open": "true"}).json()["items"]

    class Somebody:
        area_code = None

    found = incidents.open_items(served.context, Somebody())
    assert (found["items"], found["total"]) == (listed, 1)
    assert found["area"]["limited"] is False


def test_the_live_items_say_how_many_more_are_waiting(served, opened, monkeypatch):
    monkeypatch.setattr(incidents, "LIVE_ITEMS", 2)
    for _ in range(3):
        opened()

    class Somebody:
        area_code = None

    found = incidents.open_items(served.context, Somebody())
    assert (len(found["items"]), found["total"]) == (2, 3)


def test_the_territory_says_which_day_it_shows(served):
    body = served.signed_in().get("/api/v1/territory").json()
    assert body["on"] == "2025-06-01"
    assert body["tree_label"].endswith("01/06/2025")
    by_code = {area["code"]: area for area in body["areas"]}
    assert by_code["26374"]["parent_code"] == "731"
    assert by_code["26179"]["approximate"]
    assert by_code["731"]["point"] is not None


@pytest.mark.parametrize("category", [7, True, ["a"], {"a": 1}])
def test_words_that_are_no_words_are_refused(served, opened, category):
    one = opened()
    answer = act(served.signed_in(), one, "triage", one.version, severity=3, category=category)
    assert answer.status_code == 422, answer.text
    assert [error["field"] for error in answer.json()["errors"]] == ["category"]
