"""A disk that loses its power: what was synced is there; of the rest, anything may be, whole, in parts, or not at all.

A write counts as synced when a sync of its file followed it, a name when a sync of its folder followed it. Of writes
that no sync covered, each sector may have reached the disk or not, in any order: that is what a cache does. Names
survive in the order in which they were given, as a journal keeps them.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path, PurePosixPath
from random import Random

from tests.powercut.events import Event, Kind

SECTOR = 512
# The index of SQLite's log lives in shared memory; SQLite makes it anew when it opens a database.
_NOT_ON_DISK = "-shm"


class Loss(StrEnum):
    """What became of the writes that were not synced."""

    ALL = "all of it"
    NOTHING = "nothing"
    TAIL = "the last ones, the first of them torn"
    SECTORS = "any sectors"


@dataclass(slots=True)
class _File:
    durable: bytearray = field(default_factory=bytearray)
    pending: list[Event] = field(default_factory=list)

    def settle(self) -> None:
        for event in self.pending:
            _apply(self.durable, event)
        self.pending.clear()


@dataclass(frozen=True, slots=True)
class _Naming:
    kind: Kind
    path: str
    file: _File | None = None
    to: str = ""


class Disk:
    """The files of one folder after the events so far."""

    def __init__(self, base: Path | None = None) -> None:
        """Begin with what lies in a folder, all of it durable."""
        self._now: dict[str, _File] = {}
        self._by_number: dict[int, _File] = {}
        if base is not None:
            for path in sorted(base.rglob("*")):
                if path.is_file():
                    self._now[path.relative_to(base).as_posix()] = _File(bytearray(path.read_bytes()))
        self._durable_names = dict(self._now)
        self._namings: list[_Naming] = []

    def do(self, event: Event) -> None:
        """Let one event happen."""
        match event.kind:
            case Kind.CREATE:
                file = self._by_number[event.file] = self._now[event.path] = _File()
                self._namings.append(_Naming(event.kind, event.path, file))
            case Kind.OPEN:
                self._by_number[event.file] = self._now[event.path]
            case Kind.WRITE | Kind.TRUNCATE:
                self._by_number[event.file].pending.append(event)
            case Kind.SYNC:
                self._by_number[event.file].settle()
            case Kind.SYNC_FOLDER:
                self._settle_names(event.path or ".")
            case Kind.UNLINK:
                self._now.pop(event.path, None)
                self._namings.append(_Naming(event.kind, event.path))
            case Kind.RENAME:
                to = event.data.decode()
                self._now[to] = self._now.pop(event.path)
                self._namings.append(_Naming(event.kind, event.path, None, to))
            case Kind.NOTE | Kind.SENT:
                pass

    def _settle_names(self, folder: str) -> None:
        rest = []
        for naming in self._namings:
            if _folder(naming.path) == folder:
                _name(self._durable_names, naming)
            else:
                rest.append(naming)
        self._namings = rest

    @property
    def unsynced(self) -> int:
        """Writes and names that a loss of power may take."""
        return sum(len(file.pending) for file in self._now.values()) + len(self._namings)

    def lay_down(self, folder: Path, random: Random, loss_of: dict[str, Loss]) -> None:
        """Write into a folder what would be there after a loss, which each folder below it may suffer differently."""
        for top, loss in loss_of.items():
            (folder / top).mkdir(parents=True, exist_ok=True)
            for path, file in self._names_after(top, random, loss).items():
                if not path.endswith(_NOT_ON_DISK):
                    (folder / path).write_bytes(_after(file, random, loss))

    def _names_after(self, top: str, random: Random, loss: Loss) -> dict[str, _File]:
        names = dict(self._durable_names)
        namings = [one for one in self._namings if _folder(one.path) == top]
        kept = {Loss.ALL: 0, Loss.NOTHING: len(namings)}.get(loss, random.randint(0, len(namings)))
        for naming in namings[:kept]:
            _name(names, naming)
        return {path: file for path, file in names.items() if _folder(path) == top}


def _folder(path: str) -> str:
    return PurePosixPath(path).parent.as_posix()


def _name(names: dict[str, _File], naming: _Naming) -> None:
    if naming.kind is Kind.CREATE and naming.file is not None:
        names[naming.path] = naming.file
    elif naming.kind is Kind.UNLINK:
        names.pop(naming.path, None)
    elif naming.kind is Kind.RENAME and naming.path in names:
        names[naming.to] = names.pop(naming.path)


def _apply(content: bytearray, event: Event) -> None:
    if event.kind is Kind.TRUNCATE:
        if event.offset < len(content):
            del content[event.offset :]
        else:
            content.extend(bytes(event.offset - len(content)))
        return
    _put(content, event.offset, event.data)


def _put(content: bytearray, at: int, data: bytes) -> None:
    if at > len(content):
        content.extend(bytes(at - len(content)))
    content[at : at + len(data)] = data


def _after(file: _File, random: Random, loss: Loss) -> bytes:
    content = bytearray(file.durable)
    pending = file.pending
    if loss is Loss.NOTHING:
        _apply_all(content, pending)
    elif loss is Loss.TAIL and pending:
        kept = random.randrange(len(pending))
        _apply_all(content, pending[:kept])
        torn = pending[kept]
        if torn.kind is Kind.WRITE:
            _put(content, torn.offset, torn.data[: random.randint(0, len(torn.data))])
    elif loss is Loss.SECTORS:
        share = random.random()
        for event in pending:
            if event.kind is Kind.TRUNCATE:
                if random.random() < share:
                    _apply(content, event)
                continue
            for begin in range(0, len(event.data), SECTOR):
                if random.random() < share:
                    _put(content, event.offset + begin, event.data[begin : begin + SECTOR])
    return bytes(content)


def _apply_all(content: bytearray, events: Iterable[Event]) -> None:
    for event in events:
        _apply(content, event)
