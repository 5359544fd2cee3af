"""The log of a watched process, event by event."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

_HEAD = struct.Struct("=7Q")
_MAGIC = 0x4C5450574355541


class Kind(StrEnum):
    OPEN = "O"
    CREATE = "C"
    WRITE = "W"
    TRUNCATE = "T"
    SYNC = "S"
    SYNC_FOLDER = "D"
    RENAME = "R"
    UNLINK = "U"
    NOTE = "N"
    SENT = "X"


@dataclass(frozen=True, slots=True)
class Event:
    kind: Kind
    file: int
    offset: int
    path: str
    data: bytes


def read(log: Path) -> Iterator[Event]:
    """All events in their order; ValueError if the log is torn."""
    raw, at = log.read_bytes(), 0
    while at < len(raw):
        magic, kind, _process, file, offset, path_length, length = _HEAD.unpack_from(raw, at)
        begin = at + _HEAD.size
        at = begin + path_length + length
        if magic != _MAGIC or at > len(raw):
            raise ValueError(f"{log} is no log of a watched process at byte {begin - _HEAD.size}")
        path = raw[begin : begin + path_length].decode()
        yield Event(Kind(chr(kind)), file, offset, path, raw[begin + path_length : at])
