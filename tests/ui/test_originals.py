"""The part of an incident's page that fetches an original: asked for with a reason, seen to come, shown."""

import io

import pytest
from PIL import Image
from playwright.sync_api import expect

from tests.ui.browser import FLOOD

DIGEST = "ab" * 32
FACTS = {
    "digest": DIGEST,
    "size": 2_516_582,
    "media_type": "image/jpeg",
    "kept_at": "Phường Tam Phước",
    "state": "elsewhere",
    "asked_by": "Trực ban Hoa",
    "asker": "Tỉnh Đồng Nai",
    "reason": "cần xem mực nước",
    "asked_at": "2025-06-01T01:00:00+00:00",
    "from": "Thành phố Biên Hòa",
    "percent": 0,
}


def photograph():
    image = Image.linear_gradient("L").resize((1280, 800)).convert("RGB")
    out = io.BytesIO()
    image.save(out, "JPEG")
    return out.getvalue()


@pytest.fixture
def opened(visit, stage):
    """The incident's page, whose original lies below."""
    node = stage[0]
    node.originals = {FLOOD: [dict(FACTS)]}
    node.original = (photograph(), "image/jpeg")

    def opening():
        watch = visit()
        watch.log_in(where=f"/dash/incidents?incident={FLOOD}")
        return watch

    return opening


def put(node, **facts):
    node.originals = {FLOOD: [FACTS | facts]}


def test_an_original_is_asked_for_with_a_reason_seen_to_come_and_shown(opened, stage):
    node = stage[0]
    watch = opened()
    page = watch.page
    part = page.locator(".st-key-originals")
    expect(part).to_contain_text("Ảnh gốc (2,4 MB) đang ở Phường Tam Phước")
    part.get_by_role("button", name="Lấy ảnh gốc").click()
    expect(part).to_contain_text("Hãy ghi lý do")
    assert node.acts == []
    part.get_by_label("Lý do cần ảnh gốc").fill("cần xem mực nước")
    part.get_by_role("button", name="Lấy ảnh gốc").click()
    expect(part).to_contain_text("Đang tải ảnh gốc: 0 %")
    assert node.acts == [(FLOOD, "dieuhanh", {"name": "fetch", "reason": "cần xem mực nước"})]
    put(node, state="coming", percent=40)
    expect(part).to_contain_text("Đang tải ảnh gốc: 40 %")
    put(node, state="coming", percent=40, waits="line")
    expect(part).to_contain_text("Chờ đường truyền đến Thành phố Biên Hòa; ảnh sẽ được tải tiếp từ 40 %")
    put(node, state="here", until="2025-07-01T01:00:00+00:00")
    expect(part.locator("img")).to_have_js_property("naturalWidth", 1280)
    expect(part).to_contain_text("đúng với mã băm đã ký của Phường Tam Phước")
    watch.is_clean()


def test_it_can_be_cancelled_and_a_refusal_says_which_rule(opened, stage):
    node = stage[0]
    put(node, state="coming", percent=10)
    watch = opened()
    part = watch.page.locator(".st-key-originals")
    part.get_by_role("button", name="Hủy tải ảnh gốc").click()
    expect(part).to_contain_text("Ảnh gốc (2,4 MB) đang ở Phường Tam Phước")
    put(node, state="refused", code="KIND", said_by="Phường Tam Phước", why_not="Không gửi ([bulk] kinds).")
    watch.page.reload()
    expect(part).to_contain_text("Phường Tam Phước không gửi ảnh gốc: Không gửi ([bulk] kinds).")
    watch.is_clean()


def test_what_is_no_picture_is_never_shown(opened, stage):
    node = stage[0]
    put(node, state="here")
    node.original = (b"<svg xmlns='http://www.w3.org/2000/svg' onload='window.hit=1'/>", "application/octet-stream")
    watch = opened()
    part = watch.page.locator(".st-key-originals")
    expect(part).to_contain_text("không phải ảnh như đã khai")
    expect(part.locator("img")).to_have_count(0)
    assert watch.page.evaluate("window.hit") is None
    watch.is_clean()
