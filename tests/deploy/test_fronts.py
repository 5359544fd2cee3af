"""The files for nginx and Caddy, run as they are but for ports and certificate, keep what they promise."""

import asyncio
import json
import os
import re
import shutil
import socket
import ssl
import subprocess
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.fakes.ports import free_port

FRONT = Path(__file__).resolve().parents[2] / "deploy" / "front"
NAME = "oc.example.vn"
CLAIMS = {
    "X-Forwarded-For": "203.0.113.9",
    "X-Forwarded-Proto": "http",
    "Forwarded": "for=203.0.113.9",
    "X-Real-IP": "203.0.113.9",
    "X-Lt-User": "admin",
    "X-Lt-Role": "leader",
    "X-Lt-Proxy": "guess",
    "X_Lt_User": "admin",
}


def certificate(folder):
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, NAME)])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(NAME)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    private = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    (folder / "privkey.pem").write_bytes(key.private_bytes(serialization.Encoding.PEM, *private))
    (folder / "fullchain.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))


class Behind:
    """What stands behind the front and tells what it was asked: a node, and the screens."""

    def __init__(self):
        self.ports = {"node": free_port(), "screens": free_port(), "intake": free_port()}
        self._loop = asyncio.new_event_loop()
        started = threading.Event()
        self._thread = threading.Thread(target=self._serve, args=(started,), daemon=True)
        self._thread.start()
        assert started.wait(10)

    def _serve(self, started):
        asyncio.set_event_loop(self._loop)
        for name, port in self.ports.items():
            self._loop.run_until_complete(self._site(name, port))
        started.set()
        self._loop.run_forever()

    async def _site(self, name, port):
        async def tell(request):
            if request.headers.get("Upgrade", "").lower() == "websocket":
                opened = web.WebSocketResponse()
                await opened.prepare(request)
                async for message in opened:
                    await opened.send_str(f"{name}: {message.data}")
                return opened
            async for _ in request.content.iter_chunked(2**20):
                pass
            return web.json_response({"who": name, "path": request.path_qs, "headers": dict(request.headers)})

        application = web.Application()
        application.router.add_route("*", "/{path:.*}", tell)
        runner = web.AppRunner(application)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", port).start()

    def stop(self):
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)


def nginx(folder, behind, http, https):
    text = (FRONT / "nginx.conf").read_text("utf-8")
    text = text.replace("listen 80;", f"listen 127.0.0.1:{http};").replace("listen 443 ", f"listen 127.0.0.1:{https} ")
    text = _moved(text, folder, behind)
    places = " ".join(
        f"{kind}_temp_path {folder}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    whole = (
        f"daemon off; pid {folder}/pid; error_log {folder}/errors;\nevents {{}}\n"
        f"http {{ access_log off; {places}\n{text}\n}}\n"
    )
    (folder / "nginx.conf").write_text(whole, "utf-8")
    return ["nginx", "-p", str(folder), "-c", str(folder / "nginx.conf")], {}


def caddy(folder, behind, http, https):
    text = _moved((FRONT / "Caddyfile").read_text("utf-8"), folder, behind)
    ports = f"http_port {http}\n\thttps_port {https}\n\tdefault_bind 127.0.0.1"
    options = f"{{\n\tadmin off\n\t{ports}\n\tauto_https disable_redirects\n}}\n"
    (folder / "Caddyfile").write_text(options + text, "utf-8")
    home = {"HOME": str(folder), "XDG_DATA_HOME": str(folder), "XDG_CONFIG_HOME": str(folder)}
    return ["caddy", "run", "--config", str(folder / "Caddyfile"), "--adapter", "caddyfile"], home


def _moved(text, folder, behind):
    text = text.replace("/etc/lienthong/front", str(folder))
    for port, name in ((8001, "node"), (8501, "screens"), (8002, "intake")):
        text = text.replace(f"127.0.0.1:{port}", f"127.0.0.1:{behind.ports[name]}")
    return text


class Front:
    """One running front, asked as a browser would: by the centre's name, over TLS."""

    def __init__(self, https, http, trust):
        self.https, self.http, self._trust = https, http, trust

    def get(self, path, headers=None, **more):
        return asyncio.run(self._get(path, headers or {}, **more))

    async def _get(self, path, headers, *, is_plain=False, data=None):
        address = f"http://127.0.0.1:{self.http}" if is_plain else f"https://127.0.0.1:{self.https}"
        async with aiohttp.ClientSession() as client:
            asked = client.request(
                "POST" if data else "GET",
                f"{address}{path}",
                headers={"Host": NAME, **headers},
                data=data,
                ssl=False if is_plain else self._trust,
                server_hostname=None if is_plain else NAME,
                allow_redirects=False,
            )
            async with asked as answer:
                body = await answer.text()
                return answer.status, dict(answer.headers), body

    def told(self, path, headers=None):
        status, _, body = self.get(path, headers)
        assert status == 200, body
        return json.loads(body)

    async def echo(self, path):
        async with (
            aiohttp.ClientSession() as client,
            client.ws_connect(
                f"https://127.0.0.1:{self.https}{path}", headers={"Host": NAME}, ssl=self._trust, server_hostname=NAME
            ) as opened,
        ):
            await opened.send_str("xin chào")
            return (await opened.receive()).data


