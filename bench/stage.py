"""What a measurement stands on: the keys of many centres, databases, and the actors of one run."""

import contextlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.actor import ROOT, Actor
from federation import grpc_link
from tests.fakes.authority import FakeFederation, small_federation
from tests.fakes.postgresql import Postgresql

PARENT = "75"
CHILDREN = 170
PAYLOAD_BYTES = 430  # a record is about 500 bytes then
RECORDS = 100  # in a frame
LIMIT_S = 120.0


@dataclass(slots=True)
class Stage:
    """A folder with the keys of everybody; databases are made in it, one after the other."""

    folder: Path
    federation: FakeFederation
    postgresql: Postgresql | None
    count: int = field(default=0)
    actors: list[Actor] = field(default_factory=list)

    def keys(self, code: str) -> str:
        """Where the keys of a centre lie."""
        return str(self.federation.home(code) / "keys")

    def new_folder(self) -> Path:
        """An empty folder."""
        self.count += 1
        folder = self.folder / f"run{self.count}"
        folder.mkdir()
        return folder

    def new_url(self, database: str, folder: Path) -> str:
        """An empty database of that kind."""
        if database == "sqlite":
            return f"sqlite:///{folder / 'parent.db'}"
        assert self.postgresql is not None
        return self.postgresql.new_database()

    def actor(self, *program: str, root: Path = ROOT, **order: Any) -> Actor:
        """Start a process that ends with what is measured, whatever happens."""
        self.actors.append(Actor(*program, root=root, **order))
        return self.actors[-1]

    def end_all(self) -> None:
        """End every process that is there still, by its number."""
        for actor in self.actors:
            actor.kill()
        self.actors.clear()

    def parent(
        self, url: str, *, listen: str = "127.0.0.1:0", effects: bool = False, root: Path = ROOT
    ) -> tuple[Actor, int, float]:
        """Start the parent, from another source tree if one is named; where it listens, and since when."""
        order = {"url": url, "keys": self.keys(PARENT), "listen": listen, "effects": effects}
        actor = self.actor("-m", "bench.parent", root=root, **order)
        said = actor.hear()
        return actor, said["port"], said["at_s"]

    def senders(self, count: int, processes: int) -> list[Actor]:
        """Start so many children without disks, spread over processes."""
        codes = [child_code(number) for number in range(count)]
        keys = [[self.keys(code) for code in codes[number::processes]] for number in range(processes)]
        actors = [self.actor("-m", "bench.senders", keys=some) for some in keys]
        for actor in actors:
            actor.hear()
        return actors

    def children(self, count: int, folder: Path, processes: int) -> list[Actor]:
        """Start so many children, spread over processes."""
        codes = [child_code(number) for number in range(count)]
        actors = []
        for number in range(processes):
            own = folder / f"children{number}"
            own.mkdir()
            keys = [self.keys(code) for code in codes[number::processes]]
            actors.append(self.actor("-m", "bench.children", keys=keys, folder=str(own)))
        for actor in actors:
            actor.hear()
        return actors


def child_code(number: int) -> str:
    """The code of the nth child."""
    return str(26000 + number)


@contextlib.contextmanager
def stage(folder: Path, *, children: int, with_postgresql: bool) -> Iterator[Stage]:
    """Enrol everybody, and start a database server if it is wanted."""
    federation = small_federation(folder, centres=[(PARENT, "IOC", "ioc", None)])
    federation.join_many([(child_code(number), f"COC {number}", "coc", PARENT) for number in range(children)])
    federation.registry_file(PARENT)
    server = Postgresql(durable=True) if with_postgresql else None
    ready = Stage(folder, federation, server)
    try:
        yield ready
    finally:
        ready.end_all()
        if server is not None:
            server.stop()


def ask_all(actors: Sequence[Actor], **order: object) -> list[dict[str, object]]:
    """Give all the same order, then wait for each."""
    for actor in actors:
        actor.tell(**order)
    return [actor.hear() for actor in actors]


def stream_options() -> tuple[list[list[object]], list[list[object]]]:
    """What our links tell gRPC, as a server and as a client, so that the bare stream is told the same."""
    server, client = grpc_link._SERVER, grpc_link._CLIENT
    return [list(one) for one in server], [list(one) for one in client]


def as_json(words: object) -> str:
    """Text for a file that people may read too."""
    return json.dumps(words, ensure_ascii=False, indent=1) + "\n"
