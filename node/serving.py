"""Serve a node: its ports, its signals, and an end that loses nothing."""

import asyncio
import contextlib
import logging
import signal
import socket
from collections.abc import Iterator, Mapping

import uvicorn
from fastapi import FastAPI

from federation.tls_log import HandshakeLog
from node.app import Node
from node.collector import leave_out_what_stays
from node.errors import NodeError
from node.local import listen_locally
from node.settings import Settings, manager_from_environment
from node.watchdog import Progress, Watchdog

log = logging.getLogger(__name__)

GRACE_S = 5
IDLE_SIGN_S = 30.0
TICK_S = 1.0
LARGEST_MESSAGE = 64 * 1024


class PortError(Exception):
    """An address cannot be used; the message is a sentence for the person who started the node."""


class Server(uvicorn.Server):
    """A server that leaves the signals to the node, because a node has several servers, and wakes once a second."""

    def __init__(self, config: uvicorn.Config) -> None:
        """Not serving yet."""
        super().__init__(config)
        self._ending = asyncio.Event()

    async def main_loop(self) -> None:
        """Bring the date of the answers up to date until the end; the original looks ten times a second for it."""
        while not await self.on_tick(0):
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(TICK_S):
                    await self._ending.wait()

    def end(self) -> None:
        """Finish what is being answered, and take no more."""
        self.should_exit = True
        self._ending.set()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Capture nothing."""
        yield


def bind(address: str, key: str) -> socket.socket:
    """Open a TCP address, or say which setting names one that is taken or is not ours."""
    host, _, port = address.rpartition(":")
    try:
        found = socket.getaddrinfo(host.strip("[]"), int(port), type=socket.SOCK_STREAM)[0]
        opened = socket.socket(*found[:3])  # told that it is TCP, asyncio does not hold back what is small
    except OSError as error:
        raise PortError(f"{key}: {address} cannot be resolved ({error.strerror})") from error
    try:
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        opened.bind(found[4])
        opened.listen(1024)
    except OSError as error:
        opened.close()
        raise PortError(f"{key}: {address} cannot be used ({error.strerror})") from error
    return opened


def server(app: FastAPI) -> Server:
    """Make a server of the app that keeps silent about each request and closes in bounded time."""
    config = uvicorn.Config(
        app,
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=True,  # a proxy of this machine says who asks; nobody else is believed
        forwarded_allow_ips=["127.0.0.1", "::1"],
        ws_max_size=LARGEST_MESSAGE,
        timeout_keep_alive=20,
        timeout_graceful_shutdown=GRACE_S,
        backlog=1024,
    )
    return Server(config)


async def serve(node: Node) -> None:
    """Serve until SIGTERM or SIGINT; then finish requests, links and jobs, in this order."""
    settings = node.context.settings
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    public = bind(settings.http.listen, "http.listen")
    for address, key in ((settings.link.listen, "link.listen"), (settings.link.enrol_listen, "link.enrol_listen")):
        if address:
            bind(address, key).close()
    local = listen_locally(settings.socket)
    servers = {server(node.app): public, server(node.local_app): local}
    if settings.metrics.listen:
        servers[server(node.metrics_app)] = bind(settings.metrics.listen, "metrics.listen")
    if not settings.intake.listen and any(module.public for module in node.context.modules):
        log.warning("strangers are served by the node itself; [intake] listen gives them a process apart")
    if settings.intake.listen:
        servers[server(node.counter_app)] = _listen_for_intake(settings)
    with HandshakeLog(lambda line: _note_refused(node, line)):
        await node.start()
        leave_out_what_stays()
        try:
            await _answer(servers, node, stop)
        finally:
            settings.socket.unlink(missing_ok=True)
            settings.counter.unlink(missing_ok=True)
            await node.stop()


def _listen_for_intake(settings: Settings) -> socket.socket:
    """Open the socket of the intake process, or say which setting names what is not ours to give."""
    group = settings.intake.socket_group
    try:
        return listen_locally(settings.counter, group)
    except LookupError as error:
        raise PortError(f"intake.socket_group: there is no group {group} on this machine") from error
    except OSError as error:
        words = f"intake.socket: {settings.counter} cannot be opened{f' for group {group}' if group else ''}"
        raise PortError(f"{words} ({error.strerror})") from error


async def _answer(servers: Mapping[Server, socket.socket], node: Node, stop: asyncio.Event) -> None:
    """Run the servers until it is time to stop, or until one of them ends by itself."""
    facts = {"centre": node.context.centre.title, "http": node.context.settings.http.listen}
    tasks = [asyncio.create_task(one.serve([opened])) for one, opened in servers.items()]
    log.info("serving", extra=facts)
    signs = _watch(node)
    ended = asyncio.create_task(stop.wait())
    await asyncio.wait([ended, *tasks], return_when=asyncio.FIRST_COMPLETED)
    log.info("stopping", extra=facts)
    ended.cancel()
    for one in servers:
        one.end()
    for task in signs:
        task.cancel()
    await asyncio.gather(*tasks)
    await asyncio.gather(*signs, return_exceptions=True)


def _watch(node: Node) -> list[asyncio.Task[None]]:
    """Give signs of progress where a service manager wants them."""
    address, within_s = manager_from_environment()
    if not address:
        return []
    context = node.context
    progress = Progress(context.database, context.peers, context.clock)
    watchdog = Watchdog(address, within_s / 3 or IDLE_SIGN_S, progress, context.clock)
    return [asyncio.create_task(watchdog.run(), name="watchdog")]


def _note_refused(node: Node, line: str) -> None:
    """Ring for a handshake that TLS refused; while the node ends, nobody is there to hear it."""
    with contextlib.suppress(NodeError):
        node.delivery.note_tls_refused(line)
