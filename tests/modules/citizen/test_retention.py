"""Three parts, each with its own period; what is deleted is gone from every table, and its proof says nothing of it."""

import hashlib
import io
import json
import zipfile
from datetime import timedelta

import pytest

from federation import tables as federation_tables
from modules.citizen import retention, subject
from modules.citizen.erasing import fingerprint, next_key
from modules.citizen.subject import subscriber
from modules.citizen.tables import photo as photo_table
from node.incident import rows, wire
from node.role import Role
from tests.modules.citizen import pictures
from tests.modules.citizen.centre import BASE

NAME, PHONE, WORDS = "Nguyễn Thị Chim Yến", "0987 123 456", "Trước nhà bà Bảy có đống rác canary-lời-kể"
KEY = "k" * 32
CANARIES = (NAME, PHONE, "0987123456", "canary-lời-kể", "Bà Bảy")


def sent(centre, citizen, **changed):
    fields = {"key": KEY, "name": NAME, "phone": PHONE, "description": WORDS, "place": "nhà Bà Bảy"} | changed
    return centre.send(citizen, photo=("a.jpg", pictures.picture(), "image/jpeg"), **fields).json()


def closed(centre, incident_id):
    centre.resolve(incident_id)
    centre.act(None, incident_id, "close", note="xong việc canary-lời-kể")


def step(centre, job):
    return centre.database.write(lambda session: job(session, centre.context))


def everything(centre, but=()):
    """All text and bytes of every table, the ledger's own left out where asked."""
    found = []
    with centre.database.engine.connect() as connection:
        names = connection.exec_driver_sql("select name from sqlite_master where type = 'table'").scalars().all()
        for name in names:
            if not name.startswith(but or "-"):
                query = f'select * from "{name}"'  # noqa: S608 - a table of ours
                for row in connection.exec_driver_sql(query).all():
                    found += [
                        value.encode() if isinstance(value, str) else bytes(value or b"")
                        for value in row
                        if isinstance(value, str | bytes | None)
                    ]
    return b"\n".join(found)


def traces(centre, *canaries, but=()):
    held = everything(centre, but)
    return [canary for canary in canaries or CANARIES if canary.encode() in held]


def test_each_part_goes_when_its_own_time_is_over(centre, citizen):
    centre.changed(identity_days=10, photo_days=20, text_days=30)
    report = sent(centre, citizen)
    closed(centre, report["incident_id"])
    jobs = (retention.erase_identities, retention.erase_photos, retention.erase_texts)
    counts = []
    for _ in range(3):
        centre.clock.advance(timedelta(days=10, hours=1).total_seconds())
        counts.append([step(centre, job) for job in jobs])
    assert counts == [[1, 0, 0], [0, 1, 0], [0, 0, 1]]
    assert traces(centre) == []
    assert centre.rows(photo_table) == centre.rows(rows.incident_thumbnail) == []
    (row,) = centre.rows()
    assert (row["lat"], row["code"], row["category"]) == (None, report["code"], "environment")
    assert citizen.get(f"{BASE}/api/reports/{report['code']}").json()["status"] == "closed"
    assert [step(centre, job) for job in jobs] == [0, 0, 0]


def test_what_is_still_being_dealt_with_keeps_its_words_and_photograph(centre, citizen):
    centre.changed(identity_days=1, photo_days=1, text_days=1)
    sent(centre, citizen)
    centre.clock.advance(timedelta(days=400).total_seconds())
    assert step(centre, retention.erase_texts) == step(centre, retention.erase_photos) == 0
    assert step(centre, retention.erase_identities) == 1
    assert traces(centre, NAME, PHONE) == []
    assert traces(centre, "canary-lời-kể")


