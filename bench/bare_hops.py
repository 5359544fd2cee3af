"""What two hops can do at best: the same bytes over gRPC and mutual TLS, synced to a disk in between and at the end.

Stands alone: `bare_hops.py`, then one line of JSON on its standard input. The end answers each message with the moment
at which it was on its disk; the relay hands that back. Nothing is checked, read, or kept in order of anything.
"""

import asyncio
import json
import os
import struct
import sys
import time
from pathlib import Path

import grpc
import grpc.aio

METHOD = "/bench.Bare/Pass"
TOGETHER = 16  # messages of one sync, if so many wait


def say(**words: object) -> None:
    """One line for whoever started this."""
    print(json.dumps(words), flush=True)


def pems(folder: str) -> tuple[bytes, bytes, bytes]:
    """Root, key and chain of a keys folder."""
    return tuple((Path(folder) / name).read_bytes() for name in ("root.pem", "tls.key", "tls.pem"))


def dial(order: dict) -> grpc.aio.Channel:
    """A channel to the next one."""
    root, key, chain = pems(order["keys"])
    options = [*(tuple(one) for one in order["client"]), ("grpc.ssl_target_name_override", order["next_name"])]
    credentials = grpc.ssl_channel_credentials(root, key, chain)
    return grpc.aio.secure_channel(f"127.0.0.1:{order['next_port']}", credentials, options=options)


class Stop(grpc.GenericRpcHandler):
    """One station: takes messages, syncs them, passes them on or answers."""

    def __init__(self, order: dict) -> None:
        self._file = os.open(order["file"], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        self._channel = dial(order) if order["next_port"] else None

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler:
        """The only method there is."""
        del handler_call_details
        return grpc.stream_stream_rpc_method_handler(self._exchange)

    async def _exchange(self, _requests: object, context: grpc.aio.ServicerContext) -> None:
        waiting: asyncio.Queue[object] = asyncio.Queue()
        onward = self._channel.stream_stream(METHOD)() if self._channel else None

        async def read() -> None:
            while True:
                message = await context.read()
                await waiting.put(message)
                if message is grpc.aio.EOF:
                    return

        async def back() -> None:
            while onward and (answer := await onward.read()) is not grpc.aio.EOF:
                await context.write(answer)

        reading, answering = asyncio.create_task(read()), asyncio.create_task(back())
        while messages := await self._sync_some(waiting):
            for message in messages:
                await (onward.write(message) if onward else context.write(struct.pack("<d", time.monotonic())))
        if onward:
            await onward.done_writing()
        await asyncio.gather(reading, answering)

    async def _sync_some(self, waiting: asyncio.Queue) -> list[bytes]:
        """The messages that wait, synced together; none when the sender has ended."""
        messages = []
        while len(messages) < TOGETHER and not (messages and waiting.empty()):
            if (message := await waiting.get()) is grpc.aio.EOF:
                waiting.put_nowait(message)
                break
            messages.append(message)
        if messages:
            os.write(self._file, b"".join(messages))
            os.fdatasync(self._file)
        return messages


async def serve(order: dict) -> None:
    """Be a station until a line is read."""
    server = grpc.aio.server(options=[tuple(one) for one in order["server"]])
    server.add_generic_rpc_handlers([Stop(order)])
    root, key, chain = pems(order["keys"])
    credentials = grpc.ssl_server_credentials([(key, chain)], root_certificates=root, require_client_auth=True)
    port = server.add_secure_port("127.0.0.1:0", credentials)
    await server.start()
    say(port=port)
    await asyncio.to_thread(sys.stdin.readline)
    await server.stop(None)


async def send(order: dict) -> None:
    """Some messages one by one, each when the one before has arrived; then many at once."""
    message = os.urandom(order["size"])
    async with dial(order) as channel:
        call = channel.stream_stream(METHOD)()
        took = []
        for _ in range(order["singles"]):
            begun_s = time.monotonic()
            await call.write(message)
            took.append(struct.unpack("<d", await call.read())[0] - begun_s)
        begun_s, last_s = time.monotonic(), 0.0

        async def listen() -> None:
            nonlocal last_s
            for _ in range(order["many"]):
                last_s = max(last_s, struct.unpack("<d", await call.read())[0])

        hearing = asyncio.create_task(listen())
        big = os.urandom(order["big"])
        for _ in range(order["many"]):
            await call.write(big)
        await call.done_writing()
        await hearing
    say(took_s=took[1:], many_s=last_s - begun_s)


if __name__ == "__main__":
    first = json.loads(sys.stdin.readline())
    asyncio.run({"serve": serve, "send": send}[first["do"]](first))
