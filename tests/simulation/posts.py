"""Centres in one process: the real ledger, sealer, receiver and nouns, with a line between two that a test can cut.

tree = Tree(tmp_path)                       # province 75, district 731, commune 26374
tree.commune.open_flood()
tree.carry()                                # until nothing moves any more
tree.line("26374").is_cut = True
"""

from collections.abc import Callable, Sequence
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from sqlalchemy import select

from federation import alarm, tables
from federation.frame import StreamKey
from federation.ledger import Sealer
from federation.receipt import Ack
from federation.receiver import Receiver
from federation.rights import may_travel
from federation.v1 import link_pb2
from node import inbound, presence
from node.incident import listing, rows, steps
from node.incident.act import Desk, open_incident, perform, timeline
from node.incident.sealing import IncidentKeys
from node.incident.value import IncidentKind, Place, Severity
from node.tables import metadata
from node.territory import Centre, Territory, Tier
from tests.fakes.authority import THREE_TIERS, small_federation
from tests.fakes.clock import FakeClock
from tests.fakes.storage import FakeStorage

FLOOD = IncidentKind("citizen.flood", "Ngập lụt", Severity.HIGH)
LITTER = IncidentKind("citizen.litter", "Rác thải")
JPEG = b"\xff\xd8\xff\xe0" + b"picture" * 40 + b"\xff\xd9"
TERRITORY = Path(__file__).parents[2] / "deploy" / "dongnai" / "territory.toml"


class Random:
    """Bytes that are the same in every run, and never the same twice in one."""

    def __init__(self, seed: str) -> None:
        self._seed, self._count = seed, 0

    def __call__(self, size: int) -> bytes:
        self._count += 1
        return sha256(f"{self._seed} {self._count}".encode()).digest()[:size]


class Post:
    """One centre."""

    def __init__(self, federation: Any, code: str, clock: FakeClock, folder: Path) -> None:
        self.clock, self.code = clock, code
        self.keystore = federation.keystore(code)
        self.name = self.keystore.name
        self.registry = federation.registry_file(code)
        entry = self.registry.current.centre(self.name)
        parent = self.registry.current.parent_of(self.name)
        self.centre = Centre(self.name, code, entry.title, Tier(entry.tier), code, parent)
        self.database = FakeStorage(folder / f"{code}.db")
        metadata.create_all(self.database.engine)
        self.random = Random(code)
        self.sealer = Sealer(self.keystore, self.random, clock.now)
        self.links: list[Any] = []
        self.is_locked = False
        self.context = SimpleNamespace(
            centre=self.centre,
            registry=self.registry,
            clock=clock,
            database=self.database,
            territory=Territory.load(TERRITORY),
            settings=SimpleNamespace(presence=SimpleNamespace(period_s=15.0)),
            peers=lambda: self.links,
            alarms=lambda: self.database.read(alarm.latest),
            custody_locked=lambda: self.is_locked,
        )
        self.companion = IncidentKeys()
        self.receiver = Receiver(
            name=self.name,
            registry=lambda: self.registry.current,
            handlers=inbound.handlers(self.context),
            companion=self.companion,
        )

    def close(self) -> None:
        self.database.close()

    # people --------------------------------------------------------------------------------------

    def open(self, kind: IncidentKind, severity: Severity, **changes: Any) -> Any:
        values = {
            "centre": self.centre,
            "kind": kind,
            "severity": severity,
            "title": "Nước dâng ngang đầu gối",
            "description": "Đường Võ Nguyên Giáp, hẻm 12",
            "area_code": self.code,
            "place": Place(10.88, 106.95),
            "category": "Thiên tai",
            "thumbnail": JPEG,
            "actor": "Người dân",
            "now": self.clock.now(),
            "random": self.random,
        } | changes
        return self.database.write(lambda session: open_incident(session, **values))

    def open_flood(self, **changes: Any) -> Any:
        return self.open(FLOOD, Severity.CRITICAL, **changes)

    def open_litter(self, **changes: Any) -> Any:
        return self.open(LITTER, Severity.NORMAL, **changes)

    def act(self, incident_id: Any, name: str, version: int | None = None, actor: str = "Cán bộ", **fields: Any) -> Any:
        desk = Desk(self.centre, actor, self.clock.now(), self.is_locked)
        return self.database.write(
            lambda session: perform(session, desk, incident_id, name, version=version, fields=fields)
        )

    def escalate(self, incident_id: Any) -> Any:
        return self.act(incident_id, "escalate", cause="capacity", note="không đủ lực lượng")

    def announce(self) -> bool:
        return self.database.write(lambda session: presence.step(session, self.context))

    # what it knows -------------------------------------------------------------------------------

    def find(self, incident_id: Any) -> Any:
        return self.database.read(lambda session: rows.find(session, incident_id))

    def timeline(self, incident_id: Any) -> Any:
        return self.database.read(lambda session: timeline(session, incident_id))

    def proofs(self, incident_id: Any) -> Any:
        return self.database.read(lambda session: rows.proofs(session, incident_id))

    def thumbnail(self, incident_id: Any) -> bytes | None:
        return self.database.read(lambda session: rows.thumbnail(session, incident_id))

    def possible(self, incident_id: Any) -> set[str]:
        return {
            one.name
            for one in steps.possible(self.find(incident_id), self.name, self.centre.parent, is_locked=self.is_locked)
        }

    def queue(self) -> Sequence[Any]:
        page = self.database.read(
            lambda session: listing.page(session, listing.Filter(is_open=True), limit=50, cursor=None)
        )
        return page.items

    def heard(self) -> dict[str, Any]:
        return self.database.read(presence.latest)

    def parked(self) -> list[tuple[str, str]]:
        query = select(tables.parked.c.code, tables.parked.c.reason).where(tables.parked.c.applied_at_us.is_(None))
        return self.database.read(lambda session: [tuple(row) for row in session.execute(query)])

    def alarms(self) -> list[Any]:
        return self.database.read(alarm.latest)

    # delivery ------------------------------------------------------------------------------------

    def seal(self) -> int:
        return self.database.write(self.sealer.step)

    def outgoing(self, to: str) -> list[tuple[StreamKey, int, bytes]]:
        registry = self.registry.current
        return [one for one in self.frames() if may_travel(registry, one[0], sender=self.name, receiver=to)]

    def outgoing_of(self, origin: str) -> list[tuple[StreamKey, int, bytes]]:
        """What this centre holds of what another signed."""
        return [one for one in self.frames() if one[0].origin == origin]

    def frames(self) -> list[tuple[StreamKey, int, bytes]]:
        columns = (tables.stream.c.origin, tables.stream.c.lane, tables.stream.c.audience)
        query = (
            select(*columns, tables.frame.c.pos, tables.frame.c.raw)
            .join(tables.stream, tables.stream.c.id == tables.frame.c.stream_id)
            .order_by(tables.frame.c.stream_id, tables.frame.c.pos)
        )
        every = self.database.read(lambda session: session.execute(query).all())
        return [(StreamKey(row.origin, row.lane, row.audience), row.pos, bytes(row.raw)) for row in every]

    def beside(self, key: StreamKey, raw: bytes) -> bytes:
        return self.database.read(lambda session: self.companion.beside(session.connection(), key, raw))

    def take(self, peer: str, key: StreamKey, raw: bytes, beside: bytes = b"") -> Any:
        delivery = link_pb2.FrameDelivery(
            origin=key.origin, lane=key.lane, audience=key.audience, frame=raw, beside=beside
        )
        arrival = self.receiver.open(delivery, peer)
        now = self.clock.now()
        (reply,) = self.database.write(lambda session: self.receiver.take(session, peer, [arrival], now))
        return reply


