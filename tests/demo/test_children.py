"""The demo's processes end when asked, end when they do not want to, and end when the demo itself is gone."""

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from node.clock import SystemClock
from node.demo.children import REPOSITORY, Children, Program

SLEEPER = "import time, sys; print('ready', flush=True); time.sleep(60)"
STUBBORN = (
    "import signal, subprocess, sys, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); "
    "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)']); "
    "print('ready', child.pid, flush=True); time.sleep(60)"
)


def program(folder: Path, name: str, code: str, **environment: str) -> Program:
    return Program(name=name, arguments=("-c", code), log=folder / f"{name}.log", environment=environment)


async def said(path: Path, word: str) -> str:
    """The log's text once it holds the word."""
    for _ in range(400):
        if path.exists() and word in (text := path.read_text()):
            return text
        await asyncio.sleep(0.02)
    raise AssertionError(f"{path} never said {word}")


def alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


async def gone(pid: int) -> bool:
    for _ in range(400):
        if not alive(pid):
            return True
        await asyncio.sleep(0.02)
    return False


@pytest.fixture
def children():
    children = Children(SystemClock())
    yield children
    children.end_now()


async def test_an_asked_child_ends_politely(children, tmp_path):
    pid = children.start(program(tmp_path, "a", SLEEPER))
    await said(tmp_path / "a.log", "ready")
    assert children.pid("a") == pid
    assert await children.stop() == []
    assert not alive(pid)


async def test_a_hanging_child_and_what_it_started_end_all_the_same(children, tmp_path):
    pid = children.start(program(tmp_path, "a", STUBBORN))
    grandchild = int((await said(tmp_path / "a.log", "ready")).split()[1])
    assert await children.stop(patience_s=0.1) == ["a"]
    assert not alive(pid)
    assert await gone(grandchild)


async def test_a_child_that_dies_is_told_once_with_its_code(children, tmp_path):
    children.start(program(tmp_path, "a", "import sys; sys.exit(7)"))
    exits = []
    while not exits:
        await asyncio.sleep(0.02)
        exits = children.take_exits()
    assert [(exit_.program.name, exit_.code) for exit_ in exits] == [("a", 7)]
    assert children.take_exits() == []
    children.start(exits[0].program)


async def test_a_child_gets_its_environment(children, tmp_path):
    children.start(program(tmp_path, "a", "import os; print('got', os.environ['LT_X'], flush=True)", LT_X="x y=z"))
    assert "got x y=z" in await said(tmp_path / "a.log", "got")


async def test_no_orphan_when_the_demo_itself_is_killed(tmp_path):
    demo = (
        "import time; from pathlib import Path; from node.clock import SystemClock; "
        "from node.demo.children import Children, Program; c = Children(SystemClock()); "
        f"sleeper = Program(name='a', arguments=('-c', {SLEEPER!r}), log=Path({str(tmp_path / 'a.log')!r})); "
        "print(c.start(sleeper), flush=True); "
        "time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", demo], cwd=REPOSITORY, stdout=subprocess.PIPE) as process:
        pid = int(process.stdout.readline())
        await said(tmp_path / "a.log", "ready")
        os.kill(process.pid, signal.SIGKILL)
    assert await gone(pid)
