import asyncio
import json

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from yarl import URL

from tests.fakes.node_api import COOKIE, FakeNode
from tests.fakes.streamlit_server import FakeStreamlit
from ui import shell
from ui.proxy import Proxy
from ui.settings import AppSettings, ProxySettings

HTML = {"Accept": "text/html"}


class House:
    """A proxy between a fake node and a fake Streamlit."""

    def __init__(self, node, **limits):
        self.node = node
        settings = {"session_cache_s": 0.0, "session_recheck_s": 0.05, "max_body": 200_000, **limits}
        self.proxy = Proxy(
            ProxySettings(node=node.url, host="127.0.0.1", port=0, streamlit=False, **settings),
            AppSettings(node=node.url, secret="the-secret-of-this-start"),
        )
        self.screens = FakeStreamlit()
        self.client = TestClient(TestServer(self.proxy.application()), cookie_jar=aiohttp.DummyCookieJar())

    async def __aenter__(self):
        await self.screens.start()
        await self.client.start_server()
        self.proxy.child = self.screens
        return self

    async def __aexit__(self, *_):
        self.proxy.child = None
        await self.client.close()
        await self.screens.stop()

    def cookie(self, username="dieuhanh"):
        return {"Cookie": f"{COOKIE}={self.node.session(username)}"}

    @property
    def origin(self):
        return str(self.client.make_url("")).rstrip("/")


@pytest.fixture
async def intake():
    """What serves citizens' pages: tells what it was asked."""
    asked = []

    async def answer(request):
        asked.append((request.path, dict(request.headers)))
        return web.Response(text="intake")

    application = web.Application()
    application.router.add_route("*", "/{path:.*}", answer)
    server = TestServer(application)
    await server.start_server()
    server.asked = asked
    yield server
    await server.close()


@pytest.fixture
async def house(node):
    async with House(node) as built:
        yield built


async def test_a_stranger_is_led_to_the_login_and_back(house):
    path = "/dash/incidents?incident=1&lang=en"
    answer = await house.client.get(path, headers=HTML, allow_redirects=False)
    assert answer.status == 303
    assert answer.headers["Location"] == "/login?next=%2Fdash%2Fincidents%3Fincident%3D1%26lang%3Den&lang=en"
    assert house.screens.seen == []


async def test_a_stranger_gets_no_files_and_no_socket(house):
    answer = await house.client.get("/dash/static/js/index.js")
    assert answer.status == 401
    assert (await answer.json(content_type="application/problem+json"))["code"] == "unauthenticated"
    with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
        await house.client.ws_connect("/dash/_stcore/stream")
    assert refused.value.status == 401
    assert house.screens.seen == []


@pytest.mark.parametrize(
    "path", ["agent/openapi.json", "agent/interact", "agent/mcp", "%61gent/mcp", "metrics", "/metrics"]
)
async def test_streamlits_doors_for_programs_are_closed(house, path):
    for method in ("GET", "POST"):
        answer = await house.client.request(method, URL(f"/dash/_stcore/{path}", encoded=True), headers=house.cookie())
        assert answer.status == 404
    assert house.screens.seen == []


def test_without_scripts_one_calm_sentence_is_left():
    page = "<html><noscript>\n<p>You need to enable JavaScript to run this app.</p><p>Reading this without a browser?"
    page += ' <a href="./_stcore/agent/openapi.json">x</a></p>\n</noscript><div id="root"></div></html>'
    dressed, _ = shell.dress(page, "vi")
    assert "<noscript><p>Trang này cần JavaScript để hiển thị số liệu trực tiếp.</p></noscript><div" in dressed
    assert "agent" not in dressed


async def test_a_session_that_ended_is_a_stranger(house):
    cookie = house.cookie()
    house.node.sessions.clear()
    answer = await house.client.get("/dash/", headers={**HTML, **cookie}, allow_redirects=False)
    assert answer.status == 303


async def test_the_proxy_says_who_is_there_and_nobody_else_does(house):
    claims = {
        "X-Lt-User": "quantri",
        "X-Lt-Role": "admin",
        "X_Lt_User": "quantri",
        "X-Lt-Proxy": "guess",
        "X-Forwarded-For": "203.0.113.9",
        "Forwarded": "for=203.0.113.9",
        "Remote-User": "quantri",
    }
    await house.client.get("/dash/x.js", headers={**house.cookie(), **claims})
    heard = house.screens.seen[-1][1]
    assert heard["X-Lt-User"] == "dieuhanh"
    assert heard["X-Lt-Name"] == "Nguy%E1%BB%85n Th%E1%BB%8B H%E1%BA%A1nh"
    assert heard["X-Lt-Role"] == "operator"
    assert heard["X-Lt-Proxy"] == "the-secret-of-this-start"
    assert heard["X-Forwarded-For"] == "127.0.0.1"
    assert heard["X-Lt-Origin"] == house.origin
    assert not {"X_Lt_User", "Forwarded", "Remote-User"} & set(heard)


