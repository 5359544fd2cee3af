"""A child and its parent without any link: the test carries each message by hand."""

import os
import shutil
import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import Column, Integer, LargeBinary, MetaData, String, Table, insert, select
from sqlalchemy.orm import Session

from federation import tables
from federation.frame import StreamKey
from federation.hello import make_hello, position
from federation.ledger import UP, Lane, Sealer, append
from federation.receipt import Ack, open_ack, sign_ack
from federation.receiver import Handler, Inbound, Receiver, Refused, Unacceptable
from federation.restitution import Restitution, following, locator
from federation.sender import Sender
from federation.storage import Storage
from federation.v1 import link_pb2 as wire
from pki.keystore import Keystore
from pki.registry import Registry
from tests.fakes.authority import FakeFederation
from tests.fakes.storage import FakeStorage

_effects_metadata = MetaData()
effects = Table(
    "test_effect",
    _effects_metadata,
    Column("id", Integer, primary_key=True),
    Column("origin", String),
    Column("lane", String),
    Column("rid", LargeBinary),
    Column("payload", LargeBinary),
)


def keep(session: Session, inbound: Inbound) -> None:
    session.connection().execute(
        insert(effects).values(origin=inbound.origin, lane=inbound.lane, rid=inbound.rid.bytes, payload=inbound.payload)
    )


def keep_then_refuse(session: Session, inbound: Inbound) -> None:
    keep(session, inbound)
    raise Unacceptable("NOT_TODAY", "the handler says no")


def keep_then_fail(session: Session, inbound: Inbound) -> None:
    keep(session, inbound)
    raise KeyError("a programming error")


HANDLERS: dict[str, Handler] = {"test.note": keep, "test.no": keep_then_refuse, "test.bug": keep_then_fail}


class Centre:
    """One side of a pair: keys, a database, and a receiver for what its neighbours bring."""

    def __init__(
        self, world: FakeFederation, code: str, folder: Path, open_storage: Callable[[Path], Storage] = FakeStorage
    ) -> None:
        self.open_storage = open_storage
        self.world = world
        self.code = code
        self.file = folder / f"{code}.db"
        self.keystore: Keystore = world.keystore(code)
        self.name = self.keystore.name
        self.handlers = dict(HANDLERS)
        self.own_handlers: dict[str, Handler] = {}
        self.open()

    def open(self) -> None:
        self.storage = self.open_storage(self.file)
        _effects_metadata.create_all(self.storage.engine)
        self.sealer = Sealer(self.keystore, os.urandom, now)
        self.receiver = Receiver(
            name=self.name, registry=self.registry, handlers=self.handlers, own_handlers=self.own_handlers
        )
        self.restitution = Restitution(
            name=self.name, registry=self.registry, effects=self.receiver.effects, sealer=self.sealer
        )

    def registry(self) -> Registry:
        return self.world.registry

    def save(self) -> Path:
        """A copy of what is on the disk now."""
        backup = self.file.with_suffix(".backup")
        backup.unlink(missing_ok=True)
        with sqlite3.connect(self.file) as source, sqlite3.connect(backup) as target:
            source.backup(target)
        return backup

    def restore(self, backup: Path | None) -> None:
        """Put the disk back to a copy, or lose it; a new start follows."""
        self.storage.close()
        for suffix in ("", "-wal", "-shm"):
            self.file.with_name(self.file.name + suffix).unlink(missing_ok=True)
        if backup is not None:
            shutil.copy(backup, self.file)
        self.open()

    def restart(self) -> None:
        self.storage.close()
        self.open()

    def append(self, *texts: str, lane: Lane = Lane.REGULAR, audience: str = UP, kind: str = "test.note") -> None:
        def step(session: Session) -> None:
            for text in texts:
                append(session, lane=lane, audience=audience, kind=kind, payload=text.encode(), now=now())

        self.storage.write(step)

    def seal(self) -> int:
        return self.storage.write(self.sealer.step)

    def say(self, *texts: str, **rest: object) -> None:
        self.append(*texts, **rest)
        self.seal()

    def frames(self, origin: str | None = None, lane: str = "regular", audience: str = UP) -> list[bytes]:
        """The stored frames of one stream in their order."""
        query = (
            select(tables.frame.c.raw)
            .join(tables.stream, tables.stream.c.id == tables.frame.c.stream_id)
            .where(tables.stream.c.origin == (origin or self.name), tables.stream.c.lane == lane)
            .where(tables.stream.c.audience == audience)
            .order_by(tables.frame.c.pos)
        )
        return [bytes(row.raw) for row in self.storage.read(lambda session: session.execute(query).all())]

    def effects(self, lane: str | None = None) -> list[str]:
        query = select(effects).order_by(effects.c.id)
        rows = self.storage.read(lambda session: session.execute(query).all())
        return [bytes(row.payload).decode() for row in rows if lane in (None, row.lane)]

    def rows(self, table: Table) -> list:
        return self.storage.read(lambda session: session.execute(select(table)).all())

    def alarms(self) -> list[tuple[str, str, str]]:
        return [(row.code, row.peer, row.origin) for row in self.rows(tables.alarm)]

    def hello(self, peer: "Centre") -> wire.Hello:
        return self.storage.read(
            lambda session: make_hello(
                session, name=self.name, peer=peer.name, boot=self.sealer.epoch, registry=self.world.registry
            )
        )

    def take(self, peer: "Centre", *deliveries: wire.FrameDelivery) -> list[wire.Envelope]:
        """Open, store and answer as a connection does."""
        arrivals = [self.receiver.open(one, peer.name) for one in deliveries]
        replies = self.storage.write(lambda session: self.receiver.take(session, peer.name, arrivals, now()))
        return [self._answer(reply) for reply in replies]

    def _answer(self, reply: object) -> wire.Envelope:
        if isinstance(reply, Ack):
            return wire.Envelope(ack=sign_ack(reply, self.keystore))
        stream = reply.stream
        names = {"origin": stream.origin, "lane": stream.lane, "audience": stream.audience}
        if isinstance(reply, Refused):
            return wire.Envelope(refusal=wire.Refusal(code=reply.code, reason=reply.reason, **names))
        nack = wire.Nack(**names)
        if reply.cursor is not None:
            nack.cursor.CopyFrom(position(reply.cursor))
        return wire.Envelope(nack=nack)

    def sender(self, peer: "Centre", monotonic: Callable[[], float] = lambda: 0.0) -> Sender:
        return Sender(
            name=self.name,
            peer=peer.name,
            registry=lambda: self.world.registry,
            monotonic=monotonic,
            random=os.urandom,
        )

    def hear(self, sender: Sender, envelope: wire.Envelope) -> None:
        """What a connection does with an answer."""
        body = envelope.WhichOneof("body")
        if body == "ack":
            ack = open_ack(envelope.ack, self.world.registry.public_key)
            reached = self.storage.write(lambda session: sender.confirm(session, [(ack, envelope.ack)], now()))
            sender.advance(reached)
        elif body == "nack":
            self.storage.read(lambda session: sender.behind(session, envelope.nack))
        else:
            refusal = envelope.refusal
            sender.refused(StreamKey(refusal.origin, refusal.lane, refusal.audience))


