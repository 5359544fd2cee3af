"""The administrator's screens and the pages at the door: no serious barrier, no weak contrast, no sideways scroll."""

import pytest
from playwright.sync_api import expect

from tests.e2e.centre import Centre
from tests.ui.accessibility import strains
from tests.ui.browser import DESKTOP, PHONE

OWN = "mua-roi-tren-song-dai"


def holds(page):
    assert strains(page) == []


@pytest.mark.parametrize("where", ["/dash/accounts?account=dieuhanh", "/dash/records"])
@pytest.mark.parametrize(("size", "scheme", "language"), [(DESKTOP, "light", "vi"), (PHONE, "dark", "en")])
def test_an_administrators_screen_holds_no_serious_barrier(visit, where, size, scheme, language):
    watch = visit(size, scheme)
    mark = "&" if "?" in where else "?"
    page = watch.log_in("quantri", "mat-khau-3", where=f"{where}{mark}lang={language}")
    expect(page.locator("[data-testid=stTable]").first).to_be_visible()
    holds(page)
    watch.is_clean()


@pytest.fixture(scope="module")
def centre(tmp_path_factory):
    made = Centre(tmp_path_factory.mktemp("centre"), second_factor=("admin",))
    made.account("quantri", "admin", OWN, name="Quản trị viên")
    made.account("truc", "operator", OWN, name="Trần Thị Trực")
    yield made.start()
    made.stop()


@pytest.mark.parametrize(("size", "scheme", "language"), [(DESKTOP, "light", "vi"), (PHONE, "dark", "en")])
def test_the_pages_at_the_door_hold_none(stage, centre, size, scheme, language):
    chromium = stage[2]
    page = chromium.new_context(viewport=size, color_scheme=scheme, bypass_csp=True).new_page()
    page.goto(f"{centre.url}/login?lang={language}")
    holds(page)
    page.fill("#username", "quantri")
    page.fill("#password", OWN)
    page.keyboard.press("Enter")
    expect(page.locator(".qr")).to_be_visible()
    assert page.evaluate("document.activeElement.id") == "code"
    holds(page)
    page.keyboard.type("123")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_be_visible()
    holds(page)
    page.goto(f"{centre.url}/login?lang={language}&next=%2Faccount")
    page.fill("#username", "truc")
    page.fill("#password", OWN)
    page.keyboard.press("Enter")
    expect(page.locator(".sittings li").first).to_be_visible()
    for summary in page.locator("summary").all():
        summary.click()
    holds(page)
