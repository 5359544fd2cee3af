"""Three real processes, enrolled by the commands that a person types: the numbered story of a first province."""

import json
import signal
import socket
import ssl
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from typer.testing import CliRunner
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from node import local
from node.cli import app
from tests.fakes.ports import free_port
from tests.node.conftest import PASSWORD, TERRITORY, TOP

LIMIT_S = 60.0


@dataclass
class Done:
    returncode: int
    stdout: str
    stderr: str


def node(*arguments, text=None, check=True):
    """A command as a person types it; what does not serve runs in this process, which is quicker."""
    words = list(map(str, arguments))
    if words[0] == "serve":
        ran = subprocess.run(
            [sys.executable, "-m", "node", *words],
            capture_output=True,
            text=True,
            cwd=TOP,
            check=False,
            timeout=LIMIT_S,
        )
        done = Done(ran.returncode, ran.stdout, ran.stderr)
    else:
        invoked = CliRunner().invoke(app, words, input=text)
        assert invoked.exception is None or isinstance(invoked.exception, SystemExit), invoked.exception
        done = Done(invoked.exit_code, invoked.stdout, invoked.stderr)
    if check:
        assert done.returncode == 0, (arguments, done)
    return done


class Centre:
    """One centre: its settings file, and its process once it serves."""

    def __init__(self, folder, tier, code, title, parent=None, authority=None):
        self.folder = folder / code
        self.folder.mkdir(mode=0o700)
        self.config = self.folder / "node.toml"
        self.http, self.link, self.enrol_port = free_port(), free_port(), free_port()
        self.code, self.title, self.tier = code, title, tier
        self.process = None
        lines = ["[node]", f'tier = "{tier}"', f'code = "{code}"', f'title = "{title}"', 'folder = "."']
        lines += ["[http]", f'listen = "127.0.0.1:{self.http}"', "[territory]", f'file = "{TERRITORY}"']
        lines += ["[presence]", "period_s = 1"]
        if tier != "coc":
            lines += ["[link]", f'listen = "127.0.0.1:{self.link}"', f'enrol_listen = "127.0.0.1:{self.enrol_port}"']
        if parent:
            lines += ["[parent]", f'address = "127.0.0.1:{parent.link}"']
            lines += [f'enrol_address = "127.0.0.1:{parent.enrol_port}"']
        if authority:
            lines += ["[authority]", f'folder = "{authority}"']
        self.config.write_text("\n".join(lines) + "\n", "utf-8")

    def run(self, *arguments, **more):
        return node(*arguments, "--config", self.config, **more)

    def serve(self):
        log = (self.folder / "log").open("ab")
        self.process = subprocess.Popen(
            [sys.executable, "-m", "node", "serve", "--config", str(self.config)],
            cwd=TOP,
            stdout=log,
            stderr=log,
        )
        log.close()
        self.until(lambda: httpx.get(f"{self.url}/healthz", timeout=2).json() == {"status": "ok"})

    @property
    def url(self):
        return f"http://127.0.0.1:{self.http}"

    def log(self):
        return (self.folder / "log").read_text("utf-8")

    def until(self, holds):
        deadline = time.monotonic() + LIMIT_S
        while True:
            assert self.process.poll() is None, self.log()
            try:
                if holds():
                    return
            except httpx.TransportError:
                pass
            assert time.monotonic() < deadline, self.log()
            time.sleep(0.1)

    def signed_in(self):
        client = httpx.Client(base_url=self.url, timeout=10)
        answer = client.post("/api/v1/session", json={"username": "truc", "password": PASSWORD})
        assert answer.status_code == 200, answer.text
        return client

    def links(self, client):
        return {link["peer"]: link for link in client.get("/api/v1/links").json()["items"]}

    def stop(self, number=signal.SIGTERM):
        if self.process and self.process.poll() is None:
            self.process.send_signal(number)
            return self.process.wait(LIMIT_S)
        return None


@pytest.fixture
def folder(tmp_path):
    tmp_path.chmod(0o700)
    return tmp_path