async def test_identity_headers_do_not_reach_the_node_either(house):
    await house.client.get("/api/v1/centre", headers={"X-Lt-User": "quantri", "X-Forwarded-Host": "evil.example"})
    heard = house.node.requests[-1][2]
    assert "X-Lt-User" not in heard
    assert heard["X-Forwarded-Host"] == heard["Host"]


async def test_streamlit_sees_only_this_centres_cookie(house):
    cookie = house.cookie()["Cookie"]
    others = f"{cookie}; lt_otherone=their-token; tracking=1; _streamlit_xsrf=abc"
    await house.client.get("/dash/x.js", headers={"Cookie": others})
    assert house.screens.seen[-1][1]["Cookie"] == f"_streamlit_xsrf=abc; {cookie}"


async def test_the_page_speaks_vietnamese_and_has_a_policy(house):
    answer = await house.client.get("/dash/", headers={**HTML, **house.cookie()})
    page = await answer.text()
    assert '<html lang="vi">' in page
    assert "<title>Liên Thông</title>" in page
    assert "You need to enable JavaScript" not in page
    policy = answer.headers["Content-Security-Policy"]
    nonce = policy.split("'nonce-")[1].split("'")[0]
    assert f'<script nonce="{nonce}">window.x = 1</script>' in page
    assert "connect-src 'self'" in policy
    assert "unsafe" not in policy
    assert page.index("/_ui/first.js") < page.index("window.x = 1")  # before any script of Streamlit's
    assert page.index("</head>") < page.index("/_ui/screens.css")
    english = await house.client.get("/dash/?lang=en", headers={**HTML, **house.cookie()})
    assert '<html lang="en">' in await english.text()


ANSWERS = [
    "/dash/",
    "/dash/static/js/main.js",
    "/dash/_stcore/agent/x",
    "/_ui/screens.css",
    "/nothing",
    "/api/v1/centre",
]


@pytest.mark.parametrize("path", ANSWERS)
@pytest.mark.parametrize("is_known", [True, False])
async def test_every_answer_carries_the_headers(house, path, is_known):
    cookie = house.cookie() if is_known else {}
    answer = await house.client.get(path, headers={**HTML, **cookie}, allow_redirects=False)
    for name in ("Content-Security-Policy", "X-Content-Type-Options", "X-Frame-Options", "Referrer-Policy"):
        assert len(answer.headers.getall(name)) == 1, name
    assert "unsafe" not in answer.headers["Content-Security-Policy"]
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


async def test_until_streamlit_is_ready_a_page_says_so(house):
    house.screens.ready = False
    answer = await house.client.get("/dash/", headers={**HTML, **house.cookie()})
    assert answer.status == 503
    assert "đang khởi động" in await answer.text()
    script = await house.client.get("/dash/x.js", headers=house.cookie())
    assert (script.status, script.headers["Retry-After"]) == (503, "2")


async def test_streamlits_socket_passes_both_ways_with_its_protocol(house):
    socket = await house.client.ws_connect(
        "/dash/_stcore/stream", headers=house.cookie(), protocols=("streamlit", "xsrf", "session")
    )
    assert socket.protocol == "streamlit"
    await socket.send_bytes(b"\x00\xff")
    assert await socket.receive_bytes() == b"\x00\xff"
    await socket.send_str("xin chào")
    assert await socket.receive_str() == "xin chào"
    await socket.send_str("close")
    assert (await socket.receive()).type in {aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.CLOSED}
    assert socket.close_code == 4001


async def test_a_foreign_page_cannot_open_streamlits_socket(house):
    with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
        await house.client.ws_connect(
            "/dash/_stcore/stream", headers={**house.cookie(), "Origin": "http://evil.example"}
        )
    assert refused.value.status == 403


async def test_an_open_socket_ends_with_its_session(house):
    socket = await house.client.ws_connect("/dash/_stcore/stream", headers=house.cookie())
    house.node.sessions.clear()
    message = await asyncio.wait_for(socket.receive(), 10)
    assert message.type in {aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.CLOSED}


async def test_the_nodes_socket_passes_with_cookie_and_origin(house):
    with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
        await house.client.ws_connect("/ws")
    assert refused.value.status == 401
    with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
        await house.client.ws_connect("/ws", headers={**house.cookie(), "Origin": "http://evil.example"})
    assert refused.value.status == 403
    socket = await house.client.ws_connect("/ws", headers={**house.cookie(), "Origin": house.origin})
    kinds = [json.loads(await socket.receive_str())["type"] for _ in range(3)]
    assert kinds[:2] == ["situation", "incidents"]
    await socket.close()


