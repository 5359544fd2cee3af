"""Ways through the screens: addresses that can be sent, back and forth, two languages, local time, one's own area."""

import re

import pytest
from playwright.sync_api import expect

from tests.ui.browser import FIRE, FLOOD, PHONE, back

OPERATOR, LEADER, ADMIN = ("dieuhanh", "mat-khau-1"), ("lanhdao", "mat-khau-2"), ("quantri", "mat-khau-3")
IN_VIETNAM = """() => new Intl.DateTimeFormat('en-GB', { timeZone: 'Asia/Ho_Chi_Minh',
  hour: '2-digit', minute: '2-digit', second: '2-digit' }).format(Date.now())"""
# where, and what is on it in Vietnamese and in English
PAGES = [
    (OPERATOR, f"/dash/incidents?status=new&incident={FLOOD}", ".found", "1 trong 1 sự cố", "1 of 1 incidents"),
    (OPERATOR, "/dash/figures?figure=incident.opened", ".fig-detail .value", "1.204", "1,204"),
    (OPERATOR, "/dash/health", "[data-testid=stHeading]", "Tình trạng hệ thống", "State of the system"),
    (ADMIN, "/dash/accounts?account=truc", ".st-key-account-one", "Tạm khóa đến 09:00 01/06/2025", "Locked until"),
    (
        ADMIN,
        "/dash/records?actor=quantri&act=account.add",
        "[data-testid=stTable]",
        "Thêm tài khoản",
        "Added an account",
    ),
]


@pytest.fixture
def node(stage):
    return stage[0]


def seconds(clock):
    hours, minutes, rest = map(int, clock.split(":"))
    return hours * 3600 + minutes * 60 + rest


@pytest.mark.parametrize(("who", "where", "part", "vietnamese", "english"), PAGES)
def test_another_language_keeps_the_page_and_what_was_looked_for(visit, who, where, part, vietnamese, english):
    watch = visit()
    page = watch.log_in(*who, where=where)
    asked = set(where.partition("?")[2].split("&")) - {""}
    expect(page.locator(part).first).to_contain_text(vietnamese)
    page.get_by_role("button", name="English").click()
    expect(page.locator(part).first).to_contain_text(english)
    assert page.evaluate("document.documentElement.lang") == "en"
    assert set(page.url.partition("?")[2].split("&")) == asked | {"lang=en"}
    page.reload()
    expect(page.locator(part).first).to_contain_text(english)
    page.get_by_role("button", name="Tiếng Việt").click()
    expect(page.locator(part).first).to_contain_text(vietnamese)
    assert set(page.url.partition("?")[2].split("&")) - {""} == asked
    back(page, re.compile(r"lang=en"))
    expect(page.locator(part).first).to_contain_text(english)
    watch.is_clean()


def test_an_address_opens_the_same_for_somebody_else_and_back_retraces_the_steps(visit):
    watch = visit()
    page = watch.log_in(where="/dash/incidents?severity=3")
    expect(page.locator(".found")).to_have_text("2 trong 2 sự cố")
    page.locator(f'.queue li[data-id="{FIRE}"] a').click()
    expect(page.locator("h1")).to_have_text("Cháy cỏ sát kho hàng")
    sent = page.url.removeprefix(watch.origin)
    page.get_by_role("link", name="Số liệu").click()
    page.locator(".fig-row").filter(has_text="Sự cố mở mới").click()
    expect(page.locator(".fig-detail .value").first).to_have_text("1.204")
    back(page, re.compile(r"/dash/figures(?!.*figure=)"))
    expect(page.locator(".fig-rows li").first).to_be_visible()
    back(page, re.compile(rf"/dash/incidents\?.*incident={FIRE}"))
    expect(page.locator("h1")).to_have_text("Cháy cỏ sát kho hàng")
    back(page, re.compile(r"/dash/incidents(?!.*incident=)"))
    expect(page.locator("h1")).to_have_count(0)
    expect(page.locator(".found")).to_have_text("2 trong 2 sự cố")
    page.go_forward()
    expect(page.locator("h1")).to_have_text("Cháy cỏ sát kho hàng")
    other = visit(PHONE)
    opened = other.log_in(*LEADER, where=sent)
    expect(opened.locator("h1")).to_have_text("Cháy cỏ sát kho hàng")
    expect(opened.get_by_label("Mức độ")).to_have_value("Khẩn")
    watch.is_clean()
    other.is_clean()


