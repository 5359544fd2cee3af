"""Figures over HTTP: no number without its label, nobody sees beyond the own area, and no cell is a formula."""

import csv
import io
import re
from datetime import timedelta

import pytest
from fastapi import FastAPI
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.testclient import TestClient

from federation.merkle import root_from_proof
from node.api import figure_acts, figure_models, problem, situation
from node.api import figures as routes
from node.figures.export import safe
from node.figures.period import Grain, Period
from node.figures.wire import part_leaf
from node.role import PERMISSIONS, Principal, Role
from tests.node.figures.conftest import Figures

LABEL = {"coverage", "as_of", "status", "revision", "definition", "partial", "is_empty"}


def client(figures, monkeypatch, code="75", area=None, role=Role.OPERATOR, username="a"):
    app = FastAPI()
    problem.install(app)
    for router in (figure_acts.router, routes.router, situation.router):
        app.include_router(router)
    app.state.node = figures.post(code).context
    who = Principal(
        username=username, display_name=username.upper(), role=role, area_code=area, permissions=PERMISSIONS[role]
    )
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
    proof = detail["proof"]
    assert (proof["total"], proof["count"]) == (second["hash"], 4)
    for part in proof["parts"]:
        leaf = part_leaf(part["centre"], part["state_revision"], bytes.fromhex(part["hash"]))
        path = [bytes.fromhex(one) for one in part["path"]]
        assert root_from_proof(leaf, part["index"], proof["count"], path).hex() == proof["root"]
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
    assert answer.content.startswith("\ufeff".encode()), "a spreadsheet knows by it that this is UTF-8"
    assert re.fullmatch(r"\d\d/\d\d/2025 \d\d:\d\d:\d\d \+07:00", opened["Tính đến"])
    assert (opened["Quan hệ"], opened["Phạm vi sử dụng"]) == ("bằng", "công bố")
    assert opened["Nguồn"] == "Số liệu tại " + day.post("75").centre.title
    assert "địa bàn Tỉnh Đồng Nai" in opened["Bộ lọc"]
    assert not [cell for row in rows for cell in row.values() if cell.startswith("'")]
    assert not [cell for row in rows for cell in row.values() if "+00:00" in cell]
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


# whatever is asked ---------------------------------------------------------------------------------------------------


UP = {"75": ("75",), "731": ("731", "75"), "735": ("735", "75"), "26374": ("26374", "731", "75")}


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    code=st.sampled_from(["75", "731", "735", "26374"]),
    area=st.sampled_from([None, "75", "731", "735", "26374", "26179"]),
    period=st.sampled_from(["", "day", "week", "month", "quarter", "year"]),
    back=st.integers(0, 40),
)
def test_no_number_without_its_label_whoever_asks_for_whatever_period(day, monkeypatch, code, area, period, back):
    asking = client(day, monkeypatch, code=code, area=area)
    asked = {"grain": period}
    if period:
        moment = (day.clock.now() - timedelta(days=back)).date()
        asked = {"period": Period.around(moment, Grain(period)).key}
    found = asking.get("/api/v1/figures", params=asked)
    if found.status_code == 404:
        return
    listed = found.json()
    assert found.status_code == 200, found.text
    figure_models.FiguresAnswer.model_validate(listed)
    assert listed["scope"]["limited"] is (area not in {None, *UP[code]})
    for _, one in numbers(listed):
        assert set(one) >= LABEL
        cover = one["coverage"]
        assert one["value"] is None or cover["received"] == cover["expected"] > 0
        assert one["partial"] is None or 0 < cover["received"] < cover["expected"]
        assert (one["as_of"] is None) == (cover["received"] == 0)
    if listed["items"]:
        some = listed["items"][back % len(listed["items"])]["code"]
        detail = asking.get(f"/api/v1/figures/{some}", params=asked).json()
        figure_models.FigureDetail.model_validate(detail)
        assert all(set(one) >= LABEL for _, one in numbers(detail))
    seen = asking.get("/api/v1/situation").json()
    figure_models.SituationAnswer.model_validate(seen)
    assert all(set(one) >= LABEL for one in seen["tiles"])


def answers_of(document):
    """Every schema that an answer of the API may contain."""
    schemas = document["components"]["schemas"]
    found, waiting = {}, []
    for path in document["paths"].values():
        waiting += [method.get("responses", {}).get("200", {}) for method in path.values()]
    while waiting:
        one = waiting.pop()
        if isinstance(one, dict):
            name = str(one.get("$ref", "")).rpartition("/")[2]
            if name and name not in found:
                found[name] = schemas[name]
                waiting.append(schemas[name])
            waiting += one.values()
        elif isinstance(one, list):
            waiting += one
    return found


def test_every_described_answer_with_a_number_requires_its_label(day, monkeypatch):
    """The document of the API itself: who reads it cannot get a value and leave out what says how good it is."""
    document = client(day, monkeypatch).app.openapi()
    described = answers_of(document)
    with_numbers = {name: one for name, one in described.items() if "value" in one.get("properties", {})}
    assert {
        "ListedModel",
        "CellModel",
        "ShareModel",
        "RevisionModel",
        "MomentModel",
        "TileModel",
    } <= with_numbers.keys()
    for name, one in with_numbers.items():
        assert set(one["required"]) >= LABEL | {"value"}, name
    for path in ("/api/v1/figures", "/api/v1/figures/{code}", "/api/v1/situation"):
        described = document["paths"][path]["get"]["responses"]["200"]["content"]["application/json"]["schema"]
        assert "$ref" in described, path


def test_an_account_for_a_part_of_the_area_sees_that_part_named_as_such(day, monkeypatch):
    listed = client(day, monkeypatch, area="731").get("/api/v1/figures").json()
    assert (listed["area_code"], listed["area_name"], listed["scope"]["limited"]) == ("731", "Thành phố Biên Hòa", True)
    assert {one["coverage"]["expected"] for one in listed["items"]} == {2}
    assert listed["datasets"] == []
    nowhere = client(day, monkeypatch, code="731", area="26179").get("/api/v1/figures")
    assert nowhere.status_code == 404, "an area that is not this centre's is no zero of one of one"


def test_an_account_for_the_whole_province_sees_a_commune_whole(day, monkeypatch):
    listed = client(day, monkeypatch, code="26374", area="75").get("/api/v1/figures").json()
    assert (listed["area_code"], listed["scope"]["limited"]) == ("26374", False)
