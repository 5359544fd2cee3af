"""The line that can be cut, stalled and slowed down."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from tests.chaos.proxy import Fault, Proxy


@pytest.fixture
async def line() -> AsyncIterator[Proxy]:
    """A proxy before a server that answers with what it hears."""

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while piece := await reader.read(1024):
            writer.write(piece)
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    proxy = await Proxy(server.sockets[0].getsockname()[1]).start()
    yield proxy
    await proxy.stop()
    server.close()


async def ask(proxy: Proxy) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
    writer.write(b"hello")
    return reader, writer


async def test_it_carries(line: Proxy) -> None:
    reader, writer = await ask(line)
    assert await reader.readexactly(5) == b"hello"
    writer.close()
    assert line.carried == 10


async def test_a_cut_breaks_what_is_there_and_lets_nothing_new_in(line: Proxy) -> None:
    reader, writer = await ask(line)
    await reader.readexactly(5)
    line.set(Fault.CUT)
    assert await _ended(reader)
    reader, writer = await ask(line)
    assert await _ended(reader)
    line.set(Fault.NONE)
    reader, writer = await ask(line)
    assert await reader.readexactly(5) == b"hello"
    writer.close()


async def test_what_is_stalled_arrives_when_the_line_is_free_again(line: Proxy) -> None:
    line.set(Fault.STALL)
    reader, writer = await ask(line)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(reader.readexactly(5), 0.2)
    line.set(Fault.NONE)
    assert await reader.readexactly(5) == b"hello"
    writer.close()


async def test_what_is_delayed_arrives(line: Proxy) -> None:
    line.set(Fault.DELAY, 0.05)
    reader, writer = await ask(line)
    assert await reader.readexactly(5) == b"hello"
    writer.close()


async def _ended(reader: asyncio.StreamReader) -> bool:
    """Whether the other side broke off, by whatever word."""
    try:
        return await reader.read(1) == b""
    except ConnectionError:
        return True
