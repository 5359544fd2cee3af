"""The pages as Streamlit runs them, for each role and both languages; the live parts are a browser's matter."""

import pytest
from streamlit.testing.v1 import AppTest

from tests.fakes.node_api import COOKIE
from ui import session
from ui.client import Client, NodeDownError
from ui.settings import HOUSE, ORIGIN_HEADER, SECRET_HEADER
from ui.visit import module_pages

FLOOD = "01890000-0000-7000-8000-000000001042"
RESOLVED = "01890000-0000-7000-8000-000000001020"
PATIENCE_S = 30


class Visit:
    """One visitor's page, as it would come through the proxy."""

    def __init__(self, node, monkeypatch):
        self._node = node
        self._monkeypatch = monkeypatch
        monkeypatch.setenv("LIENTHONG_UI__NODE", node.url)
        monkeypatch.setenv("LIENTHONG_UI__SECRET", "the-secret")
        self.through({SECRET_HEADER: "the-secret", ORIGIN_HEADER: node.url})

    def through(self, headers):
        self._monkeypatch.setattr(session, "headers", lambda: headers)

    def as_user(self, username):
        cookies = {COOKIE: self._node.session(username)} if username else {}
        self._monkeypatch.setattr(session, "cookies", lambda: cookies)

    def open(self, function, **query):
        page = AppTest.from_function(function, default_timeout=PATIENCE_S)
        for name, value in query.items():
            page.query_params[name] = value
        return page.run()

    def whole(self):
        return AppTest.from_file(str(HOUSE / "ui" / "app.py"), default_timeout=PATIENCE_S).run()


@pytest.fixture
def visit(node, monkeypatch):
    made = Visit(node, monkeypatch)
    made.as_user("dieuhanh")
    return made


def _incidents():
    from ui.screens import incidents

    incidents.show()


def _health():
    from ui.screens import health

    health.show()


def labels(page):
    return [button.label for button in page.button]


def words(page):
    return " ".join(element.value for element in [*page.warning, *page.success, *page.error, *page.caption])


@pytest.mark.parametrize("username", ["dieuhanh", "lanhdao"])
def test_the_first_page_opens_for_the_staff(visit, username):
    visit.as_user(username)
    page = visit.whole()
    assert not page.exception
    assert not page.error
    assert not page.warning


@pytest.mark.parametrize(("username", "offered"), [("nguoidan", "không cần đăng nhập")])
def test_who_may_not_watch_is_told_so_and_what_else_there_is(visit, node, username, offered):
    visit.as_user(username)
    page = visit.whole()
    assert page.info[0].value == "Tài khoản này không xem được màn hình điều hành."
    assert any(offered in element.value for element in page.markdown)
    asked = {path.partition("?")[0] for _, path, _ in node.requests}
    assert asked.isdisjoint({"/api/v1/incidents", "/api/v1/situation", "/ws"})


def test_somebody_who_comes_past_the_proxy_sees_nothing(visit, node):
    visit.through({SECRET_HEADER: "a-guess"})
    page = visit.whole()
    assert "qua địa chỉ của trung tâm" in page.error[0].value
    assert node.requests == []


def test_an_ended_session_asks_for_the_login(visit):
    visit.as_user(None)
    assert "Phiên đã hết hạn" in visit.whole().warning[0].value


def test_a_citizens_account_is_told_so(visit):
    visit.as_user("nguoidan")
    page = visit.open(_catching)
    assert "không xem được" in page.warning[0].value


def _catching():
    from ui.client import RefusedError
    from ui.screens import incidents
    from ui.visit import show_refusal

    try:
        incidents.show()
    except RefusedError as refusal:
        show_refusal(refusal)


def test_a_silent_node_pauses_calmly(visit, node):
    node.stop()
    page = visit.whole()
    assert not page.exception
    assert "tạm thời không trả lời" in page.warning[0].value


def test_an_operator_may_act_and_an_onlooker_only_reads(visit):
    page = visit.open(_incidents, incident=FLOOD)
    assert labels(page)[:3] == ["Tiếp nhận", "Phân loại", "Chuyển cấp trên"]
    visit.as_user("quansat")
    page = visit.open(_incidents, incident=FLOOD)
    assert labels(page) == []
    assert "Không có việc nào" in words(page)


def test_english_is_complete_on_the_page(visit):
    page = visit.open(_incidents, incident=FLOOD, lang="en")
    assert labels(page)[:3] == ["Receive", "Triage", "Escalate"]
    assert page.text_input(key="q").label == "Search"
    assert page.toggle(key="all").label == "Include finished"


def test_a_simple_step_is_done_at_once_on_the_version_shown(visit, node):
    page = visit.open(_incidents, incident=FLOOD)
    page.button(key=f"act-{FLOOD}-receive").click().run()
    assert node.acts == [(FLOOD, "dieuhanh", {"name": "receive", "version": 3})]
    assert "Đã ghi: Tiếp nhận" in words(page)
    page.run()
    assert "Đã ghi" not in words(page)


def test_a_step_with_words_asks_for_them_first(visit, node):
    page = visit.open(_incidents, incident=FLOOD)
    page.button(key=f"act-{FLOOD}-escalate").click().run()
    page.button(key="confirm").click().run()
    assert "Còn thiếu: Lý do" in words(page)
    assert node.acts == []
    page.text_area(key="field-reason").input("Cần xuồng của tỉnh")
    page.button(key="confirm").click().run()
    assert node.acts[0][2] == {"name": "escalate", "version": 3, "reason": "Cần xuồng của tỉnh"}