def now() -> datetime:
    return datetime.now(UTC)


def deliver(raw: bytes, origin: str, lane: str = "regular", audience: str = UP) -> wire.FrameDelivery:
    return wire.FrameDelivery(frame=raw, origin=origin, lane=lane, audience=audience)


def resume(child: Centre, parent: Centre, sender: Sender | None = None) -> Sender:
    """A hello of the parent, as far as it concerns what the child sends."""
    sender = sender or child.sender(parent)
    hello = parent.hello(child)
    child.storage.write(lambda session: sender.resume(session, hello, now()))
    return sender


def give_back(child: Centre, parent: Centre, stream: StreamKey, most: int | None = None) -> int:
    """Let the child ask the parent for frames of its own, at most so many times; how many frames were new."""
    total = 0
    while most is None or most > 0:
        found, remaining = _ask_once(child, parent, stream)
        total += found
        if not remaining:
            return total
        most = None if most is None else most - 1
    return total


def _ask_once(child: Centre, parent: Centre, stream: StreamKey) -> tuple[int, int]:
    recall = wire.Recall(origin=stream.origin, lane=stream.lane, audience=stream.audience)
    recall.held.extend(position(one) for one in child.storage.read(lambda session: locator(session, stream)))
    given = parent.storage.read(lambda session: following(session, recall))
    frames = child.restitution.open(given)
    done = child.storage.write(lambda session: child.restitution.take(session, parent.name, frames, now()))
    return done.frames, given.remaining


def meet(child: Centre, parent: Centre, sender: Sender | None = None) -> Sender:
    """A whole hello: what the child lacks is given back, then it may send."""
    sender = sender or child.sender(parent)
    hello = parent.hello(child)
    troubles = child.storage.write(lambda session: sender.resume(session, hello, now()))
    for trouble in troubles:
        if trouble.stream.origin == child.name:
            give_back(child, parent, trouble.stream)
            assert child.storage.write(lambda session, key=trouble.stream: sender.retry(session, key, now()))
    return sender


def outgoing(child: Centre, sender: Sender) -> list[wire.FrameDelivery]:
    batch = child.storage.read(sender.next)
    return [deliver(one.raw, one.stream.origin, one.stream.lane, one.stream.audience) for one in batch]


def pump(child: Centre, parent: Centre, sender: Sender | None = None) -> Sender:
    """Carry everything that waits from the child to the parent over a perfect link."""
    sender = sender or resume(child, parent)
    while batch := outgoing(child, sender):
        for envelope in parent.take(child, *batch):
            child.hear(sender, envelope)
    return sender