def found(folder):
    """Root, authority, and a province that plans its tree."""
    node("pki", "root", "--folder", folder / "root", "--title", "Đồng Nai")
    ioc = Centre(folder, "ioc", "75", "IOC tỉnh Đồng Nai", authority=folder / "authority")
    node("pki", "issuing", "--root", folder / "root", "--folder", folder / "authority")
    oc = Centre(folder, "oc", "731", "OC thành phố Biên Hòa", parent=ioc)
    coc = Centre(folder, "coc", "26374", "COC phường Tam Phước", parent=oc)
    above = []
    for centre in (ioc, oc, coc):
        ioc.run("pki", "plan", centre.code, "--title", centre.title, "--tier", centre.tier, *above)
        above = ["--parent", centre.code]
    return ioc, oc, coc


def join(centre, giver):
    token = centre.folder / "token"
    giver.run("pki", "token", centre.code, "--out", token)
    centre.run("enrol", "--token-file", token)
    assert "OK" in centre.run("check").stdout
    centre.run("account", "add", "truc", "--role", "operator", "--password-file", "-", text=PASSWORD + "\n")


@pytest.mark.timeout(240)
def test_a_province_is_founded_and_its_centres_see_each_other(folder):
    ioc, oc, coc = found(folder)
    try:
        # 1. the province gives itself keys, and serves
        join(ioc, ioc)
        ioc.serve()
        # 2. the district joins at the province, the commune at the district, which hands the sealed request on
        join(oc, ioc)
        oc.serve()
        join(coc, oc)
        coc.serve()
        names = {centre.code: httpx.get(f"{centre.url}/api/v1/centre").json()["name"] for centre in (ioc, oc, coc)}
        # 3. each sees its neighbours, and only those
        clients = {centre.code: centre.signed_in() for centre in (ioc, oc, coc)}
        for centre, neighbours in ((ioc, [oc]), (oc, [ioc, coc]), (coc, [oc])):
            wanted = {names[one.code] for one in neighbours}
            centre.until(
                lambda centre=centre, wanted=wanted: (
                    {name for name, link in centre.links(clients[centre.code]).items() if link["connected"]} >= wanted
                )
            )
            assert set(centre.links(clients[centre.code])) == wanted
        assert coc.links(clients["26374"])[names["731"]]["relation"] == "parent"
        assert oc.links(clients["731"])[names["26374"]]["relation"] == "child"
        # 4. the commune's signed statement reaches the province over the district
        ioc.until(lambda: _states(clients["75"]).get("26374") == "live")
        # 5. a screen at the province is told, and told that it is still told
        assert {"situation", "incidents", "tick"} <= _seen(ioc, clients["75"])
        # 6. who comes without a certificate of the federation is refused, and an alarm tells it
        _knock(ioc.link)
        ioc.until(lambda: "TLS_REFUSED" in _alarms(clients["75"]))
        # 7. the commands work on a running node, through its socket, which is closed to others
        assert (ioc.folder / "node.sock").stat().st_mode & 0o777 == 0o600
        assert "truc" in ioc.run("account", "list").stdout
        assert "running" in ioc.run("check").stdout
        refused = ioc.run("migrate", check=False)
        assert refused.returncode == 1
        assert "another process" in refused.stderr
        # 8. the district dies and comes back; nobody else does, and the links return
        oc.stop(signal.SIGKILL)
        coc.until(lambda: not coc.links(clients["26374"])[names["731"]]["connected"])
        oc.serve()
        coc.until(lambda: coc.links(clients["26374"])[names["731"]]["connected"])
        ioc.until(lambda: ioc.links(clients["75"])[names["731"]]["connected"])
        # 9. they end when told to, in order, with nothing but JSON in the log and no secret in it
        for centre in (coc, oc, ioc):
            assert centre.stop() == 0, centre.log()
            assert not (centre.folder / "node.sock").exists()
            lines = [json.loads(line) for line in centre.log().splitlines() if line.startswith("{")]
            assert [line["message"] for line in lines][-1] == "stopping"
            assert PASSWORD not in centre.log()
    finally:
        for centre in (coc, oc, ioc):
            centre.stop(signal.SIGKILL)


