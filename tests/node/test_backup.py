"""A backup counts once it was tried; and none is put back that is older than what neighbours rely on, or another's."""

import dataclasses
import errno
import json
import os
import shutil
import sqlite3
import threading
from contextlib import closing
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from federation import settlement, tables
from federation.export import export_frames
from federation.receipt import sign_ack
from federation.safety import advance_safe, heads, prune, safe_acks
from federation.v1 import link_pb2 as wire
from federation.verify.proof import prove
from node.backup import journal, making
from node.backup.journal import Entry
from node.backup.making import SCRATCH, Source, make
from node.backup.manifest import DATABASE, read_manifest
from node.backup.placing import put_back
from node.backup.sealed import MAGIC, PIECE, BackupError, Lock, Sealing, Unsealing, passphrase_in
from node.backup.trial import Verdict, believe, examine, open_verdict, unpack
from node.clock import SystemClock
from node.folder import FolderError, FolderLock
from tests.fakes.authority import FakeFederation, small_federation
from tests.federation.pairs import Centre, meet, now, pump, resume
from tests.federation.stores import edit, opener
from tests.federation.test_examination import examine as findings

CLOCK = SystemClock()


def quiet(_what: str, _done: int, _total: int) -> None:
    """Progress that nobody watches."""


@dataclass
class House:
    """A centre in a folder of its own, as a node has one, and the key of its backups."""

    centre: Centre
    folder: Path
    private: X25519PrivateKey
    key_file: Path

    def source(self) -> Source:
        return Source(
            folder=self.folder,
            database=self.folder / DATABASE,
            keystore=self.centre.keystore,
            registry=self.centre.registry(),
        )

    def make(self, name: str, **rest: object):
        lock = Lock(recipient=self.private.public_key())
        return make(self.source(), self.folder.parent / name, lock, now(), os.urandom, quiet, **rest)

    def file(self, name: str) -> Path:
        return self.folder.parent / name

    def lose(self) -> None:
        self.centre.storage.close()
        for file in self.folder.glob(f"{DATABASE}*"):
            file.unlink()

    def put_back(self, name: str, **rest: object):
        return put_back(self.file(name), self.key_file, self.folder, None, CLOCK, quiet, **rest)

    def declare(self, name: str) -> None:
        """What `backup verify` does."""
        with making.scratch(self.folder) as room:
            unpacked = unpack(self.file(name), self.key_file, room, self.centre.name, quiet)
            believe(unpacked, self.centre.registry())
            _, _, held = examine(unpacked, self.centre.registry(), CLOCK, self.centre.name, quiet)
        made_at = unpacked.manifest.made_at
        entry = Entry(what=journal.SAFE, at=now(), file=name, sha256=unpacked.sha256, made_at=made_at, heads=held)
        journal.note(self.folder, entry)
        self.centre.storage.write(lambda session: advance_safe(session, held))


@pytest.fixture(scope="module")
def world(tmp_path_factory) -> FakeFederation:
    return small_federation(tmp_path_factory.mktemp("world"))


def housed(world: FakeFederation, code: str, tmp_path: Path) -> House:
    folder = tmp_path / code / "data"
    folder.mkdir(mode=0o700, parents=True)
    shutil.copytree(world.keystore(code).folder, folder / "keys")
    world.registry_file(code)
    shutil.copy(world.keystore(code).registry_path, folder / "keys" / "registry.signed")
    centre = Centre(world, code, folder, opener(lambda _file: f"sqlite:///{folder / DATABASE}"))
    private = X25519PrivateKey.generate()
    return House(centre, folder, private, write_key(tmp_path / code / "backup.key", private))


def write_key(file: Path, private: X25519PrivateKey) -> Path:
    form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    file.write_bytes(private.private_bytes(*form))
    file.chmod(0o600)
    return file


@pytest.fixture
def parent(world, tmp_path):
    house = housed(world, "731", tmp_path)
    yield house
    house.centre.storage.close()


@pytest.fixture
def child(world, tmp_path):
    house = housed(world, "26374", tmp_path)
    yield house
    house.centre.storage.close()


def tell(child: Centre, parent: Centre) -> None:
    sender = resume(child, parent)
    acks = parent.storage.read(
        lambda session: safe_acks(session, name=parent.name, peer=child.name, registry=parent.registry(), now=now())
    )
    for ack in acks:
        child.hear(sender, wire.Envelope(ack=sign_ack(ack, parent.keystore)))


def forget(centre: Centre, days: int = 31) -> int:
    at = now() + timedelta(days=days)
    return centre.storage.write(
        lambda session: prune(session, signer=centre.keystore, registry=centre.registry(), now=at)
    )


def exported(session, centre: Centre) -> bytes:
    return export_frames(session, centre.registry(), centre.keystore, now())


def unsettled(centre: Centre) -> set[str]:
    return set(centre.storage.read(settlement.unsettled))


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


# hostile files -------------------------------------------------------------------------------------------------------


def refused(house: House, name: str, words: str) -> None:
    """Neither tried nor put back, with these words, and nothing is left behind."""
    house.centre.storage.close()
    before = (house.folder / DATABASE).read_bytes()
    with pytest.raises(BackupError, match=words):
        house.put_back(name)
    assert (house.folder / DATABASE).read_bytes() == before
    assert not (house.folder / SCRATCH).exists()
    house.centre.open()