def test_the_record_proves_what_was_deleted_to_whoever_has_the_key_and_to_nobody_else(centre, citizen):
    centre.changed(identity_days=1, text_days=2)
    report = sent(centre, citizen)
    closed(centre, report["incident_id"])
    centre.clock.advance(timedelta(days=3).total_seconds())
    step(centre, retention.erase_identities)
    step(centre, retention.erase_texts)
    ((actor, subject, first),) = centre.audit("report.identity.erased")
    ((_, _, second),) = centre.audit("report.text.erased")
    assert (actor, subject, first["cause"], first["kept_days"]) == (
        *("citizen.retention", report["incident_id"]),
        *("period", 1),
    )
    deleted = {"reporter_name": NAME, "reporter_phone": PHONE}
    assert first["fingerprint"] == fingerprint(KEY, deleted)
    (row,) = centre.rows()
    assert row["key"] == next_key(next_key(KEY))
    for known in (row["key"], next_key(KEY), second["fingerprint"], report["code"], ""):
        assert fingerprint(known, deleted) != first["fingerprint"]
    assert KEY.encode() not in everything(centre)
    summary = [detail for _, _, detail in centre.audit("report.retention")]
    assert [(one["part"], one["count"]) for one in summary] == [("identity", 1), ("text", 1)]


def test_the_fingerprint_of_what_was_sent_goes_too(centre, citizen):
    """It was made over the telephone as well: whoever holds it could try all numbers."""
    centre.changed(identity_days=1)
    sent(centre, citizen)
    (before,) = centre.rows()
    centre.clock.advance(timedelta(days=2).total_seconds())
    step(centre, retention.erase_identities)
    assert before["digest"] not in everything(centre)


def test_what_rose_is_taken_back_by_a_signed_step(centre, citizen):
    centre.changed(text_days=1)
    report = sent(centre, citizen, category="flood", urgency="danger")
    closed(centre, report["incident_id"])
    centre.clock.advance(timedelta(days=2).total_seconds())
    step(centre, retention.erase_texts)
    kind, audience, _, payload = centre.records()[-1]
    news = wire.decode(payload)
    assert (kind, audience, news.step.act, news.step.actor) == (wire.STATUS, "parent", "erase", "")
    assert news.step.note.startswith("Hết thời hạn lưu giữ. SHA-256 ")
    assert news.content is None
    ledger = ("federation_",)
    assert traces(centre, "canary-lời-kể", "Bà Bảy", but=ledger) == []


def test_one_that_never_rose_tells_nobody(centre, citizen):
    centre.changed(text_days=1)
    report = sent(centre, citizen)
    closed(centre, report["incident_id"])
    centre.clock.advance(timedelta(days=2).total_seconds())
    step(centre, retention.erase_texts)
    assert centre.rows(federation_tables.pending) == []


def ask(staff, what, **wish):
    wish = {"reason": "yêu cầu của công dân số 12"} | wish
    return staff.post(f"{BASE}/api/desk/subject/{what}", json=wish)


def test_everything_held_of_a_person_is_handed_out_and_that_is_written_down(centre, citizen):
    mine, other = sent(centre, citizen), sent(centre, citizen, key="o" * 32, phone="0911 111 111", name="Người Khác")
    with centre.staff(Role.LEADER) as staff:
        staff.post(f"{BASE}/api/desk/reports/{mine['incident_id']}/identity", json={"reason": "gọi lại cho dân"})
        answer = ask(staff, "export", phone="+84 987-123-456")
    assert answer.headers["content-type"] == "application/zip"
    packed = zipfile.ZipFile(io.BytesIO(answer.content))
    assert set(packed.namelist()) == {"about.json", f"{mine['code']}/report.json", f"{mine['code']}/photo.jpg"}
    held = json.loads(packed.read(f"{mine['code']}/report.json"))
    assert (held["report"]["reporter_name"], held["report"]["description"]) == (NAME, WORDS)
    assert "key" not in held["report"]
    assert [one["act"] for one in held["log"]] == ["report.identity.disclosed"]
    assert packed.read(f"{mine['code']}/photo.jpg").startswith(b"\xff\xd8")
    assert "Người Khác" not in packed.read(f"{mine['code']}/report.json").decode()
    ((actor, _, detail),) = centre.audit("report.exported")
    assert (actor, detail["receipts"]) == ("leader.26374", [mine["code"]])
    assert detail["reason"] == "yêu cầu của công dân số 12"
    assert "0987" not in json.dumps(detail)
    assert other["code"] != mine["code"]


