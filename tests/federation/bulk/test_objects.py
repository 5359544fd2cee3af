"""Objects as files: named only when whole and verified, found again after a kill, never trusted when read."""

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

from federation.bulk.manifest import (
    LARGEST_CHUNK,
    LARGEST_OBJECT,
    ManifestInvalid,
    manifest_of,
    open_manifest,
)
from federation.bulk.objects import ObjectDamaged, ObjectStore
from federation.v1 import bulk_pb2 as wire

TOP = Path(__file__).resolve().parents[3]
DATA = hashlib.shake_256(b"object").digest(20_000)
MANIFEST = manifest_of(DATA, "image/jpeg", 4096)
# A child that writes the object chunk by chunk from where it is, and dies where it is told to.
WRITER = """
import hashlib, sys
from pathlib import Path
from federation import failpoint
from federation.bulk.manifest import manifest_of
from federation.bulk.objects import ObjectStore
data = hashlib.shake_256(b"object").digest(20_000)
manifest = manifest_of(data, "image/jpeg", 4096)
store = ObjectStore(Path(sys.argv[1]))
failpoint.arm(sys.argv[2])
for number in range(store.held(manifest), len(manifest.chunks)):
    store.append(manifest, number, data[number * 4096 : (number + 1) * 4096])
store.finish(manifest)
"""


@pytest.fixture
def store(tmp_path):
    return ObjectStore(tmp_path / "objects")


def test_only_the_owner_may_read_what_is_kept(store):
    store.adopt(MANIFEST, DATA)
    assert store.read(MANIFEST.digest, MANIFEST.size) == DATA
    for path in [store.folder, *store.folder.rglob("*")]:
        assert path.stat().st_mode & 0o777 == (0o700 if path.is_dir() else 0o600)
    assert store.path(MANIFEST.digest) == store.folder / MANIFEST.digest.hex()[:2] / MANIFEST.digest.hex()[2:]


def test_file_and_folders_are_laid_on_the_disk_before_anybody_is_told(tmp_path):
    laid = []

    def lay(descriptor):
        laid.append(Path(f"/proc/self/fd/{descriptor}").readlink().name)
        os.fsync(descriptor)

    store = ObjectStore(tmp_path / "objects", lay)
    store.adopt(MANIFEST, DATA)
    name = MANIFEST.digest.hex()
    assert laid == [name[2:], name[:2], "objects"]


@pytest.mark.parametrize(
    ("order", "held"),
    [("bulk.after_chunk:kill@1", 1), ("bulk.after_chunk:kill@3", 3), ("bulk.before_name:kill", 5)],
)
def test_a_killed_process_leaves_what_the_next_goes_on_from(store, order, held):
    def write(failpoint):
        command = [sys.executable, "-c", WRITER, str(store.folder), failpoint]
        return subprocess.run(command, cwd=TOP, check=False).returncode

    assert write(order) == -9
    assert not store.has(MANIFEST.digest)
    assert store.held(MANIFEST) == held
    assert write("bulk.after_chunk:delay=0") == 0
    assert store.read(MANIFEST.digest, MANIFEST.size) == DATA
    assert not store.coming(MANIFEST.digest).exists()


def test_what_is_wrong_behind_the_good_chunks_is_cut_off(store):
    for number in range(3):
        store.append(MANIFEST, number, DATA[number * 4096 : (number + 1) * 4096])
    file = store.coming(MANIFEST.digest)
    raw = bytearray(file.read_bytes())
    raw[5000] ^= 1
    file.write_bytes(raw)
    assert store.held(MANIFEST) == 1
    assert file.stat().st_size == 4096


def test_a_whole_that_is_not_the_object_gets_no_name(store):
    store.append(MANIFEST, 0, bytes(MANIFEST.size))
    with pytest.raises(ObjectDamaged):
        store.finish(MANIFEST)
    assert not store.has(MANIFEST.digest)
    assert not store.coming(MANIFEST.digest).exists()


@pytest.mark.parametrize("change", [lambda raw: raw[:-1], lambda raw: raw + b"x", lambda raw: b"", None])
def test_a_damaged_or_missing_object_is_said_to_be(store, change):
    store.adopt(MANIFEST, DATA)
    file = store.path(MANIFEST.digest)
    if change is None:
        file.unlink()
    else:
        file.write_bytes(change(file.read_bytes()))
    with pytest.raises(ObjectDamaged):
        store.read(MANIFEST.digest, MANIFEST.size)


@pytest.mark.parametrize("name", [b"", b"../../etc", b"/" * 31, bytes(33)])
def test_a_name_is_made_of_32_bytes_or_there_is_none(store, name):
    with pytest.raises(ValueError, match="32 bytes"):
        store.path(name)


def test_a_link_in_the_place_of_a_coming_object_is_not_followed(store, tmp_path):
    store.append(MANIFEST, 0, DATA[:4096])
    file = store.coming(MANIFEST.digest)
    file.unlink()
    target = tmp_path / "target"
    target.write_bytes(b"mine")
    file.symlink_to(target)
    with pytest.raises(OSError, match=r"."):
        store.append(MANIFEST, 0, DATA[:4096])
    assert target.read_bytes() == b"mine"


def test_the_same_bytes_always_have_the_same_manifest():
    """Golden: the hash stands in signed records for ever."""
    assert manifest_of(DATA, "image/jpeg", 4096).raw == MANIFEST.raw
    assert MANIFEST.hash.hex() == "cbcbf1d9726b2ca3207de60fc512f4b163344f6a95e42585a9e4ffea37774319"
    assert open_manifest(MANIFEST.raw) == MANIFEST


@pytest.mark.parametrize(
    "change",
    [
        {"version": 2},
        {"size": 0},
        {"size": LARGEST_OBJECT + 1},
        {"size": 20_001 + 4096},
        {"size": 4096},
        {"media_type": "text/html; charset=x"},
        {"media_type": "../etc/passwd"},
        {"media_type": ""},
        {"chunk_size": 0},
        {"chunk_size": LARGEST_CHUNK + 1},
        {"digest": b"short"},
    ],
)
def test_a_manifest_that_says_what_cannot_be_is_none(change):
    message = wire.ObjectManifest.FromString(MANIFEST.raw)
    for name, value in change.items():
        setattr(message, name, value)
    with pytest.raises(ManifestInvalid):
        open_manifest(message.SerializeToString())


def test_a_manifest_with_more_or_other_hashes_is_none():
    for change in (lambda one: one.append(bytes(32)), lambda one: one.pop(), lambda one: one.__setitem__(0, b"x")):
        message = wire.ObjectManifest.FromString(MANIFEST.raw)
        change(message.chunks)
        with pytest.raises(ManifestInvalid):
            open_manifest(message.SerializeToString())
    with pytest.raises(ManifestInvalid):
        open_manifest(bytes(700 * 1024))