async def test_login_sets_the_nodes_cookie_and_redirects_through(house):
    answer = await house.client.post(
        "/login", data={"username": "dieuhanh", "password": "mat-khau-1", "next": "/dash/"}, allow_redirects=False
    )
    assert (answer.status, answer.headers["Location"]) == (303, "/dash/")
    assert answer.headers["Set-Cookie"].startswith(f"{COOKIE}=")
    assert "HttpOnly" in answer.headers["Set-Cookie"]


async def test_uploads_flow_and_large_ones_stop(house):
    async def pieces(count):
        for _ in range(count):
            yield b"x" * 10_000

    answer = await house.client.post("/upload", data=pieces(15))
    assert await answer.json() == {"size": 150_000}
    declared = await house.client.post("/upload", data=b"x" * 250_000)
    assert declared.status == 413
    streamed = await house.client.post("/upload", data=pieces(25))
    assert streamed.status == 413
    assert house.node.uploads == [150_000]


async def test_a_silent_node_gives_a_calm_page_and_comes_back(house):
    house.node.stop()
    page = await house.client.get("/", headers=HTML)
    assert page.status == 502
    text = await page.text()
    assert "tạm thời không trả lời" in text
    assert 'http-equiv="refresh"' in text
    answer = await house.client.get("/api/v1/centre", headers={"Accept": "application/json"})
    assert answer.status == 502
    assert (await answer.json(content_type="application/problem+json"))["code"] == "node_silent"
    dash = await house.client.get("/dash/", headers={**HTML, "Cookie": f"{COOKIE}=any"})
    assert dash.status == 502
    house.node.start(house.node.port)
    assert (await house.client.get("/api/v1/centre")).status == 200


async def test_one_question_serves_requests_that_come_together(node):
    async with House(node, session_cache_s=30.0) as house:
        cookie = house.cookie()
        await asyncio.gather(*(house.client.get(f"/dash/{n}.js", headers=cookie) for n in range(20)))
        assert sum(path == "/api/v1/session" for _, path, _ in node.requests) == 1
        await house.client.post("/logout", headers=cookie, allow_redirects=False)
        answer = await house.client.get("/dash/a.js", headers=cookie)
        assert answer.status == 401


async def test_addresses_are_understood_or_refused():
    settings = ProxySettings.parse("http://127.0.0.1:8001/", "127.0.0.1:9001")
    assert (settings.node, settings.host, settings.port) == ("http://127.0.0.1:8001", "127.0.0.1", 9001)
    for node, listen in [("127.0.0.1:8001", "127.0.0.1:9001"), ("http://x", "9001"), ("http://x", "a:b")]:
        with pytest.raises(ValueError, match="needs"):
            ProxySettings.parse(node, listen)


async def test_a_slow_inner_server_is_given_up(node):
    async def never(_request):
        await asyncio.sleep(60)

    stuck = web.Application()
    stuck.router.add_get("/healthz", never)
    async with TestServer(stuck) as server:
        node = FakeNode()
        node.port = server.port
        async with House(node, silence_timeout_s=0.2) as house:
            answer = await house.client.get("/healthz", headers=HTML)
            assert answer.status == 502


async def test_citizens_pages_come_from_the_intake_process_and_it_never_sees_who_is_signed_in(node, intake):
    url = str(intake.make_url("")).rstrip("/")
    async with House(node, intake=url) as house:
        for path in ("/modules/citizen/", "/modules/citizen/api/reports/AAAA?lang=en", "/modules/citizen/static/a.css"):
            answer = await house.client.get(path, headers={**house.cookie(), "Authorization": "Bearer x"})
            assert await answer.text() == "intake"
        assert [path for path, _ in intake.asked] == [
            "/modules/citizen/",
            "/modules/citizen/api/reports/AAAA",
            "/modules/citizen/static/a.css",
        ]
        assert all("Cookie" not in headers and "Authorization" not in headers for _, headers in intake.asked)
        for path in ("/modules/citizen/api/desk/reports", "/api/v1/centre", "/modules/other/"):
            await house.client.get(path, headers=house.cookie())
        assert len(intake.asked) == 3


async def test_an_intake_that_is_away_leaves_the_rest_alone(node, intake):
    url = str(intake.make_url("")).rstrip("/")
    await intake.close()
    async with House(node, intake=url) as house:
        assert (await house.client.get("/modules/citizen/")).status == 502
        assert (await house.client.get("/api/v1/centre", headers=house.cookie())).status == 200
