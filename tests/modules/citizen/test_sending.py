import asyncio
import errno

import httpx
import pytest

from modules.citizen import reading
from modules.citizen.tables import photo as photo_table
from modules.citizen.tables import report
from node.incident import rows
from tests.modules.citizen import pictures
from tests.modules.citizen.centre import BASE, HA_NOI, JSON, PAGE, PHUOC_TAN, TAM_PHUOC, form


def test_a_report_is_recorded_with_its_incident(centre, citizen):
    answer = centre.send(
        citizen, photo=("a.jpg", pictures.with_gps(), "image/jpeg"), name="Nguyễn An", phone="0901 234 567"
    )
    assert answer.status_code == 201
    body = answer.json()
    assert body["track_url"] == f"{BASE}/track/{body['code']}"
    (row,) = centre.rows()
    assert (row["code"], row["area_code"], row["reporter_name"]) == (body["code"], "26374", "Nguyễn An")
    (incident,) = centre.rows(rows.incident)
    assert str(incident["id"]) == row["incident_id"] == body["incident_id"]
    assert (incident["kind"], incident["status"], incident["severity"]) == ("citizen.environment", "new", 2)
    assert incident["has_thumbnail"]
    (photo,) = centre.rows(photo_table)
    assert photo["jpeg"].startswith(b"\xff\xd8\xff")
    assert b"CANARY" not in photo["jpeg"]
    assert b"Exif" not in photo["jpeg"]


def test_an_empty_report_is_told_field_by_field(citizen):
    answer = citizen.post(f"{BASE}/api/reports", files={"x": ("", b"")}, headers=JSON)
    assert answer.status_code == 422
    said = {error["field"]: error["message"] for error in answer.json()["errors"]}
    assert set(said) == {"category", "description", "key"}
    assert said["category"] == "Hãy chọn việc đang xảy ra."


def test_an_empty_report_from_a_plain_form_comes_back_with_its_words(centre, citizen):
    answer = centre.send(citizen, headers=PAGE, category=None, place="Gần chợ <b>")
    assert answer.status_code == 422
    assert answer.headers["content-type"].startswith("text/html")
    assert "Hãy chọn việc đang xảy ra." in answer.text
    assert "Rác đổ thành đống" in answer.text
    assert "Gần chợ &lt;b&gt;" in answer.text
    assert centre.rows() == []


def test_a_plain_form_is_led_to_its_receipt(centre, citizen):
    answer = centre.send(citizen, headers=PAGE, lat=None, lon=None)
    assert answer.status_code == 303
    page = citizen.get(answer.headers["location"], headers=PAGE)
    (row,) = centre.rows()
    assert row["code"] in page.text
    assert "Đã ghi nhận phản ánh" in page.text


def test_every_answer_to_a_plain_form_is_a_page_that_runs_nothing(centre, citizen):
    for answer in (
        citizen.get(f"{BASE}/"),
        centre.send(citizen, headers=PAGE, category="x"),
        citizen.get(f"{BASE}/track"),
    ):
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert "<script>" not in answer.text
        assert " style=" not in answer.text
        assert " onclick=" not in answer.text


def test_the_same_key_gives_the_same_receipt(centre, citizen):
    again = form(key="k" * 32)
    first = citizen.post(f"{BASE}/api/reports", data=again, files={"x": ("", b"")}, headers=JSON)
    second = citizen.post(f"{BASE}/api/reports", data=again, files={"x": ("", b"")}, headers=JSON)
    assert (first.status_code, second.status_code) == (201, 200)
    assert first.json()["code"] == second.json()["code"]
    assert len(centre.rows()) == len(centre.rows(rows.incident)) == 1


