"""The operators' screen, run by Streamlit's own test, before the module's real routes."""

import re
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from node.role import Role
from tests.modules.citizen import pictures
from ui.client import RefusedError
from ui.widgets import visitor

FILE = Path(__file__).resolve().parents[3] / "modules" / "citizen" / "page.py"


class Asking:
    """The part of ui.client.Client that a module's page uses, before a node in this process."""

    def __init__(self, browser):
        self.browser = browser

    def _answered(self, answer):
        if answer.status_code >= 400:
            raise RefusedError(answer.status_code, answer.json())
        return answer

    def module_get(self, name, path, **query):
        asked = {key: value for key, value in query.items() if value not in {None, ""}}
        return self._answered(self.browser.get(f"/modules/{name}/{path}", params=asked)).json()

    def module_post(self, name, path, body):
        return self._answered(self.browser.post(f"/modules/{name}/{path}", json=body)).json()

    def module_bytes(self, name, path, body=None):
        address = f"/modules/{name}/{path}"
        return self._answered(self.browser.post(address, json=body) if body else self.browser.get(address)).content


@pytest.fixture
def screen(centre, monkeypatch):
    operator = centre.staff()
    monkeypatch.setattr(visitor, "client", lambda: Asking(operator))

    def opened(**query):
        page = AppTest.from_file(str(FILE), default_timeout=60)
        for name, value in query.items():
            page.query_params[name] = value
        return page.run()

    return opened


def shown(page):
    parts = [*page.text, *page.markdown, *page.caption, *page.warning, *page.info, *page.error, *page.subheader]
    return " ".join(str(part.value) for part in parts)


def test_an_empty_area_is_said(screen):
    page = screen()
    assert not page.exception
    assert "Chưa có phản ánh nào" in shown(page)


def test_reports_are_listed_and_the_name_takes_a_reason(centre, citizen, screen):
    photo = ("a.jpg", pictures.picture(), "image/jpeg")
    sent = centre.send(citizen, photo=photo, name="Lê Thị Bưởi", phone="0901 234 567").json()
    page = screen(report=sent["incident_id"])
    assert not page.exception
    assert page.dataframe[0].value["Trạng thái"].tolist() == ["Mới gửi"]
    assert "Rác đổ thành đống" in shown(page)
    assert "Bưởi" not in shown(page)
    page.text_input[0].set_value("abc")
    page = page.button[0].click().run()
    assert "ít nhất 5 ký tự" in shown(page)
    assert centre.audit("report.identity.disclosed") == []
    page.text_input[0].set_value("Hỏi thêm vị trí")
    page = page.button[0].click().run()
    assert "Lê Thị Bưởi" in shown(page)
    assert len(centre.audit("report.identity.disclosed")) == 1


def test_a_complaint_and_a_neighbours_place_are_pointed_out(centre, citizen, screen):
    sent = centre.send(citizen, description="Tôi tố cáo ông Giả, gọi 0901234567", lat="10.9137", lon="106.946").json()
    said = shown(screen(report=sent["incident_id"]))
    assert "không xử lý ở đây" in said
    assert "thông tin cá nhân" in said
    assert "Phước Tân" in said


def test_who_may_not_read_is_told(centre, citizen, monkeypatch):
    centre.send(citizen)
    monkeypatch.setattr(visitor, "client", lambda: Asking(citizen))
    page = AppTest.from_file(str(FILE), default_timeout=60).run()
    assert not page.exception
    assert "đăng nhập" in shown(page)


def test_every_word_of_the_screen_has_english(screen, centre, citizen):
    source = FILE.read_text()
    table = source[source.index("_ENGLISH") : source.index("def show")]
    calls = re.findall(r'(?<![\w.])t\(\s*((?:"[^"]*"\s*)+)', source[source.index("def show") :])
    said = {"".join(re.findall(r'"([^"]*)"', call)) for call in calls}
    keys = re.sub(r'"\s*\n\s*"', "", table)
    assert said
    assert [words for words in said if f'"{words}"' not in keys] == []
    centre.send(citizen)
    page = screen(lang="en")
    assert page.header[0].value == "Citizens' reports"


@pytest.fixture
def leaders_screen(centre, monkeypatch):
    leader = centre.staff(Role.LEADER)
    monkeypatch.setattr(visitor, "client", lambda: Asking(leader))
    return lambda: AppTest.from_file(str(FILE), default_timeout=60).run()


def wished(page, button, *, phone="", reason="công văn số 12", is_sure=False):
    """The last form of the page, filled in."""
    by_label = {one.label: one for one in page.text_input}
    by_label["Số điện thoại"].set_value(phone)
    by_label["Lý do (ví dụ: số công văn)"].set_value(reason)
    page.checkbox[0].set_value(is_sure)
    return next(one for one in page.button if one.label == button).click().run()


def test_a_persons_request_is_carried_out_from_the_screen(centre, citizen, leaders_screen):
    centre.send(citizen, name="Nguyễn An", phone="0901 234 567")
    page = wished(leaders_screen(), "Xuất dữ liệu", phone="0901234567")
    assert not page.exception
    assert len(centre.audit("report.exported")) == 1
    page = wished(leaders_screen(), "Xóa dữ liệu", phone="0901234567")
    assert "đánh dấu" in shown(page)
    assert centre.audit("report.erasure.requested") == []
    page = wished(leaders_screen(), "Xóa dữ liệu", phone="0901234567", is_sure=True)
    assert "Còn đang xử lý" in shown(page)
    (row,) = centre.rows()
    assert row["reporter_phone"] is None


def test_a_request_without_a_reason_or_a_person_is_refused_on_the_screen(centre, citizen, leaders_screen):
    centre.send(citizen, name="Nguyễn An", phone="0901 234 567")
    assert "Hãy ghi lý do" in shown(wished(leaders_screen(), "Xuất dữ liệu", phone="0901234567", reason=""))
    assert "Không có phản ánh nào" in shown(wished(leaders_screen(), "Xuất dữ liệu", phone="0999999999"))
    assert centre.audit("report.exported") == []
