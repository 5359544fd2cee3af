"""The operating-system processes of the demo: started, watched, and never left behind.

Each child leads its own process group, so that Ctrl-C in the terminal reaches only this program, which then stops
its children in order; and the kernel tells each child to end if this program dies without having done so.
Children are started from the main thread alone: Linux ties that promise to the thread that started the child.
"""

import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from node.clock import Clock

REPOSITORY = Path(__file__).parents[2]

# The child asks the kernel for SIGTERM at its parent's death, checks that this has not happened yet, and becomes the
# program. PR_SET_PDEATHSIG is 1.
_TIED = (
    "import ctypes, os, signal, sys; ctypes.CDLL(None).prctl(1, signal.SIGTERM); "
    "os.getppid() == int(sys.argv[1]) or sys.exit(0); os.execv(sys.argv[2], sys.argv[2:])"
)
_LOOK_AGAIN_S = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """What to run, with which arguments (Python's, unless another program is named), and where its output goes."""

    name: str
    arguments: tuple[str, ...]
    log: Path
    environment: Mapping[str, str] = field(default_factory=dict)
    executable: str = sys.executable


@dataclass(frozen=True, slots=True, kw_only=True)
class Exit:
    """A child that ended without having been asked to."""

    program: Program
    code: int


class Children:
    """The processes that this program started and answers for."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._running: dict[str, tuple[Program, subprocess.Popen[bytes]]] = {}

    def start(self, program: Program) -> int:
        """Run it now, its output appended to its log; gives the process id."""
        if program.name in self._running:
            raise ValueError(f"{program.name} is running already")
        settings = [f"{key}={value}" for key, value in program.environment.items()]
        target = ["/usr/bin/env", *settings, program.executable, *program.arguments]
        program.log.parent.mkdir(parents=True, exist_ok=True)
        with program.log.open("ab") as log:
            process = subprocess.Popen(  # noqa: S603 - our own interpreter with our own arguments
                [sys.executable, "-I", "-S", "-c", _TIED, str(os.getpid()), *target],
                cwd=REPOSITORY,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._running[program.name] = (program, process)
        return process.pid

    def pid(self, name: str) -> int | None:
        """The process id of a child that runs."""
        entry = self._running.get(name)
        return entry[1].pid if entry and entry[1].poll() is None else None

    def kill(self, name: str) -> None:
        """End it as a power cut would (SIGKILL), with all that it started."""
        _, process = self._running.pop(name)
        _signal(process, signal.SIGKILL)
        process.wait()

    def take_exits(self) -> list[Exit]:
        """The children that ended since the last call; they are ours no longer."""
        ended = [(program, process) for program, process in self._running.values() if process.poll() is not None]
        for program, process in ended:
            _signal(process, signal.SIGKILL)  # whatever it had started itself
            del self._running[program.name]
        return [Exit(program=program, code=process.returncode) for program, process in ended]

    async def stop(self, names: list[str] | None = None, *, patience_s: float = 8.0) -> list[str]:
        """Ask the named (or all) children to end, and end those that do not; gives the names of the latter."""
        going = {name: self._running[name][1] for name in (names or list(self._running)) if name in self._running}
        for process in going.values():
            _signal(process, signal.SIGTERM)
        deadline = self._clock.monotonic() + patience_s
        while any(process.poll() is None for process in going.values()) and self._clock.monotonic() < deadline:
            await self._clock.sleep(_LOOK_AGAIN_S)
        forced = [name for name, process in going.items() if process.poll() is None]
        self.end_now(list(going))
        return forced

    def end_now(self, names: list[str] | None = None) -> None:
        """SIGKILL to the named (or all) children and everything in their process groups."""
        for name in names or list(self._running):
            if name in self._running:
                self.kill(name)


def _signal(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    """To the child's whole process group; a group that is gone is no error."""
    try:
        os.killpg(process.pid, number)
    except ProcessLookupError:
        return
    except PermissionError:
        process.send_signal(number)
