"""The drills of a restore, a clone and a rolled back parent, as a person runs them: one JSON line, and it holds."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.drill, pytest.mark.timeout(600)]
REPOSITORY = Path(__file__).parents[2]


def last_line(*arguments: str) -> dict[str, object]:
    run = subprocess.run(
        [sys.executable, "-m", "node", "drill", *arguments], cwd=REPOSITORY, capture_output=True, text=True, check=False
    )
    assert run.stdout, run.stderr
    verdict: dict[str, object] = json.loads(run.stdout.splitlines()[-1])
    assert run.returncode == 0, run.stdout
    return verdict


@pytest.mark.parametrize(("drill", "shown"), [("restore", "given_back"), ("parent-rollback", "sent_again")])
def test_a_restored_centre_ends_with_everything(drill: str, shown: str) -> None:
    verdict = last_line(drill, "--records", "60")
    assert (verdict["ok"], verdict["lost"], verdict["doubled"]) == (True, 0, 0), str(verdict)
    assert verdict[shown] >= 30


def test_what_a_backup_made_a_commune_forget_is_held_by_the_one_put_back() -> None:
    verdict = last_line("forgetting", "--records", "60")
    assert (verdict["ok"], verdict["lost"], verdict["doubled"]) == (True, 0, 0), str(verdict)
    assert verdict["given_up"] >= 1
    assert verdict["sent_again"] >= 1
    assert verdict["report"]["records_lost"] == 0


def test_a_clone_is_fenced_and_mixes_nothing() -> None:
    verdict = last_line("clone", "--records", "10")
    assert (verdict["ok"], verdict["lost"], verdict["doubled"], verdict["mixed"]) == (True, 0, 0, 0), str(verdict)
    assert verdict["quarantined"] >= 10
