from dataclasses import replace
from uuid import UUID

import pytest

from federation.tables import metadata as federation_metadata
from modules.citizen.tables import report
from node.incident import rows, sealing, wire
from node.incident.value import Custody, CustodyState, Event, Status
from tests.modules.citizen.centre import BASE, JSON, PAGE, PARENT, PHUOC_TAN, FakePeer


@pytest.fixture
def sent(centre, citizen):
    return centre.send(citizen, name="Lê Thị Bưởi", phone="0901 234 567").json()


def followed(citizen, sent, **params):
    return citizen.get(f"{BASE}/api/reports/{sent['code']}", params=params)


def test_a_receipt_shows_where_the_report_stands(centre, citizen, sent):
    centre.act(None, sent["incident_id"], "receive", note="nội bộ: gọi anh Tư")
    body = followed(citizen, sent).json()
    assert (body["status"], body["status_title"]) == ("received", "Đã tiếp nhận")
    assert [event["act"] for event in body["timeline"]] == ["open", "receive"]
    assert body["timeline"][0]["centre"] == "COC phường Tam Phước"
    assert body["timeline"][0]["at"].endswith("+00:00")
    page = citizen.get(f"{BASE}/track/{sent['code']}", headers=PAGE)
    assert "Đã tiếp nhận" in page.text
    assert "08:00 01/06/2025" in page.text


def test_nothing_of_the_reporter_and_no_internal_note_is_shown(centre, citizen, sent):
    centre.act(None, sent["incident_id"], "receive", note="nội bộ: gọi anh Tư")
    centre.act(None, sent["incident_id"], "note", note="ghi chú nội bộ")
    for text in (followed(citizen, sent).text, citizen.get(f"{BASE}/track/{sent['code']}").text):
        for secret in ("Bưởi", "0901", "234 567", "anh Tư", "nội bộ", "can.bo", "Rác đổ"):
            assert secret not in text


def test_the_reason_of_a_refusal_is_owed_and_shown(centre, citizen, sent):
    centre.act(None, sent["incident_id"], "refuse", note="Ngoài địa bàn <script>alert(1)</script>")
    assert followed(citizen, sent).json()["timeline"][-1]["note"].startswith("Ngoài địa bàn")
    page = citizen.get(f"{BASE}/track/{sent['code']}", headers=PAGE).text
    assert "Ngoài địa bàn &lt;script&gt;" in page
    assert "<script>alert" not in page


@pytest.mark.parametrize(
    ("language", "told"),
    [
        ("vi", [("Kết quả", "Đã dọn sạch"), ("Mức đánh giá", "Hài lòng. Cảm ơn")]),
        ("en", [("Result", "Đã dọn sạch"), ("Rating", "Satisfied. Cảm ơn")]),
    ],
)
def test_each_word_of_the_staff_is_called_what_it_is(centre, citizen, sent, language, told):
    centre.resolve(sent["incident_id"])
    citizen.post(
        f"{BASE}/api/reports/{sent['code']}/rating", data={"rating": "satisfied", "comment": "Cảm ơn"}, headers=JSON
    )
    events = followed(citizen, sent, lang=language).json()["timeline"]
    assert [(event["note_label"], event["note"]) for event in events if event["note"]] == told
    page = citizen.get(f"{BASE}/track/{sent['code']}", params={"lang": language}, headers=PAGE).text
    assert all(f"{label}: {words}" in page for label, words in told)


def test_a_mistyped_address_leads_a_person_back_and_tells_a_program(citizen):
    page = citizen.get(f"{BASE}/phan-anh/gui", headers=PAGE)
    assert page.status_code == 404
    assert "Không có trang này" in page.text
    assert f'href="{BASE}/track"' in page.text
    assert "no-store" in page.headers["cache-control"]
    program = citizen.get(f"{BASE}/phan-anh/gui", headers=JSON)
    assert (program.status_code, program.json()["code"]) == (404, "not_found")


