"""The intake process and the node, joined without a socket: what is handed over is checked again."""

import json

import httpx
import pytest
from fastapi.testclient import TestClient

from modules.citizen import reading, taking
from modules.citizen.counter import pack
from modules.citizen.module import MODULE
from modules.citizen.photo import Darkroom, Photo
from modules.citizen.plain_jpeg import is_plain_jpeg
from modules.citizen.reading import Sent
from modules.citizen.settings import CitizenSettings
from node.errors import Invalid, StorageFull
from node.intake.application import Door, intake_application
from node.intake.counter import counter_application
from node.intake.line import Line
from node.pace import Pace
from tests.modules.citizen import pictures
from tests.modules.citizen.centre import BASE, JSON, PAGE, form

PLAIN = pictures.picture((64, 48))


class Joined(Line):
    """The line, with the node's application at its other end instead of a socket."""

    def __init__(self, folder, app):
        super().__init__(folder / "intake.sock", at_once=8, waiting=50, wait_s=5.0)
        self._http = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://node")


@pytest.fixture
def door(centre, tmp_path):
    known = centre.context
    facts = Door(
        centre=known.centre,
        territory=known.territory,
        clock=known.clock,
        random=known.random,
        pace=Pace(known.clock),
        module_settings={"citizen": CitizenSettings()},
    )
    with Joined(tmp_path, counter_application(known)) as line:
        app = intake_application(facts, line, [MODULE])
        with TestClient(app, base_url="http://127.0.0.1:8002", follow_redirects=False) as client:
            yield client


def send(door, photo=None, headers=JSON, **changed):
    files = {"photo": photo} if photo else {"nothing": ("", b"")}
    return door.post(f"{BASE}/api/reports", data=form(**changed), files=files, headers=headers)


def test_a_report_with_its_photograph_goes_through_and_comes_back(centre, door):
    sent = send(door, photo=("a.jpg", pictures.with_gps(), "image/jpeg"), name="Nguyễn An", phone="0901 234 567")
    assert sent.status_code == 201
    (row,) = centre.rows()
    assert (row["code"], row["reporter_name"]) == (sent.json()["code"], "Nguyễn An")
    code = sent.json()["code"]
    assert door.get(f"{BASE}/api/reports/{code}").json()["status"] == "new"
    assert door.get(f"{BASE}/track/{code}", headers=PAGE).status_code == 200
    assert door.get(f"{BASE}/published").status_code == 200
    centre.resolve(row["incident_id"])
    rated = door.post(f"{BASE}/api/reports/{code}/rating", data={"rating": "satisfied", "comment": "tốt"}, headers=JSON)
    assert (rated.status_code, rated.json()["rating"]) == (200, "satisfied")
    again = door.post(f"{BASE}/api/reports/{code}/reopening", data={"reason": "vẫn còn"}, headers=JSON)
    assert (again.status_code, again.json()["rating"]) == (200, None)


def test_answers_are_the_same_as_of_the_node_itself(centre, citizen, door):
    for changed in ({"category": "x"}, {"key": "k" * 32}, {"key": "k" * 32, "description": "Một việc khác hẳn."}):
        own, over = centre.send(citizen, **changed), send(door, **changed)
        assert over.status_code in {own.status_code, 200}, changed
    assert send(door, key="k" * 32, description="Việc thứ ba.").json()["receipt"]
    assert door.get(f"{BASE}/api/reports/AAAA").status_code == 404
    assert door.get(f"{BASE}/no-such").status_code == 404


def test_the_same_photograph_again_is_not_developed_again(centre, door, monkeypatch):
    raw, key = pictures.with_gps(), "p" * 32
    assert send(door, photo=("a.jpg", raw), key=key).status_code == 201
    monkeypatch.setattr(Darkroom, "develop", lambda *_: pytest.fail("developed again"))
    assert send(door, photo=("a.jpg", raw), key=key).status_code == 200
    other = send(door, photo=("a.jpg", pictures.picture()), key=key)
    assert other.status_code == 409


