"""What leaves a centre as a table: the same rule through the whole way from signed states to the cells of the file."""

import csv
import io
from datetime import UTC, datetime

import pytest

from node.figures import closing
from node.figures.closing import Sheet
from node.figures.figure import Status
from node.figures.period import Period
from node.figures.state import Cell, StateType
from node.figures.wire import Statement
from tests.node.figures.conftest import CATALOGUE
from tests.node.figures.test_api import client

COMMUNES = ("26374", "26377", "26173", "26179")
REPORTS = CATALOGUE.find("citizen.reports", 2)
MONTH = Period.parse("2026-02")


@pytest.fixture
def month(figures):
    """February: one commune with few reports of fire, one with few of all, two with many of everything."""
    figures.clock.advance((datetime(2026, 3, 2, 2, tzinfo=UTC) - figures.clock.now()).total_seconds())
    counts = {
        "26374": {"flood": 40, "road": 30, "fire": 2},
        "26377": {"flood": 3},
        "26173": {"flood": 20, "road": 25, "fire": 9},
        "26179": {"flood": 11, "road": 12, "fire": 13},
    }
    for code, said in counts.items():
        post = figures.post(code)
        for number, day in enumerate(MONTH.buckets(86_400)):
            cells = {(word,): Cell(n=n) for word, n in said.items()} if number == 3 else {}
            state = Statement(
                indicator=REPORTS.code,
                version=REPORTS.version,
                definition_hash=REPORTS.hash,
                area_code=code,
                period=day,
                revision=1,
                status=Status.FINAL,
                kind=StateType.COUNT,
                cells=cells,
            )
            now = figures.clock.now()
            post.database.write(
                lambda s, p=post, d=day, one=state, at=now: closing.sign(s, p.context, [Sheet(d, (one,))], at)
            )
    figures.carry()
    return figures


def table(figures, monkeypatch, code, **asked):
    asked = {"indicator": "citizen.reports", "period": "2026-02", **asked}
    answer = client(figures, monkeypatch, code=code).get("/api/v1/figures/export.csv", params=asked)
    assert answer.status_code == 200, answer.text
    rows = list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"))))
    return {row["Phân nhóm"]: row for row in rows}


def test_a_small_cell_and_the_next_are_withheld_at_the_commune(month, monkeypatch):
    rows = table(month, monkeypatch, "26374")
    assert rows[""]["Giá trị"] == "72"
    assert {group for group in rows if group} == {"Ngập lụt, thiên tai"}
    assert (rows[""]["Số ô được ẩn"], rows[""]["Vì sao ẩn"]) == ("2", "có ô nhỏ hơn 5 trường hợp được ẩn")
    inside = table(month, monkeypatch, "26374", audience="internal")
    assert inside["Cháy, nổ"]["Giá trị"] == "2"
    assert inside["Cháy, nổ"]["Phạm vi sử dụng"] == "nội bộ, mật"


def test_an_attacker_who_subtracts_communes_from_the_province_finds_nothing(month, monkeypatch):
    province = table(month, monkeypatch, "75")
    below = [table(month, monkeypatch, code) for code in COMMUNES]
    assert (province[""]["Giá trị"], province[""]["Quan hệ"]) == ("162", "ít nhất"), "without the one with three"
    for group, row in province.items():
        known = [int(one[group]["Giá trị"]) for one in below if group in one and one[group]["Giá trị"]]
        assert int(row["Giá trị"]) - sum(known) == 0, group


def test_days_of_it_are_not_published_and_the_rest_is(month, monkeypatch):
    rows = table(month, monkeypatch, "75", period="2026-02-04")
    assert (rows[""]["Giá trị"], rows[""]["Vì sao ẩn"]) == ("", "chỉ công bố theo tháng")
    assert set(rows) == {""}
    quarter = table(month, monkeypatch, "75", period="2026-Q1")
    assert quarter[""]["Vì sao ẩn"] == "công bố khi kỳ đã xong"
    others = table(month, monkeypatch, "75", indicator="incident.opened", period="2026-02-04")
    assert others[""]["Vì sao ẩn"] == ""


def test_between_centres_all_is_there_and_marked(month, monkeypatch):
    asked = {"indicator": "citizen.reports", "period": "2026-02"}
    (one,) = client(month, monkeypatch).get("/api/v1/figures", params=asked).json()["items"]
    assert one["value"] == "165"
    inside = client(month, monkeypatch, code="26374").get("/api/v1/figures", params=asked).json()["items"][0]
    marked = {cell["dimensions"][0]["code"]: cell["is_confidential"] for cell in inside["cells"]}
    assert marked == {"fire": True, "flood": False, "road": False}