def test_the_same_key_with_other_words_is_not_swallowed(centre, citizen):
    first = centre.send(citizen, key="k" * 32).json()
    answer = centre.send(citizen, key="k" * 32, description="Một việc hoàn toàn khác.")
    assert answer.status_code == 409
    assert answer.json()["receipt"] == first["code"]
    assert first["code"] in answer.json()["detail"]
    page = centre.send(citizen, headers=PAGE, key="k" * 32, description="Một việc hoàn toàn khác.")
    assert page.status_code == 409
    assert "k" * 32 not in page.text
    assert "Một việc hoàn toàn khác." in page.text


async def test_twelve_taps_at_once_are_one_report(centre):
    photo = pictures.picture()
    transport = httpx.ASGITransport(centre.app)
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8001") as browser:
        taps = [
            browser.post(
                f"{BASE}/api/reports",
                data=form(key="d" * 32),
                files={"photo": ("a.jpg", photo, "image/jpeg")},
                headers=JSON,
            )
            for _ in range(12)
        ]
        answers = await asyncio.gather(*taps)
    assert sorted(answer.status_code for answer in answers) == [200] * 11 + [201]
    assert len({answer.json()["code"] for answer in answers}) == 1
    assert len(centre.rows()) == len(centre.rows(rows.incident)) == len(centre.rows(photo_table)) == 1


async def test_in_a_flood_what_is_acknowledged_is_stored_and_the_rest_is_told(centre):
    centre.changed(reports_per_minute=60, uploads_at_once=8)
    transport = httpx.ASGITransport(centre.app)
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8001") as crowd:
        taps = [
            crowd.post(f"{BASE}/api/reports", data=form(), files={"x": ("", b"")}, headers=JSON) for _ in range(150)
        ]
        answers = await asyncio.gather(*taps)
    codes = {answer.json()["code"] for answer in answers if answer.status_code == 201}
    assert {answer.status_code for answer in answers} <= {201, 429, 503}
    assert {row["code"] for row in centre.rows()} == codes
    assert 0 < len(codes) <= 60


@pytest.mark.parametrize("name", pictures.not_pictures())
def test_what_is_no_picture_is_refused_and_nothing_is_kept(centre, citizen, name):
    raw = pictures.not_pictures()[name]
    answer = centre.send(citizen, photo=("anh.jpg", raw, "image/jpeg"))
    assert answer.status_code == 415
    assert answer.json()["errors"][0]["field"] == "photo"
    assert centre.rows() == centre.rows(rows.incident) == []


def test_why_a_picture_was_refused_stands_once_on_the_page(centre, citizen):
    raw = next(iter(pictures.not_pictures().values()))
    page = centre.send(citizen, photo=("anh.jpg", raw, "image/jpeg"), headers=PAGE)
    words = centre.send(citizen, photo=("anh.jpg", raw, "image/jpeg")).json()["errors"][0]["message"]
    assert page.status_code == 415
    assert page.text.count(words) == 1


@pytest.mark.parametrize("name", ["cut_jpeg", "png_head_of_html", "png_text_bomb"])
def test_a_broken_picture_is_refused(centre, citizen, name):
    answer = centre.send(citizen, photo=("anh.jpg", pictures.broken_pictures()[name], "image/jpeg"))
    assert answer.status_code == 422
    assert centre.rows() == []


@pytest.mark.parametrize("name", pictures.bombs())
def test_two_hundred_megapixels_are_refused(centre, citizen, name):
    answer = centre.send(citizen, photo=("anh.jpg", pictures.bombs()[name], "image/jpeg"))
    assert answer.status_code == 413
    assert "điểm ảnh" in answer.json()["detail"]
    assert centre.rows() == []


def test_a_body_over_the_limit_is_refused_before_it_is_parsed(centre, citizen, monkeypatch):
    monkeypatch.setattr(reading, "_parse", lambda _: pytest.fail("parsed"))
    answer = centre.send(citizen, photo=("a.jpg", b"\xff\xd8\xff" + bytes(13 * 1024 * 1024), "image/jpeg"))
    assert answer.status_code == 413
    assert "12 MB" in answer.json()["detail"]


