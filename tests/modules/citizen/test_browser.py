"""The citizen's pages in a real browser: sent, followed, without a network, without script."""

import re

from playwright.sync_api import expect

from tests.modules.citizen import pictures
from tests.modules.citizen.centre import BASE
from tests.modules.citizen.telephone import CUT, REFUSED, SMALL, code_of, fill
from tests.ui.browser import PATIENCE_MS

SHELF_IS_FULL = """async () => { while ((await (await caches.open('lt-citizen-1')).keys()).length < 6)
  await new Promise((done) => setTimeout(done, 50)); }"""


def test_a_report_with_a_photograph_is_sent_and_its_code_is_copied(served, phone):
    page = phone.page
    page.goto(served.form)
    fill(page)
    page.set_input_files("#photo", {"name": "anh.jpg", "mimeType": "image/jpeg", "buffer": pictures.with_gps()})
    page.wait_for_selector("#preview:not([hidden])")
    page.dblclick("#send")
    code = code_of(page)
    page.click("#copy")
    expect(page.locator("#copied")).to_have_text("Đã chép")
    assert page.evaluate("navigator.clipboard.readText()") == code
    (row,) = served.centre.rows()
    assert row["code"] == code
    page.click("#done-track")
    page.wait_for_selector("#timeline li")
    assert code in page.inner_text("main")


def test_an_empty_report_is_told_where(served, phone):
    phone.expected = REFUSED
    page = phone.page
    page.goto(served.form)
    page.click("#send")
    page.wait_for_selector("#problem-list li")
    assert "Hãy chọn việc đang xảy ra." in page.inner_text("#problem")
    assert page.get_attribute("#description", "aria-invalid") == "true"
    assert page.evaluate("document.activeElement.id") == "problem"


def test_the_tracking_page_follows_by_itself_and_shows_its_age(served, phone):
    page = phone.page
    page.goto(served.form)
    fill(page)
    page.click("#send")
    code_of(page)
    page.click("#done-track")
    expect(page.locator("#age")).to_have_text(re.compile(r"Cập nhật \d+ giây trước"), timeout=PATIENCE_MS)
    (row,) = served.centre.rows()
    served.centre.act(None, row["incident_id"], "receive")
    expect(page.locator("#status")).to_have_text("Đã tiếp nhận", timeout=PATIENCE_MS)
    assert page.locator("#timeline li").count() == 2
    served.centre.act(None, row["incident_id"], "resolve", note="Đã dọn sạch")
    page.wait_for_selector("form[action$=rating]")
    page.check("input[value=satisfied]")
    page.click("text=Gửi đánh giá")
    page.wait_for_selector("text=Bạn đã đánh giá")
    assert served.centre.rows()[0]["rating"] == "satisfied"


def test_a_report_written_without_a_network_survives_and_is_sent_once(served, phone):
    phone.expected = CUT
    page, context = phone.page, phone.page.context
    page.goto(served.form)
    page.evaluate("navigator.serviceWorker.ready.then(() => true)")
    page.evaluate(SHELF_IS_FULL)
    page.reload()
    fill(page, "Cây đổ chắn ngang đường vào ấp 5.")
    page.set_input_files("#photo", {"name": "anh.jpg", "mimeType": "image/jpeg", "buffer": pictures.noise((800, 600))})
    page.wait_for_selector("#preview:not([hidden])")
    context.set_offline(True)
    page.click("#send")
    page.wait_for_selector("#draft:not([hidden])")
    assert "Chưa gửi được" in page.inner_text("#problem")
    assert served.centre.rows() == []
    page.close()

    phone.page = context.new_page()
    page = phone.page
    page.goto(served.form)
    assert "Cây đổ chắn ngang" in page.inner_text("#draft-text")
    assert "có ảnh" in page.inner_text("#draft-text")
    context.set_offline(False)
    assert served.centre.rows() == []
    page.click("#draft-send")
    code = code_of(page)
    (row,) = served.centre.rows()
    assert (row["code"], row["description"]) == (code, "Cây đổ chắn ngang đường vào ấp 5.")
    page.reload()
    assert page.is_hidden("#draft")
    assert code in page.inner_text("#mine-list")