def test_a_dangerous_step_is_confirmed_and_may_be_left(visit, node):
    page = visit.open(_incidents, incident=FLOOD)
    page.button(key=f"danger-{FLOOD}-refuse").click().run()
    assert "khó hoàn tác" in words(page)
    page.button(key="cancel").click().run()
    page.run()
    assert "khó hoàn tác" not in words(page)
    assert node.acts == []


def test_a_choice_sends_the_nodes_value(visit, node):
    page = visit.open(_incidents, incident=FLOOD)
    page.button(key=f"act-{FLOOD}-triage").click().run()
    assert page.selectbox(key="field-severity").value == 4
    page.selectbox(key="field-severity").select(3)
    page.button(key="confirm").click().run()
    assert node.acts[0][2] == {"name": "triage", "version": 3, "severity": 3}


@pytest.mark.parametrize(
    ("language", "told"), [("vi", "Trạng thái: Mới gửi → Đang xử lý"), ("en", "Status: Submitted → In progress")]
)
def test_whoever_was_slower_is_told_what_changed(visit, node, language, told):
    page = visit.open(_incidents, incident=FLOOD, lang=language)
    node.change(FLOOD, status="in_progress", status_title="Đang xử lý")
    page.button(key=f"act-{FLOOD}-receive").click().run()
    assert node.acts == []
    assert told in words(page).replace("\\", "")
    assert "3 → 4" in words(page)
    page.button(key=f"act-{FLOOD}-triage").click().run()
    page.selectbox(key="field-severity").select(2)
    page.button(key="confirm").click().run()
    assert node.acts[0][2]["version"] == 4


def test_a_begun_step_keeps_its_version_while_the_page_moves_on(visit, node):
    page = visit.open(_incidents, incident=FLOOD)
    page.button(key=f"act-{FLOOD}-escalate").click().run()
    node.change(FLOOD, severity=2, severity_title="Thường")
    page.run()
    page.text_area(key="field-reason").input("Quá khả năng")
    page.button(key="confirm").click().run()
    assert node.acts == []
    assert "Mức độ: Rất khẩn → Thường" in words(page)


def test_a_node_that_falls_silent_during_a_step_leaves_no_doubt(visit, node):
    page = visit.open(_incidents, incident=FLOOD)
    page.button(key=f"act-{FLOOD}-escalate").click().run()
    node.refuse_acts = True
    page.text_area(key="field-reason").input("Quá khả năng")
    page.button(key="confirm").click().run()
    assert "chưa biết việc này đã xong chưa" in words(page)


def test_an_unknown_incident_is_said_to_be_unknown(visit):
    page = visit.open(_incidents, incident="../../session")
    assert "Không tìm thấy sự cố này" in words(page)


def test_filters_come_from_the_address(visit, node):
    visit.open(_incidents, q="ngap", severity="4")
    asked = [path for _, path, _ in node.requests if path.startswith("/api/v1/incidents?")]
    assert asked == ["/api/v1/incidents?q=ngap&severity=4&open=true&limit=200"]


def test_filters_that_find_nothing_are_cleared_with_one_press(visit, node):
    page = visit.open(_incidents, q="không đâu có", severity="4")
    page.button(key="unfilter").click().run()
    assert page.query_params == {}
    assert not page.text_input(key="q").value
    assert node.requests[-1][1] == "/api/v1/incidents?open=true&limit=200"
    assert labels(page) == []


def test_titles_with_markup_stay_text(visit, node):
    node.change(FLOOD, title="![x](http://evil.example/a.png) <b>đậm</b>")
    page = visit.open(_incidents, incident=FLOOD)
    page.button(key=f"act-{FLOOD}-escalate").click().run()
    shown = next(element.value for element in page.markdown if "evil" in element.value)
    assert r"\!\[x\]\(http\:" in shown
    assert r"\<b\>" in shown


def test_a_module_says_whom_its_page_is_for():
    pages = [{"title": "x", "file": "modules/citizen/page.py", "permission": "report.read"}]
    assert [page.permission for page in module_pages([{"name": "citizen", "pages": pages}])] == ["report.read"]


@pytest.mark.parametrize(
    "file", ["../ui/app.py", "modules/citizen/../../ui/app.py", "/etc/passwd", "modules/citizen/module.toml", ""]
)
def test_pages_outside_the_modules_folder_are_not_opened(file):
    assert module_pages([{"name": "citizen", "pages": [{"title": "x", "file": file}]}]) == []
    assert module_pages([{"name": "../ui", "pages": [{"title": "x", "file": "app.py"}]}]) == []


def cells(page):
    return " ".join(str(cell) for table in page.table for row in table.value.to_numpy() for cell in row)


def test_health_tells_a_lost_line_from_one_that_was_never_heard(visit):
    shown = cells(visit.open(_health))
    assert "■ Mất kết nối" in shown
    assert "○ Chưa rõ" in shown
    assert "▲ Cần chú ý" in shown
    assert "9 ngày" in shown
    assert "5.000 ngày" in shown
    assert "32,0 GB" in shown


def test_health_in_english_leaves_no_vietnamese_words_of_ours(visit):
    shown = cells(visit.open(_health, lang="en"))
    assert "○ Unknown" in shown
    assert "Signing certificate" in shown
    assert "Prove the stored chains again" in shown


def test_health_keeps_the_last_figures_and_says_that_they_are_old(visit, monkeypatch):
    page = visit.open(_health)

    def down(_self):
        raise NodeDownError

    monkeypatch.setattr(Client, "health", down)
    page.run()
    assert "không còn mới" in page.warning[0].value
    assert "9 ngày" in cells(page)


def test_health_is_refused_in_words(visit):
    visit.as_user("nguoidan")
    assert visit.open(_health).warning
