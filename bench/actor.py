"""Another process that does what it is told: one order a line, one answer a line, both JSON.

It ends when nobody gives orders any more, which is also the case when whoever started it was killed.
"""

import contextlib
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from bench import machine

ROOT = Path(__file__).resolve().parents[1]


class ActorDied(Exception):  # noqa: N818 - what is the case
    """The process ended before it answered; what it said about that is on the terminal."""


class Actor:
    """The side that gives orders."""

    def __init__(self, *program: str, root: Path = ROOT, **order: Any) -> None:
        """Start a program (`-m module` or a path) of that source tree and give it its first order."""
        self._process = subprocess.Popen(
            [sys.executable, *program],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=root,
            start_new_session=True,  # Ctrl-C is for whoever started it, who ends it then
        )
        self.tell(**order)

    def tell(self, **order: Any) -> None:
        """Give an order without waiting for its answer."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()

    def hear(self) -> dict[str, Any]:
        """The next answer."""
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise ActorDied(f"{self._process.args} ended with {self._process.wait()}")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def ask(self, **order: Any) -> dict[str, Any]:
        """Give an order and wait for its answer."""
        self.tell(**order)
        return self.hear()

    def kill(self) -> None:
        """As a power cut does it to a process: SIGKILL."""
        self._process.kill()
        self._process.wait()

    def end(self) -> None:
        """Let it end by itself, because nobody gives orders any more; one that has ended already is no error."""
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.close()
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self.kill()

    @property
    def pid(self) -> int:
        """The number of the process."""
        return self._process.pid

    @property
    def cpu_s(self) -> float:
        """Seconds of processor that it has used until now."""
        return machine.cpu_s(self.pid)

    @property
    def peak_mb(self) -> float:
        """The most memory that it ever held, in MiB."""
        return machine.peak_mb(self.pid)


def next_order() -> dict[str, Any] | None:
    """One order, or None when nobody gives any more."""
    line = sys.stdin.readline()
    return json.loads(line) if line else None


def answer(**words: Any) -> None:
    """Say something to whoever gives the orders."""
    print(json.dumps(words), flush=True)
