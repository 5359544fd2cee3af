"""A page that stands open: live changes disturb nobody, a session that ends is told, and what is unknown stays grey."""

import itertools
import re

import pytest
from playwright.sync_api import expect

from tests.fakes import node_facts
from tests.ui.accessibility import strains
from tests.ui.browser import FIRE, FLOOD, PHONE

RELAY = {"name": "n-bienhoabienhoabi.lienthong.internal", "title": "OC thành phố Biên Hòa"}
# What must stay as it is while the line brings news; kept on the page itself, so that nothing is measured from outside.
HOLD = """() => {
  const root = [...document.querySelectorAll('[data-testid=stBidiComponentIsolated]')].map((one) => one.shadowRoot)
    .find((one) => one.querySelector('.queue'));
  const main = document.querySelector('[data-testid=stMain]');
  const queue = root.querySelector('.queue');
  main.scrollTop = 240;
  queue.scrollTop = 130;
  const row = queue.children[6];
  row.querySelector('a').focus({ preventScroll: true });
  const words = queue.children[5].querySelector('.title');
  getSelection().selectAllChildren(words);
  const at = [main.scrollTop, queue.scrollTop];
  const held = { main, queue, row, at, words: String(getSelection()), moved: 0, gone: 0 };
  new PerformanceObserver((list) => list.getEntries().forEach((one) => { held.moved += one.value; }))
    .observe({ type: 'layout-shift', buffered: false });
  new MutationObserver((changes) => changes.forEach((one) => { held.gone += one.removedNodes.length; }))
    .observe(queue, { childList: true });
  window.held = held;
  return held.at;
}"""
HELD = """() => {
  const { main, queue, row, at, words, moved, gone } = window.held;
  const focused = row.isConnected && row.contains(row.getRootNode().activeElement);
  return { scrolled: main.scrollTop === at[0] && queue.scrollTop === at[1], gone, calm: moved < 0.02, focused,
    words: String(getSelection()) === words };
}"""
UNDISTURBED = {"scrolled": True, "gone": 0, "calm": True, "focused": True, "words": True}


@pytest.fixture
def node(stage):
    return stage[0]


def crowd(node, count=40):
    for number in range(count):
        facts = node_facts.incident(
            3000 + number, f"Đèn đường hỏng, tổ {number}", severity=2, status="received", origin=node_facts.TAM_PHUOC,
            minutes=900 + number,
        )  # fmt: skip
        node.incidents[facts["id"]] = facts
    node.push()


def hold(page, node):
    """Somebody reads, has scrolled, selected words and stands in the list."""
    crowd(node)
    expect(page.locator(".panel .count")).to_have_text("46")
    page.locator(".queue li").nth(40).wait_for(state="attached")
    assert page.evaluate(HOLD) == [240, 130]
    shown = page.locator(".queue li").evaluate_all("rows => rows.map((one) => one.dataset.id)")
    return shown[:4] + shown[8:]  # those between are being read


def stir(page, node, others, beat):
    """One piece of news of some kind, seen to have arrived."""
    chosen = others[beat % len(others)]
    kind = beat % 4
    if kind == 0:
        node.change(chosen, title=f"Tin mới {beat}")
        expect(page.locator(f'.queue li[data-id="{chosen}"] .title')).to_have_text(f"Tin mới {beat}")
    elif kind == 1:
        node.tiles["below"] = {"value": 20 + beat % 900, "state": "ok", "partial": None}
        node.push()
        expect(page.locator('.tile[data-key="below"] .value')).to_have_text(str(20 + beat % 900))
    elif kind == 2:
        node.centres["26374"] = {"open_incidents": beat}
        node.push()
        expect(page.locator(".map .mark").filter(has_text="Tam Phước")).to_contain_text(f"{beat} đang mở")
    else:
        node.change(chosen, severity=1 + beat % 4, severity_title=node_facts.SEVERITIES[1 + beat % 4])
        word = page.locator(f'.queue li[data-id="{chosen}"] .word')
        expect(word).to_have_text(node_facts.SEVERITIES[1 + beat % 4])


