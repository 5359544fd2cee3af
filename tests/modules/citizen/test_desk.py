from dataclasses import replace

import pytest

from modules.citizen.module import MODULE
from modules.citizen.retention import MOST_A_STEP, erase_identities
from node.api import incidents
from node.role import Role
from tests.modules.citizen import pictures
from tests.modules.citizen.centre import BASE, JSON, PHUOC_TAN

DESK = f"{BASE}/api/desk/reports"


@pytest.fixture
def sent(centre, citizen):
    photo = ("a.jpg", pictures.with_gps(), "image/jpeg")
    return centre.send(citizen, photo=photo, name="Lê Thị Bưởi", phone="0901 234 567").json()


@pytest.fixture
def operator(centre):
    return centre.staff()


def test_strangers_read_nothing(citizen, sent):
    one = f"{DESK}/{sent['incident_id']}"
    for url in (DESK, one, f"{one}/photo"):
        assert citizen.get(url).status_code == 401
    for url in (f"{one}/identity", f"{one}/proposal", f"{one}/publication"):
        assert citizen.post(url, json={}).status_code == 401


def test_the_list_says_that_a_name_is_kept_but_not_which(operator, sent):
    answer = operator.get(DESK)
    (item,) = answer.json()["items"]
    assert (item["code"], item["has_identity"], item["has_photo"]) == (sent["code"], True, True)
    assert item["status_title"] == "Mới gửi"
    for secret in ("Bưởi", "0901"):
        assert secret not in answer.text
        assert secret not in operator.get(f"{DESK}/{sent['incident_id']}").text


def test_the_list_is_paged_from_the_newest(centre, citizen, operator):
    codes = []
    for _ in range(5):
        centre.clock.advance(1)
        codes.insert(0, centre.send(citizen).json()["code"])
    first = operator.get(DESK, params={"limit": 3}).json()
    rest = operator.get(DESK, params={"limit": 3, "before": first["next_before"]}).json()
    assert [item["code"] for item in first["items"] + rest["items"]] == codes
    assert rest["next_before"] is None
    assert operator.get(DESK, params={"before": "2025-06-01T00:00:00"}).status_code == 422


def test_a_receipt_finds_its_report_and_its_incident(centre, citizen, operator, sent):
    centre.send(citizen)
    typed = sent["code"].lower().replace("-", " ")
    (item,) = operator.get(DESK, params={"code": typed}).json()["items"]
    assert item["incident_id"] == sent["incident_id"]
    assert operator.get(DESK, params={"code": "0000-0000-0001"}).json()["items"] == []
    centre.app.include_router(incidents.router)
    found = operator.get("/api/v1/incidents", params={"q": typed}).json()
    assert [one["id"] for one in found["items"]] == [sent["incident_id"]]
    assert centre.context.database.read(lambda session: MODULE.finds(session, "rác")) is None


def test_only_the_own_area_is_seen(centre, sent):
    elsewhere = centre.staff(area="26377")
    assert elsewhere.get(DESK).json()["items"] == []
    one = f"{DESK}/{sent['incident_id']}"
    for url in (one, f"{one}/photo"):
        assert elsewhere.get(url).status_code == 404
    assert elsewhere.post(f"{one}/identity", json={"reason": "muốn biết"}).status_code == 404
    assert centre.audit("report.identity.disclosed") == []
    district = centre.staff(area="731")
    assert len(district.get(DESK).json()["items"]) == 1


def test_a_report_about_a_neighbours_place_is_seen_where_it_was_taken(centre, citizen, operator):
    centre.send(citizen, **PHUOC_TAN)
    (item,) = operator.get(DESK).json()["items"]
    assert (item["is_elsewhere"], item["place_area_name"]) == (True, "Phường Phước Tân")


def test_who_reported_is_told_for_a_reason_that_is_kept(centre, operator, sent):
    url = f"{DESK}/{sent['incident_id']}/identity"
    for reason in ("", "   ", "abc", "x" * 501):
        assert operator.post(url, json={"reason": reason}).status_code == 422
    assert operator.post(url, json={}).status_code == 422
    assert centre.audit("report.identity.disclosed") == []
    told = operator.post(url, json={"reason": "Cần hỏi thêm vị trí"}).json()
    assert (told["name"], told["phone"]) == ("Lê Thị Bưởi", "0901 234 567")
    ((actor, subject, detail),) = centre.audit("report.identity.disclosed")
    assert (actor, subject) == ("operator.26374", sent["incident_id"])
    assert detail["reason"] == "Cần hỏi thêm vị trí"
    assert "Bưởi" not in str(centre.audit("report.identity.disclosed"))


