"""A photograph from a stranger: looked at from outside here, decoded only in the worker's process."""

import json
import subprocess
import sys
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from threading import BoundedSemaphore

WORKER = Path(__file__).with_name("photo_worker.py")
PHOTO_BYTES = 10 * 1024 * 1024
_RIFF_HEADER = 12


class PhotoFault(StrEnum):
    """Why a picture is not taken."""

    NOT_A_PICTURE = "not_a_picture"
    UNREADABLE = "unreadable"
    TOO_LARGE = "too_large"
    TOO_MANY_PIXELS = "too_many_pixels"
    TOO_SLOW = "too_slow"
    BUSY = "busy"


class PhotoRefused(Exception):  # noqa: N818 - said of the picture, not of the program
    """The picture was not taken, and why."""

    def __init__(self, fault: PhotoFault) -> None:
        super().__init__(fault.value)
        self.fault = fault


@dataclass(frozen=True, slots=True)
class Photo:
    """The clean copy (JPEG, upright, no metadata) and its thumbnail of at most 64 KiB."""

    jpeg: bytes
    thumbnail: bytes
    width: int
    height: int


def looks_like_picture(raw: bytes) -> bool:
    """Whether the first bytes are those of a JPEG, PNG or WebP file; the name and the declared type say nothing."""
    if raw.startswith((b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n")):
        return True
    return raw[:4] == b"RIFF" and raw[8:_RIFF_HEADER] == b"WEBP"


class Darkroom:
    """Develops a few pictures at a time, each in a process with limits of its own."""

    def __init__(self, *, places: int = 2, wait_s: float = 20.0, timeout_s: float = 30.0) -> None:
        self._places = BoundedSemaphore(places)
        self._wait_s = wait_s
        self._timeout_s = timeout_s

    def develop(self, raw: bytes) -> Photo:
        """Return the clean copy of a picture; raises PhotoRefused."""
        if len(raw) > PHOTO_BYTES:
            raise PhotoRefused(PhotoFault.TOO_LARGE)
        if not looks_like_picture(raw):
            raise PhotoRefused(PhotoFault.NOT_A_PICTURE)
        if not self._places.acquire(timeout=self._wait_s):
            raise PhotoRefused(PhotoFault.BUSY)
        try:
            return _read_answer(self._run(raw))
        finally:
            self._places.release()

    def _run(self, raw: bytes) -> bytes:
        try:
            done = subprocess.run(  # noqa: S603 - our own interpreter and file, no argument from outside
                [sys.executable, "-I", "-X", "utf8", str(WORKER)],
                input=raw,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env={},
                cwd="/",
                timeout=self._timeout_s,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise PhotoRefused(PhotoFault.TOO_SLOW) from error
        if done.returncode != 0:
            raise PhotoRefused(PhotoFault.TOO_MANY_PIXELS if done.returncode < 0 else PhotoFault.UNREADABLE)
        return done.stdout


def _read_answer(answer: bytes) -> Photo:
    head, _, body = answer.partition(b"\n")
    said = json.loads(head)
    if "error" in said:
        raise PhotoRefused(PhotoFault(said["error"]))
    cut = int(said["photo"])
    jpeg, thumbnail = body[:cut], body[cut:]
    if len(thumbnail) != said["thumbnail"]:
        raise PhotoRefused(PhotoFault.UNREADABLE)
    return Photo(jpeg=jpeg, thumbnail=thumbnail, width=int(said["width"]), height=int(said["height"]))
