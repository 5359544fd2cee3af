"""What was measured on: facts that help to read the figures, and nothing that names a place."""

import os
import platform
import sqlite3
from importlib.metadata import version
from pathlib import Path


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
