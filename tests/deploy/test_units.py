"""The units for systemd are understood by systemd, name real commands, and leave a broken service little to reach."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

TOP = Path(__file__).resolve().parents[2]
UNITS = sorted((TOP / "deploy").rglob("*.service"))
HARDENED = sorted((TOP / "deploy" / "systemd").glob("*.service"))
WORST_EXPOSURE = 2.0
INSTALLED = "/opt/lienthong"


@pytest.fixture(scope="module")
def analyze():
    """The tool; without it the test is skipped with the reason, and fails in CI."""
    found = shutil.which("systemd-analyze")
    if found is None and os.environ.get("CI") == "true":
        pytest.fail("systemd-analyze is not installed")
    if found is None:
        pytest.skip("systemd-analyze is not installed")
    return found


def as_here(unit, folder):
    """The unit as it would be on a machine where this tree is installed."""
    text = unit.read_text("utf-8")
    text = text.replace(f"{INSTALLED}/.venv/bin/python", sys.executable).replace(INSTALLED, str(TOP))
    text = re.sub(r"^ExecStart=/usr/local/bin/\S+", f"ExecStart={sys.executable}", text, flags=re.MULTILINE)
    copy = folder / unit.name
    copy.write_text(text, "utf-8")
    return copy


def run(*command):
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def test_there_are_units():
    assert {one.name for one in HARDENED} >= {"lienthong.service", "lienthong-ui.service", "lienthong-intake.service"}


def test_systemd_understands_every_unit(analyze, tmp_path):
    copies = [str(as_here(one, tmp_path)) for one in UNITS]
    verdict = run(analyze, "verify", *copies)
    assert (verdict.returncode, verdict.stderr) == (0, "")


def test_the_check_sees_a_misspelt_key(analyze, tmp_path):
    copy = as_here(HARDENED[0], tmp_path)
    copy.write_text(copy.read_text("utf-8").replace("ProtectHome=", "ProtectHom="), "utf-8")
    assert "ProtectHom" in run(analyze, "verify", str(copy)).stderr


def exposure(analyze, unit):
    said = run(analyze, "security", "--offline=true", str(unit)).stdout
    return float(re.search(r"exposure level for \S+: ([0-9.]+)", said)[1])


@pytest.mark.parametrize("unit", HARDENED, ids=lambda one: one.name)
def test_a_service_is_little_exposed(analyze, tmp_path, unit):
    assert exposure(analyze, as_here(unit, tmp_path)) <= WORST_EXPOSURE


def test_the_check_sees_an_open_unit(analyze, tmp_path):
    copy = as_here(HARDENED[0], tmp_path)
    bare = [
        line for line in copy.read_text("utf-8").splitlines() if not line.startswith(("Protect", "System", "NoNew"))
    ]
    copy.write_text("\n".join(bare), "utf-8")
    assert exposure(analyze, copy) > WORST_EXPOSURE


@pytest.mark.parametrize("unit", HARDENED, ids=lambda one: one.name)
def test_a_unit_starts_what_there_is(unit):
    started = re.search(
        rf"^ExecStart={INSTALLED}/.venv/bin/python (-m \S+(?: \w+)?)", unit.read_text("utf-8"), re.MULTILINE
    )
    answer = run(sys.executable, *started[1].split(), "--help")
    assert answer.returncode == 0, answer.stderr
