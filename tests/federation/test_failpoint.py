import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from federation.failpoint import NAMES, FailpointReached, arm, disarm, failpoint, watched

TOP = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def _disarmed() -> Iterator[None]:
    yield
    disarm()


def test_an_unarmed_failpoint_does_nothing() -> None:
    failpoint("sender.before_send")


def test_a_watcher_sees_each_passage_while_it_watches() -> None:
    seen: list[str] = []
    with watched(seen.append):
        failpoint("sender.before_send")
        failpoint("sender.after_send")
    failpoint("sender.before_send")
    assert seen == ["sender.before_send", "sender.after_send"]


def test_the_nth_passage_alone_acts() -> None:
    arm("sender.before_send:raise@3, sender.after_send:raise")
    failpoint("sender.before_send")
    failpoint("sender.before_send")
    with pytest.raises(FailpointReached, match="before_send"):
        failpoint("sender.before_send")
    failpoint("sender.before_send")
    with pytest.raises(FailpointReached, match="after_send"):
        failpoint("sender.after_send")


def test_a_delay_goes_on_afterwards() -> None:
    arm("sender.before_send:delay=1")
    failpoint("sender.before_send")


def test_a_kill_is_a_sigkill() -> None:
    code = "from federation.failpoint import *; arm('sealer.after_commit:kill'); failpoint('sealer.after_commit')"
    done = subprocess.run([sys.executable, "-c", code], cwd=TOP, check=False, timeout=60)
    assert done.returncode == -signal.SIGKILL


@pytest.mark.parametrize("spec", ["nowhere:kill", "sender.before_send", "sender.before_send:explode", "x:raise@"])
def test_an_order_that_cannot_be_carried_out_is_refused(spec: str) -> None:
    with pytest.raises(ValueError, match="failpoint"):
        arm(spec)


def test_every_name_is_passed_somewhere_and_every_place_has_a_name() -> None:
    passed = set()
    for folder in ("federation", "node"):
        for file in (TOP / folder).rglob("*.py"):
            passed |= set(re.findall(r'failpoint\("([a-z_.]+)"\)', file.read_text()))
    assert passed == NAMES
    assert len(NAMES) >= 24
