"""What a person sees: a real browser, the real proxy and Streamlit, and a node from memory."""

import os
import re
import signal
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.fakes import node_facts
from tests.ui.browser import FIRE, FLOOD, back

ATTACK = '"><img src=x onerror="window.hit=1"><script>window.hit=2</script>{{7*7}}![x](http://evil.example/x.png)'


@pytest.fixture
def node(stage):
    return stage[0]


def row(page, incident_id):
    return page.locator(f'.queue li[data-id="{incident_id}"]')


def order(page):
    return page.locator(".queue li").evaluate_all("rows => rows.map((one) => one.dataset.id)")


def tile(page, key):
    return page.locator(f'.tile[data-key="{key}"]')


def grave(number, **more):
    facts = {"severity": 4, "status": "new", "origin": node_facts.TAM_PHUOC, "minutes": 9000, **more}
    return node_facts.incident(number, facts.pop("title", "Sạt lở bờ sông"), **facts)


def test_a_stranger_logs_in_and_lands_where_they_wanted(visit):
    watch = visit()
    page = watch.log_in(where=f"/dash/incidents?incident={FIRE}")
    expect(page.locator("h1")).to_have_text("Cháy cỏ sát kho hàng")
    assert page.evaluate("document.documentElement.lang") == "vi"
    watch.is_clean()


def test_every_tile_wears_value_status_age_source_and_coverage(visit):
    watch = visit()
    page = watch.log_in()
    expect(tile(page, "open").locator(".value")).to_have_text("6")
    expect(tile(page, "grave").locator(".word")).to_have_text("Báo động")
    expect(tile(page, "grave").locator("svg path")).not_to_have_count(0)
    expect(tile(page, "below").locator(".coverage")).to_contain_text("2/3 trung tâm có số liệu")
    expect(tile(page, "below").locator(".age")).to_contain_text("trước")
    expect(tile(page, "answered").locator(".value")).to_have_text("–")
    expect(tile(page, "answered").locator(".word")).to_have_text("Chưa có số liệu")
    expect(page.locator(".alarms")).to_contain_text("Có bản ghi chưa áp dụng được, đã giữ lại")
    expect(page.locator(".map .mark")).to_have_count(4)
    silent = page.locator(".links tbody tr").filter(has_text="Trảng Dài")
    expect(silent).to_contain_text("Mất kết nối")
    expect(silent.locator(".waiting")).to_have_text("4")
    watch.is_clean()


def test_a_sum_that_lacks_centres_says_at_least_and_who(visit, node):
    watch = visit()
    partial = {"value": 5, "missing": ["Phường Trảng Dài"]}
    node.tiles["below"] = {"value": None, "state": "unknown", "partial": partial}
    node.push()
    page = watch.log_in()
    expect(tile(page, "below").locator(".figure")).to_have_text("ít nhất5sự cố")
    expect(tile(page, "below").locator(".coverage")).to_have_text("2/3 trung tâm có số liệu; thiếu Phường Trảng Dài")
    expect(tile(page, "below").locator(".word")).to_have_text("Chưa đủ số liệu")
    watch.is_clean()


def test_a_list_that_was_cut_counts_the_whole(visit, node):
    node.live_items = 4
    watch = visit()
    page = watch.log_in()
    expect(page.locator(".queue li")).to_have_count(4)
    expect(page.locator(".panel .count")).to_have_text("6")
    expect(page.locator(".cut-list")).to_have_text("Đang hiện 4 sự cố đầu trong 6; xem tất cả")
    page.locator(".map .mark").filter(has_text="Tam Phước").click()
    expect(page.locator(".panel .count")).to_have_text(re.compile("ít nhất [12]"))
    watch.is_clean()


@pytest.mark.parametrize(
    ("facts", "told"),
    [
        ({"verified": True}, "Chữ ký hợp lệ"),
        ({"verified": None}, "Mở tại đây"),
        ({"verified": True, "origin": {**node_facts.OWN, "code": "731"}}, "Mở tại đây"),
        ({"verified": False}, "Chưa kiểm được chữ ký"),
    ],
)
def test_a_signature_holds_only_where_it_was_checked(visit, node, facts, told):
    watch = visit()
    node.change(FLOOD, due_at="2026-11-30T03:00:00+00:00", **facts)
    page = watch.log_in(where=f"/dash/incidents?incident={FLOOD}")
    expect(page.locator('.chips [data-chip="proof"]')).to_have_text(told)
    expect(page.locator('.chips [data-chip="due"]')).to_have_text("Hạn 10:00 30/11/2026")
    expect(page.locator(".facts")).to_contain_text("Thời hạn10:00 30/11/2026")
    watch.is_clean()


