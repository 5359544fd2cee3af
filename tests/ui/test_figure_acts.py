"""What people do to figures, as Streamlit runs it: what is asked before, what is sent, what a refusal looks like."""

import pytest
from aiohttp import web

from tests.fakes import figure_facts
from tests.fakes.node_api import FakeNode
from tests.ui.test_pages import Visit


class FigureNode(FakeNode):
    """The fake node, which also takes what people do to figures and may refuse it."""

    def __init__(self):
        super().__init__()
        self.taken = []
        self.refusal = None

    def application(self):
        application = super().application()
        for path in ("approvals", "{code}/entries", "{code}/notes"):
            application.router.add_post(f"/api/v1/figures/{path}", self._take)
        return application

    async def _take(self, request):
        _, refused = self._need(request, "figure.read")
        if refused is None and self.refusal is not None:
            refused = web.json_response(self.refusal, status=self.refusal["status"])
        if refused is None:
            self.taken.append((request.path, await request.json()))
        return refused or web.json_response({})


@pytest.fixture
def desk(monkeypatch):
    node = FigureNode().start()
    visit = Visit(node, monkeypatch)
    visit.as_user("lanhdao")
    yield node, visit
    node.stop()


def _figures():
    from ui.screens import figures

    figures.show()


def press(page, key):
    next(one for one in page.button if one.key == key).click()
    return page.run()


def test_what_needs_no_exception_is_asked_and_done(desk):
    node, visit = desk
    page = press(visit.open(_figures), "figure-prepare-report")
    press(page, "figure-confirm")
    body = {"dataset": "report", "period": figure_facts.PERIOD, "number": 0, "act": "prepare"}
    assert node.taken == [("/api/v1/figures/approvals", {**body, "reason": "", "exception": False})]


def test_an_exception_is_asked_for_with_its_reason(desk):
    node, visit = desk
    page = press(visit.open(_figures), "figure-approve-incident")
    assert "cấp dưới chưa duyệt" in " ".join(one.value for one in page.markdown)
    next(one for one in page.checkbox if one.key == "figure-exception").check()
    next(one for one in page.text_area if one.key == "figure-reason").input("xã mất điện từ chiều")
    press(page, "figure-confirm")
    ((_, body),) = node.taken
    assert (body["act"], body["number"], body["exception"]) == ("approve", 1, True)
    assert body["reason"] == "xã mất điện từ chiều"


def test_a_refusal_is_told_and_what_was_written_stays(desk):
    node, visit = desk
    node.refusal = {"status": 409, "title": "Không được", "detail": "Người đã chuẩn bị không tự duyệt", "errors": []}
    page = press(visit.open(_figures), "figure-return-incident")
    next(one for one in page.text_area if one.key == "figure-reason").input("sai số liệu")
    page = press(page, "figure-confirm")
    assert [one.value for one in page.error] == ["Người đã chuẩn bị không tự duyệt"]
    assert next(one for one in page.text_area if one.key == "figure-reason").value == "sai số liệu"
    assert node.taken == []


def test_a_mark_is_followed_up(desk):
    node, visit = desk
    page = visit.open(_figures, figure="citizen.satisfaction")
    next(one for one in page.text_input if one.label == "Đã hỏi và biết").input("đã gọi, số đúng")
    next(one for one in page.button if one.label == "Ghi").click()
    page.run()
    ((path, body),) = node.taken
    assert path == "/api/v1/figures/citizen.satisfaction/notes"
    assert (body["rule"], body["note"]) == ("outlier", "đã gọi, số đúng")


def test_a_number_is_typed_with_its_evidence(desk, monkeypatch):
    node, visit = desk
    real = figure_facts.detail
    form = {"fields": [{"name": "numerator", "title": "Tử số"}, {"name": "denominator", "title": "Mẫu số"}]}
    monkeypatch.setattr(figure_facts, "detail", lambda *asked: real(*asked) | {"entry": {**form, "revision": 1}})
    page = visit.open(_figures, figure="dvc.petitions_in_time")
    fields = {one.label: one for one in page.text_input}
    fields["Tử số"].input("80")
    fields["Mẫu số"].input("100")
    fields["Lý do sửa"].input("nhập nhầm")
    next(one for one in page.text_area if one.label.startswith("Căn cứ")).input("Báo cáo 12")
    next(one for one in page.button if one.label == "Ký và gửi").click()
    page.run()
    ((path, body),) = node.taken
    assert path == "/api/v1/figures/dvc.petitions_in_time/entries"
    assert body["cells"] == [{"dimensions": [], "numbers": {"numerator": "80", "denominator": "100"}}]
    assert (body["revision"], body["note"], body["evidence"], body["confirmed"]) == (
        1,
        "nhập nhầm",
        "Báo cáo 12",
        False,
    )
