"""Named places where a test, or LIENTHONG_FAILPOINT, may make a process die, raise or wait.

An order is written `name:kill|raise|delay[=ms][@n]`. `@n` acts at the n-th passage only; without it at every one.
Nothing is armed unless somebody asks, and then passing a failpoint costs one look into an empty dictionary.
"""

import os
import re
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

NAMES = frozenset(
    {
        "bulk.after_chunk",
        "bulk.before_name",
        "database.before_commit",
        "database.after_commit",
        "ledger.after_append",
        "sealer.before_sign",
        "sealer.after_store",
        "sealer.before_commit",
        "sealer.after_commit",
        "sender.before_read",
        "sender.before_send",
        "sender.after_send",
        "sender.before_receipt",
        "sender.in_receipt",
        "sender.after_receipt",
        "receiver.before_verify",
        "receiver.after_verify",
        "receiver.before_store",
        "receiver.after_store",
        "receiver.before_effect",
        "receiver.after_effect",
        "receiver.before_cursor",
        "receiver.before_commit",
        "receiver.after_commit",
        "receiver.before_ack",
        "receiver.after_ack",
        "passing.before_tell",
        "passing.before_keep",
        "passing.after_keep",
        "bypass.after_append",
        "bypass.before_effect",
        "end_receipt.after_give",
        "end_receipt.before_keep",
        "recovery.before_give",
        "recovery.before_store",
        "recovery.after_store",
        "safety.before_give_up",
        "safety.in_give_up",
        "safety.after_give_up",
        "session.before_hello",
        "session.after_hello",
        "session.before_registry",
        "session.after_registry",
    }
)
_SPEC = re.compile(r"(?P<name>[a-z_.]+):(?P<act>kill|raise|delay)(=(?P<ms>\d+))?(@(?P<nth>\d+))?")


class FailpointReached(Exception):  # noqa: N818 - it is no error of ours, it is an order
    """Raised at a failpoint that was armed with `raise`."""


@dataclass(slots=True)
class _Armed:
    act: str
    delay_s: float
    nth: int
    passed: int = 0


_armed: dict[str, _Armed] = {}
_lock = threading.Lock()
_watchers: list[Callable[[str], None]] = []


def arm(spec: str) -> None:
    """Arm failpoints, several separated by commas; raises ValueError for a name that no code passes."""
    for match in _orders(spec):
        with _lock:
            _armed[match["name"]] = _Armed(match["act"], int(match["ms"] or 1000) / 1000, int(match["nth"] or 0))


def spec_problem(spec: str) -> str | None:
    """Say what `arm` would refuse; nothing is armed."""
    try:
        _orders(spec)
    except ValueError as error:
        return str(error)
    return None


def _orders(spec: str) -> list[re.Match[str]]:
    orders = []
    for part in filter(None, (piece.strip() for piece in spec.split(","))):
        match = _SPEC.fullmatch(part)
        if match is None:
            msg = f"{part!r} is no failpoint: name:kill|raise|delay[=ms][@n]"
            raise ValueError(msg)
        if match["name"] not in NAMES:
            msg = f"there is no failpoint {match['name']!r}"
            raise ValueError(msg)
        orders.append(match)
    return orders


def disarm() -> None:
    """Forget everything that was armed."""
    with _lock:
        _armed.clear()


@contextmanager
def watched(watcher: Callable[[str], None]) -> Iterator[None]:
    """Let a simulation of many nodes in one process see each passage, and raise what it likes there."""
    _watchers.append(watcher)
    try:
        yield
    finally:
        _watchers.remove(watcher)


def failpoint(name: str) -> None:
    """Do what was armed for this place, which is nothing in ordinary life."""
    for watcher in _watchers:
        watcher(name)
    if not _armed:
        return
    with _lock:
        armed = _armed.get(name)
        if armed is None:
            return
        armed.passed += 1
        if armed.nth and armed.passed != armed.nth:
            return
    if armed.act == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    elif armed.act == "delay":
        threading.Event().wait(armed.delay_s)
    else:
        raise FailpointReached(name)