def test_a_change_reaches_the_page_without_flicker(visit, node):
    watch = visit()
    page = watch.log_in()
    expect(row(page, FLOOD)).to_be_visible()
    page.evaluate("window.kept = document.querySelector('[data-testid=stMain]')")
    row(page, FLOOD).evaluate("one => { one.marked = true; }")
    node.change(FLOOD, status="in_progress", status_title="Đang xử lý", title="Đã đưa hai người ra ngoài")
    expect(row(page, FLOOD).locator(".title")).to_have_text("Đã đưa hai người ra ngoài")
    expect(row(page, FLOOD).locator(".status")).to_have_text("Đang xử lý")
    assert row(page, FLOOD).evaluate("one => one.marked") is True
    watch.is_clean()


def test_a_lost_line_is_told_within_six_seconds_and_comes_back(visit, node):
    watch = visit()
    page = watch.log_in()
    expect(tile(page, "open").locator(".value")).to_have_text("6")
    node.ticking = False
    page.evaluate(
        """() => { const roots = [...document.querySelectorAll('[data-testid=stBidiComponentIsolated]')];
          const banner = roots.map((one) => one.shadowRoot.querySelector('.banner')).find(Boolean);
          const begun = performance.now();
          window.lostAfter = null;
          const note = () => { if (!banner.hidden) window.lostAfter ??= performance.now() - begun; };
          new MutationObserver(note).observe(banner, { attributes: true }); }"""
    )
    expect(page.locator(".banner")).to_be_visible()
    assert page.evaluate("window.lostAfter") < 6500
    assert page.locator(".banner").bounding_box()["y"] >= page.locator(".bar nav").bounding_box()["y"] + 30
    page.mouse.move(700, 500)
    page.mouse.wheel(0, 900)
    expect(page.locator(".banner")).to_be_in_viewport()
    page.mouse.wheel(0, -900)
    assert re.match(r"MẤT KẾT NỐI \d+ s", page.locator(".banner").inner_text())
    expect(tile(page, "open").locator(".value")).to_have_text("6")
    expect(page.locator(".pulse")).to_have_text("Mất kết nối")
    node.ticking = True
    node.push()
    expect(page.locator(".banner")).to_be_hidden()
    expect(page.locator(".pulse")).to_have_text("Trực tiếp")
    watch.is_clean()


def test_the_administrator_sees_no_loss_and_no_screen_that_is_refused(visit):
    watch = visit()
    page = watch.log_in("quantri", "mat-khau-3")
    expect(page.get_by_role("heading", name="Tài khoản", exact=True)).to_be_visible()
    page.wait_for_timeout(6000)
    expect(page.locator(".banner")).to_be_hidden()
    expect(page.locator(".pulse")).to_be_hidden()
    expect(page.locator(".bar nav a")).to_have_text(["Hệ thống", "Tài khoản", "Trung tâm mới", "Nhật ký"])
    page.goto(f"{watch.origin}/dash/incidents")
    expect(page.get_by_text("Tài khoản này không xem được màn hình điều hành.")).to_be_visible()
    watch.is_clean()


def test_who_loses_the_right_to_watch_is_told_that_and_not_a_loss(visit, node):
    watch = visit()
    page = watch.log_in("quansat", "mat-khau-5")
    expect(tile(page, "open")).to_be_visible()
    rights = node_facts.PRINCIPALS["quansat"]
    node_facts.PRINCIPALS["quansat"] = {**rights, "permissions": []}
    try:
        node.drop_sockets()
        expect(page.get_by_text("Tài khoản này không xem được màn hình điều hành.")).to_be_visible()
        expect(page.locator(".banner")).to_be_hidden()
    finally:
        node_facts.PRINCIPALS["quansat"] = rights
    watch.is_clean()


