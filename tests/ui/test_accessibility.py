"""Every screen, in both languages, light and dark, on a desk and on a phone: nothing that axe-core calls serious."""

import pytest
from playwright.sync_api import expect

from tests.ui.accessibility import violations
from tests.ui.test_browser import DESKTOP, FLOOD, PHONE, stage, visit

__all__ = ["stage", "visit"]

SCREENS = {
    "/dash/": ".tile",
    f"/dash/incidents?incident={FLOOD}": ".timeline li",
    "/dash/health": "[data-testid=stTable]",
    "/dash/figures": ".fig-row",
    "/dash/figures?figure=incident.opened": ".fig-centres li",
}


@pytest.mark.parametrize("where", SCREENS)
@pytest.mark.parametrize(
    ("size", "scheme", "language"),
    [(DESKTOP, "light", "vi"), (DESKTOP, "dark", "en"), (PHONE, "light", "en"), (PHONE, "dark", "vi")],
)
def test_a_screen_holds_no_serious_barrier(visit, where, size, scheme, language):
    watch = visit(size, scheme)
    mark = "&" if "?" in where else "?"
    page = watch.log_in(where=f"{where}{mark}lang={language}" if language == "en" else where)
    expect(page.locator(SCREENS[where]).first).to_be_visible()
    assert violations(page) == []
    watch.is_clean()


def test_the_check_sees_a_barrier(visit):
    watch = visit()
    page = watch.log_in()
    expect(page.locator(".tile").first).to_be_visible()
    page.evaluate("document.body.insertAdjacentHTML('beforeend', '<img src=\"data:,\"><button></button>')")
    found = violations(page)
    assert any(one.startswith("image-alt") for one in found)
    assert any(one.startswith("button-name") for one in found)
