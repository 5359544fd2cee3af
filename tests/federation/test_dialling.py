"""How soon a centre dials again after a connection has ended."""

from types import SimpleNamespace

import pytest

from federation import dialling
from federation.dialling import Switchboard
from federation.grpc_link import GrpcLink
from federation.link import LinkError
from federation.peer import Backoff
from federation.session import BROKEN
from node.clock import SystemClock


class Link:
    async def dial(self, address: str, name: str) -> None:
        pass


def session_that_ends(code: str, *, after_hello: bool):
    class Session:
        boot = b"boot" if after_hello else b""

        def __init__(self, *_: object, **__: object) -> None:
            pass

        async def run(self) -> None:
            raise LinkError(code, "over")

    return Session


async def test_where_nobody_listens_the_line_is_tried_every_few_seconds(tmp_path, federation) -> None:
    """A parent that was away for an hour is found by all of its children within seconds of its return."""
    keystore = federation.keystore("731")
    link = GrpcLink(keystore=keystore, gate=federation.gate, clock=SystemClock(), on_refused=print)
    with pytest.raises(LinkError) as caught:
        await link.dial("127.0.0.1:1", federation.name("75"))
    assert caught.value.is_vacant
    backoff = Backoff(lambda size: b"\xff" * size)
    assert [round(backoff.next_s(is_cheap=True)) for _ in range(6)] == [1, 2, 4, 4, 4, 4]
    assert [round(backoff.next_s()) for _ in range(5)] == [8, 16, 32, 60, 60]
    assert round(backoff.next_s(is_cheap=True)) == 4


async def ceilings(monkeypatch: pytest.MonkeyPatch, code: str, *, after_hello: bool) -> list[float]:
    """The longest waits after six connections of which each ends like that."""
    monkeypatch.setattr(dialling, "LinkSession", session_that_ends(code, after_hello=after_hello))
    switchboard = Switchboard(
        house=SimpleNamespace(), sessions={}, on_state=print, on_lost=print, removal=SimpleNamespace
    )
    backoff, found = Backoff(lambda size: b"\xff" * size), []
    for _ in range(6):
        with pytest.raises(LinkError):
            await switchboard.carry(Link(), "address", "name", backoff)
        found.append(round(backoff.next_s()))
    return found


async def test_after_a_hello_the_waits_begin_anew(monkeypatch) -> None:
    assert await ceilings(monkeypatch, "CLOSED", after_hello=True) == [1] * 6


async def test_where_nobody_answers_they_grow(monkeypatch) -> None:
    assert await ceilings(monkeypatch, "UNREACHABLE", after_hello=False) == [1, 2, 4, 8, 16, 32]


async def test_what_fails_after_each_hello_is_not_tried_again_at_once(monkeypatch) -> None:
    """A give-back that could not be stored, for one, would come again with every new connection."""
    assert await ceilings(monkeypatch, BROKEN, after_hello=True) == [1, 2, 4, 8, 16, 32]
