"""A backup counts once it was tried; and none is put back that is older than what neighbours rely on, or another's."""

import dataclasses
import errno
import os
import sqlite3
import threading
from contextlib import closing

import pytest

from federation import tables
from federation.safety import heads
from federation.verify.proof import prove
from node.backup import journal, making
from node.backup.making import SCRATCH, make
from node.backup.manifest import DATABASE
from node.backup.placing import put_back
from node.backup.sealed import PIECE, BackupError, Lock, Sealing, Unsealing, passphrase_in
from node.backup.trial import Verdict, believe, open_verdict, unpack
from node.folder import FolderError, FolderLock
from tests.federation.pairs import meet, now, pump
from tests.federation.test_examination import examine as findings
from tests.node.backup.houses import CLOCK, exported, forget, quiet, refused, tell, unsettled


def test_from_a_backup_to_forgetting_and_back_nothing_is_lost_or_doubled(child, parent, world) -> None:
    """The whole life of a backup: made, tried, relied upon, and needed."""
    for text in ("a", "b", "c"):
        child.centre.say(text)
    pump(child.centre, parent.centre)
    parent.make("monday")
    assert forget(child.centre) == 0
    parent.declare("monday")
    tell(child.centre, parent.centre)
    assert forget(child.centre) == 3
    assert findings(child.centre) == []
    verdict = prove(child.centre.storage.read(lambda session: exported(session, child.centre)), world.root_pem)
    assert verdict.holds
    assert verdict.beginnings
    child.centre.say("after")
    pump(child.centre, parent.centre)
    parent.lose()
    manifest, around, aside = parent.put_back("monday")
    parent.centre.open()
    assert (manifest.centre, aside) == (parent.centre.name, None)
    assert unsettled(parent.centre) == set(around) >= {child.centre.name}
    pump(child.centre, parent.centre, meet(child.centre, parent.centre))
    assert parent.centre.effects() == ["a", "b", "c", "after"]
    assert findings(parent.centre) == findings(child.centre) == []
    rids = [row.rid for row in parent.centre.rows(tables.record)]
    assert len(rids) == len(set(rids)) == 4
    assert [one.what for one in journal.entries(parent.folder)] == [journal.SAFE, journal.PLACED]


def test_a_backup_older_than_the_one_declared_safe_is_refused_and_nothing_is_touched(child, parent) -> None:
    child.centre.say("a")
    pump(child.centre, parent.centre)
    parent.make("old")
    child.centre.say("b")
    pump(child.centre, parent.centre)
    parent.make("new")
    parent.declare("new")
    parent.centre.storage.close()
    before = (parent.folder / DATABASE).read_bytes()
    with pytest.raises(BackupError, match=r"is older than that of .* declared safe"):
        parent.put_back("old")
    assert (parent.folder / DATABASE).read_bytes() == before
    _, _, aside = parent.put_back("old", may_be_older=True)
    assert (aside / DATABASE).read_bytes() == before
    parent.centre.open()
    assert parent.centre.effects() == ["a"]


def test_the_old_database_speaks_where_the_journal_is_gone(child, parent) -> None:
    child.centre.say("a")
    pump(child.centre, parent.centre)
    parent.make("old")
    child.centre.say("b")
    pump(child.centre, parent.centre)
    parent.make("new")
    parent.declare("new")
    (parent.folder / journal.FILE).unlink()
    refused(parent, "old", "older than one that the old database names")
    parent.centre.storage.close()
    parent.put_back("new")
    parent.centre.open()
    assert parent.centre.effects() == ["a", "b"]


def test_a_torn_line_in_the_journal_does_not_hide_what_was_declared(parent) -> None:
    parent.centre.say("a")
    parent.make("one")
    parent.declare("one")
    with (parent.folder / journal.FILE).open("ab") as file:
        file.write(b'{"what": "sa')
    assert journal.newest_safe(parent.folder).file == "one"


def test_a_copy_of_a_writing_node_is_of_one_moment(parent) -> None:
    """Whatever is committed while the copy is made, its heads and its frames belong together."""
    stop = threading.Event()

    def talk() -> None:
        while not stop.is_set():
            parent.centre.say("more", "and more")

    for _ in range(300):
        parent.centre.say("x" * 4000)
    talker = threading.Thread(target=talk)
    talker.start()
    try:
        for number in range(3):
            parent.make(f"living-{number}")
            parent.declare(f"living-{number}")
    finally:
        stop.set()
        talker.join()


