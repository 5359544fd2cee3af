"""One report, from a telephone in a commune to the province's screen and back, with the district dead in between.

Told in order, as people do it, each in a browser of their own; nothing is asked of any API.
"""

import re

import pytest
from playwright.async_api import expect

from node.demo.check.citizen import photograph
from tests.e2e.stage import PATIENCE_MS, browser

COMMUNE, DISTRICT, PROVINCE = "26374", "731", "75"
WORDS = "Nước ngập ngang gối trước trường tiểu học, học sinh không ra về được."


@pytest.mark.timeout(300)
async def test_a_report_reaches_the_province_and_its_answer_the_citizen(federation):
    await federation.start((COMMUNE, DISTRICT, PROVINCE))
    async with browser() as chromium:
        story = Story(federation, chromium)
        code = await story.a_citizen_reports_from_a_telephone()
        await story.the_citizen_sees(code, "Mới gửi")
        commune = await story.an_operator_signs_in(COMMUNE)
        await story.the_operator_opens_it(commune)
        await story.does(commune, "Tiếp nhận")
        await story.the_citizen_sees(code, "Đã tiếp nhận")
        await story.does(commune, "Phân loại", choose={"Mức độ": "Khẩn"})
        await story.the_citizen_sees(code, "Đã phân loại")

        federation.running.children.kill(DISTRICT)
        await story.does(commune, "Chuyển cấp trên", choose={"Nguyên nhân": "Vượt khả năng xử lý"}, reason="Cần xuồng")
        await story.the_commune_shows_what_waits(commune)
        await story.the_citizen_sees(code, "Chuyển cấp trên", "Đang chờ OC thành phố Biên Hòa tiếp nhận")
        province = await story.an_operator_signs_in(PROVINCE)
        await story.the_province_shows_the_dead_district(province)

        federation.running.start_node(federation.sites[DISTRICT])
        await federation.running.ready(federation.sites[DISTRICT])
        district = await story.an_operator_signs_in(DISTRICT)
        await story.the_operator_opens_it(district)
        await story.does(district, "Nhận xử lý")
        await story.the_citizen_sees(code, "Nhận xử lý", "OC thành phố Biên Hòa")
        await story.does(district, "Chuyển cấp trên", choose={"Nguyên nhân": "Vượt thẩm quyền"}, reason="Cần quân đội")

        await story.the_operator_opens_it(province)
        await expect(province.locator(".proofs")).to_contain_text("COC phường Tam Phước ký, đã kiểm tại đây")
        width = await province.locator(".photo img").evaluate(
            "async one => { await one.decode(); return one.naturalWidth }"
        )
        assert width > 0
        await story.does(province, "Nhận xử lý")
        await story.the_citizen_sees(code, "IOC tỉnh Đồng Nai")
        await story.does(province, "Đã xử lý xong", reason="Đã đưa học sinh về nhà an toàn")
        await story.the_citizen_sees(code, "Đã xử lý", "Đã đưa học sinh về nhà an toàn")
        await story.it_is_there_once(province)
        assert story.strays == []
        assert story.errors == []


