"""Whether everybody can report: a telephone of 320 pixels, large letters, five taps, denied sensors, slips."""

import pytest
from playwright.sync_api import expect

from tests.modules.citizen.centre import BASE
from tests.modules.citizen.telephone import CUT, REFUSED, SMALL, code_of, fill
from tests.ui.accessibility import strains
from tests.ui.browser import Watch

TARGETS = """() => [...document.querySelectorAll('a,button,input:not([type=hidden]),select,textarea,label:has(input)')]
  .filter((one) => one.checkVisibility() && !one.closest('label:has(input[type=radio])')?.contains(one)
    | one.matches('label')).filter((one) => !one.matches('.skip,main > p.small a'))
  .map((one) => [one.outerHTML.slice(0, 80), one.getBoundingClientRect().height])
  .filter(([, height]) => height < 43.5)"""


def test_emergency_numbers_stand_first_and_everything_fits_a_small_phone(served, phone):
    phone.expected = REFUSED
    page = phone.page
    page.goto(served.form)
    numbers = page.locator(".emergency a")
    assert [numbers.nth(n).get_attribute("href") for n in range(4)] == ["tel:112", "tel:113", "tel:114", "tel:115"]
    assert numbers.first.bounding_box()["y"] < page.locator("form").bounding_box()["y"]
    for path in ("/", "/track", "/published", "/track/0000-0000-0000", "/nowhere", "/?lang=en"):
        page.goto(f"{served.origin}{BASE}{path}")
        assert page.evaluate("document.documentElement.scrollWidth") <= SMALL["width"]
        assert page.evaluate(TARGETS) == []
        page.evaluate("document.documentElement.style.fontSize = '200%'")
        assert page.evaluate("document.documentElement.scrollWidth") <= SMALL["width"], path


@pytest.mark.parametrize(("theme", "language"), [("light", "vi"), ("dark", "en")])
def test_no_page_strains_anybody(served, phone, theme, language):
    phone.expected = REFUSED
    page = phone.page
    page.emulate_media(color_scheme=theme)
    page.goto(f"{served.form}?lang={language}")
    assert strains(page) == []
    page.check("input[value=danger]")
    page.fill("#description", "Tôi muốn tố cáo")
    page.click("#send")
    page.wait_for_selector("#problem:not([hidden])")
    assert page.is_visible("#complaint-note")
    assert page.is_visible(".danger-note")
    assert strains(page) == []
    fill(page)
    page.click("#send")
    code = code_of(page)
    assert strains(page) == []
    (row,) = served.centre.rows()
    served.centre.act(None, row["incident_id"], "receive")
    served.centre.act(None, row["incident_id"], "resolve", note="Đã dọn sạch")
    for path in (
        f"/track/{code}?sent=1&",
        f"/track/{code}?",
        "/track?",
        "/track/0000-0000-0000?",
        "/published?",
        "/nowhere?",
    ):
        page.goto(f"{served.origin}{BASE}{path}lang={language}")
        assert strains(page) == [], path


def test_an_emergency_is_reported_with_five_taps_and_no_account(served, chromium):
    context = chromium.new_context(viewport=SMALL, has_touch=True, permissions=["geolocation"])
    context.set_geolocation({"latitude": 10.9137, "longitude": 106.946, "accuracy": 25})
    watch = Watch(context, served.origin)
    page = watch.page
    page.goto(served.form)
    page.tap("label:has([value=flood])")
    page.tap("label:has([value=danger])")
    page.tap("#locate")
    expect(page.locator("#located")).to_contain_text("Phường Phước Tân")
    page.tap("#description")
    page.keyboard.type("Nước ngập tới mái, có người mắc kẹt.")
    page.tap("#send")
    code = code_of(page)
    (row,) = served.centre.rows()
    assert (row["code"], row["category"], row["urgency"]) == (code, "flood", "danger")
    assert row["place_area_code"] == "26377"
    assert context.cookies() == []
    watch.is_clean()
    context.close()


DENY = """() => {
  const refuse = () => Promise.reject(new DOMException('denied', 'NotAllowedError'));
  Object.defineProperty(navigator, 'mediaDevices', { value: { getUserMedia: refuse, enumerateDevices: refuse } });
  Object.defineProperty(navigator, 'serviceWorker', { value: { register: refuse } });
  const push = { permission: 'denied', requestPermission: async () => 'denied' };
  Object.defineProperty(window, 'Notification', { value: push });
  Object.defineProperty(window, 'localStorage', { get: () => { throw new DOMException('denied', 'SecurityError'); } });
  navigator.geolocation.getCurrentPosition = (_, failed) => failed({ code: 1, message: 'denied' });
  HTMLInputElement.prototype.click = () => {};
}"""


def test_with_camera_position_push_and_storage_denied_a_report_is_sent(served, phone):
    page = phone.page
    page.add_init_script(f"({DENY})()")
    page.goto(served.form)
    fill(page)
    page.click("#shoot")
    page.click("#locate")
    expect(page.locator("#located")).to_contain_text("Bạn vẫn gửi được")
    assert page.is_visible("#area_code")
    page.fill("#place", "Trước chợ")
    page.click("#send")
    code = code_of(page)
    (row,) = served.centre.rows()
    assert (row["code"], row["place"]) == (code, "Trước chợ")


def test_what_was_dropped_by_a_slip_is_taken_back(served, phone):
    phone.expected = CUT
    page, context = phone.page, phone.page.context
    page.goto(served.form)
    fill(page)
    page.click("#send")
    code = code_of(page)
    page.click("text=Gửi phản ánh mới")
    assert code in page.inner_text("#mine-list")
    page.click("#mine-drop")
    assert page.is_hidden("#mine")
    assert "Không có mã thì không tra cứu được" in page.inner_text("#dropped")
    page.click("#undo")
    assert code in page.inner_text("#mine-list")
    assert page.is_hidden("#dropped")
    context.set_offline(True)
    fill(page, "Cây đổ chắn ngang đường.")
    page.click("#send")
    page.wait_for_selector("#draft:not([hidden])")
    page.click("#draft-drop")
    assert page.is_hidden("#draft")
    page.click("#undo")
    context.set_offline(False)
    page.click("#draft-send")
    code_of(page)
    assert {row["description"] for row in served.centre.rows()} >= {"Cây đổ chắn ngang đường."}


def test_a_code_of_another_commune_is_not_called_wrong(served, phone):
    phone.expected = REFUSED
    page = phone.page
    page.goto(f"{served.origin}{BASE}/track")
    page.fill("#code", "0000 0000 0000")
    page.click("main button")
    expect(page.get_by_role("alert")).to_contain_text("có thể đã được gửi tới xã, phường khác")
    assert page.input_value("#code") == "0000-0000-0000"
    page.fill("#code", "0000-0000-0001")
    page.click("main button")
    expect(page.get_by_role("alert")).to_contain_text("Hãy xem lại từng ký tự")