def test_who_has_one_area_sees_that_area_and_no_address_opens_another(visit):
    watch = visit()
    page = watch.log_in("phuoctan", "mat-khau-6")
    expect(page.locator(".queue li")).to_have_count(3)
    for row in page.locator(".queue .area").all():
        expect(row).to_have_text("Phường Phước Tân")
    own = page.locator('.tile[data-key="open"]')
    expect(own.locator(".value")).to_have_text("3")
    page.get_by_role("button", name="English").click()
    expect(own.locator(".name")).to_have_text("Open incidents (Phường Phước Tân)")
    expect(own.locator(".source")).to_contain_text("Incident book of OC thành phố Biên Hòa")
    page.goto(f"{watch.origin}/dash/incidents?all=1")
    expect(page.locator(".found")).to_have_text("3 trong 3 sự cố")
    page.goto(f"{watch.origin}/dash/incidents?incident={FIRE}")
    expect(page.get_by_text("nó ngoài địa bàn của bạn")).to_be_visible()
    expect(page.get_by_text("Cháy cỏ")).to_have_count(0)
    for closed in ("accounts", "records"):
        page.goto(f"{watch.origin}/dash/{closed}")
        expect(page.get_by_text("Tài khoản này không có quyền mở trang này.")).to_be_visible()
    watch.is_clean()


@pytest.mark.parametrize("zone", ["America/Los_Angeles", "Asia/Tokyo"])
def test_wherever_the_browser_is_the_time_is_vietnams(visit, node, zone):
    evening = "2026-02-28T18:30:00+00:00"
    node.change(FLOOD, opened_at=evening, due_at=evening)
    node.incidents[FLOOD]["updated_at"] = node.incidents[FLOOD]["timeline"][0]["at"] = evening
    watch = visit(timezone_id=zone, locale="en-US")
    page = watch.log_in(where=f"/dash/incidents?incident={FLOOD}")
    expect(page.locator(".timeline time").last).to_have_text("01:30 01/03/2026")
    for name in ("Mở lúc", "Cập nhật", "Thời hạn"):
        expect(page.locator(".facts div").filter(has_text=name)).to_contain_text("01:30 01/03/2026")
    before, shown, after = page.evaluate(f"""() => {{
      const now = {IN_VIETNAM};
      const bar = [...document.querySelectorAll('[data-testid=stBidiComponentIsolated]')]
        .map((one) => one.shadowRoot.querySelector('.clock .hour')).find(Boolean);
      const before = now();
      return [before, bar.textContent, now()];
    }}""")
    beside = [abs(seconds(shown) - seconds(one)) for one in (before, after)]
    assert min(min(one, 86_400 - one) for one in beside) < 120
    page.goto(f"{watch.origin}/dash/health")
    expect(page.locator("[data-testid=stTable]").first).to_contain_text(re.compile(r"\d\d:\d\d:\d\d \d\d/\d\d/\d{4}"))
    watch.is_clean()


def test_the_first_tile_needs_little(visit):
    """A budget that needs no watch: what a browser that was here before still has to fetch until the first tile."""
    watch = visit()
    page = watch.log_in()
    tile = page.locator('.tile[data-key="open"] .value')
    expect(tile).to_have_text("6")
    fetched = []
    page.on("response", lambda answer: fetched.append(answer.url))
    page.reload()
    expect(tile).to_have_text("6")
    weights = page.evaluate("performance.getEntriesByType('resource').map((one) => [one.name, one.transferSize])")
    assert sum(weight for _, weight in weights) < 200_000, weights
    assert len([url for url in fetched if "/_stcore/" in url]) <= 3, fetched
    assert [url for url in fetched if "/api/v1/situation" in url] == []  # the line itself brings the first picture
    watch.is_clean()


# how a line is: milliseconds there and back, bytes a second each way, and how much slower the device is than this one
LAN, TELEPHONE = (2, 100e6 / 8, 1), (70, 9e6 / 8, 4)


@pytest.mark.drill
@pytest.mark.parametrize(("line", "limit_s"), [(LAN, 3.0), (TELEPHONE, 8.0)])
def test_the_first_useful_tile_comes_soon(visit, line, limit_s):
    watch = visit(PHONE if line is TELEPHONE else None)
    page = watch.log_in()
    value = page.locator('.tile[data-key="open"] .value')
    expect(value).to_have_text("6")
    control = page.context.new_cdp_session(page)
    delay_ms, rate, slower = line
    speed = {"offline": False, "latency": delay_ms, "downloadThroughput": rate, "uploadThroughput": rate}
    control.send("Network.enable")
    control.send("Network.emulateNetworkConditions", speed)
    control.send("Emulation.setCPUThrottlingRate", {"rate": slower})
    control.send("Network.setCacheDisabled", {"cacheDisabled": True})
    took = []
    for _ in range(3):
        page.reload()
        expect(value).to_have_text("6")
        took.append(page.evaluate("performance.now() / 1000"))
    assert min(took) < limit_s, took