def test_an_administrator_does_not_learn_who_reported(centre, sent):
    admin = centre.staff(Role.ADMIN, area=None)
    assert admin.get(DESK).status_code == 403
    answer = admin.post(f"{DESK}/{sent['incident_id']}/identity", json={"reason": "quản trị hệ thống"})
    assert answer.status_code == 403
    assert centre.audit("report.identity.disclosed") == []


def test_another_sites_page_cannot_ask_with_the_operators_cookie(centre, operator, sent):
    answer = operator.post(
        f"{DESK}/{sent['incident_id']}/identity",
        json={"reason": "từ trang khác"},
        headers={"origin": "https://ke-xau.example"},
    )
    assert answer.status_code == 403
    assert centre.audit("report.identity.disclosed") == []


def test_the_photograph_is_shown_in_a_sandbox(operator, sent):
    answer = operator.get(f"{DESK}/{sent['incident_id']}/photo")
    assert answer.headers["content-type"] == "image/jpeg"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "sandbox" in answer.headers["content-security-policy"]
    assert b"CANARY" not in answer.content
    assert b"Exif" not in answer.content


def test_publishing_takes_a_supervisor_and_takes_the_name_out(centre, citizen, operator, sent):
    one = f"{DESK}/{sent['incident_id']}"
    text = "Bà Lê Thị Bưởi (0901 234 567) báo rác ở chợ; đã dọn."
    assert operator.post(f"{one}/proposal", json={"text": text}).status_code == 409
    centre.resolve(sent["incident_id"])
    proposed = operator.post(f"{one}/proposal", json={"text": text})
    assert "Bưởi" not in proposed.json()["public_text"]
    assert "đã dọn" not in citizen.get(f"{BASE}/published").text
    assert operator.post(f"{one}/publication", json={}).status_code == 403
    leader = centre.staff(Role.LEADER)
    assert leader.post(f"{one}/publication", json={}).status_code == 200
    page = citizen.get(f"{BASE}/published").text
    assert "đã dọn" in page
    for secret in ("Bưởi", "0901", sent["code"]):
        assert secret not in page


def test_nothing_is_published_while_a_restored_centre_waits_for_its_neighbours(centre, citizen, operator, sent):
    one = f"{DESK}/{sent['incident_id']}"
    centre.resolve(sent["incident_id"])
    assert operator.post(f"{one}/proposal", json={"text": "Đã dọn rác ở chợ."}).status_code == 200
    leader = centre.staff(Role.LEADER)
    centre.context = replace(centre.context, custody_locked=lambda: True)
    centre.app.state.node = centre.context
    answer = leader.post(f"{one}/publication", json={})
    assert (answer.status_code, answer.json()["code"]) == (503, "CUSTODY_LOCKED")
    assert answer.headers["retry-after"]


def test_names_are_deleted_after_the_days_set_and_the_audit_proves_it(centre, citizen, operator, sent):
    centre.changed(identity_days=30)

    def step():
        return centre.database.write(lambda session: erase_identities(session, centre.context))

    centre.clock.advance(30 * 86400)
    assert step() == 0
    young = centre.send(citizen, name="Trần Mới").json()
    centre.clock.advance(1)
    assert step() == 1
    assert step() == 0
    (row,) = [row for row in centre.rows() if row["code"] == sent["code"]]
    assert row["reporter_name"] is row["reporter_phone"] is None
    assert row["reporter_erased_at"] == centre.clock.now()
    ((actor, subject, detail),) = centre.audit("report.identity.erased")
    assert (actor, subject, detail["kept_days"]) == ("citizen.retention", sent["incident_id"], 30)
    assert "Trần Mới" in [row["reporter_name"] for row in centre.rows() if row["code"] == young["code"]]
    assert citizen.get(f"{BASE}/api/reports/{sent['code']}", headers=JSON).status_code == 200


def test_a_step_of_retention_is_bounded(centre, citizen):
    for _ in range(MOST_A_STEP + 2):
        centre.send(citizen, name="Người Gửi")
    centre.clock.advance(181 * 86400)
    counts = [centre.database.write(lambda session: erase_identities(session, centre.context)) for _ in range(3)]
    assert counts == [MOST_A_STEP, 2, 0]