def test_a_body_that_hides_its_length_is_cut_off(centre, citizen):
    def endless():
        yield b'--b\r\nContent-Disposition: form-data; name="photo"; filename="a.jpg"\r\n\r\n'
        for _ in range(200):
            yield bytes(1024 * 1024)

    answer = citizen.post(
        f"{BASE}/api/reports", content=endless(), headers={**JSON, "content-type": "multipart/form-data; boundary=b"}
    )
    assert answer.status_code == 413
    assert centre.rows() == []


@pytest.mark.parametrize(
    ("content_type", "body", "status"),
    [
        ("application/json", b"{}", 415),
        ("text/plain", b"x", 415),
        ("multipart/form-data", b"x", 422),
        ("multipart/form-data; boundary=b", b"no boundary here", 422),
        ("multipart/form-data; boundary=b", b"--b\r\nContent-Disposition: form-data\r\n\r\nx\r\n--b--\r\n", 422),
        (
            "multipart/form-data; boundary=b",
            b"--b\r\nContent-Disposition: form-data; name=description\r\n\r\n" + b"x" * 70_000 + b"\r\n--b--\r\n",
            422,
        ),
        ("application/x-www-form-urlencoded", b"&".join(b"a%d=1" % n for n in range(100)), 422),
    ],
)
def test_what_is_no_form_is_refused(centre, citizen, content_type, body, status):
    answer = citizen.post(f"{BASE}/api/reports", content=body, headers={**JSON, "content-type": content_type})
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert centre.rows() == []


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        (HA_NOI, "place"),
        ({"lat": "0", "lon": "0"}, "place"),
        ({"lat": "nan", "lon": "nan"}, "place"),
        ({"lat": "inf", "lon": "1"}, "place"),
        ({"lat": "10.88", "lon": None}, "place"),
        ({"lat": "1e400", "lon": "106"}, "place"),
        ({"lat": None, "lon": None, "area_code": "99999"}, "area_code"),
        ({"lat": None, "lon": None, "area_code": "731"}, "area_code"),  # known, and not on the page: no commune
        ({"urgency": "soon"}, "urgency"),
        ({"category": "citizen.flood"}, "category"),
        ({"description": "  \u200b \x00 "}, "description"),
        ({"description": "x" * 4001}, "description"),
        ({"phone": "gọi tôi nhé"}, "phone"),
        ({"phone": "1" * 16}, "phone"),
        ({"name": "n" * 121}, "name"),
        ({"place": "p" * 301}, "place"),
        ({"key": "short"}, "key"),
        ({"key": "k" * 15 + "\n" + "k" * 4}, "key"),
    ],
)
def test_each_wrong_field_is_named(centre, citizen, changed, field):
    answer = centre.send(citizen, **changed)
    assert answer.status_code == 422
    assert [error["field"] for error in answer.json()["errors"]] == [field]
    assert centre.rows() == []


def test_outside_of_the_territory_is_said_helpfully(centre, citizen):
    (error,) = centre.send(citizen, **HA_NOI).json()["errors"]
    assert "Phường Tam Phước" in error["message"]
    assert "chọn xã, phường" in error["message"]


def test_a_neighbours_place_is_taken_and_said(centre, citizen):
    answer = centre.send(citizen, **PHUOC_TAN).json()
    assert answer["area_code"] == "26377"
    assert "Phường Phước Tân" in answer["note"]
    (row,) = centre.rows()
    assert (row["area_code"], row["place_area_code"]) == ("26374", "26377")
    (incident,) = centre.rows(rows.incident)
    assert incident["area_code"] == "26374"
    assert "Phường Phước Tân, ngoài địa bàn" in incident["description"]


def test_without_a_position_the_chosen_commune_counts(centre, citizen):
    assert centre.send(citizen, lat=None, lon=None).json()["area_code"] == "26374"
    assert centre.send(citizen, lat=None, lon=None, area_code="26377").json()["area_code"] == "26377"


