"""`make demo`: everything up, told, watched, and down again at Ctrl-C."""

import asyncio
import contextlib
import fcntl
import os
import shutil
import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.text import Text

from node.clock import Clock
from node.demo import steps, telling
from node.demo.founding import lay
from node.demo.people import people
from node.demo.plan import DemoPlan
from node.demo.running import NotReady, Running, screens_of
from node.demo.sites import Sites, place, write_settings

_KEYS = "Khóa, cây tổ chức / keys and the tree"


class InUse(Exception):  # noqa: N818 - it says how the folder is
    """Another process runs a demo in this folder; the message says which."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """What the person asked for."""

    folder: Path
    all_screens: bool = False
    no_screens: bool = False
    over_nats: bool = False


@contextlib.contextmanager
def exclusively(folder: Path) -> Iterator[None]:
    """Hold the demo's folder; InUse if another process does."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(folder / "demo.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        holder = os.read(descriptor, 20).decode("ascii", "replace").strip() or "unknown"
        os.close(descriptor)
        raise InUse(f"A demo runs in {folder} already (process {holder}): stop it with Ctrl-C there.") from error
    try:
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, str(os.getpid()).encode(), 0)
        yield
    finally:
        os.close(descriptor)


def forget(folder: Path) -> bool:
    """Remove everything that the demo made; False if there was nothing. InUse while one runs."""
    if not folder.exists():
        return False
    if not (folder / "demo.lock").exists():
        raise InUse(f"{folder} was not made by the demo; it is left alone.")
    with exclusively(folder):
        shutil.rmtree(folder)
    return True


async def up(wishes: Wishes, clock: Clock, console: Console) -> int:
    """Run the demo until a signal; gives the exit status."""
    stopping = _Stopping(console)
    begun = clock.monotonic()
    sites = place(wishes.folder, DemoPlan.load(), habit=True, over_nats=wishes.over_nats, with_intake=True)
    running = Running(sites, clock, lambda text: console.print(text, style="yellow", soft_wrap=True, highlight=False))
    try:
        start = asyncio.create_task(_start(wishes, sites, running, clock, console))
        if not await stopping.unless(start):
            return 0
        telling.ready(
            console, sites, people(sites.accounts, sites.plan.centres), start.result(), clock.monotonic() - begun
        )
        await stopping.unless(asyncio.create_task(running.watch()))
    except NotReady as error:
        console.print(Text(str(error), style="red"), soft_wrap=True)
        return 1
    finally:
        with stopping.impatient(running):
            forced = await running.children.stop()
        for name in forced:
            console.print(f"{name} did not end by itself and was killed.")
    console.print(
        "Đã dừng; dữ liệu còn trong / stopped, the data stays in", str(sites.folder), highlight=False, soft_wrap=True
    )
    return 0


async def _start(wishes: Wishes, sites: Sites, running: Running, clock: Clock, console: Console) -> tuple[str, ...]:
    """Everything up, with its progress shown; gives the codes of the centres that have screens."""
    screens = tuple(
        centre.code
        for centre in sites.plan.centres
        if not wishes.no_screens and (centre.dashboard or wishes.all_screens)
    )
    expected = [_KEYS]
    for centre in sites.plan.centres:
        expected += [centre.title, *([screens_of(centre.title)] if centre.code in screens else [])]
    with steps.shown(console, expected) as came_up:
        for site in sites.by_code.values():
            write_settings(sites, site, has_screens=site.centre.code in screens)
        authority = await asyncio.to_thread(lay, sites, clock)
        came_up(_KEYS)
        everybody = people(sites.accounts, sites.plan.centres)
        await asyncio.gather(
            running.start_along_the_tree(authority, everybody.values(), came_up),
            *(running.bring_up_screens(sites[code], came_up) for code in screens),
        )
    return screens


class _Stopping:
    """Ctrl-C (or SIGTERM) as something to wait for; a second one ends the children at once."""

    def __init__(self, console: Console) -> None:
        self._asked = asyncio.Event()
        self._hurry: Callable[[], None] = self._asked.set
        self._console = console
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            loop.add_signal_handler(number, self._on_signal)

    def _on_signal(self) -> None:
        if self._asked.is_set():
            self._hurry()
        else:
            self._console.print("Đang dừng / stopping ...")
        self._asked.set()

    async def unless(self, work: "asyncio.Task[object]") -> bool:
        """Wait for the work, or for the signal, which cancels it; True if the work was done."""
        asked = asyncio.create_task(self._asked.wait())
        await asyncio.wait({work, asked}, return_when=asyncio.FIRST_COMPLETED)
        asked.cancel()
        if work.done():
            work.result()
            return True
        work.cancel()
        await asyncio.wait({work})
        return False

    @contextlib.contextmanager
    def impatient(self, running: Running) -> Iterator[None]:
        """While the children are being stopped, another signal kills them."""
        self._hurry = running.children.end_now
        yield
