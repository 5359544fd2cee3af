"""What gRPC and mutual TLS can do at best: the same bytes, sent to somebody who throws them away.

Stands alone: `bare_stream.py`, then one line of JSON on its standard input. The server answers every fourth message
with as many bytes as a receipt has; the client opens one channel per sender and sends what is in a file.
"""

import asyncio
import json
import struct
import sys
import time
from collections import defaultdict
from pathlib import Path

import grpc
import grpc.aio

METHOD = "/bench.Bare/Exchange"
RECEIPT = bytes(320)
TOGETHER = 4


def say(**words: object) -> None:
    """One line for whoever started this."""
    print(json.dumps(words), flush=True)


class Drain(grpc.GenericRpcHandler):
    """Counts messages and forgets them."""

    def __init__(self) -> None:
        self.messages = self.bytes = 0
        self.last_at_s = 0.0

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler:
        """The only method there is."""
        del handler_call_details
        return grpc.stream_stream_rpc_method_handler(self._exchange)

    async def _exchange(self, _requests: object, context: grpc.aio.ServicerContext) -> None:
        count = 0
        while (message := await context.read()) is not grpc.aio.EOF:
            count += 1
            self.messages += 1
            self.bytes += len(message)
            if count % TOGETHER == 0:
                await context.write(RECEIPT)
        self.last_at_s = time.monotonic()


def pems(folder: str) -> tuple[bytes, bytes, bytes]:
    """Root, key and chain of a keys folder."""
    return tuple((Path(folder) / name).read_bytes() for name in ("root.pem", "tls.key", "tls.pem"))


async def serve(order: dict) -> None:
    """Take in whatever comes, until a line is read; then say how much it was."""
    drain = Drain()
    server = grpc.aio.server(options=[tuple(one) for one in order["options"]])
    server.add_generic_rpc_handlers([drain])
    root, key, chain = pems(order["keys"])
    credentials = grpc.ssl_server_credentials([(key, chain)], root_certificates=root, require_client_auth=True)
    port = server.add_secure_port("127.0.0.1:0", credentials)
    await server.start()
    say(port=port)
    await asyncio.to_thread(sys.stdin.readline)
    say(messages=drain.messages, bytes=drain.bytes, last_at_s=drain.last_at_s)
    await server.stop(None)


async def send_all(order: dict, keys: str, messages: list[bytes]) -> None:
    """One sender with one channel: send everything, hear every receipt, end."""
    root, key, chain = pems(keys)
    options = [*(tuple(one) for one in order["options"]), ("grpc.ssl_target_name_override", order["name"])]
    credentials = grpc.ssl_channel_credentials(root, key, chain)
    async with grpc.aio.secure_channel(f"127.0.0.1:{order['port']}", credentials, options=options) as channel:
        call = channel.stream_stream(METHOD)()

        async def listen() -> None:
            while await call.read() is not grpc.aio.EOF:
                pass

        hearing = asyncio.create_task(listen())
        for message in messages:
            await call.write(message)
        await call.done_writing()
        await hearing


def read_messages(file: Path) -> dict[int, list[bytes]]:
    """What each sender has to send: (sender, size, bytes), one after the other."""
    waiting: dict[int, list[bytes]] = defaultdict(list)
    raw = file.read_bytes()
    at = 0
    while at < len(raw):
        sender, size = struct.unpack_from("<II", raw, at)
        waiting[sender].append(raw[at + 8 : at + 8 + size])
        at += 8 + size
    return waiting


async def send(order: dict) -> None:
    """All senders at once."""
    waiting = read_messages(Path(order["file"]))
    begun_at_s = time.monotonic()
    await asyncio.gather(*(send_all(order, order["keys"][sender], mine) for sender, mine in waiting.items()))
    say(begun_at_s=begun_at_s)


if __name__ == "__main__":
    first = json.loads(sys.stdin.readline())
    asyncio.run({"serve": serve, "send": send}[first["do"]](first))