@pytest.mark.parametrize("typed", ["{lower}", "{spaced}", " {code} ", "{bare}"])
def test_the_code_may_be_typed_carelessly(citizen, sent, typed):
    code = sent["code"]
    typed = typed.format(code=code, lower=code.lower(), spaced=code.replace("-", " "), bare=code.replace("-", ""))
    assert citizen.get(f"{BASE}/api/reports/{typed}").status_code == 200
    answer = citizen.get(f"{BASE}/track", params={"code": typed}, headers=PAGE)
    assert answer.headers["location"] == f"{BASE}/track/{code}"


def test_unknown_and_malformed_codes_get_the_same_answer_and_a_person_a_hint(citizen, sent):
    unknown = "0000-0000-0000"
    said = [citizen.get(f"{BASE}/api/reports/{code}") for code in (unknown, "abc", "x" * 200, "'; DROP TABLE--")]
    assert {answer.status_code for answer in said} == {404}
    assert len({answer.text for answer in said}) == 1
    page = citizen.get(f"{BASE}/track/{unknown}", headers=PAGE)
    assert page.status_code == 404
    assert "Không có phản ánh với mã này ở đây" in page.text
    assert "có thể đã được gửi tới xã, phường khác" in page.text
    mistyped = citizen.get(f"{BASE}/track/0000-0000-0001", headers=PAGE)
    assert mistyped.status_code == 404
    assert "Mã có 12 ký tự" in mistyped.text
    assert "xã, phường khác" not in mistyped.text


def test_guessing_is_slowed_down(centre, citizen):
    centre.changed(lookups_per_minute=5)
    codes = [citizen.get(f"{BASE}/api/reports/0000-0000-0000").status_code for _ in range(8)]
    assert codes == [404] * 5 + [429] * 3
    assert citizen.get(f"{BASE}/track/0000-0000-0000", headers=PAGE).status_code == 429


def test_waiting_for_the_centre_above_and_for_the_line_is_said(centre, citizen, sent):
    assert followed(citizen, sent).json()["waiting"] == ""
    centre.act(None, sent["incident_id"], "escalate", cause="capacity", note="không đủ xe")
    centre.peers = [FakePeer(PARENT, "parent", connected=True)]
    assert followed(citizen, sent).json()["waiting"] == "Đang chờ OC thành phố Biên Hòa tiếp nhận."
    centre.peers = [FakePeer(PARENT, "parent", connected=False, last_heard_at=centre.clock.now())]
    waiting = followed(citizen, sent).json()["waiting"]
    assert "gián đoạn" in waiting
    assert "08:00 01/06/2025" in waiting
    assert "Waiting for OC thành phố Biên Hòa" in followed(citizen, sent, lang="en").json()["waiting"]


def test_overdue_is_derived_from_the_clock(centre, citizen, sent):
    centre.clock.advance(2 * 3600 - 1)
    assert followed(citizen, sent).json()["overdue"] is False
    centre.clock.advance(2)
    late = followed(citizen, sent).json()
    assert (late["overdue"], late["overdue_cause"]) == (True, "unit")
    assert "Quá hạn" in citizen.get(f"{BASE}/track/{sent['code']}", headers=PAGE).text
    urgent = centre.send(citizen, urgency="urgent").json()
    centre.clock.advance(15 * 60 + 1)
    assert followed(citizen, urgent).json()["overdue"] is True


@pytest.mark.parametrize("rating", ["satisfied", "accepted", "unsatisfied"])
def test_a_resolved_report_is_rated_once(centre, citizen, sent, rating):
    url = f"{BASE}/api/reports/{sent['code']}/rating"
    assert followed(citizen, sent).json()["may_rate"] is False
    assert citizen.post(url, data={"rating": rating}, headers=JSON).status_code == 409
    centre.resolve(sent["incident_id"])
    assert followed(citizen, sent).json()["may_rate"] is True
    assert citizen.post(url, data={"rating": "brilliant"}, headers=JSON).status_code == 422
    body = citizen.post(url, data={"rating": rating, "comment": "gọi 0901234567"}, headers=JSON).json()
    assert (body["status"], body["rating"], body["may_rate"]) == ("rated", rating, False)
    assert citizen.post(url, data={"rating": rating}, headers=JSON).status_code == 409
    (row,) = centre.rows()
    assert row["rating_comment"] == "gọi 0901234567"
    notes = [event["note"] for event in centre.rows(rows.incident_event)]
    assert not any("0901234567" in note for note in notes)