def test_without_a_line_actions_rest(visit, node):
    watch = visit()
    page = watch.log_in(where=f"/dash/incidents?incident={FLOOD}")
    expect(page.get_by_role("button", name="Tiếp nhận", exact=True)).to_be_visible()
    node.ticking = False
    expect(page.locator(".st-key-actions")).to_have_attribute("inert", "")
    node.ticking = True
    expect(page.locator(".st-key-actions")).not_to_have_attribute("inert", "")
    watch.is_clean()


def test_markup_in_a_title_does_nothing(visit, node):
    watch = visit()
    node.change(FLOOD, title=ATTACK, description=ATTACK, area_name=ATTACK, category=ATTACK)
    page = watch.log_in()
    expect(row(page, FLOOD).locator(".title")).to_have_text(ATTACK)
    row(page, FLOOD).locator("a").click()
    expect(page.locator("h1")).to_have_text(ATTACK)
    page.get_by_role("button", name="Từ chối").click()
    expect(page.get_by_role("dialog")).to_contain_text("onerror")
    assert page.evaluate("window.hit") is None
    watch.is_clean()


def test_the_selected_incident_never_moves(visit, node):
    watch = visit()
    page = watch.log_in(where=f"/dash/incidents?incident={FIRE}")
    expect(row(page, FIRE).locator("a")).to_have_attribute("aria-current", "true")
    before = order(page)
    node.add(grave(2001))
    node.change(node_facts.incidents()[3]["id"], severity=4, severity_title="Rất khẩn")
    node.change(FIRE, status="triaged", status_title="Đã phân loại", severity=1, severity_title="Thấp")
    page.get_by_role("button", name="Xem bản mới").click()
    expect(page.locator(".chips")).to_contain_text("Thấp")
    expect(page.locator(".fresh")).to_have_text("1 sự cố mới, bấm để xem")
    assert order(page) == before
    expect(row(page, FIRE).locator("a")).to_have_attribute("aria-current", "true")
    expect(page.locator("h1")).to_have_text("Cháy cỏ sát kho hàng")
    watch.is_clean()


def test_the_order_holds_while_somebody_points_and_new_ones_wait(visit, node):
    watch = visit()
    page = watch.log_in()
    expect(row(page, FIRE)).to_be_visible()
    before = order(page)
    row(page, FIRE).hover()
    node.add(grave(2002, minutes=1))
    expect(page.locator(".fresh")).to_have_text("1 sự cố mới, bấm để xem")
    assert order(page) == before
    page.locator(".fresh").click()
    expect(page.locator(".queue li")).to_have_count(7)
    watch.is_clean()


def test_a_click_opens_the_incident_and_back_returns(visit):
    watch = visit()
    page = watch.log_in()
    row(page, FLOOD).locator("a").click()
    expect(page).to_have_url(re.compile(rf"/dash/incidents\?incident={FLOOD}$"))
    expect(page.locator(".timeline li")).to_have_count(4)
    expect(page.locator(".timeline .verified:visible").first).to_contain_text("OC thành phố Biên Hòa đã kiểm chữ ký")
    width = page.locator(".photo img").evaluate("async (one) => { await one.decode(); return one.naturalWidth; }")
    assert width == 320
    row(page, FIRE).locator("a").click()
    expect(page.locator("h1")).to_have_text("Cháy cỏ sát kho hàng")
    back(page, re.compile(rf"/dash/incidents\?incident={FLOOD}$"))
    expect(page.locator("h1")).to_contain_text("Ngập sâu")
    back(page, re.compile(r"/dash/?$"))
    expect(tile(page, "open")).to_be_visible()
    watch.is_clean()


def test_an_operator_escalates_and_everyone_sees_it(visit, node):
    watch = visit()
    page = watch.log_in(where=f"/dash/incidents?incident={FLOOD}")
    page.get_by_role("button", name="Chuyển cấp trên").click()
    page.get_by_role("dialog").get_by_label("Lý do").fill("Cần xuồng của tỉnh")
    page.get_by_role("dialog").get_by_role("button", name="Chuyển cấp trên").click()
    expect(page.get_by_text("Đã ghi: Chuyển cấp trên.")).to_be_visible()
    expect(page.locator(".chips")).to_contain_text("Chờ IOC tỉnh Đồng Nai nhận")
    assert node.acts[0][2] == {"name": "escalate", "version": 3, "reason": "Cần xuồng của tỉnh"}
    watch.is_clean()


