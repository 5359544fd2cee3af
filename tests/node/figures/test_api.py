"""Figures over HTTP: no number without its label, nobody sees beyond the own area, and no cell is a formula."""

import csv
import io

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from node.api import figures as routes
from node.api import problem
from node.figures.export import safe
from node.role import PERMISSIONS, Principal, Role
from tests.node.figures.conftest import Figures

LABEL = {"coverage", "as_of", "status", "revision", "definition", "partial", "is_empty"}


def client(figures, monkeypatch, code="75", area=None, role=Role.OPERATOR):
    app = FastAPI()
    problem.install(app)
    app.include_router(routes.router)
    app.state.node = figures.post(code).context
    who = Principal(username="a", display_name="A", role=role, area_code=area, permissions=PERMISSIONS[role])
    monkeypatch.setattr("node.access.principal_of", lambda connection: who)
    monkeypatch.setattr("node.access._refused", lambda *_: None)
    return TestClient(app)


def a_day(figures):
    figures.midnight()
    figures.post("26374").open_litter()
    figures.post("26173").open_flood()
    figures.midnight()
    figures.close("26374", "26377", "26173")
    figures.carry()
    figures.total("731", "735")
    figures.carry()
    figures.later(hours=2)
    figures.total("75")
    return figures


@pytest.fixture(scope="module")
def day(tmp_path_factory):
    """A day on which one commune is silent; nobody changes it."""
    found = Figures(tmp_path_factory.mktemp("day"))
    yield a_day(found)
    found.end()


def numbers(found, path=""):
    """Every object that holds a value, wherever it lies."""
    if isinstance(found, dict):
        if "value" in found:
            yield path, found
        for name, inner in found.items():
            yield from numbers(inner, f"{path}/{name}")
    elif isinstance(found, list):
        for at, inner in enumerate(found):
            yield from numbers(inner, f"{path}/{at}")


def test_every_figure_of_every_answer_bears_its_label(day, monkeypatch):
    asking = client(day, monkeypatch)
    listed = asking.get("/api/v1/figures").json()
    answers = [listed, *(asking.get(f"/api/v1/figures/{one['code']}").json() for one in listed["items"])]
    found = [pair for answer in answers for pair in numbers(answer)]
    assert len(found) > 30
    for path, one in found:
        assert set(one) >= LABEL, path
        cover = one["coverage"]
        assert one["value"] is None or cover["received"] == cover["expected"] > 0, path
        assert (one["as_of"] is None) == (cover["received"] == 0), path


def test_a_silent_commune_is_three_of_four_and_unknown(figures, monkeypatch):
    day = a_day(figures)
    found = client(day, monkeypatch).get("/api/v1/figures", params={"indicator": "incident.opened"}).json()
    (one,) = found["items"]
    assert (one["value"], one["partial"], one["state"]) == (None, "2", "incomplete")
    assert (one["coverage"]["received"], one["coverage"]["expected"]) == (3, 4)
    assert one["missing"] == ["COC xã Tân An"]
    day.close("26179")
    day.carry()
    day.total("75")
    asking = client(day, monkeypatch)
    (one,) = asking.get("/api/v1/figures", params={"indicator": "incident.opened"}).json()["items"]
    assert (one["value"], one["partial"], one["state"], one["revision"]) == ("2", None, "late", 2)
    for post in day.tree.posts.values():
        post.seal()
    detail = asking.get("/api/v1/figures/incident.opened").json()
    first, second = detail["revisions"]
    assert (first["coverage"]["received"], second["coverage"]["received"]) == (3, 4)
    assert (first["verified"], second["verified"]) == (True, True)
    assert second["supersedes"] == first["hash"]
    late = next(one for one in detail["centres"] if one["code"] == "26179")
    assert (late["state"], late["revisions"][0]["verified"]) == ("late", True)


def test_nobody_sees_beyond_the_own_area(day, monkeypatch):
    asking = client(day, monkeypatch, area="731")
    assert asking.get("/api/v1/figures").json()["area_code"] == "731"
    found = asking.get("/api/v1/figures/incident.opened").json()
    assert {one["code"] for one in found["centres"]} == {"26374", "26377"}
    assert (found["value"], found["coverage"]["expected"]) == ("1", 2)
    assert asking.get("/api/v1/figures", params={"area": "735"}).status_code == 404
    assert asking.get("/api/v1/figures", params={"area": "26374"}).json()["items"]
    everywhere = client(day, monkeypatch, code="731")
    assert everywhere.get("/api/v1/figures", params={"area": "735"}).status_code == 404
    assert everywhere.get("/api/v1/figures", params={"area": "1"}).status_code == 404


def test_who_may_not_read_figures_is_refused(day, monkeypatch):
    assert client(day, monkeypatch, role=Role.ADMIN).get("/api/v1/figures").status_code == 403


@pytest.mark.parametrize("period", ["hôm qua", "2025-06-31", "2025-06-01T00:00:00/PT7S", "2025-06-01T00:00:01/PT5S"])
def test_what_is_no_period_is_refused_in_words(day, monkeypatch, period):
    answer = client(day, monkeypatch).get("/api/v1/figures", params={"period": period})
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "period")


def test_what_nobody_defined_is_not_found(day, monkeypatch):
    asking = client(day, monkeypatch)
    assert asking.get("/api/v1/figures/no.such").status_code == 404
    assert asking.get("/api/v1/figures", params={"indicator": "no.such"}).status_code == 404


def test_the_export_bears_the_label_in_each_line(day, monkeypatch):
    answer = client(day, monkeypatch).get("/api/v1/figures/export.csv")
    assert answer.headers["content-type"].startswith("text/csv")
    rows = list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"))))
    opened = next(row for row in rows if row["Mã chỉ tiêu"] == "incident.opened" and not row["Phân nhóm"])
    assert (opened["Giá trị"], opened["Giá trị của nơi đã gửi"]) == ("", "2")
    assert (opened["Đã gửi"], opened["Trung tâm phải gửi"], opened["Im lặng"]) == ("3", "4", "1")
    assert opened["Thiếu"] == "COC xã Tân An"
    assert all(row["Tính đến"] or row["Đã gửi"] == "0" for row in rows)


@pytest.mark.parametrize("cell", ["=1+1", "+84", "@SUM(A1)", "-cmd|' /C calc'!A0", "\t=1", "%0A=1"])
def test_no_cell_is_a_formula(cell):
    assert safe(cell).startswith("'")


@pytest.mark.parametrize("cell", ["-3", "12.5", "0", "Ngập lụt = nặng", ""])
def test_plain_cells_stay_as_they_are(cell):
    assert safe(cell) == cell


def test_the_tiles_of_the_situation_bear_their_label_too(day):
    from node.api.situation import situation_message

    for code, post in day.tree.posts.items():
        who = Principal(
            username="a", display_name="A", role=Role.LEADER, area_code=None, permissions=PERMISSIONS[Role.LEADER]
        )
        for tile in situation_message(post.context, who)["tiles"]:
            assert tile.keys() >= {"unit", "state", "as_of", "source", "coverage", "partial"}, (code, tile["key"])
            assert tile["value"] is None or tile["as_of"], (code, tile["key"])
            assert tile["value"] is not None or tile["state"] == "unknown", (code, tile["key"])