def test_a_full_disk_behind_the_line_is_said_in_words(centre, door, monkeypatch):
    def full(_step, **_):
        raise StorageFull("chưa ghi nhận: máy chủ đã hết dung lượng lưu trữ")

    monkeypatch.setattr(centre.database, "write", full)
    for headers in (JSON, PAGE):
        answer = send(door, headers=headers)
        assert (answer.status_code, answer.headers["retry-after"]) == (507, "30")
        assert "Chưa ghi nhận" in answer.text
    monkeypatch.undo()
    assert centre.rows() == []
    assert send(door).status_code == 201


def test_over_the_quota_is_said_before_anything_is_read(centre, door, monkeypatch):
    monkeypatch.setattr(reading, "_parse", lambda _: pytest.fail("parsed"))
    monkeypatch.setattr(Pace, "allow", lambda *_: False)
    for headers in (JSON, PAGE):
        answer = send(door, headers=headers, photo=("a.jpg", PLAIN))
        assert (answer.status_code, answer.headers["retry-after"]) == (429, "30")
    assert centre.rows() == []


def handed(photo, **changed):
    return pack(Sent(form(**changed), photo_hash=bytes(32)), photo, "vi")


@pytest.mark.parametrize(
    "photo",
    [
        Photo(jpeg=pictures.with_gps(), thumbnail=PLAIN, width=640, height=320),
        Photo(jpeg=PLAIN, thumbnail=pictures.with_gps(), width=64, height=48),
        Photo(jpeg=PLAIN + b"<script>", thumbnail=PLAIN, width=64, height=48),
        Photo(jpeg=b"<svg/>", thumbnail=PLAIN, width=64, height=48),
        Photo(jpeg=PLAIN, thumbnail=b"", width=64, height=48),
        Photo(jpeg=PLAIN, thumbnail=PLAIN, width=64, height=99_999),
    ],
)
def test_a_picture_that_was_not_encoded_anew_is_not_taken_from_intake_either(photo):
    with pytest.raises(Invalid):
        taking.unpack(handed(photo))


def test_a_plain_one_is():
    _, photo, _ = taking.unpack(handed(Photo(jpeg=PLAIN, thumbnail=PLAIN, width=64, height=48)))
    assert photo.jpeg == PLAIN


@pytest.mark.parametrize("raw", [b"", b"{", b"[]", b'{"fields":{},"lang":"vi"}', b"\xff" * 80])
def test_what_intake_never_sends_is_refused(centre, raw):
    client = TestClient(counter_application(centre.context), base_url="http://node")
    assert client.post("/counter/citizen/reports", content=raw).status_code == 422
    assert centre.rows() == []


def test_fields_are_checked_again_behind_the_line(centre):
    client = TestClient(counter_application(centre.context), base_url="http://node")
    for changed in ({"category": "citizen.flood"}, {"lat": "21", "lon": "105"}, {"phone": "x"}, {"key": "short"}):
        answer = client.post("/counter/citizen/reports", content=handed(None, **changed))
        assert answer.status_code == 422, changed
        assert answer.json()["errors"]
    assert centre.rows() == []


@pytest.mark.parametrize("fmt", ["JPEG", "PNG", "WEBP"])
def test_what_the_darkroom_makes_is_plain(fmt):
    made = Darkroom(timeout_s=60).develop(pictures.picture(fmt=fmt))
    assert is_plain_jpeg(made.jpeg)
    assert is_plain_jpeg(made.thumbnail)


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\xff\xd8\xff\xd9"[:3],
        pictures.with_gps(),
        pictures.picture(comment=b"hello"),
        PLAIN[:-2],
        PLAIN + b"\0",
        PLAIN[:2] + b"\xff\xe1\x00\x08Exif\0\0" + PLAIN[2:],
        PLAIN[:-2] + b"\xff\xfe\x00\x06abcd\xff\xd9",
        b"\xff\xd8" + json.dumps({}).encode() + b"\xff\xd9",
    ],
)
def test_what_holds_more_than_a_picture_is_not_plain(raw):
    assert not is_plain_jpeg(raw)
