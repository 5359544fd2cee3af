"""The newest receipt of each centre above for each stream of a centre below: what a relay has to pass down."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, bindparam, insert, select, update
from sqlalchemy.orm import Session

from federation import chain, tables
from federation.frame import StreamKey
from federation.hello import cursor_of, key_of
from federation.ledger import UP, Lane
from federation.receipt import Ack
from federation.rights import may_travel
from federation.safety import with_safe
from federation.v1 import frame_pb2
from federation.v1 import link_pb2 as wire
from pki.registry import Registry

_reach, _stream = tables.reach, tables.stream
_BEFORE = select(_reach.c.pos).where(
    _reach.c.stream_id == bindparam("stream_id"), _reach.c.receiver == bindparam("receiver")
)


@dataclass(frozen=True, slots=True)
class Kept:
    """A receipt that is kept for passing on: which stream of ours, how far, whose, and its bytes."""

    stream_id: int
    receiver: str
    pos: int
    signed: frame_pb2.SignedAck


def remember(connection: Connection, kept: Kept) -> bool:
    """Keep the newest receipt of a receiver for a stream that is another's; whether it is newer than the one before."""
    key = {"stream_id": kept.stream_id, "receiver": kept.receiver}
    before = connection.execute(_BEFORE, key).scalar_one_or_none()
    values = {"pos": kept.pos, "ack": kept.signed.ack, "signature": kept.signed.signature}
    if before is None:
        connection.execute(insert(_reach).values(key | values))
    elif before < kept.pos:
        same = (_reach.c.stream_id == kept.stream_id) & (_reach.c.receiver == kept.receiver)
        connection.execute(update(_reach).where(same).values(values))
    return before is None or before < kept.pos


def reached_for(session: Session, registry: Registry, child: str) -> list[Kept]:
    """What there is to tell a child: the newest receipt of each centre above for its streams and its descendants'."""
    below = [child, *_descendants(registry, child)]
    query = (
        select(_reach)
        .join(_stream, _stream.c.id == _reach.c.stream_id)
        .where(_stream.c.origin.in_(below), _stream.c.audience == UP)
        .order_by(_reach.c.stream_id, _reach.c.receiver)
    )
    return [
        Kept(row.stream_id, row.receiver, row.pos, frame_pb2.SignedAck(ack=row.ack, signature=row.signature))
        for row in session.execute(query)
    ]


def _descendants(registry: Registry, name: str) -> list[str]:
    found = list(registry.children_of(name))
    for child in tuple(found):
        found += _descendants(registry, child)
    return found


def head_acks(
    session: Session, hello: wire.Hello, *, name: str, peer: str, registry: Registry, now: datetime
) -> list[Ack]:
    """A receipt for each urgent stream of the neighbour's own that both hold equally far: the last one may be lost."""
    connection = session.connection()
    heads = {key_of(one): cursor_of(one.position) for one in hello.heads}
    acks: list[Ack] = []
    for key, head in heads.items():
        if key.origin != peer or key.lane != Lane.URGENT or not may_travel(registry, key, sender=peer, receiver=name):
            continue
        held = chain.load(connection, key)
        if held is not None and (held.epoch, held.frame_no, held.frame_hash) == head:
            acks += head_ack(session, key, name=name, now=now)
    return acks


def head_ack(session: Session, key: StreamKey, *, name: str, now: datetime) -> list[Ack]:
    """A receipt for as much of a stream as is held; none if that is nothing."""
    held = chain.load(session.connection(), key)
    if held is None or held.empty:
        return []
    return with_safe(session.connection(), [Ack(name, b"", key, held.epoch, held.frame_no, held.frame_hash, now)])