@pytest.mark.parametrize("size", [0, 1, PIECE - 1, PIECE, PIECE + 1, 3 * PIECE])
def test_what_is_sealed_comes_back_whole_and_needs_no_memory_for_all_of_it(parent, tmp_path, size) -> None:
    content = os.urandom(size)
    file = tmp_path / "sealed"
    with file.open("wb") as out:
        sealing = Sealing(out, Lock(recipient=parent.private.public_key()), {}, os.urandom)
        for at in range(0, size, 70_000):
            sealing.write(content[at : at + 70_000])
        digest = sealing.end()
    with file.open("rb") as source:
        unsealing = Unsealing(source, parent.key_file)
        assert unsealing.read(size) == content
        assert unsealing.end() == digest == making.hash_of(file)
    assert content[:64] not in file.read_bytes() or size < 64


def test_a_passphrase_in_a_closed_file_serves_as_well(parent, tmp_path) -> None:
    secret = tmp_path / "passphrase"
    secret.write_text("mười hai con giáp\n", "utf-8")
    secret.chmod(0o600)
    parent.centre.say("a")
    to = tmp_path / "backup"
    make(parent.source(), to, Lock(passphrase=passphrase_in(secret)), now(), os.urandom, quiet)
    with making.scratch(parent.folder) as room:
        believe(unpack(to, secret, room, parent.centre.name, quiet), parent.centre.registry())
    secret.chmod(0o644)
    with pytest.raises(Exception, match="mode 0644"):
        passphrase_in(secret)


# making and placing with care ----------------------------------------------------------------------------------------


def test_a_living_node_is_not_replaced(parent) -> None:
    parent.centre.say("a")
    parent.make("whole")
    with FolderLock(parent.folder), pytest.raises(FolderError, match="another process"):
        parent.put_back("whole")


def test_a_backup_replaces_none_and_a_full_disk_leaves_none(parent, monkeypatch) -> None:
    parent.centre.say("a")
    parent.make("one")
    with pytest.raises(BackupError, match="exists"):
        parent.make("one")

    def full(_descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(making.os, "fsync", full)
    with pytest.raises(BackupError, match="the disk is full"):
        parent.make("two")
    monkeypatch.undo()
    assert sorted(file.name for file in parent.folder.parent.iterdir()) == ["backup.key", "data", "one"]
    assert not (parent.folder / SCRATCH).exists()


def test_files_are_for_their_owner_only_and_keys_only_come_along_when_asked(parent) -> None:
    parent.centre.say("a")
    plain, whole = parent.make("plain"), parent.make("whole", with_keys=True)
    assert parent.file("plain").stat().st_mode & 0o777 == 0o600
    assert not plain.manifest.has_keys
    assert whole.manifest.has_keys


def test_a_bare_machine_gets_its_keys_back_under_the_root_it_was_told(parent, world, tmp_path) -> None:
    parent.centre.say("a")
    parent.make("plain")
    parent.make("whole", with_keys=True)
    bare, root = tmp_path / "bare", tmp_path / "root.pem"
    root.write_bytes(world.root_pem)
    with pytest.raises(BackupError, match="holds none"):
        put_back(parent.file("plain"), parent.key_file, bare, root, CLOCK, quiet)
    with pytest.raises(BackupError, match="--root"):
        put_back(parent.file("whole"), parent.key_file, bare, None, CLOCK, quiet)
    put_back(parent.file("whole"), parent.key_file, bare, root, CLOCK, quiet)
    assert (bare / "keys" / "sign.key").read_bytes() == (parent.folder / "keys" / "sign.key").read_bytes()
    with closing(sqlite3.connect(bare / DATABASE)) as connection:
        assert connection.execute("SELECT count(*) FROM federation_frame").fetchone() == (2,)
    assert (bare / DATABASE).stat().st_mode & 0o777 == 0o600


def test_a_verdict_is_believed_for_its_centres_signature_only(child, parent) -> None:
    parent.centre.say("a")
    made = parent.make("one")
    keystore = parent.centre.keystore
    verdict = Verdict(
        centre=keystore.name,
        key_id=keystore.key_id,
        file="one",
        sha256=made.sha256,
        made_at=now(),
        tried_at=now(),
        frames=1,
        records=1,
        heads=parent.centre.storage.read(heads),
    )
    raw, signature = verdict.signed(keystore)
    registry = parent.centre.registry()
    assert open_verdict(raw, signature, registry, keystore.name) == verdict
    _, theirs = dataclasses.replace(verdict, frames=2).signed(keystore)
    with pytest.raises(BackupError, match="signature"):
        open_verdict(raw, theirs, registry, keystore.name)
    with pytest.raises(BackupError, match="not one of"):
        open_verdict(raw, signature, registry, child.centre.name)