@pytest.mark.parametrize(
    ("where", "inside", "own"), [(TAM_PHUOC, True, True), (PHUOC_TAN, True, False), (HA_NOI, False, False)]
)
def test_a_position_is_looked_up_for_the_page(citizen, where, inside, own):
    answer = citizen.get(f"{BASE}/api/locate", params=where).json()
    assert (answer["inside"], answer["own"]) == (inside, own)
    assert answer["message"]


def test_a_full_disk_says_that_nothing_was_recorded(centre, citizen, monkeypatch):
    from node.errors import StorageFull

    def full(_step, **_):
        raise StorageFull("chưa ghi nhận: máy chủ đã hết dung lượng lưu trữ")

    monkeypatch.setattr(centre.database, "write", full)
    answer = centre.send(citizen)
    assert answer.status_code == 507
    assert "Chưa ghi nhận" in answer.json()["title"]
    page = centre.send(citizen, headers=PAGE)
    assert page.status_code == 507
    assert "Chưa ghi nhận" in page.text
    assert "Rác đổ thành đống" in page.text
    monkeypatch.undo()
    assert centre.rows() == []


def test_a_disk_that_is_full_while_the_photograph_arrives_says_so_too(centre, citizen, monkeypatch):
    async def full(_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(reading, "_parse", full)
    answer = centre.send(citizen)
    assert answer.status_code == 507
    assert "Chưa ghi nhận" in answer.json()["title"]


def test_a_grave_report_may_use_the_last_of_the_disk(centre, citizen, monkeypatch):
    asked = []
    write = centre.database.write
    monkeypatch.setattr(centre.database, "write", lambda step, **how: (asked.append(how), write(step, **how))[1])
    centre.send(citizen)
    centre.send(citizen, category="flood", urgency="danger")
    assert asked == [{"urgent": False}, {"urgent": True}]


def test_report_and_incident_are_kept_together_or_not_at_all(centre, citizen, monkeypatch):
    from modules.citizen import reports

    def broken(*_, **__):
        raise RuntimeError("between the incident and the report")

    monkeypatch.setattr(reports, "_insert", broken)
    with pytest.raises(RuntimeError):
        centre.send(citizen)
    assert centre.rows() == centre.rows(rows.incident) == []


def test_too_many_reports_from_one_address_are_slowed_down(centre, citizen):
    centre.changed(reports_per_minute=3)
    codes = [centre.send(citizen).status_code for _ in range(5)]
    assert codes == [201, 201, 201, 429, 429]
    assert "phút" in centre.send(citizen, headers=PAGE).text
    centre.clock.advance(61)
    assert centre.send(citizen).status_code == 201


def test_no_more_uploads_at_once_than_set_and_waiting(centre, citizen):
    centre.changed(uploads_at_once=1, uploads_waiting=0)
    centre.send(citizen)
    limits = centre.app.state.citizen_intake
    limits.upload_places.total_tokens = 0
    answer = centre.send(citizen)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "30")
    limits.upload_places.total_tokens = 1
    assert centre.send(citizen).status_code == 201


def test_all_addresses_together_have_a_quota_too(centre, citizen):
    centre.changed(all_reports_per_s=1)
    answers = [citizen.post(f"{BASE}/api/reports", data=form(), files={"x": ("", b"")}, headers=JSON) for _ in range(7)]
    assert [answer.status_code for answer in answers] == [201] * 5 + [429] * 2
    assert "rất nhiều người" in answers[-1].json()["detail"]
    centre.clock.advance(1)
    assert centre.send(citizen).status_code == 201


def test_text_is_kept_composed_and_without_invisible_signs(centre, citizen):
    decomposed = "Ngập nước \u202eở cổng trường\x07\r\nsâu 40 cm"
    centre.send(citizen, description=decomposed)
    (row,) = centre.rows()
    assert row["description"] == "Ngập nước ở cổng trường\nsâu 40 cm"
    assert row["key"] != ""
    assert set(report.c.keys()) >= {"reporter_name", "reporter_phone"}