@pytest.fixture(scope="module")
def behind():
    made = Behind()
    yield made
    made.stop()


@pytest.fixture(scope="module", params=[nginx, caddy], ids=lambda one: one.__name__)
def front(request, behind, tmp_path_factory):
    name = request.param.__name__
    if shutil.which(name) is None:
        message = f"{name} is not installed"
        pytest.fail(message) if os.environ.get("CI") == "true" else pytest.skip(message)
    folder = tmp_path_factory.mktemp(name)
    certificate(folder)
    http, https = free_port(), free_port()
    command, environment = request.param(folder, behind, http, https)
    said = (folder / "said").open("wb")
    process = subprocess.Popen(command, env={**os.environ, **environment}, stdout=said, stderr=said)
    try:
        for _ in range(100):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", https)) == 0:
                    break
            assert process.poll() is None, (folder / "said").read_text("utf-8")
            time.sleep(0.1)
        yield Front(https, http, ssl.create_default_context(cafile=str(folder / "fullchain.pem")))
    finally:
        process.terminate()
        process.wait(10)
        said.close()


def test_screens_and_node_stand_under_one_name(front):
    assert front.told("/dash/incidents?lang=en") | {"headers": 0} == {
        "who": "screens",
        "path": "/dash/incidents?lang=en",
        "headers": 0,
    }
    assert front.told("/_ui/notice.css")["who"] == "screens"
    for path in ("/", "/login", "/api/v1/centre", "/modules/citizen/api/desk/reports", "/modules/other/"):
        assert front.told(path)["who"] == "node", path


def test_citizens_pages_are_a_process_apart_which_learns_of_no_session(front):
    signed_in = {"Cookie": "lt_x=secret", "Authorization": "Bearer secret"}
    for path in ("/modules/citizen/", "/modules/citizen/api/reports?lang=en", "/modules/citizen/static/a.css"):
        told = front.told(path, {**CLAIMS, **signed_in})
        heard = {name.lower(): value for name, value in told["headers"].items() if value}
        assert (told["who"], told["path"]) == ("intake", path)
        assert not {"cookie", "authorization", "x-lt-user", "x-real-ip", "forwarded"} & set(heard)
        assert heard["x-forwarded-for"] == "127.0.0.1"
    assert "secret" in str(front.told("/modules/citizen/api/desk/reports", signed_in))


def test_nobody_says_who_he_is(front):
    heard = {name.lower(): value for name, value in front.told("/api/v1/session", CLAIMS)["headers"].items()}
    assert heard["x-forwarded-for"] == "127.0.0.1"
    assert heard["x-forwarded-proto"] == "https"
    assert heard["host"] == NAME
    assert heard["x-forwarded-host"] == NAME
    assert not {"x-real-ip", "x-lt-user", "x-lt-role", "x-lt-proxy", "x_lt_user"} & {
        name for name, value in heard.items() if value
    }
    assert not heard.get("forwarded")


@pytest.mark.parametrize("path", ["/ws", "/dash/_stcore/stream"])
def test_live_connections_pass(front, path):
    who = "screens" if path.startswith("/dash") else "node"
    assert asyncio.run(front.echo(path)) == f"{who}: xin chào"


@pytest.mark.parametrize("path", ["/metrics", "/local/v1/accounts", "/local/"])
def test_what_is_for_this_machine_is_closed(front, path):
    assert front.get(path)[0] == 404


def test_browsers_are_told_to_stay_with_tls(front):
    _, headers, _ = front.get("/")
    assert re.search(r"max-age=\d{7,}", headers["Strict-Transport-Security"])


def test_a_body_over_every_limit_is_refused(front):
    status, _, _ = front.get("/modules/citizen/api/reports", data=bytes(65 * 1024 * 1024))
    assert status in {413, 502}  # Caddy before 2.8 says 502 when it stops reading


def test_plain_requests_are_sent_to_tls(front, request):
    if "caddy" in request.node.name:
        pytest.skip("on ports that are not 80 and 443 Caddy's own redirection is switched off")
    status, headers, _ = front.get("/login", is_plain=True)
    assert (status, headers["Location"]) == (301, f"https://{NAME}/login")