@pytest.mark.parametrize(
    ("at", "words"),
    [
        (3, "no backup of a centre"),
        (30, "beginning of the backup"),
        (400, "ends too early|beginning"),
        (-1, "ends too early"),
        (-5000, "ends too early"),
    ],
)
def test_a_truncated_backup_is_refused(parent, at, words) -> None:
    parent.centre.say("a")
    parent.make("whole")
    parent.file("cut").write_bytes(parent.file("whole").read_bytes()[:at])
    refused(parent, "cut", words)


@pytest.mark.parametrize("at", [len(MAGIC) + 10, 900, 5000, -20, -1])
def test_a_flipped_bit_is_refused(parent, at) -> None:
    parent.centre.say("a")
    parent.make("whole")
    raw = bytearray(parent.file("whole").read_bytes())
    raw[at] ^= 1
    parent.file("flipped").write_bytes(raw)
    refused(parent, "flipped", "cannot be opened|beginning of the backup|ends too early")


def test_pieces_in_another_order_or_more_at_the_end_are_refused(parent) -> None:
    parent.centre.say("a")
    parent.make("whole")
    parent.file("longer").write_bytes(parent.file("whole").read_bytes() + b"more")
    refused(parent, "longer", "holds more than its list says")


def test_another_key_is_refused_by_its_name(parent, tmp_path) -> None:
    parent.centre.say("a")
    parent.make("whole")
    other = write_key(tmp_path / "other.key", X25519PrivateKey.generate())
    with pytest.raises(BackupError, match="is another one"):
        put_back(parent.file("whole"), other, parent.folder, None, CLOCK, quiet)


def test_a_backup_of_another_centre_is_refused_by_its_title(child, parent) -> None:
    child.centre.say("a")
    parent.centre.say("a")
    lock = Lock(recipient=parent.private.public_key())
    make(child.source(), parent.file("theirs"), lock, now(), os.urandom, quiet)
    refused(parent, "theirs", "not of this centre")


def resealed(house: House, name: str, change) -> None:
    """The same backup, with a list and contents as somebody with the recipient's public key would write them."""
    with making.scratch(house.folder) as room:
        unpacked = unpack(house.file("whole"), house.key_file, room, "", quiet)
        said, files, signature = json.loads(unpacked.raw), {}, unpacked.signature
        for member in unpacked.manifest.members:
            files[member.name] = (room / member.name).read_bytes()
        signature = change(said, files) or signature
        raw = json.dumps(said, ensure_ascii=False).encode()
        with house.file(name).open("wb") as out:
            sealing = Sealing(out, Lock(recipient=house.private.public_key()), {}, os.urandom)
            sealing.write(len(raw).to_bytes(4, "big") + raw + signature)
            for content in files.values():
                sealing.write(content)
            sealing.end()


@pytest.mark.parametrize(
    "name", ["../evil", "/etc/passwd", "keys/../../evil", "node.db/..", "keys/authorized_keys", ""]
)
def test_a_name_that_leads_elsewhere_is_refused_before_anything_is_written(parent, name) -> None:
    parent.centre.say("a")
    parent.make("whole")

    def change(said, files):
        said["members"].append({"name": name, "size": 4, "sha256": "0" * 64})
        files[name] = b"evil"

    resealed(parent, "slip", change)
    refused(parent, "slip", "belongs in none")
    assert not (parent.folder.parent / "evil").exists()


def test_a_list_that_its_centre_did_not_sign_is_refused(parent) -> None:
    parent.centre.say("a")
    parent.make("whole")

    def change(said, _files):
        said["title"] = "Somebody"

    resealed(parent, "forged", change)
    refused(parent, "forged", "does not carry its centre's signature")


def test_a_database_that_is_not_the_one_listed_is_refused(parent) -> None:
    parent.centre.say("a")
    parent.make("whole")

    def change(said, files):
        files[DATABASE] = files[DATABASE][:-1] + b"x"

    resealed(parent, "swapped", change)
    refused(parent, "swapped", "not what its list says")


def test_a_damaged_chain_is_refused_though_the_centre_signed_the_backup(parent) -> None:
    parent.centre.say("a")
    parent.centre.say("b")
    edit(parent.centre.storage, "UPDATE federation_frame SET raw = :raw WHERE pos = 2", raw=b"damaged")
    parent.make("damaged")
    refused(parent, "damaged", "the backup is damaged, .* findings")
    with pytest.raises(BackupError, match="damaged"):
        parent.declare("damaged")
    assert journal.newest_safe(parent.folder) is None


def test_sizes_that_fit_on_no_disk_are_refused_before_anything_is_written(parent) -> None:
    parent.centre.say("a")
    parent.make("whole")

    def change(said, _files):
        said["members"][0]["size"] = 2**60

    resealed(parent, "huge", change)
    refused(parent, "huge", "no room")


@pytest.mark.parametrize("raw", [b"", b"[]", b"null", b'{"format": 1}', b"\xff", b"{" * 10_000])
def test_a_list_that_is_none_is_refused(raw) -> None:
    with pytest.raises(BackupError):
        read_manifest(raw)


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
