"""Drills on real processes: a disk that runs full, and clocks that jump; each says its verdict in one line."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.drill, pytest.mark.timeout(600)]
TOP = Path(__file__).resolve().parents[2]


def drill(name, folder):
    command = [sys.executable, "-m", "node", "drill", name, "--folder", str(folder)]
    ran = subprocess.run(command, cwd=TOP, capture_output=True, text=True, check=False, timeout=500)
    assert ran.stdout.strip(), ran.stderr[-2000:]
    return ran.returncode, json.loads(ran.stdout.strip().splitlines()[-1])


def may_mount():
    program = shutil.which("unshare")
    tried = program and subprocess.run([program, "-Urm", "true"], capture_output=True, check=False)
    return bool(tried) and tried.returncode == 0


@pytest.mark.skipif(not may_mount(), reason="this system lets nobody make a user namespace to mount a small disk in")
def test_a_full_disk_refuses_plainly_takes_what_is_grave_and_recovers_alone(tmp_path) -> None:
    status, said = drill("disk-full", tmp_path / "d")
    assert (said["lost"], said["doubled"], said["refused_but_kept"], said["damages"]) == (0, 0, 0, 0), said
    assert said["refused_plainly"], said
    assert said["grave_while_full"] > said["ordinary_after_refusal"] == 0, said
    assert said["recovered"], said
    assert (status, said["ok"]) == (0, True), said


def test_clocks_that_jump_ring_and_move_no_record(tmp_path) -> None:
    status, said = drill("clock-skew", tmp_path / "c")
    assert (said["lost"], said["doubled"], said["order_kept"]) == (0, 0, True), said
    assert all(said["rang"].values()), said
    assert (status, said["ok"]) == (0, True), said