def test_somebody_faster_is_noticed_before_and_after_the_click(visit, node):
    watch = visit()
    page = watch.log_in(where=f"/dash/incidents?incident={FLOOD}")
    expect(page.locator(".chips")).to_be_visible()
    node.change(FLOOD, status="triaged", status_title="Đã phân loại")
    expect(page.locator(".changed")).to_contain_text("bản 4, đang xem bản 3")
    page.get_by_role("button", name="Tiếp nhận", exact=True).click()
    expect(page.get_by_text("nên chưa có gì được ghi")).to_be_visible()
    expect(page.locator(".changed")).to_be_hidden()
    assert node.acts == []
    watch.is_clean()


def test_acting_needs_no_mouse(visit, node):
    watch = visit()
    page = watch.log_in()
    row(page, FLOOD).locator("a").focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Enter")
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Trợ giúp")).to_be_visible()
    page.keyboard.press("Escape")
    button = page.get_by_role("button", name="Tiếp nhận", exact=True)
    expect(button).to_be_visible()
    button.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_text("Đã ghi: Tiếp nhận.")).to_be_visible()
    assert node.acts[0][0] == FLOOD
    watch.is_clean()


def test_english_keeps_page_and_filters(visit):
    watch = visit()
    page = watch.log_in(where="/dash/incidents?q=kho+hang")
    expect(page.locator(".queue li")).to_have_count(1)
    page.get_by_role("button", name="English").click()
    expect(page.locator(".found")).to_have_text("1 of 1 incidents")
    expect(page).to_have_url(re.compile(r"q=kho(\+|%20)hang"))
    expect(page).to_have_url(re.compile("lang=en"))
    assert page.evaluate("document.documentElement.lang") == "en"
    page.get_by_role("link", name="Situation").click()
    expect(tile(page, "open").locator(".name")).to_have_text("Open incidents")
    expect(page).to_have_url(re.compile("lang=en"))
    watch.is_clean()


def test_a_label_on_the_map_makes_way_for_an_incident(visit, node):
    node.incidents = {}
    node.add(grave(2003, place={"lat": 10.9137, "lon": 106.953}, origin=node_facts.PHUOC_TAN))
    watch = visit()
    page = watch.log_in()
    label = page.locator(".map .mark").filter(has_text="Phước Tân").locator("text.name")
    expect(label).to_have_attribute("text-anchor", "end")
    node.change("01890000-0000-7000-8000-000000002003", place={"lat": 10.9137, "lon": 106.939})
    expect(label).to_have_attribute("text-anchor", "start")
    watch.is_clean()


def test_a_centre_on_the_map_filters_the_queue(visit):
    watch = visit()
    page = watch.log_in()
    page.locator(".map .mark").filter(has_text="Tam Phước").click()
    expect(page.locator(".queue li")).to_have_count(2)
    page.get_by_role("button", name="Chỉ Phường Tam Phước: bỏ lọc").click()
    expect(page.locator(".queue li")).to_have_count(6)
    page.get_by_role("button", name="Bảng").click()
    expect(page.locator(".map-box tbody tr").filter(has_text="Trảng Dài")).to_contain_text("Không trả lời")
    watch.is_clean()


def test_logging_out_ends_the_visit(visit):
    watch = visit()
    page = watch.log_in()
    page.get_by_role("button", name="Đăng xuất").click()
    expect(page.locator("input[name=password]")).to_be_visible()
    page.goto(f"{watch.origin}/dash/")
    expect(page.locator("input[name=password]")).to_be_visible()
    watch.is_clean()


def test_streamlit_is_started_again_when_it_dies(visit, stage):
    process = stage[3]
    watch = visit()
    page = watch.log_in()
    expect(tile(page, "open")).to_be_visible()
    child = int(Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text("ascii").split()[0])
    os.kill(child, signal.SIGKILL)
    expect(page.locator(".pulse")).to_have_text("Trực tiếp")
    page.wait_for_timeout(500)
    page.goto(f"{watch.origin}/dash/incidents")
    expect(page.locator(".queue li").first).to_be_visible()
    assert watch.strays == []
