"""A node's folder: nobody else may write in it, and one process at a time owns it."""

import fcntl
import os
from pathlib import Path
from types import TracebackType
from typing import Self


class FolderError(Exception):
    """The folder cannot be used; the message is a sentence for the person who started the node."""


def prepare_folder(folder: Path) -> None:
    """Create the folder closed to others, or refuse one that others may write in."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise FolderError(f"the folder {folder} cannot be created: {error.strerror}") from error
    problem = folder_problem(folder)
    if problem:
        raise FolderError(problem)


def folder_problem(folder: Path) -> str | None:
    """Say what is wrong with an existing folder; one that is absent will be created and is fine."""
    if not folder.exists():
        return None
    if not folder.is_dir():
        return f"{folder} is not a folder"
    mode = folder.stat().st_mode & 0o777
    if mode & 0o022:
        return f"others may write in {folder} (mode {mode:o}); close it: chmod 700 {folder}"
    if not os.access(folder, os.W_OK | os.X_OK):
        return f"this user may not write in {folder}"
    return None


class FolderLock:
    """The exclusive right to write in a node's folder; released by `release` or by the end of the process."""

    def __init__(self, folder: Path) -> None:
        """Take the lock or raise FolderError; never wait."""
        self._path = folder / "node.lock"
        self._descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            holder = os.read(self._descriptor, 20).decode("ascii", "replace").strip() or "unknown"
            os.close(self._descriptor)
            raise FolderError(f"another process (pid {holder}) is running on {folder}") from error
        os.ftruncate(self._descriptor, 0)
        os.pwrite(self._descriptor, str(os.getpid()).encode("ascii"), 0)

    def release(self) -> None:
        """Let another process have the folder."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()
