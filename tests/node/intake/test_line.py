"""The line to the node says what is true, whatever the other end does."""

import json
import socket
import threading

import anyio
import pytest

from node.errors import Conflict, Invalid, Unavailable
from node.intake.line import BUSY, SILENT, UNKNOWN, Line


class OtherEnd:
    """A Unix socket that answers each connection with the bytes given; none of them: it hangs up."""

    def __init__(self, path, answer, hold=None):
        self.answer, self.hold = answer, hold
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(str(path))
        self.listener.listen(16)
        self.asked = 0
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()

    def _serve(self):
        while True:
            try:
                taken, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._one, args=(taken,), daemon=True).start()

    def _one(self, taken):
        with taken:
            while b"\r\n\r\n" not in taken.recv(65536):
                pass
            self.asked += 1
            if self.hold:
                self.hold.wait(20)
            taken.sendall(self.answer)

    def close(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()


def http(status, body):
    raw = json.dumps(body).encode()
    return b"HTTP/1.1 %d X\r\ncontent-length: %d\r\nconnection: close\r\n\r\n%s" % (status, len(raw), raw)


@pytest.fixture
def open_line(tmp_path):
    ends, path = [], tmp_path / "intake.sock"

    def made(answer=None, hold=None, **limits):
        if answer is not None:
            ends.append(OtherEnd(path, answer, hold))
        return Line(path, **{"at_once": 4, "waiting": 4, "wait_s": 5.0, **limits})

    yield made
    for end in ends:
        end.close()


async def test_an_answer_is_the_nodes_own(open_line):
    with open_line(http(200, {"code": "A"})) as line:
        assert await line.ask("POST", "/counter/x") == {"code": "A"}


async def test_a_refusal_is_the_nodes_own_word_for_word(open_line):
    told = Conflict("đã có", extra={"receipt": "R"}).problem()
    with open_line(http(409, told)) as line, pytest.raises(Conflict) as refused:
        await line.ask("POST", "/counter/x")
    assert refused.value.problem() == told


async def test_fields_at_fault_are_named_across_the_line(open_line):
    told = Invalid("sai", errors=[{"field": "photo", "message": "hỏng"}]).problem()
    with open_line(http(422, told)) as line, pytest.raises(Invalid) as refused:
        await line.ask("POST", "/counter/x")
    assert refused.value.errors == ({"field": "photo", "message": "hỏng"},)


async def test_nobody_there_means_that_nothing_was_recorded(open_line):
    with open_line() as line, pytest.raises(Unavailable) as refused:
        await line.ask("POST", "/counter/x")
    assert refused.value.detail == SILENT
    with open_line() as line:
        assert not await line.is_answered()


@pytest.mark.parametrize("answer", [b"", b"HTTP/1.1 201 Cre", http(500, {"code": "internal"}), http(500, "x")])
async def test_a_question_without_an_answer_is_not_called_refused(open_line, answer):
    with open_line(answer) as line, pytest.raises(Unavailable) as refused:
        await line.ask("POST", "/counter/x")
    assert refused.value.detail == UNKNOWN


async def test_no_more_wait_than_may_and_for_no_longer(open_line):
    hold, two = threading.Event(), anyio.Event()
    details = []

    async def ask(line):
        try:
            details.append(await line.ask("POST", "/counter/x"))
        except Unavailable as error:
            details.append(error.detail)
            if len(details) > 1:
                two.set()

    with open_line(http(200, "ok"), hold, at_once=1, waiting=1, wait_s=0.2) as line:
        async with anyio.create_task_group() as group:
            for _ in range(3):
                group.start_soon(ask, line)
                await anyio.sleep(0.02)
            await two.wait()  # one found no room to wait, one waited too long
            hold.set()
    assert details == [BUSY, BUSY, "ok"]
