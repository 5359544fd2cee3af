"""Commands on this machine talk to a running node through its Unix socket, which only its owner can open."""

import os
import shutil
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from node.errors import NodeError

_LIMIT_S = 30.0


class NotRunning(Exception):  # noqa: N818 - a state, and the caller acts on it
    """Nobody listens on the node's socket."""


class Refused(NodeError):  # noqa: N818 - what happened
    """The running node said no; `detail` is its sentence."""

    def __init__(self, status: int, detail: str) -> None:
        """Take what the node answered."""
        super().__init__(detail)
        self.answered = status


def listen_locally(path: Path, group: str = "") -> socket.socket:
    """Open a socket, 0600 from its first moment, 0660 for a named group; one that a dead node left is replaced."""
    path.unlink(missing_ok=True)
    opened = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    before = os.umask(0o177)
    try:
        with short(path) as name:
            opened.bind(name)
    finally:
        os.umask(before)
    if group:
        shutil.chown(path, group=group)
        path.chmod(0o660)
    return opened


def call(path: Path, method: str, route: str, body: Mapping[str, Any] | None = None) -> Any:  # noqa: ANN401 - JSON
    """Ask the running node; raise NotRunning if there is none, Refused if it says no."""
    with short(path) as name:
        try:
            with httpx.Client(transport=httpx.HTTPTransport(uds=name), timeout=_LIMIT_S) as client:
                response = client.request(method, f"http://node{route}", json=body)
        except (httpx.ConnectError, FileNotFoundError) as error:
            raise NotRunning(str(path)) from error
    answer = response.json() if response.content else None
    if response.is_error:
        detail = answer.get("detail") or answer.get("title") if isinstance(answer, dict) else response.reason_phrase
        raise Refused(response.status_code, str(detail))
    return answer


def fetch(path: Path, route: str, body: Mapping[str, Any]) -> bytes:
    """Ask the running node for a file; raise as `call` does."""
    with short(path) as name:
        try:
            with httpx.Client(transport=httpx.HTTPTransport(uds=name), timeout=_LIMIT_S) as client:
                response = client.post(f"http://node{route}", json=body)
        except (httpx.ConnectError, FileNotFoundError) as error:
            raise NotRunning(str(path)) from error
    if response.is_error:
        answer = response.json() if response.content else {}
        raise Refused(response.status_code, str(answer.get("detail") or response.reason_phrase))
    return response.content


def is_running(path: Path) -> bool:
    """Say whether a node listens on the socket."""
    with short(path) as name, socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        try:
            probe.connect(name)
        except OSError:
            return False
    return True


@contextmanager
def short(path: Path) -> Iterator[str]:
    """Give a name of the socket that fits: the system takes about 100 letters, a deep folder has more."""
    if len(os.fsencode(path)) < 100 or not path.parent.is_dir():  # noqa: PLR2004 - 108 with the zero on Linux
        yield str(path)
        return
    folder = os.open(path.parent, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{folder}/{path.name}"
    finally:
        os.close(folder)
