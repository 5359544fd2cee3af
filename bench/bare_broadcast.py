"""What pushing the same text to many WebSocket clients costs at best: no rights, no picture to make, no proxy.

Stands alone: `bare_broadcast.py`, then one line of JSON on its standard input; each further line is the order to send
so many texts of that size, so many seconds apart. It ends when there is no more to read.
"""

import asyncio
import json
import sys

import websockets.asyncio.server as ws


def say(**words: object) -> None:
    """One line for whoever started this."""
    print(json.dumps(words), flush=True)


async def main() -> None:
    """Let clients in, and send what is ordered."""
    sys.stdin.readline()

    async def stay(socket: ws.ServerConnection) -> None:
        await socket.wait_closed()

    async with ws.serve(stay, "127.0.0.1", 0, compression=None) as server:
        say(port=server.sockets[0].getsockname()[1])
        while line := await asyncio.to_thread(sys.stdin.readline):
            order = json.loads(line)
            text = "x" * order["size"]
            for _ in range(order["texts"]):
                ws.broadcast(server.connections, text)
                await asyncio.sleep(order["apart_s"])
            say(clients=len(server.connections))


if __name__ == "__main__":
    asyncio.run(main())
