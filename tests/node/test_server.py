"""The HTTP server of a node: it wakes rarely, answers with today's date, and ends when it is told, not a tick later."""

import asyncio
import socket

import httpx
from fastapi import FastAPI

from node import serving


async def _serve(monkeypatch, ask):
    monkeypatch.setattr(serving, "TICK_S", 3600.0)
    opened = serving.bind("127.0.0.1:0", "http.listen")
    server = serving.server(FastAPI())
    ticks = []
    original = server.on_tick

    async def counted(counter):
        ticks.append(counter)
        return await original(counter)

    monkeypatch.setattr(server, "on_tick", counted)
    task = asyncio.create_task(server.serve([opened]))
    try:
        async with asyncio.timeout(30.0):
            answer = await ask(f"http://127.0.0.1:{opened.getsockname()[1]}/none")
            server.end()
            await task
    finally:
        task.cancel()
    return answer, ticks


async def _get(url):
    async with httpx.AsyncClient() as http:
        return await http.get(url)


def test_it_ends_when_it_is_told_however_rarely_it_wakes(monkeypatch):
    answer, ticks = asyncio.run(_serve(monkeypatch, _get))
    assert answer.status_code == 404
    assert answer.headers["date"].endswith("GMT")
    assert len(ticks) == 2  # one at the start, one that sees the end: nothing in between


def test_an_answer_does_not_wait_for_the_acknowledgement_of_its_head():
    """Without TCP_NODELAY every answer on a kept connection, and every push, is 40 ms late."""

    async def look():
        found = asyncio.get_running_loop().create_future()

        async def answer(_reader, writer):
            found.set_result(writer.get_extra_info("socket").getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
            writer.close()

        opened = serving.bind("127.0.0.1:0", "http.listen")
        async with await asyncio.start_server(answer, sock=opened):
            _, writer = await asyncio.open_connection(*opened.getsockname())
            async with asyncio.timeout(30.0):
                is_at_once = await found
            writer.close()
        return is_at_once

    assert asyncio.run(look())