def test_an_answer_that_got_lost_does_not_double_the_report(served, phone):
    phone.expected = CUT
    page, context = phone.page, phone.page.context
    page.goto(served.form)
    fill(page)

    def lose(route):
        route.fetch()
        route.abort("connectionreset")

    page.route("**/api/reports", lose)
    page.click("#send")
    page.wait_for_selector("#draft:not([hidden])")
    assert len(served.centre.rows()) == 1
    page.unroute("**/api/reports")
    page.click("#draft-send")
    code = code_of(page)
    (row,) = served.centre.rows()
    assert row["code"] == code
    assert context.pages


def test_a_position_fills_the_place_and_a_denied_one_does_not_stop_anybody(served, phone):
    page, context = phone.page, phone.page.context
    page.goto(served.form)
    page.click("#locate")
    expect(page.locator("#located")).to_contain_text("Bạn vẫn gửi được", timeout=PATIENCE_MS)
    fill(page)
    page.click("#send")
    code_of(page)
    context.grant_permissions(["geolocation"], origin=served.origin)
    context.set_geolocation({"latitude": 10.9137, "longitude": 106.946, "accuracy": 25})
    page.goto(served.form)
    page.click("#locate")
    expect(page.locator("#located")).to_contain_text("Phường Phước Tân", timeout=PATIENCE_MS)
    fill(page)
    page.click("#send")
    code_of(page)
    assert "Phường Phước Tân" in page.inner_text("#done-note")
    assert {row["place_area_code"] for row in served.centre.rows()} == {"26374", "26377"}
    context.set_geolocation({"latitude": 21.0285, "longitude": 105.8542, "accuracy": 25})
    page.goto(served.form)
    page.click("#locate")
    expect(page.locator("#located")).to_contain_text("ngoài địa bàn", timeout=PATIENCE_MS)
    assert page.input_value("#lat") == ""
    assert page.is_visible("#area_code")


def test_without_scripts_the_form_works(served, chromium):
    context = chromium.new_context(viewport=SMALL, java_script_enabled=False)
    page = context.new_page()
    page.goto(served.form)
    page.click("#send")
    assert "Hãy chọn việc đang xảy ra." in page.inner_text("#problem")
    page.check("input[name=category][value=flood]")
    page.fill("#description", "Nước ngập vào nhà ở tổ 4.")
    page.set_input_files("#photo", {"name": "anh.png", "mimeType": "image/png", "buffer": pictures.picture(fmt="PNG")})
    page.click("#send")
    page.wait_for_selector("text=Đã ghi nhận phản ánh")
    code = page.inner_text("strong.code")
    assert served.centre.rows()[0]["code"] == code
    page.goto(f"{served.origin}{BASE}/track")
    page.fill("#code", code.replace("-", " ").lower())
    page.click("main button")
    page.wait_for_selector("#timeline li")
    context.close()


def test_hostile_words_are_only_words(served, phone):
    page = phone.page
    page.goto(served.form)
    fill(page, "<img src=x onerror=alert(1)><script>alert(2)</script>")
    page.fill("#place", '"><svg onload=alert(3)>')
    page.click("#send")
    code_of(page)
    (row,) = served.centre.rows()
    served.centre.act(None, row["incident_id"], "refuse", note="<img src=x onerror=alert(4)>")
    page.reload()
    page.click("#mine-list a")
    page.wait_for_selector("text=onerror=alert(4)")
    expect(page.locator("#age")).to_contain_text("Cập nhật", timeout=PATIENCE_MS)


def test_english_stays_english(served, phone):
    page = phone.page
    page.goto(served.form)
    page.click("nav >> text=English")
    page.wait_for_selector("text=What is happening?")
    fill(page)
    page.click("#send")
    code_of(page)
    assert "Your report is recorded" in page.inner_text("#done")


def test_the_first_visit_is_light(served, phone):
    sizes = []
    phone.page.on("response", lambda answer: sizes.append(len(answer.body())))
    phone.page.goto(served.form, wait_until="load")
    assert sum(sizes) < 150 * 1024