class Line:
    """The link between a child and its parent; frames are in flight only inside of `carry`."""

    def __init__(self, child: Post, parent: Post) -> None:
        self.child, self.parent = child, parent
        self.is_cut = False
        self.meddle: Callable[[bytes], bytes] = lambda raw: raw
        self.repeats = 1
        self._confirmed: dict[tuple[str, StreamKey], int] = {}

    def carry(self, most: int = 1_000) -> int:
        """Move what waits, at most so many frames each way; how many were acknowledged."""
        if self.is_cut or self.child.is_locked or self.parent.is_locked:
            return 0
        return self._one_way(self.child, self.parent, most) + self._one_way(self.parent, self.child, most)

    def _one_way(self, sender: Post, receiver: Post, most: int) -> int:
        sender.seal()
        done = 0
        stuck: set[StreamKey] = set()
        for key, pos, raw in sender.outgoing(receiver.name):
            if done >= most or key in stuck or pos <= self._confirmed.get((receiver.name, key), 0):
                continue
            beside = sender.beside(key, raw)
            for _ in range(self.repeats):
                reply = receiver.take(sender.name, key, self.meddle(raw), beside)
            if isinstance(reply, Ack):
                self._confirmed[receiver.name, key] = pos
                done += 1
            else:
                stuck.add(key)
        return done

    def forget(self) -> None:
        """All acknowledgements were lost: everything is sent once more."""
        self._confirmed.clear()


class Tree:
    """A federation of posts on one clock."""

    def __init__(self, folder: Path, centres: Sequence[tuple[str, str, str, str | None]] = THREE_TIERS) -> None:
        self.clock = FakeClock()
        self.federation = small_federation(folder, self.clock.now(), centres)
        self.posts = {code: Post(self.federation, code, self.clock, folder) for code, *_ in centres}
        self.lines = {code: Line(self.posts[code], self.posts[parent]) for code, _, _, parent in centres if parent}

    @property
    def province(self) -> Post:
        return self.posts["75"]

    @property
    def district(self) -> Post:
        return self.posts["731"]

    @property
    def commune(self) -> Post:
        return self.posts["26374"]

    def line(self, child: str) -> Line:
        return self.lines[child]

    def carry(self) -> int:
        """Move everything until nothing moves any more."""
        total = 0
        while moved := sum(line.carry() for line in self.lines.values()):
            total += moved
            assert total < 10_000, "the centres answer each other without end"
        return total

    def later(self, **span: float) -> None:
        self.clock.advance(timedelta(**span).total_seconds())

    def close(self) -> None:
        for post in self.posts.values():
            post.close()