class Story:
    """The people of the story and what each of them sees."""

    def __init__(self, federation, chromium):
        self.federation, self.chromium = federation, chromium
        self.errors, self.strays = [], []

    async def window(self, **more):
        context = await self.chromium.new_context(locale="vi-VN", **more)
        page = await context.new_page()
        page.set_default_timeout(PATIENCE_MS)
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("request", self._request)
        return page

    def _request(self, request):
        if not re.match(r"(http|ws)://127\.0\.0\.1:|data:|blob:", request.url):
            self.strays.append(request.url)

    async def a_citizen_reports_from_a_telephone(self):
        site = self.federation.sites[COMMUNE]
        self.phone = await self.window(
            viewport={"width": 320, "height": 640},
            geolocation={"latitude": 10.8815, "longitude": 106.9581, "accuracy": 12},
            permissions=["geolocation"],
        )
        page = self.phone
        await page.goto(f"{site.url}/")
        assert await page.evaluate("document.documentElement.scrollWidth") <= 320
        await page.get_by_label("Ngập lụt, thiên tai").check()
        await page.get_by_label("Mô tả").fill(WORDS)
        await page.get_by_role("button", name="Dùng vị trí của tôi").click()
        await expect(page.locator("#located")).to_contain_text("Phường Tam Phước")
        await page.locator("#photo").set_input_files(
            {"name": "anh.jpg", "mimeType": "image/jpeg", "buffer": photograph(1)}
        )
        await page.get_by_role("button", name="Gửi phản ánh").click()
        await expect(page.locator("#done")).to_be_visible(timeout=PATIENCE_MS)
        assert await page.evaluate("document.documentElement.scrollWidth") <= 320
        code = await page.locator("#done-code").inner_text()
        assert re.fullmatch(r"[0-9A-Z]{4}-[0-9A-Z]{4}-[0-9A-Z]{4}", code)
        return code

    async def the_citizen_sees(self, code, *words):
        """The tracking page, opened again until it says so: what was done elsewhere takes a moment to come down."""
        address = f"{self.federation.sites[COMMUNE].url}/modules/citizen/track/{code}"
        for last in [*[False] * 20, True]:
            await self.phone.goto(address)
            text = await self.phone.inner_text("main")
            if all(word in text for word in words):
                return
            if not last:
                await self.phone.wait_for_timeout(500)
        raise AssertionError(f"the citizen does not see {words} but:\n{text}")

    async def an_operator_signs_in(self, code):
        site, person = self.federation.sites[code], self.federation.people[code, "operator"]
        page = await self.window(viewport={"width": 1280, "height": 900})
        await page.goto(f"{site.screens_url}/dash/")
        await page.fill("input[name=username]", person.username)
        await page.fill("input[name=password]", person.password)
        await page.click("button[type=submit]")
        await expect(page.locator(".tile").first).to_be_visible(timeout=PATIENCE_MS)
        return page

    async def the_operator_opens_it(self, page):
        row = page.locator(".queue li").filter(has_text="trường tiểu học")
        await expect(row).to_have_count(1, timeout=PATIENCE_MS)
        await row.locator("a").click()
        await expect(page.locator("h1")).to_contain_text("Nước ngập ngang gối", timeout=PATIENCE_MS)

    async def does(self, page, action, *, choose=None, reason=None):
        """Press the action's button, fill in what is asked, confirm, and be told that it was recorded."""
        await self._sees_the_button(page, action)
        await page.get_by_role("button", name=action, exact=True).first.click()
        dialog = page.get_by_role("dialog")
        await expect(dialog).to_be_visible(timeout=PATIENCE_MS)
        for label, option in (choose or {}).items():
            await dialog.get_by_label(label).click()
            await page.get_by_role("option", name=option, exact=True).click()
        if reason:
            await dialog.get_by_role("textbox").last.fill(reason)
        await dialog.get_by_role("button", name=action, exact=True).click()
        await expect(page.get_by_text(f"Đã ghi: {action}.")).to_be_visible(timeout=PATIENCE_MS)

    async def _sees_the_button(self, page, action):
        """News may arrive after the page was opened: then it says so, and a person asks for the new version."""
        button = page.get_by_role("button", name=action, exact=True).first
        newer = page.get_by_role("button", name="Xem bản mới").first
        for _ in range(PATIENCE_MS // 500):
            if await newer.is_visible():
                await newer.click()
            elif await button.is_visible():
                return
            await page.wait_for_timeout(500)
        raise AssertionError(f"nobody offers {action!r} on {page.url}")

    async def the_commune_shows_what_waits(self, page):
        await page.get_by_role("link", name="Tình hình").click()
        row = page.locator(".links tbody tr").filter(has_text="OC thành phố Biên Hòa")
        await expect(row).to_contain_text("Mất kết nối", timeout=PATIENCE_MS)
        await expect(row.locator(".waiting")).not_to_have_text("0", timeout=PATIENCE_MS)

    async def the_province_shows_the_dead_district(self, page):
        row = page.locator(".links tbody tr").filter(has_text="OC thành phố Biên Hòa")
        await expect(row).to_contain_text("Mất kết nối", timeout=PATIENCE_MS)

    async def it_is_there_once(self, page):
        site = self.federation.sites[PROVINCE]
        await page.goto(f"{site.screens_url}/dash/incidents?all=1")
        await expect(page.locator("li").filter(has_text="trường tiểu học")).to_have_count(1, timeout=PATIENCE_MS)
