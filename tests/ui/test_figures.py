"""Figures in a real browser: no number stands alone, ages run, a lost line is told, and the screen can be walked."""

import re

from playwright.sync_api import expect

from tests.ui.browser import DESKTOP, PHONE, back


def figure(page, name):
    return page.locator(".fig-rows li", has_text=name)


def test_every_figure_wears_coverage_age_status_and_revision(visit):
    watch = visit()
    page = watch.log_in(where="/dash/figures")
    whole = figure(page, "Phản ánh tiếp nhận")
    expect(whole.locator(".value")).to_have_text("12")
    expect(whole.locator(".word")).to_have_text("Đủ số liệu")
    expect(whole.locator(".coverage")).to_have_text("3/3 trung tâm")
    expect(whole.locator(".age")).to_have_text(re.compile("giờ trước"))
    expect(whole.locator(".revision")).to_have_text("Đã chốt, bản 1")
    for row in page.locator(".fig-row").all():
        assert row.locator(".coverage").inner_text()
        assert row.locator(".age").inner_text()
        assert row.locator(".revision").inner_text()
        assert row.locator("svg.shape path, svg.shape circle").count()
    watch.is_clean()


def test_a_silent_centre_makes_a_figure_unknown_and_names_itself(visit):
    watch = visit()
    page = watch.log_in(where="/dash/figures")
    silent = figure(page, "Sự cố đang mở cuối kỳ")
    expect(silent.locator(".value")).to_have_text("chưa biết; 2 nơi đã gửi: 7")
    expect(silent.locator(".state")).to_have_attribute("data-tone", "watch")
    expect(silent.locator(".coverage")).to_have_text("2/3 trung tâm; thiếu COC phường Trảng Dài")
    nobody = figure(page, "đúng hạn")
    expect(nobody.locator(".official")).to_be_visible()
    expect(nobody.locator(".value")).to_have_text("chưa biết")
    expect(nobody.locator(".age")).to_have_text("chưa cập nhật lần nào")
    watch.is_clean()


def test_down_to_the_communes_and_their_signatures_by_keyboard_and_back(visit):
    watch = visit()
    page = watch.log_in(where="/dash/figures")
    link = figure(page, "Sự cố mở mới").locator("a")
    link.focus()
    page.keyboard.press("Enter")
    expect(page.locator(".fig-detail h2")).to_have_text("Sự cố mở mới")
    expect(page.locator(".fig-centres > li")).to_have_count(3)
    expect(page.locator(".fig-centres .version .state").first).to_have_text("Chữ ký hợp lệ")
    versions = page.locator(".fig-detail .part > .versions > li")
    expect(versions).to_have_count(2)
    expect(versions.nth(0)).to_contain_text("Bản 2: 1.204 từ 3/3 trung tâm")
    expect(versions.nth(0)).to_contain_text("thay bản 1")
    expect(versions.nth(1)).to_contain_text("Bản 1: 800 từ 2/3 trung tâm")
    assert "figure=incident.opened" in page.url
    back(page, re.compile(r"/dash/figures(?!.*figure=)"))
    expect(page.locator(".fig-detail")).to_be_hidden()
    watch.is_clean()


def test_in_english_with_the_same_figure(visit):
    watch = visit(PHONE, "dark")
    page = watch.log_in(where="/dash/figures?figure=incident.open&lang=en")
    expect(page.locator(".fig-detail h2")).to_have_text("Incidents open at the end")
    expect(page.locator(".fig-detail .big .value")).to_have_text("unknown; 2 reported: 7")
    expect(page.locator(".fig-centres")).to_contain_text("Silent: unknown")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    watch.is_clean()


def test_a_lost_line_keeps_the_figures_and_calls_them_old(visit, stage):
    node = stage[0]
    watch = visit(DESKTOP)
    page = watch.log_in(where="/dash/figures")
    whole = figure(page, "Phản ánh tiếp nhận")
    expect(whole.locator(".state")).to_have_attribute("data-tone", "ok")
    node.ticking = False
    expect(page.locator(".banner")).to_be_visible()
    expect(whole.locator(".state")).to_have_attribute("data-tone", "stale")
    expect(whole.locator(".value")).to_have_text("12")
    node.ticking = True
    node.push()
    expect(whole.locator(".state")).to_have_attribute("data-tone", "ok")
    watch.is_clean()


def test_what_is_not_there_is_said_in_words(visit):
    watch = visit()
    page = watch.log_in(where="/dash/figures?figure=no.such")
    expect(page.get_by_text("Không có số liệu này, hoặc nó ngoài địa bàn của bạn.")).to_be_visible()
    page.get_by_role("button", name="Về số liệu mới nhất").click()
    expect(figure(page, "Phản ánh tiếp nhận")).to_be_visible()


def test_the_table_can_be_taken_along(visit):
    watch = visit()
    page = watch.log_in(where="/dash/figures")
    expect(page.locator(".export")).to_have_attribute(
        "href", re.compile(r"^/api/v1/figures/export\.csv\?period=2025-06-01")
    )
    with page.expect_download() as download:
        page.locator(".export").click()
    assert download.value.failure() is None


def test_a_light_has_a_word_a_shape_and_its_authority(visit):
    watch = visit()
    page = watch.log_in(where="/dash/figures?figure=citizen.satisfaction")
    light = figure(page, "Tỷ lệ người dân hài lòng").locator(".light")
    expect(light).to_have_attribute("data-light", "amber")
    expect(light).to_have_text("Cần theo dõi")
    assert light.locator("svg.shape path").count()
    expect(page.locator(".fig-detail .limits")).to_contain_text("Ngưỡng do dự án đề xuất, không phải quy định.")
    expect(page.locator(".fig-detail .earlier")).to_have_text("cùng kỳ 01/06/2024: 91,5 (3/3)")
    expect(page.locator(".fig-centres .checks").first).to_contain_text("Khác hẳn các kỳ trước")
    expect(figure(page, "Phản ánh tiếp nhận").locator(".light")).to_be_hidden()
    watch.is_clean()


def test_longer_periods_are_chosen_and_the_address_keeps_them(visit):
    watch = visit(PHONE)
    page = watch.log_in(where="/dash/figures")
    expect(page.locator(".fig-list .scope")).to_have_text("Địa bàn: Thành phố Biên Hòa.")
    expect(page.locator(".internal")).to_have_attribute("href", re.compile("audience=internal$"))
    page.locator("#lt-grain").select_option("month")
    page.wait_for_url(re.compile("grain=month"))
    expect(figure(page, "Phản ánh tiếp nhận")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    watch.is_clean()