def test_a_resolved_report_is_opened_again_with_a_reason(centre, citizen, sent):
    url = f"{BASE}/api/reports/{sent['code']}/reopening"
    assert citizen.post(url, data={"reason": "vẫn còn"}, headers=JSON).status_code == 409
    centre.resolve(sent["incident_id"])
    assert citizen.post(url, data={"reason": " "}, headers=JSON).status_code == 422
    page = citizen.post(url, data={"reason": "Rác vẫn còn đó"}, headers=PAGE)
    assert page.status_code == 303
    body = followed(citizen, sent).json()
    assert (body["status"], body["may_reopen"]) == ("reopened", False)
    assert body["timeline"][-1]["note"] == "Rác vẫn còn đó"


def ended_above(centre, sent, status=Status.RESOLVED, act="resolve"):
    """What the centre above answers for, and how it stands there by its word."""
    known = UUID(sent["incident_id"])

    def step(session):
        found, now = rows.get(session, known), centre.clock.now()
        held = Custody(CustodyState.GIVEN, PARENT, None, 2, now)
        told_up = max(1, found.told_up)
        rows.save(session, replace(found, custody=held, status=status, status_at=now, told_up=told_up))
        rows.add_event(session, known, Event(at=now, centre=PARENT, actor="", act=act, status=status))

    centre.database.write(step)


def test_a_report_that_was_ended_above_is_asked_to_be_reopened_once(centre, citizen, sent):
    ended_above(centre, sent)
    assert followed(citizen, sent).json()["may_reopen"] is True
    url = f"{BASE}/api/reports/{sent['code']}/reopening"
    body = citizen.post(url, data={"reason": "Lê Thị Bưởi: vẫn ngập, gọi 0901234567"}, headers=JSON).json()
    assert (body["status"], body["may_reopen"]) == ("resolved", False)
    assert body["waiting"] == "Đã gửi đề nghị mở lại tới OC thành phố Biên Hòa; đang chờ trả lời."
    assert citizen.post(url, data={"reason": "vẫn ngập"}, headers=JSON).status_code == 409
    told = [payload for kind, *_, payload in centre.records() if kind == "incident.status"]
    assert [b"ask_reopen" in payload for payload in told] == [True]
    assert "vẫn ngập" in in_words(centre, told[0])
    assert not [secret for secret in ("Bưởi", "0901234567") if secret in in_words(centre, told[0])]
    centre.clock.advance(60)
    ended_above(centre, sent, Status.CLOSED, "keep")
    body = followed(citizen, sent).json()
    assert (body["waiting"], body["may_reopen"]) == ("", True)


def test_what_was_reopened_above_is_rated_anew(centre, citizen, sent):
    ended_above(centre, sent)
    url = f"{BASE}/api/reports/{sent['code']}/rating"
    assert citizen.post(url, data={"rating": "unsatisfied"}, headers=JSON).json()["may_rate"] is False
    centre.clock.advance(60)
    ended_above(centre, sent, Status.REOPENED, "reopen")
    ended_above(centre, sent)
    assert followed(citizen, sent).json()["may_rate"] is True
    assert citizen.post(url, data={"rating": "satisfied"}, headers=JSON).json()["rating"] == "satisfied"
    assert citizen.post(url, data={"rating": "satisfied"}, headers=JSON).status_code == 409


def test_the_page_offers_rating_and_reopening_without_a_script(centre, citizen, sent):
    centre.resolve(sent["incident_id"])
    page = citizen.get(f"{BASE}/track/{sent['code']}", headers=PAGE).text
    assert f'action="{BASE}/api/reports/{sent["code"]}/rating"' in page
    assert f'action="{BASE}/api/reports/{sent["code"]}/reopening"' in page


def test_english_is_a_choice_that_stays(centre, citizen):
    page = citizen.get(f"{BASE}/", params={"lang": "en"}).text
    assert '<html lang="en">' in page
    assert "What is happening?" in page
    assert "Việc gì đang xảy ra?" not in page
    answer = centre.send(citizen, headers=PAGE, lang="en")
    assert answer.headers["location"].endswith("lang=en")
    assert "Your report is recorded" in citizen.get(answer.headers["location"]).text


