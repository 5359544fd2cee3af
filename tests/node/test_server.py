"""The HTTP server of a node: it wakes rarely, answers with today's date, and ends when it is told, not a tick later."""

import asyncio

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