def test_news_moves_nothing_under_somebody_who_reads(visit, node):
    watch = visit()
    page = watch.log_in()
    others = hold(page, node)
    for beat in range(12):
        stir(page, node, others, beat)
    assert page.evaluate(HELD) == UNDISTURBED
    node.add(grave := node_facts.incident(
        4000, "Sạt lở bờ sông", severity=4, status="new", origin=node_facts.TAM_PHUOC, minutes=1
    ))  # fmt: skip
    expect(page.locator(".fresh")).to_have_text("1 sự cố mới, bấm để xem")
    assert page.locator(f'.queue li[data-id="{grave["id"]}"]').count() == 0
    assert page.evaluate(HELD) | {"calm": True} == UNDISTURBED  # the button took its place above the list
    watch.is_clean()


@pytest.mark.drill
@pytest.mark.timeout(900)
def test_ten_minutes_of_news_move_nothing_under_somebody_who_reads(visit, node):
    watch = visit()
    page = watch.log_in()
    others = hold(page, node)
    begun = page.evaluate("performance.now()")
    for beat in itertools.count():
        stir(page, node, others, beat)
        assert page.evaluate(HELD) == UNDISTURBED, beat
        page.wait_for_timeout(500)
        if page.evaluate("performance.now()") - begun > 600_000:
            break
    watch.is_clean()


def test_words_that_are_being_typed_survive_news(visit, node):
    watch = visit()
    page = watch.log_in(where=f"/dash/incidents?incident={FLOOD}")
    page.get_by_role("button", name="Chuyển cấp trên").click()
    reason = page.get_by_role("dialog").get_by_label("Lý do (bắt buộc)")
    reason.fill("Cần xuồng")
    node.change(FIRE, title="Đã dập tắt")
    node.change(FLOOD, severity=3, severity_title="Khẩn")
    expect(page.locator(".changed")).to_contain_text("bản 4, đang xem bản 3")
    expect(reason).to_have_value("Cần xuồng")
    assert strains(page) == []
    page.get_by_role("dialog").get_by_role("button", name="Chuyển cấp trên").click()
    expect(page.get_by_role("dialog")).to_contain_text("Mức độ: Rất khẩn → Khẩn (bản 3 → 4)")
    expect(page.get_by_role("dialog").get_by_label("Lý do (bắt buộc)")).to_have_value("Cần xuồng")
    assert node.acts == []
    page.get_by_role("dialog").get_by_role("button", name="Chuyển cấp trên").click()
    expect(page.get_by_text("Đã ghi: Chuyển cấp trên.")).to_be_visible()
    assert node.acts[0][2] == {"name": "escalate", "version": 4, "reason": "Cần xuồng"}
    watch.is_clean()


def test_a_figure_grows_old_by_its_own_limit_while_the_line_lives(visit, node):
    watch = visit()
    page = watch.log_in()
    old = node_facts.ago(seconds=95).isoformat()
    node.tiles["below"] = {"value": 11, "state": "ok", "partial": None, "as_of": old, "stale_after_s": 90}
    node.push()
    tile = page.locator('.tile[data-key="below"]')
    expect(tile.locator(".word")).to_have_text("Số liệu cũ")
    expect(tile.locator(".value")).to_have_text("11")
    expect(tile.locator(".age")).to_have_text("1 phút trước")
    open_ones = page.locator('.tile[data-key="open"]')
    expect(open_ones.locator(".word")).to_have_text("Bình thường")
    seen = open_ones.locator(".age").inner_text()
    expect(open_ones.locator(".age")).not_to_have_text(seen)
    watch.is_clean()


@pytest.mark.parametrize(
    ("who", "password", "where", "size", "language"),
    [
        ("dieuhanh", "mat-khau-1", f"/dash/incidents?incident={FIRE}", None, "vi"),
        ("quantri", "mat-khau-3", "/dash/records?actor=quantri", PHONE, "en"),
    ],
)
def test_a_session_that_ended_is_told_calmly_and_leads_back(visit, node, who, password, where, size, language):
    watch = visit(size, "dark" if language == "vi" else "light")
    watch.expected = ("Failed to load resource: the server responded with a status of 401",)
    page = watch.log_in(who, password, where=where + ("&lang=en" if language == "en" else ""))
    shown = page.locator("h1").filter(has_text="Cháy cỏ") if language == "vi" else page.locator("[data-testid=stTable]")
    expect(shown.first).to_be_visible()
    address = page.url
    node.sessions.clear()
    node.drop_sockets()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_have_count(1)
    expect(dialog).to_contain_text("Phiên đã hết hạn" if language == "vi" else "Your session is over")
    page.keyboard.press("Escape")
    expect(dialog).to_be_visible()
    assert "unauthenticated" not in page.content()
    if language == "vi":
        expect(page.locator(".pulse")).to_have_text("Đã dừng")
        expect(page.locator(".banner")).to_be_hidden()
        expect(page.locator(".st-key-actions")).to_have_attribute("inert", "")
        assert strains(page) == []  # elsewhere Streamlit's own fields behind the notice are grey by now
    dialog.get_by_role("link", name="Đăng nhập lại" if language == "vi" else "Sign in again").click()
    page.fill("input[name=username]", who)
    page.fill("input[name=password]", password)
    page.click("button")
    expect(shown.first).to_be_visible()
    assert page.url == address
    expect(page.get_by_role("dialog")).to_have_count(0)
    watch.is_clean()