def _seen(centre, client):
    cookie = "; ".join(f"{name}={value}" for name, value in client.cookies.items())
    seen = set()
    address = f"ws://127.0.0.1:{centre.http}/ws"
    with connect(address, additional_headers={"Cookie": cookie}, origin=centre.url) as screen:
        while "tick" not in seen:
            seen.add(json.loads(screen.recv(timeout=LIMIT_S))["type"])
    with pytest.raises(InvalidStatus) as caught, connect(address):
        pass
    assert caught.value.response.status_code == 401
    return seen


def _knock(port):
    """Speak TLS without a certificate, and listen until the line is cut."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_alpn_protocols(["h2"])
    with (
        suppress(OSError),
        socket.create_connection(("127.0.0.1", port)) as stranger,
        context.wrap_socket(stranger) as wrapped,
    ):
        while wrapped.recv(1000):
            pass


def _alarms(client):
    return {alarm["code"] for alarm in client.get("/api/v1/situation").json()["alarms"]}


def _states(client):
    return {one["code"]: one["state"] for one in client.get("/api/v1/situation").json()["centres"]}


@pytest.mark.timeout(120)
def test_what_keeps_a_node_from_starting_is_said_in_one_sentence(folder):
    ioc, oc, _ = found(folder)
    refused = oc.run("serve", check=False)
    assert refused.returncode == 1
    assert "Traceback" not in refused.stderr
    join(ioc, ioc)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", ioc.http))
        taken.listen()
        refused = ioc.run("serve", check=False)
        assert (refused.returncode, refused.stdout) == (1, "")
        assert f"http.listen: 127.0.0.1:{ioc.http} cannot be used" in refused.stderr.splitlines()[-1]
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", ioc.link))
        taken.listen()
        refused = ioc.run("serve", check=False)
        assert f"link.listen: 127.0.0.1:{ioc.link} cannot be used" in refused.stderr.splitlines()[-1]
    key = next((ioc.folder / "keys").glob("sign.key"))
    key.chmod(0o644)
    for command in ("serve", "check"):
        refused = ioc.run(command, check=False)
        assert refused.returncode == 1
        assert "sign.key" in refused.stderr
    key.chmod(0o600)


def test_check_lists_everything_together(folder):
    (folder / "territory.toml").write_text("[[area]]\n", "utf-8")
    (folder / "node.toml").write_text(
        '[node]\ntier = "oc"\ncode = "731"\ntitle = "x"\nfolder = "."\n'
        '[http]\nlisten = "0.0.0.0:1"\n[territory]\nfile = "territory.toml"\n[modules]\nenabled = ["citzen"]\n',
        "utf-8",
    )
    done = node("check", "--config", folder / "node.toml", check=False)
    assert done.returncode == 1
    for wanted in (
        "http.listen:",
        "territory.file:",
        "has no keys yet",
        "there is no module citzen; did you mean citizen?",
    ):
        assert wanted in done.stderr, done.stderr


def test_no_password_on_the_command_line(folder):
    ioc = Centre(folder, "ioc", "75", "IOC tỉnh Đồng Nai")
    refused = ioc.run("account", "add", "truc", "--role", "operator", "--password", PASSWORD, check=False)
    assert refused.returncode == 2
    refused = ioc.run("account", "add", "truc", "--role", "operator", check=False, text="")
    assert refused.returncode == 1
    assert "--password-file" in refused.stderr


def test_the_socket_is_reached_from_a_deep_folder(tmp_path):
    deep = tmp_path / ("x" * 60) / ("y" * 60)
    deep.mkdir(parents=True)
    path = deep / "node.sock"
    assert not local.is_running(path)
    with local.listen_locally(path) as opened:
        opened.listen()
        assert path.stat().st_mode & 0o777 == 0o600
        assert local.is_running(path)
    assert not local.is_running(path)
    with pytest.raises(local.NotRunning):
        local.call(path, "GET", "/x")
    with pytest.raises(local.NotRunning):
        local.call(Path("/nowhere/node.sock"), "GET", "/x")
