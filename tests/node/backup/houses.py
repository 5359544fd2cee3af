"""A centre in a folder of its own, its backups, and the key that opens them."""

import os
import shutil
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from federation import settlement
from federation.export import export_frames
from federation.receipt import sign_ack
from federation.safety import advance_safe, prune, safe_acks
from federation.v1 import link_pb2 as wire
from node.backup import journal, making
from node.backup.journal import Entry
from node.backup.making import SCRATCH, Source, make
from node.backup.manifest import DATABASE
from node.backup.placing import put_back
from node.backup.sealed import BackupError, Lock
from node.backup.trial import believe, examine, unpack
from node.clock import SystemClock
from tests.fakes.authority import FakeFederation
from tests.federation.pairs import Centre, now, resume
from tests.federation.stores import opener

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


def refused(house: House, name: str, words: str) -> None:
    """Neither tried nor put back, with these words, and nothing is left behind."""
    house.centre.storage.close()
    before = (house.folder / DATABASE).read_bytes()
    with pytest.raises(BackupError, match=words):
        house.put_back(name)
    assert (house.folder / DATABASE).read_bytes() == before
    assert not (house.folder / SCRATCH).exists()
    house.centre.open()