def test_behind_a_silent_relay_a_centre_is_unknown_and_the_relay_is_named(visit, node):
    watch = visit()
    node.centres["25993"] = {"state": "unknown", "reason": "relay_silent", "relay": RELAY}
    node.centres["26374"] = {"state": "unknown", "reason": "never_heard", "relay": None, "open_incidents": None}
    node.push()
    page = watch.log_in()
    mark = page.locator(".map .mark").filter(has_text="Trảng Dài")
    expect(mark).to_have_attribute("data-tone", "unknown")
    expect(mark.locator("text.figure")).to_have_text("Chưa rõ")
    expect(mark.locator("title")).to_have_text("Phường Trảng Dài: Chưa rõ, vì OC thành phố Biên Hòa không trả lời")
    page.get_by_role("button", name="Bảng").click()
    rows = page.locator(".map-box tbody tr")
    expect(rows.filter(has_text="Trảng Dài")).to_contain_text("Chưa rõ, vì OC thành phố Biên Hòa không trả lời")
    expect(rows.filter(has_text="Tam Phước")).to_contain_text("Chưa rõ, chưa nghe lần nào")
    expect(page.locator(".map-box tbody")).not_to_contain_text("Không trả lời")
    watch.is_clean()


def alarm(code, **more):
    at, peer = node_facts.ago(minutes=3).isoformat(), node_facts.TRANG_DAI["title"]
    facts = {"at": at, "code": code, "case": "", "title": "Tiêu đề của máy chủ", "peer": peer, "origin": "",
             "detail": "raw words of a program", "incident": None}  # fmt: skip
    return facts | more


@pytest.mark.parametrize(
    ("language", "told"),
    [
        ("vi", ["OC thành phố Biên Hòa đã khôi phục xong từ bản sao lưu", "Hãy sao lưu lại ngay", "Đồng hồ của",
                "OC thành phố Biên Hòa từ chối kết nối của Phường Trảng Dài", "Sự cố 1042: Ngập sâu",
                "Có trục trặc trong liên thông dữ liệu"]),
        ("en", ["OC thành phố Biên Hòa was restored from its backup", "Make a new backup now", "The clocks of",
                "OC thành phố Biên Hòa refused a connection of Phường Trảng Dài", "Incident 1042: Ngập sâu",
                "Something is wrong with the exchange of data"]),
    ],
)  # fmt: skip
def test_an_alarm_is_told_in_the_readers_language_and_the_programs_words_wait(visit, node, language, told):
    subject = {"id": FLOOD, "number": "1042", "title": "Ngập sâu"}
    node.alarms = [
        alarm("RESTORED", peer=""), alarm("CLOCK_SKEW"), alarm("PEER_REFUSED", case="child"),
        alarm("OFFER_UNANSWERED", incident=subject), alarm("SOMETHING_NEW"),
    ]  # fmt: skip
    node.push()
    watch = visit()
    page = watch.log_in(where="/dash/" + ("?lang=en" if language == "en" else ""))
    page.locator(".alarms .more").click()
    alarms = page.locator(".alarms")
    for words in told:
        expect(alarms).to_contain_text(words)
    expect(alarms).not_to_contain_text("Tiêu đề của máy chủ")
    expect(alarms.get_by_text("raw words")).to_have_count(4)
    expect(alarms.get_by_text("raw words").first).to_be_hidden()
    alarms.get_by_text("Chi tiết kỹ thuật" if language == "vi" else "Technical detail").first.click()
    expect(alarms.get_by_text("raw words").first).to_be_visible()
    node.push()
    expect(alarms.get_by_text("raw words").first).to_be_visible()
    assert strains(page) == []
    alarms.get_by_role("link", name=re.compile("1042")).click()
    expect(page.locator("h1")).to_contain_text("Ngập sâu")
    watch.is_clean()
