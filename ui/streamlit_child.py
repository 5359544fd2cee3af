"""The Streamlit process: started by the proxy, started again when it dies, stopped with it."""

import asyncio
import contextlib
import ctypes
import logging
import signal
import socket
import sys
from http import HTTPStatus

import aiohttp

from ui.settings import DASH, HOUSE, AppSettings

_LOG = logging.getLogger("ui.streamlit")
_LONGEST_PAUSE_S = 30.0
_HEALTHY_AFTER_S = 20.0
_STOP_WITHIN_S = 5.0
_DIE_WITH_PARENT = 1  # PR_SET_PDEATHSIG of linux/prctl.h


def free_port() -> int:
    """A loopback port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _die_with_parent() -> None:
    """A proxy that was killed outright must not leave its child behind; Linux only, harmless elsewhere."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(_DIE_WITH_PARENT, signal.SIGTERM)


class StreamlitChild:
    """Keeps one Streamlit process alive on a loopback port."""

    def __init__(self, app: AppSettings, http: aiohttp.ClientSession) -> None:
        self._app = app
        self._http = http
        self._port = free_port()
        self._process: asyncio.subprocess.Process | None = None
        self._keeper: asyncio.Task[None] | None = None
        self.ready = False

    @property
    def address(self) -> str:
        """Where the process listens now, `http://127.0.0.1:port`."""
        return f"http://127.0.0.1:{self._port}"

    @property
    def pid(self) -> int | None:
        """The process id, None while none runs."""
        return self._process.pid if self._process else None

    def start(self) -> None:
        """Begin keeping the process alive."""
        self._keeper = asyncio.create_task(self._keep())

    async def stop(self) -> None:
        """End the process, first politely."""
        if self._keeper:
            self._keeper.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._keeper
        process = self._process
        if process is None or process.returncode is not None:
            return
        process.terminate()
        try:
            await asyncio.wait_for(process.wait(), _STOP_WITHIN_S)
        except TimeoutError:
            process.kill()
            await process.wait()

    async def _keep(self) -> None:
        loop = asyncio.get_running_loop()
        pause_s = 0.5
        while True:
            started = loop.time()
            await self._launch()
            code = await self._watch()
            self.ready = False
            pause_s = 0.5 if loop.time() - started > _HEALTHY_AFTER_S else min(pause_s * 2, _LONGEST_PAUSE_S)
            _LOG.warning("Streamlit ended with %s; starting it again in %.1f s", code, pause_s)
            await asyncio.sleep(pause_s)
            self._port = free_port()

    async def _launch(self) -> None:
        arguments = {
            "server.address": "127.0.0.1",
            "server.port": str(self._port),
            "server.baseUrlPath": DASH.strip("/"),
            "server.headless": "true",
            "browser.gatherUsageStats": "false",
        }
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", "streamlit", "run", "ui/app.py"),
            *(part for name, value in arguments.items() for part in (f"--{name}", value)),
            cwd=HOUSE,
            env=self._app.environment(),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            preexec_fn=_die_with_parent,
        )

    async def _watch(self) -> int:
        """Mark the process ready once it answers, and return its exit code when it ends."""
        process = self._process
        if process is None:
            raise RuntimeError("nothing was launched")
        ended = asyncio.create_task(process.wait())
        try:
            while not ended.done():
                if not self.ready and await self._answers():
                    self.ready = True
                await asyncio.wait({ended}, timeout=None if self.ready else 0.3)
        finally:
            ended.cancel()
        return process.returncode or 0

    async def _answers(self) -> bool:
        try:
            async with self._http.get(f"{self.address}{DASH}/_stcore/health") as answer:
                return answer.status == HTTPStatus.OK
        except (aiohttp.ClientError, TimeoutError, OSError):
            return False
