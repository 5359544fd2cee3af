"""A real node under watch: the sync of what a citizen reported returns before the answer 201 leaves."""

import shutil
import sqlite3
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from random import Random

import httpx
import pytest

from tests.fakes.authority import small_federation
from tests.fakes.ports import free_port
from tests.powercut import events, preload
from tests.powercut.conftest import Built
from tests.powercut.disk import Disk, Loss
from tests.powercut.events import Event, Kind

TOP = Path(__file__).resolve().parents[2]
TREE = (("75", "Tỉnh", "ioc", None), ("731", "Thành phố", "oc", "75"), ("26374", "Phường Tam Phước", "coc", "731"))
READY_TRIES = 300
MARK = "dau-cua-phan-anh"


@dataclass(frozen=True)
class Watched:
    before: Path
    log: list[Event]


@pytest.fixture(scope="module")
def watched(compiler: Built, tmp_path_factory: pytest.TempPathFactory) -> Watched:
    """A commune serves, takes one report, and is killed."""
    folder = tmp_path_factory.mktemp("reply")
    home = small_federation(folder, centres=TREE).home("26374")
    address = f"127.0.0.1:{free_port()}"
    (home / "node.toml").write_text(
        '[node]\ntier = "coc"\ncode = "26374"\ntitle = "Phường Tam Phước"\nfolder = "."\n'
        f'[http]\nlisten = "{address}"\n[modules]\nenabled = ["citizen"]\n'
        f'[territory]\nfile = "{TOP / "deploy" / "dongnai" / "territory.toml"}"\n',
        "utf-8",
    )
    shutil.copytree(home, folder / "before")
    environment = preload.environment(compiler, watch=home, log=folder / "log", sockets=True)
    with (folder / "out").open("wb") as out:
        node = subprocess.Popen(
            [sys.executable, "-m", "node", "serve", "--config", str(home / "node.toml")],
            cwd=TOP,
            env=environment,
            stdout=out,
            stderr=out,
        )
    try:
        _report(node, f"http://{address}", folder / "out")
    finally:
        node.kill()
        node.wait()
    return Watched(folder / "before", list(events.read(folder / "log")))


def _report(node: subprocess.Popen[bytes], url: str, out: Path) -> None:
    retry = httpx.HTTPTransport(retries=2)
    with httpx.Client(base_url=url, transport=retry, timeout=30.0) as http:
        for _ in range(READY_TRIES):
            assert node.poll() is None, out.read_text("utf-8")
            try:
                http.get("/healthz").raise_for_status()
                break
            except httpx.HTTPError:
                with pytest.raises(subprocess.TimeoutExpired):
                    node.wait(0.2)
        fields = {
            "key": "khoa-cua-phan-anh-1",
            "category": "flood",
            "urgency": "danger",
            "lat": "10.8813",
            "lon": "106.958",
        }
        answer = http.post(
            "/modules/citizen/api/reports",
            data=fields | {"description": f"{MARK}: nước ngập ngang gối"},
            files={"photo": ("", b"", "application/octet-stream")},
            headers={"Accept": "application/json"},
        )
        assert answer.status_code == 201, answer.text


def _moments(log: list[Event]) -> tuple[int, int, int]:
    """Where in the log the report was last written before the answer, where that was synced, where the answer left."""
    reply = next(n for n, one in enumerate(log) if one.kind is Kind.SENT and one.data.startswith(b"HTTP/1.1 201"))
    wal = {one.file for one in log[:reply] if one.path.endswith("node.db-wal")}
    written = [n for n, one in enumerate(log[:reply]) if one.file in wal and MARK.encode() in one.data]
    synced = next((n for n in range(written[0], reply) if log[n].kind is Kind.SYNC and log[n].file in wal), -1)
    return written[0], synced, reply


def _reports_after(folder: Path, watched: Watched, at: int) -> int:
    """How many reports the disk has that lost all that was not synced after so many events."""
    disk = Disk(watched.before)
    for event in watched.log[:at]:
        disk.do(event)
    disk.lay_down(folder / str(at), Random(1), {".": Loss.ALL})  # noqa: S311 - chance, no secret
    database = sqlite3.connect(folder / str(at) / "node.db")
    try:
        query = "SELECT count(*) FROM incident WHERE description LIKE ?"
        (count,) = database.execute(query, (f"%{MARK}%",)).fetchone()
    finally:
        database.close()
    return count


def test_the_sync_returns_before_the_answer_leaves(watched: Watched) -> None:
    written, synced, reply = _moments(watched.log)
    assert written < synced < reply


def test_a_loss_of_power_at_the_answer_takes_nothing_and_before_the_sync_takes_the_report(
    watched: Watched, tmp_path: Path
) -> None:
    _, synced, reply = _moments(watched.log)
    assert _reports_after(tmp_path, watched, reply) == 1
    assert _reports_after(tmp_path, watched, synced) == 0
