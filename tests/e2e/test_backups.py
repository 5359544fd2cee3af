"""A real process is backed up while it serves, put back, and writes its report; minutes on a busy machine."""

import signal
import subprocess
import sys
import time

import pytest
from typer.testing import CliRunner

from node import local
from node.backup import journal
from node.cli import app
from node.settings import Settings
from tests.node.conftest import TOP
from tests.node.test_backup_commands import home, last, run  # noqa: F401 - home is a fixture

LIMIT_S = 60.0


@pytest.mark.drill
def test_a_serving_node_is_backed_up_and_writes_a_report_after_it_was_put_back(home, tmp_path) -> None:  # noqa: F811 - a fixture
    key, to, folder = tmp_path / "backup.key", tmp_path / "monday", home.parent
    socket = Settings.load(home).socket
    first = serve(home, socket)
    run("backup", "make", "--to", to, "--config", home)
    assert last(run("backup", "verify", to, "--key", key, "--config", home))["ok"]
    assert journal.newest_safe(folder).file == str(to)
    assert "another process" in run("restore", "from", to, "--key", key, "--into", folder, status=1)
    assert last(run("parked", "replay", "--config", home))["applied"] == 0
    stop(first)
    peers = last(run("restore", "from", to, "--key", key, "--into", folder))["unsettled"]
    second = serve(home, socket)
    for peer in peers:
        run("restore", "settle", peer, "--config", home)
    until = time.monotonic() + LIMIT_S
    while not (reports := last(run("restore", "show", "--config", home))["reports"]):
        assert time.monotonic() < until
        time.sleep(0.5)
    assert reports[0]["passed_over"] == sorted(peers)
    assert "has no newer backup" in CliRunner().invoke(app, ["doctor", "--config", str(home)]).stdout
    stop(second)


def serve(config, socket):
    process = subprocess.Popen([sys.executable, "-m", "node", "serve", "--config", str(config)], cwd=TOP)
    until = time.monotonic() + LIMIT_S
    while not local.is_running(socket):
        assert process.poll() is None
        assert time.monotonic() < until
        time.sleep(0.1)
    return process


def stop(process):
    process.send_signal(signal.SIGTERM)
    assert process.wait(LIMIT_S) == 0
