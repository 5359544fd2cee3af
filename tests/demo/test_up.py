"""`python -m node demo up`, as a person has it in a terminal: starts, heals, refuses a twin, ends, and continues."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

from node.demo.children import REPOSITORY
from node.demo.people import people
from node.demo.plan import DemoPlan
from tests.federation.nats_servers import program

UP = [sys.executable, "-m", "node", "demo", "up", "--no-dashboards", "--folder"]
READY = "Ctrl-C"


class Terminal:
    """A demo that runs, and what it has said so far."""

    def __init__(self, folder: Path, log: Path, *options: str):
        self.folder, self.log = folder, log
        command = [*UP, str(folder), *options]
        with log.open("wb") as out:
            self.process = subprocess.Popen(command, cwd=REPOSITORY, stdout=out, stderr=subprocess.STDOUT)

    def says(self, pattern: str, limit: int = 600) -> str:
        for _ in range(limit):
            text = self.log.read_text(errors="replace")
            if found := re.search(pattern, text):
                return found.group()
            if self.process.poll() is not None:
                break
            time.sleep(0.1)
        raise AssertionError(f"never said {pattern!r}; it said:\n{self.log.read_text(errors='replace')[-3000:]}")

    def end(self) -> None:
        self.process.send_signal(signal.SIGINT)
        assert self.process.wait(60) == 0, self.log.read_text()


def nodes(folder: Path) -> dict[str, int]:
    """Process ids of the nodes that serve from this folder, by code."""
    found = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                arguments = (entry / "cmdline").read_bytes().split(b"\0")
            except OSError:
                continue
            for argument in arguments:
                if argument.startswith(f"{folder}/nodes/".encode()):
                    found[Path(argument.decode()).parent.name] = int(entry.name)
    return found


@pytest.mark.timeout(300)
def test_the_demo_starts_heals_refuses_a_twin_ends_and_continues(tmp_path):
    folder = tmp_path / "demo"
    plan = DemoPlan.load()
    first = Terminal(folder, tmp_path / "first.log")
    try:
        first.says(READY)

        # A log has plain lines, in the order of the tree.
        titles = [centre.title for centre in plan.centres]
        said = first.log.read_text(encoding="utf-8").splitlines()[1 : 1 + len(titles)]
        assert said == [f"{number:>3}/{1 + len(titles)}  {title}" for number, title in enumerate(titles, start=2)]

        # Seven nodes, each with closed files of its own.
        assert set(nodes(folder)) == {centre.code for centre in plan.centres}
        assert (folder / "accounts.txt").stat().st_mode & 0o777 == 0o600
        for file in ("keys/sign.key", "node.toml"):
            assert (folder / "nodes" / "26374" / file).stat().st_mode & 0o077 == 0
        assert not any((folder / "nodes").rglob("root.key"))

        # A twin is told so, and changes nothing.
        twin = subprocess.run([*UP, str(folder)], cwd=REPOSITORY, capture_output=True, text=True, check=False)
        assert twin.returncode == 1
        assert "already" in twin.stdout
        clean = [sys.executable, "-m", "node", "demo", "clean", "--folder", str(folder)]
        assert subprocess.run(clean, cwd=REPOSITORY, capture_output=True, check=False).returncode == 1

        # A node that dies is restarted, and that is said.
        before = nodes(folder)["735"]
        os.kill(before, signal.SIGKILL)
        first.says(r"735 ended \(signal 9\); restarting")
        for _ in range(300):
            if nodes(folder).get("735", before) != before:
                break
            time.sleep(0.1)
        assert nodes(folder)["735"] != before
    finally:
        first.end()
    assert nodes(folder) == {}

    # The second start has the accounts and the keys of the first, at the same addresses.
    accounts = (folder / "accounts.txt").read_text()
    ports = (folder / "ports.json").read_text()
    registry = (folder / "nodes" / "75" / "keys" / "sign.pem").read_text()
    second = Terminal(folder, tmp_path / "second.log")
    try:
        second.says(READY)
        assert (folder / "accounts.txt").read_text() == accounts
        assert (folder / "nodes" / "75" / "keys" / "sign.pem").read_text() == registry
        assert set(json.loads((folder / "ports.json").read_text())) == set(json.loads(ports))
        operator = people(folder / "accounts.txt", plan.centres)["26374", "operator"]
        found = re.search(r"citizen (http://[^/]+)/modules/.+\s+API +(http://[^/]+)/docs", second.log.read_text())
        citizens, url = found.groups()
        assert httpx.get(f"{citizens}/healthz").json() == {"status": "ok", "node": "ok"}
        assert httpx.get(f"{citizens}/modules/citizen/").status_code == 200
        credentials = {"username": operator.username, "password": operator.password}
        assert httpx.post(f"{url}/api/v1/session", json=credentials).status_code == 200
    finally:
        second.end()
    assert nodes(folder) == {}
    assert subprocess.run(clean, cwd=REPOSITORY, capture_output=True, check=False).returncode == 0
    assert not folder.exists()


@pytest.mark.timeout(300)
def test_over_nats_every_parent_has_its_server_and_all_links_come_about(tmp_path):
    program()
    folder, plan = tmp_path / "demo", DemoPlan.load()
    demo = Terminal(folder, tmp_path / "log", "--link", "nats")
    try:
        demo.says(READY)
        ports = json.loads((folder / "ports.json").read_text())
        who = people(folder / "accounts.txt", plan.centres)["731", "operator"]
        with httpx.Client(base_url=f"http://127.0.0.1:{ports['731'][0]}") as district:
            district.post("/api/v1/session", json={"username": who.username, "password": who.password})
            for _ in range(300):
                links = district.get("/api/v1/links").json()["items"]
                if len(links) == 3 and all(link["connected"] for link in links):
                    break
                time.sleep(0.1)
        assert {(link["title"][:3], link["connected"]) for link in links} == {("IOC", True), ("COC", True)}
        assert "nats" in nodes(folder)
    finally:
        demo.end()
    assert nodes(folder) == {}


def test_a_folder_that_is_no_demo_is_left_alone(tmp_path):
    (tmp_path / "precious").write_text("x")
    clean = [sys.executable, "-m", "node", "demo", "clean", "--folder", str(tmp_path)]
    done = subprocess.run(clean, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert (tmp_path / "precious").read_text() == "x"
