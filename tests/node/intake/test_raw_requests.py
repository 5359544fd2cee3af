"""Requests that no browser writes, over a plain socket: refused or cut off, and the process goes on."""

import contextlib
import socket

import httpx
import pytest

from tests.modules.citizen.centre import form
from tests.node.intake.stage import REPORTS

FIELDS = form()
BODY = "".join(
    f'--b\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n' for name, value in FIELDS.items()
)
KIND = "Content-Type: multipart/form-data; boundary=b\r\n"
JPEG = "\xff\xd8\xff\xe0"


def asked(stage, head, body):
    """The first line of the answer; nothing if the line was cut."""
    with socket.create_connection(("127.0.0.1", stage.door), timeout=20) as line:
        line.sendall(f"POST {REPORTS} HTTP/1.1\r\nHost: x\r\nAccept: application/json\r\n{KIND}{head}\r\n".encode())
        line.sendall(body.encode("latin-1", "replace"))
        with contextlib.suppress(OSError):  # an answer may have come, and the line have been cut, before all was sent
            line.shutdown(socket.SHUT_WR)
        answer = b""
        with contextlib.suppress(ConnectionResetError):
            while part := line.recv(65536):
                answer += part
        return answer


def photo(name):
    return BODY + f'--b\r\nContent-Disposition: form-data; name="photo"; filename="{name}"\r\n\r\n{JPEG}\r\n--b--\r\n'


@pytest.mark.parametrize(
    ("what", "head", "body"),
    [
        ("two lengths", "Content-Length: 5\r\nContent-Length: 500\r\n", BODY),
        ("a length and chunks", "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"),
        ("a negative length", "Content-Length: -1\r\n", BODY),
        ("a length in words", "Content-Length: many\r\n", BODY),
        ("chunks of wrong sizes", "Transfer-Encoding: chunked\r\n", "5\r\nabcdefghij\r\n0\r\n\r\n"),
        ("a chunk of no size", "Transfer-Encoding: chunked\r\n", "zz\r\nabc\r\n0\r\n\r\n"),
        ("a chunk of exabytes", "Transfer-Encoding: chunked\r\n", "ffffffffffffffff\r\nabc"),
        ("less than announced", "Content-Length: 5000\r\n", BODY),
        ("a null byte in a name", f"Content-Length: {len(photo('a.php~.jpg'))}\r\n", photo("a.php\0.jpg")),
        ("a line end in a name", f"Content-Length: {len(photo('a~~x'))}\r\n", photo("a\r\nx")),
        ("a quote in a name", f"Content-Length: {len(photo('a~x'))}\r\n", photo('a"x')),
    ],
    ids=lambda value: value if len(value) < 24 else "",
)
def test_it_is_refused_and_the_next_is_served(stage, what, head, body):
    before = stage.rows("select count(*) from citizen_report")
    answer = asked(stage, head, body)
    assert answer[:12] in {b"", b"HTTP/1.1 400", b"HTTP/1.1 413", b"HTTP/1.1 415", b"HTTP/1.1 422"}, (what, answer)
    assert stage.rows("select count(*) from citizen_report") == before
    assert httpx.get(f"{stage.url}/healthz").json() == {"status": "ok", "node": "ok"}
    assert '"level": "error"' not in stage.intake.log()
