"""The preloaded library that writes the log: made from shim.c on this machine, when it is wanted."""

import ctypes
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

SOURCE = Path(__file__).with_name("shim.c")
_FLAGS = ("-std=gnu11", "-Wall", "-Wextra", "-Werror", "-O1", "-shared", "-fPIC")


class NoCompiler(Exception):  # noqa: N818 - a property of the machine
    """There is no C compiler here; the message says what to install."""


def build(folder: Path) -> Path:
    """The library, made in that folder; NoCompiler where none is installed."""
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if compiler is None:
        raise NoCompiler("a C compiler is needed and was not found: install one (on Debian: apt install gcc libc6-dev)")
    library = folder / "powercut.so"
    if not library.exists():
        command = [compiler, *_FLAGS, "-o", str(library), str(SOURCE), "-ldl", "-lpthread"]
        made = subprocess.run(command, capture_output=True, text=True, check=False)
        if made.returncode:
            raise NoCompiler(f"{compiler} could not make the library: {made.stderr.strip()[-600:]}")
    return library


def environment(library: Path, *, watch: Path, log: Path, sockets: bool = False) -> dict[str, str]:
    """What a process needs in its environment to be watched."""
    wishes = {"LD_PRELOAD": str(library), "POWERCUT_FOLDER": str(watch.resolve()), "POWERCUT_LOG": str(log)}
    return os.environ | wishes | ({"POWERCUT_SOCKETS": "1"} if sockets else {})


def noter() -> Callable[[str], None]:
    """Inside a watched process: puts a line into the log, in its place among the writes."""
    note = ctypes.CDLL(None).powercut_note
    note.argtypes = [ctypes.c_char_p, ctypes.c_size_t]

    def tell(text: str) -> None:
        raw = text.encode()
        note(raw, len(raw))

    return tell
