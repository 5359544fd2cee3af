"""The lines that gRPC's core writes to stderr about handshakes that failed, which it tells nobody else.

A handshake that TLS refuses never reaches this package's code: the server cannot know whom it refused. What it can know
is that it happened, and why; so the process that serves puts a pipe before its stderr, passes everything on, and hands
the lines about handshakes to a listener. For the process as a whole: used once, by the program, never by a library.
"""

import faulthandler
import os
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Self

_STDERR = 2
_SIGNS = (b"Handshake failed", b"handshake failed", b"peer did not return a certificate")


class HandshakeLog:
    """While open, `listener` is called, in a thread of its own, with what each failed handshake was about."""

    def __init__(self, listener: Callable[[str], None]) -> None:
        self._listener = listener
        self.count = 0

    def __enter__(self) -> Self:
        """Put the pipe before stderr; a crash still writes to the real one."""
        self._real = os.dup(_STDERR)
        reading, writing = os.pipe()
        os.dup2(writing, _STDERR)
        os.close(writing)
        self._had_faulthandler = faulthandler.is_enabled()
        faulthandler.enable(file=self._real)
        self._thread = threading.Thread(target=self._pass_on, args=(reading,), name="handshake-log", daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Give stderr back after the last line was passed on."""
        faulthandler.disable()
        os.dup2(self._real, _STDERR)
        self._thread.join(timeout=5)
        if self._had_faulthandler:
            faulthandler.enable()
        os.close(self._real)

    def _pass_on(self, reading: int) -> None:
        rest = b""
        while chunk := os.read(reading, 65536):
            os.write(self._real, chunk)
            *lines, rest = (rest + chunk).split(b"\n")
            rest = rest[-4096:]
            for line in lines:
                if any(sign in line for sign in _SIGNS):
                    self._tell(line.decode(errors="replace"))
        os.close(reading)

    def _tell(self, line: str) -> None:
        self.count += 1
        _, separator, what = line.partition("] ")
        self._listener(what if separator else line)
