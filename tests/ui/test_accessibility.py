"""Every screen, in both languages, light and dark, on a desk and on a phone: no barrier, no weak contrast."""

import pytest
from playwright.sync_api import expect

from tests.ui.accessibility import strains, violations
from tests.ui.browser import DESKTOP, FLOOD, PHONE

SCREENS = {
    "/dash/": ".tile",
    "/dash/incidents": ".queue li",
    f"/dash/incidents?incident={FLOOD}": ".timeline li",
    "/dash/health": "[data-testid=stTable]",
    "/dash/figures": ".fig-row",
    "/dash/figures?figure=incident.opened": ".fig-centres li",
}


@pytest.mark.parametrize(
    ("size", "scheme", "language"),
    [(DESKTOP, "light", "vi"), (DESKTOP, "dark", "en"), (PHONE, "light", "en"), (PHONE, "dark", "vi")],
)
def test_no_screen_strains_anybody(visit, size, scheme, language):
    watch = visit(size, scheme)
    page = watch.log_in()
    expect(page.locator(".tile").first).to_be_visible()
    found = []
    for where, part in SCREENS.items():
        mark = "&" if "?" in where else "?"
        page.goto(f"{watch.origin}{where}{mark}lang={language}")
        expect(page.locator(part).first).to_be_visible()
        if FLOOD in where:
            expect(page.locator(".st-key-actions button").last).to_be_visible()
        found += [f"{where}: {one}" for one in strains(page)]
    assert found == []
    watch.is_clean()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_dialog_strains_anybody(visit, scheme):
    watch = visit(PHONE, scheme)
    page = watch.log_in(where=f"/dash/incidents?incident={FLOOD}")
    page.get_by_role("button", name="Từ chối").click()
    expect(page.get_by_role("dialog").get_by_label("Lý do (bắt buộc)")).to_be_visible()
    page.get_by_role("dialog").get_by_role("button", name="Từ chối").click()
    expect(page.get_by_role("dialog")).to_contain_text("Còn thiếu: Lý do")
    assert strains(page) == []
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Trợ giúp").click()
    expect(page.get_by_role("dialog", name="Trợ giúp")).to_be_visible()
    assert strains(page) == []
    watch.is_clean()


def test_the_check_sees_a_barrier(visit):
    watch = visit()
    page = watch.log_in()
    expect(page.locator(".tile").first).to_be_visible()
    page.evaluate("document.body.insertAdjacentHTML('beforeend', '<img src=\"data:,\"><button></button>')")
    found = violations(page)
    assert any(one.startswith("image-alt") for one in found)
    assert any(one.startswith("button-name") for one in found)
