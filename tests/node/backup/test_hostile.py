"""Files that somebody made or changed to harm: none is tried, none is put back, and nothing is written elsewhere."""

import json
import os

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from node.backup import journal, making
from node.backup.making import make
from node.backup.manifest import DATABASE, read_manifest, sign
from node.backup.placing import put_back
from node.backup.sealed import MAGIC, BackupError, Lock, Sealing
from node.backup.trial import unpack
from tests.federation.pairs import now
from tests.federation.stores import edit
from tests.node.backup.houses import CLOCK, House, quiet, refused, write_key


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


def test_heads_that_the_database_does_not_hold_are_refused_though_the_centre_signed_them(parent) -> None:
    parent.centre.say("a")
    parent.make("whole")

    def change(said, _files):
        said["heads"][0]["frame_no"] += 1
        raw = json.dumps(said, ensure_ascii=False).encode()
        return sign(b"lienthong.backup.manifest.v1\x00", raw, parent.centre.keystore)

    resealed(parent, "boastful", change)
    refused(parent, "boastful", "does not hold what its list says")


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
