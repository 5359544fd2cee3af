"""Passwords, telephones' secrets, tokens and codes are looked for wherever a process leaves traces."""

import base64
import re
import urllib.parse
from pathlib import Path

import httpx
import pytest

from node import totp
from node.clock import SystemClock
from tests.e2e.centre import Centre

OWN = "Canary-mat-khau-7351-chim-hot"
WRONG = "Canary-sai-mat-khau-9917-gio"
OFFERED = "Canary-mat-khau-moi-4402-la"


@pytest.fixture
def centre(tmp_path):
    made = Centre(tmp_path, second_factor=("admin",))
    yield made
    made.stop()


class Person:
    """Somebody with a browser that keeps every secret it was told."""

    def __init__(self, centre, secrets):
        self.client = httpx.Client(base_url=centre.url)
        self.secrets = secrets
        self.answers = []

    def get(self, path):
        return self._keep(self.client.get(path))

    def post(self, path, **fields):
        return self._keep(self.client.post(path, data=fields))

    def _keep(self, answer):
        self.answers.append(answer)
        for name, value in self.client.cookies.items():
            if not name.endswith("lang"):
                self.secrets[f"cookie {name} {len(self.secrets)}"] = value
        return answer

    def form(self, path):
        return re.search(r'name="form" value="([0-9a-f]{64})"', self.get(path).text)[1]


def a_day(centre, secrets):
    """Sign in with a telephone, err, be refused, reset somebody, take paper: everything that handles a secret."""
    admin = Person(centre, secrets)
    for password in (WRONG, OWN):
        admin.post("/login", username="quantri", password=password, form=admin.form("/login"))
    page = admin.get("/login/telephone").text
    spelled = re.search(r'class="key">([A-Z2-7 ]+)<', page)[1].replace(" ", "")
    sealed = re.search(r'name="sealed" value="([^"]+)"', page)[1]
    secret = base64.b32decode(spelled + "=" * (-len(spelled) % 8))
    code = totp.code_at(secret, totp.step_of(SystemClock().now()))
    form = re.search(r'name="form" value="([0-9a-f]{64})"', page)[1]
    done = admin.post("/login/telephone", form=form, sealed=sealed, code=code)
    paper = re.findall(r"<li><code>([a-z2-7-]+)</code>", done.text)
    assert len(paper) == 10
    secrets |= {"telephone": spelled, "telephone hex": secret.hex(), "sealed on its way": sealed}
    secrets |= {f"paper {number}": one for number, one in enumerate(paper)}
    secrets["form"] = admin.get("/api/v1/session").json()["form"]
    made = admin.client.post("/api/v1/accounts", json={"username": "truc", "role": "operator"}).json()
    secrets["one-time"] = made["one_time_password"]
    answers = [
        admin.client.put("/api/v1/accounts/truc/password", json={"password": OFFERED[:5]}),
        admin.client.put("/api/v1/accounts/khong/password", json={"password": OFFERED}),
        admin.client.post("/api/v1/accounts", json={"username": "ĐÂY", "role": "operator", "password": OFFERED}),
        admin.client.post("/api/v1/session", json={"username": "quantri", "password": {"x": OFFERED}}),
        admin.client.post("/api/v1/session", json={"username": "quantri", "password": WRONG, "code": paper[0]}),
        admin.client.post("/api/v1/session", json={"username": "truc", "password": made["one_time_password"]}),
        admin.client.post(
            "/api/v1/session", content=b'{"username": "quantri", "password": "' + OFFERED.encode() + b'"'
        ),
        admin.client.post("/api/v1/session", json={"username": OFFERED, "password": "typed into the other field"}),
        admin.client.get("/api/v1/audit", params={"since": OFFERED}),
        admin.client.get("/account", headers={"cookie": "lt_x=" + OFFERED}),
    ]
    secrets |= {"own": OWN, "wrong": WRONG, "offered": OFFERED}
    return admin, answers


def test_no_secret_leaves_a_trace(centre):
    centre.account("quantri", "admin", OWN)
    centre.start()
    secrets = {}
    admin, answers = a_day(centre, secrets)
    pid = centre.process.pid
    look = {
        "arguments": Path(f"/proc/{pid}/cmdline").read_bytes(),
        "environment": Path(f"/proc/{pid}/environ").read_bytes(),
        "metrics": httpx.get(f"http://127.0.0.1:{centre.metrics}/metrics").content,
        "health": admin.client.get("/api/v1/health").content,
        "audit": admin.client.get("/api/v1/audit", params={"limit": 500}).content,
        "audit table": admin.client.get("/api/v1/audit/table").content,
        "accounts": admin.client.get("/api/v1/accounts").content,
        "sessions": admin.client.get("/api/v1/accounts/sessions").content,
        "list of the command": centre.command("account", "list").stdout.encode(),
        "openapi": admin.client.get("/openapi.json").content,
    }
    assert b"login.refused" in look["audit"]
    centre.stop()
    look["log"] = centre.log.read_bytes()
    look |= {f"database {file.name}": file.read_bytes() for file in centre.home.glob("node.db*")}
    look |= {f"error {number}": answer.content for number, answer in enumerate(answers) if answer.status_code >= 400}
    assert len([name for name in look if name.startswith("error")]) >= 7
    found = [
        f"{what} in {where}"
        for where, content in look.items()
        for what, secret in secrets.items()
        for form in {secret, urllib.parse.quote(secret), secret.replace("-", ""), secret.upper()}
        if form.encode() in content
    ]
    assert found == []


def test_the_search_finds_what_is_there(centre):
    """A canary that is written where it must not be is found: by a name that is no secret."""
    centre.account("quantri", "admin", OWN, name="Canary-ten-hien")
    centre.start()
    assert b"Canary-ten-hien" in centre.command("account", "list").stdout.encode()
    centre.stop()
    assert any(b"Canary-ten-hien" in file.read_bytes() for file in centre.home.glob("node.db*"))
