"""Another process that does what it is told: one order a line, one answer a line, both JSON."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
_TICKS = os.sysconf("SC_CLK_TCK")


class ActorDied(Exception):  # noqa: N818 - what is the case
    """The process ended before it answered; what it said about that is on the terminal."""


class Actor:
    """The side that gives orders."""

    def __init__(self, *program: str, **order: Any) -> None:
        """Start a program (`-m module` or a path) and give it its first order."""
        self._process = subprocess.Popen(
            [sys.executable, *program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT
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
        """Let it end by itself, because nobody gives orders any more."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self.kill()

    @property
    def cpu_s(self) -> float:
        """Seconds of processor that it has used until now."""
        fields = Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _TICKS

    @property
    def peak_mb(self) -> float:
        """The most memory that it ever held (VmHWM), in MiB."""
        status = Path(f"/proc/{self._process.pid}/status").read_text()
        line = next(line for line in status.splitlines() if line.startswith("VmHWM:"))
        return int(line.split()[1]) / 1024


def orders() -> Iterator[dict[str, Any]]:
    """The side that obeys: what it is told, until nobody tells anything any more."""
    for line in sys.stdin:
        yield json.loads(line)


def next_order() -> dict[str, Any] | None:
    """One order, or None when nobody gives any more."""
    line = sys.stdin.readline()
    return json.loads(line) if line else None


def answer(**words: Any) -> None:
    """Say something to whoever gives the orders."""
    print(json.dumps(words), flush=True)


Progress = Callable[[str], None]
