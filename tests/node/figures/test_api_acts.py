"""What people do to figures over HTTP: who may, what is refused in words, and what is written down."""

import csv
import io

from node import audit
from node.figures.period import Period
from node.role import Role
from tests.node.figures.conftest import CATALOGUE
from tests.node.figures.test_api import a_day, client, day
from tests.node.figures.test_entering import enter, march

__all__ = ["day", "march"]


def act(asking, day, act_name, number, **more):
    body = {"dataset": "incident", "period": day.last().key, "act": act_name, "number": number, **more}
    return asking.post("/api/v1/figures/approvals", json=body)


def test_two_people_approve_and_the_coverage_says_so(figures, monkeypatch):
    day = a_day(figures)
    officer = client(day, monkeypatch, code="26374")
    listed = officer.get("/api/v1/figures").json()
    (dataset,) = [one for one in listed["datasets"] if one["dataset"] == "incident"]
    assert (dataset["step"], dataset["actions"], dataset["states"]) == ("open", ["prepare"], 4)
    done = act(officer, day, "prepare", 0)
    assert (done.status_code, done.json()["step"], done.json()["actions"]) == (200, "prepare", [])
    assert act(officer, day, "approve", 1).status_code == 403
    assert act(officer, day, "prepare", 0).status_code == 409, "seen at an older number"
    leader = client(day, monkeypatch, code="26374", role=Role.LEADER)
    assert act(leader, day, "approve", 1).status_code == 409, "the same person"
    other = client(day, monkeypatch, code="26374", role=Role.LEADER, username="b")
    done = act(other, day, "approve", 1).json()
    assert (done["step"], done["actions"], done["states_approved"]) == ("approve", ["unlock"], 4)
    listed = other.get("/api/v1/figures", params={"indicator": "incident.opened"}).json()
    assert listed["items"][0]["coverage"]["approved"] == 1
    refused = act(other, day, "unlock", 2)
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, "reason")
    assert act(other, day, "unlock", 2, reason="nhập sót").json()["step"] == "unlock"


def test_who_sees_a_part_only_approves_nothing(day, monkeypatch):
    leader = client(day, monkeypatch, area="731", role=Role.LEADER)
    assert act(leader, day, "prepare", 0).status_code == 403
    assert act(client(day, monkeypatch, role=Role.ADMIN), day, "prepare", 0).status_code == 403


def test_what_people_may_not_say_is_refused_in_words(day, monkeypatch):
    asking = client(day, monkeypatch, code="26374")
    unknown = {"dataset": "no_such", "period": day.last().key, "act": "prepare", "number": 0}
    assert asking.post("/api/v1/figures/approvals", json=unknown).status_code == 404
    body = {"period": day.last().key, "revision": 0, "cells": [{"numbers": {"n": "1"}}], "evidence": "x"}
    assert asking.post("/api/v1/figures/incident.opened/entries", json=body).status_code == 403
    assert asking.post("/api/v1/figures/no.such/entries", json=body).status_code == 404
    note = {"period": day.last().key, "centre": day.post("26374").name, "rule": "outlier", "note": "đã gọi hỏi"}
    assert asking.post("/api/v1/figures/incident.opened/notes", json=note).status_code == 404, "there is no mark"


def test_an_export_for_work_is_written_down(figures, monkeypatch):
    day = a_day(figures)
    asking = client(day, monkeypatch)
    answer = asking.get("/api/v1/figures/export.csv", params={"audience": "internal"})
    rows = list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"))))
    assert {row["Phạm vi sử dụng"] for row in rows} <= {"nội bộ", "nội bộ, mật"}
    assert "noi-bo" in answer.headers["content-disposition"]
    acts = day.post("75").database.read(audit.recent)
    assert "figure.export" in {one.act for one in acts}


def typing(asking, part, **more):
    body = {"period": "2026-02", "revision": 0, "evidence": "Báo cáo 12", **more}
    body["cells"] = [{"numbers": {"numerator": part, "denominator": "100"}}]
    return asking.post("/api/v1/figures/dvc.dossiers_in_time/entries", json=body)


def test_typed_numbers_from_the_form_to_the_light(march, monkeypatch):
    asking = client(march, monkeypatch, code="26374")
    asked = {"period": "2026-02"}
    form = asking.get("/api/v1/figures/dvc.dossiers_in_time", params=asked).json()["entry"]
    assert ([one["name"] for one in form["fields"]], form["revision"]) == (["numerator", "denominator"], 0)
    assert typing(asking, "97").json() == {
        "indicator": "dvc.dossiers_in_time",
        "period": "2026-02",
        "state_revision": 1,
        "reason": "typed",
    }
    assert typing(asking, "99").status_code == 409, "seen at an older revision"
    assert typing(asking, "99", revision=1).status_code == 422, "without a reason"
    assert typing(asking, "99", revision=1, note="nhập nhầm tử số").json()["state_revision"] == 2
    found = asking.get("/api/v1/figures/dvc.dossiers_in_time", params=asked).json()
    assert (found["value"], found["status"], found["light"]["colour"], found["typed"]) == ("99", "P", "green", 1)
    assert (found["is_official"], found["thresholds"]["is_official"], found["target"]) == (True, False, "98")
    (share,) = found["centres"]
    assert share["is_typed"]
    assert [one["entry"]["evidence"] for one in share["revisions"]] == ["Báo cáo 12", "Báo cáo 12"]
    assert asking.get("/api/v1/figures", params={"period": "2026-02-01"}).json()["items"], "days have no such indicator"
    march.carry()
    above = client(march, monkeypatch).get("/api/v1/figures", params={**asked, "indicator": "dvc.dossiers_in_time"})
    (one,) = above.json()["items"]
    assert (one["value"], one["light"]["colour"], one["coverage"]["received"]) == (None, "none", 1)
    assert "cần ít nhất 90%" in one["light"]["reason"]


def test_an_unusual_value_is_marked_until_somebody_has_asked(march, monkeypatch):
    petitions = CATALOGUE.find("dvc.petitions_in_time", 2)
    march.post("26374").context.settings.figures.freeze_s = 400 * 86_400
    march.clock.advance(160 * 86_400)
    last = Period.parse("2026-07")
    for back, part in ((5, "91"), (4, "92"), (3, "90"), (2, "91"), (1, "90"), (0, "12")):
        enter(march, "26374", part, definition=petitions, period=last.before(back), is_confirmed=True)
    asking = client(march, monkeypatch, code="26374")

    def checks():
        found = asking.get("/api/v1/figures/dvc.petitions_in_time", params={"period": "2026-07"}).json()
        assert found["marks"] == 1
        return found["centres"][0]["checks"]

    (mark,) = checks()
    assert (mark["rule"], mark["notes"]) == ("outlier", [])
    body = {"period": "2026-07", "centre": march.post("26374").name, "rule": "outlier", "note": "bão, trụ sở đóng cửa"}
    assert asking.post("/api/v1/figures/dvc.petitions_in_time/notes", json=body).status_code == 200
    assert [one["note"] for one in checks()[0]["notes"]] == ["bão, trụ sở đóng cửa"]
