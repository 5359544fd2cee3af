"""What was measured on, and what its processes use: facts that help to read figures, and nothing that names a place."""

import os
import platform
import sqlite3
from importlib.metadata import version
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")


def load() -> float:
    """Processes that wanted to run, on average over the last minute."""
    return os.getloadavg()[0]


def facts(folder: Path) -> dict[str, object]:
    """Cores, versions, and the kind of file system that the databases lie on."""
    packages = {name: version(name) for name in ("grpcio", "sqlalchemy", "cryptography", "protobuf")}
    return {
        "cores": len(os.sched_getaffinity(0)),
        "system": platform.system(),
        "python": platform.python_version(),
        "sqlite": sqlite3.sqlite_version,
        "file_system": _file_system(folder),
        **packages,
    }


def _file_system(folder: Path) -> str:
    mounts = [line.split()[1:3] for line in Path("/proc/mounts").read_text().splitlines()]
    here = str(folder.resolve())
    holding = [
        (len(point), kind) for point, kind in mounts if here == point or here.startswith(point.rstrip("/") + "/")
    ]
    return max(holding, default=(0, "unknown"))[1]


def cpu_s(pid: int) -> float:
    """Seconds of processor that a process has used until now."""
    fields = _stat(pid)
    return (int(fields[11]) + int(fields[12])) / _TICKS


def rss_mb(pid: int) -> float:
    """What a process holds in memory now (VmRSS), in MiB."""
    return _memory(pid, "VmRSS:")


def peak_mb(pid: int) -> float:
    """The most memory that a process ever held (VmHWM), in MiB."""
    return _memory(pid, "VmHWM:")


def wakeups(pid: int) -> int:
    """How often the threads of a process have gone to sleep until now, each to be woken once."""
    count = 0
    for task in Path(f"/proc/{pid}/task").iterdir():
        lines = (task / "status").read_text().splitlines()
        count += sum(int(line.split()[1]) for line in lines if line.startswith("voluntary_ctxt_switches"))
    return count


def children_of(pid: int) -> list[int]:
    """The processes that a process started and that are there."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parent = int(_stat(int(entry.name))[1])
            except OSError:  # it ended while we looked
                continue
            if parent == pid:
                found.append(int(entry.name))
    return found


def _stat(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


def _memory(pid: int, name: str) -> float:
    status = Path(f"/proc/{pid}/status").read_text()
    line = next(line for line in status.splitlines() if line.startswith(name))
    return int(line.split()[1]) / 1024