def test_a_grave_report_rises_in_the_same_transaction(centre, citizen):
    centre.send(citizen, category="environment", urgency="urgent")
    assert centre.records() == []
    centre.send(citizen, category="flood", urgency="urgent")
    (record,) = centre.records()
    assert record[:3] == ("incident.alert", "parent", "urgent")


PERSONAL = {
    "name": "Lê Thị Bưởi",
    "phone": "0901 234 567",
    "description": "Tôi là Lê Thị Bưởi, gọi 0987.654.321 hoặc buoi@example.vn, CCCD 075123456789. Nhà sập!",
    "place": "Nhà bà lê thị bưởi, tổ 3, điện thoại +84 901 234 567",
}


def in_words(centre, payload):
    """What a record says to whoever has its keys."""
    news = wire.decode(payload)
    return str(centre.database.write(lambda session: sealing.opened(session, news)))


def test_no_personal_data_stands_in_the_record_sent_upward(centre, citizen):
    sent = centre.send(citizen, category="flood", urgency="danger", **PERSONAL).json()
    centre.act(None, sent["incident_id"], "receive")
    centre.act(None, sent["incident_id"], "escalate", cause="capacity", note="thiếu lực lượng")
    signed = [payload.decode("utf-8", "ignore").casefold() for *_, payload in centre.records()]
    assert not [payload for payload in signed if "nhà sập!" in payload], "what is signed is enciphered"
    payloads = [in_words(centre, payload).casefold() for *_, payload in centre.records()]
    assert len(payloads) >= 3
    for payload in (*payloads, *signed):
        for secret in ("bưởi", "0901", "901 234", "0987", "654.321", "buoi@", "075123456789", sent["code"].casefold()):
            assert secret not in payload
    assert "nhà sập!" in payloads[0]
    (row,) = centre.rows()
    assert row["personal_data"] is True
    assert row["description"] == PERSONAL["description"]


def test_nothing_of_the_reporter_stands_outside_of_the_modules_own_table(centre, citizen):
    centre.send(citizen, category="flood", urgency="danger", **PERSONAL)
    for table in [*rows.metadata.sorted_tables, *federation_metadata.sorted_tables]:
        for row in centre.rows(table):
            assert "Bưởi" not in str(dict(row))
            assert "234 567" not in str(dict(row))
    assert report.name == "citizen_report"


@pytest.mark.parametrize(
    "description",
    ["Tôi tố cáo ông Nguyễn Văn Giả nhận tiền.", "Đơn KHIẾU NẠI về bồi thường đất", "toi to cao can bo xa nhan tien"],
)
def test_complaints_are_recognised_and_their_words_stay_here(centre, citizen, description):
    sent = centre.send(citizen, category="fire", urgency="danger", description=description).json()
    assert sent["complaint"] is True
    (incident,) = centre.rows(rows.incident)
    assert description not in incident["description"] + incident["title"]
    ((*_, payload),) = centre.records()
    assert description.encode() not in payload
    assert b"citizen.fire" in payload
    assert "khiếu nại, tố cáo" in citizen.get(f"{BASE}/track/{sent['code']}").text


def test_a_neighbours_place_is_said_on_the_tracking_page(centre, citizen):
    sent = centre.send(citizen, **PHUOC_TAN).json()
    assert "Phường Phước Tân" in followed(citizen, sent).json()["note"]


def test_static_files_are_few_and_named(citizen):
    form_size = len(citizen.get(f"{BASE}/").content)
    sizes = [len(citizen.get(f"{BASE}/static/{name}").content) for name in ("citizen.css", "report.js", "icon.svg")]
    assert form_size + sum(sizes) < 60_000
    assert citizen.get(f"{BASE}/worker.js").headers["content-type"].startswith("text/javascript")
    for name in ("form.html", "..%2Fmodule.py", "citizen.css.bak", "module.py"):
        assert citizen.get(f"{BASE}/static/{name}").status_code == 404