def test_a_person_may_have_it_deleted_and_the_words_of_an_open_case_follow_at_its_end(centre, citizen):
    over, going = sent(centre, citizen), sent(centre, citizen, key="o" * 32, description="Ổ gà lớn.", place="cổng chợ")
    closed(centre, over["incident_id"])
    with centre.staff(Role.LEADER) as staff:
        told = ask(staff, "erasure", phone=PHONE).json()
        assert told == {"erased": {"identity": 2, "photo": 2, "text": 1}, "open": [going["code"]], "left": 0}
        assert traces(centre) == []
        assert ask(staff, "erasure", phone=PHONE).status_code == 404
        closed(centre, going["incident_id"])
        assert ask(staff, "erasure", code=going["code"]).json()["erased"] == {"identity": 0, "photo": 0, "text": 1}
    reasons = {detail["reason"] for _, _, detail in centre.audit("report.identity.erased")}
    assert reasons == {"yêu cầu của công dân số 12"}
    assert len(centre.audit("report.erasure.requested")) == 2


def test_more_than_fits_is_said_and_asked_for_again(centre, citizen, monkeypatch):
    monkeypatch.setattr(subject, "MOST", 2)
    for number in range(3):
        centre.send(citizen, phone=PHONE, description=f"Việc thứ {number} của tôi.")
    with centre.staff(Role.LEADER) as staff:
        about = json.loads(zipfile.ZipFile(io.BytesIO(ask(staff, "export", phone=PHONE).content)).read("about.json"))
        assert (len(about["reports"]), about["left_out"]) == (2, 1)
        lefts = [ask(staff, "erasure", phone=PHONE).json()["left"] for _ in range(2)]
        assert lefts == [1, 0]
        assert ask(staff, "erasure", phone=PHONE).status_code == 404


@pytest.mark.parametrize(
    ("wish", "status"),
    [
        ({"phone": PHONE, "reason": " "}, 422),
        ({"phone": "0987"}, 422),
        ({}, 422),
        ({"code": "AAAA-AAAA-AAAA"}, 422),
        ({"phone": "0900000000"}, 404),
    ],
)
def test_without_reason_or_person_nothing_is_told(centre, citizen, wish, status):
    sent(centre, citizen)
    with centre.staff(Role.LEADER) as staff:
        for what in ("export", "erasure"):
            assert ask(staff, what, **wish).status_code == status
    assert centre.audit("report.exported") == centre.audit("report.erasure.requested") == []


def test_only_some_may_and_only_in_their_area(centre, citizen):
    sent(centre, citizen)
    with centre.staff(Role.OPERATOR) as staff:
        assert ask(staff, "erasure", phone=PHONE).status_code == 403
    with centre.staff(Role.LEADER, area="26377") as staff:
        assert ask(staff, "export", phone=PHONE).status_code == 404
        assert ask(staff, "erasure", phone=PHONE).status_code == 404
    assert citizen.post(f"{BASE}/api/desk/subject/export", json={"phone": PHONE, "reason": "x" * 9}).status_code == 401
    assert traces(centre, NAME)


@pytest.mark.parametrize("typed", ["0987123456", "+84987123456", "84 987 123 456", "(0987) 123.456"])
def test_one_number_is_one_person_however_it_is_typed(typed):
    assert subscriber(typed) == "987123456"
    assert hashlib.sha256(typed.encode()).hexdigest()


def test_nothing_of_it_is_left_in_the_file(centre, citizen, tmp_path):
    """SQLite marks pages as free and leaves their bytes, unless it is told to overwrite them."""
    centre.changed(identity_days=1, photo_days=1, text_days=1)
    report = sent(centre, citizen)
    closed(centre, report["incident_id"])
    (photo,) = centre.rows(photo_table)
    centre.clock.advance(timedelta(days=2).total_seconds())
    for job in (retention.erase_identities, retention.erase_photos, retention.erase_texts):
        assert step(centre, job) == 1
    centre.database.close()
    held = b"".join(file.read_bytes() for file in tmp_path.glob("node.db*"))
    assert photo["jpeg"][100:160] not in held
    assert [canary for canary in CANARIES if canary.encode() in held] == []
