"""The disk that loses its power, tried with events written by hand."""

from pathlib import Path
from random import Random

import pytest

from tests.powercut.disk import SECTOR, Disk, Loss
from tests.powercut.events import Event, Kind


def event(kind: Kind, *, path: str = "", data: bytes = b"", offset: int = 0, file: int = 7) -> Event:
    return Event(kind, file, offset, path, data)


CREATED = event(Kind.CREATE, path="a/db")
OLD = event(Kind.WRITE, data=b"o" * 3 * SECTOR)
NEW = event(Kind.WRITE, data=b"n" * 3 * SECTOR)
SYNCED = event(Kind.SYNC)
NAMED = event(Kind.SYNC_FOLDER, path="a")


def after(folder: Path, events: list[Event], loss: Loss, seed: int = 1) -> dict[str, bytes]:
    disk = Disk()
    for one in events:
        disk.do(one)
    disk.lay_down(folder / loss.name / str(seed), Random(seed), {"a": loss})  # noqa: S311 - chance, no secret
    return {path.name: path.read_bytes() for path in (folder / loss.name / str(seed) / "a").iterdir()}


@pytest.mark.parametrize("loss", list(Loss))
def test_what_was_synced_is_there(tmp_path: Path, loss: Loss) -> None:
    assert after(tmp_path, [CREATED, OLD, SYNCED, NAMED], loss) == {"db": OLD.data}


def test_what_was_not_synced_may_be_gone(tmp_path: Path) -> None:
    assert after(tmp_path, [CREATED, OLD, SYNCED, NAMED, NEW], Loss.ALL) == {"db": OLD.data}
    assert after(tmp_path, [CREATED, OLD, SYNCED, NAMED, NEW], Loss.NOTHING) == {"db": NEW.data}


def test_a_write_may_be_torn(tmp_path: Path) -> None:
    found = {after(tmp_path, [CREATED, OLD, SYNCED, NAMED, NEW], Loss.TAIL, seed)["db"] for seed in range(20)}
    assert all(content == content.replace(b"on", b"o") for content in found)  # new ones only before old ones
    assert len(found) > 5


def test_sectors_arrive_in_any_order(tmp_path: Path) -> None:
    found = {after(tmp_path, [CREATED, OLD, SYNCED, NAMED, NEW], Loss.SECTORS, seed)["db"] for seed in range(60)}
    second_alone = OLD.data[:SECTOR] + NEW.data[SECTOR : 2 * SECTOR] + OLD.data[2 * SECTOR :]
    assert second_alone in found
    assert OLD.data in found
    assert NEW.data in found


def test_a_name_that_was_not_synced_may_be_gone(tmp_path: Path) -> None:
    assert after(tmp_path, [CREATED, OLD, SYNCED], Loss.ALL) == {}
    removed = event(Kind.UNLINK, path="a/db")
    assert after(tmp_path, [CREATED, OLD, SYNCED, NAMED, removed], Loss.ALL, 2) == {"db": OLD.data}
    assert after(tmp_path, [CREATED, OLD, SYNCED, NAMED, removed], Loss.NOTHING, 3) == {}


def test_a_rename_that_was_not_synced_leaves_the_old_name(tmp_path: Path) -> None:
    renamed = event(Kind.RENAME, path="a/db", data=b"a/other")
    assert after(tmp_path, [CREATED, OLD, SYNCED, NAMED, renamed], Loss.ALL, 1) == {"db": OLD.data}
    assert after(tmp_path, [CREATED, OLD, SYNCED, NAMED, renamed, NAMED], Loss.ALL, 2) == {"other": OLD.data}


def test_a_file_cut_short_may_have_its_old_length(tmp_path: Path) -> None:
    shorter = event(Kind.TRUNCATE, offset=SECTOR)
    assert after(tmp_path, [CREATED, OLD, SYNCED, NAMED, shorter], Loss.ALL, 1) == {"db": OLD.data}
    assert after(tmp_path, [CREATED, OLD, SYNCED, NAMED, shorter, SYNCED], Loss.ALL, 2) == {"db": OLD.data[:SECTOR]}


def test_what_was_there_before_is_durable(tmp_path: Path) -> None:
    (tmp_path / "before" / "a").mkdir(parents=True)
    (tmp_path / "before" / "a" / "db").write_bytes(b"old")
    disk = Disk(tmp_path / "before")
    for one in (event(Kind.OPEN, path="a/db"), event(Kind.WRITE, data=b"new")):
        disk.do(one)
    assert disk.unsynced == 1
    disk.lay_down(tmp_path / "after", Random(1), {"a": Loss.ALL})  # noqa: S311 - chance, no secret
    assert (tmp_path / "after" / "a" / "db").read_bytes() == b"old"
