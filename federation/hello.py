"""The first message of a connection: what each side holds to send, and how far it holds what the other sends."""

from collections.abc import Iterable

from sqlalchemy import Connection
from sqlalchemy.orm import Session

from federation import chain
from federation.frame import VERSION, StreamKey
from federation.ledger import Lane
from federation.rights import may_travel, origins_between
from federation.v1 import link_pb2 as wire
from pki.registry import Registry

WINDOW_FRAMES = 32
WINDOW_BYTES = 2 * 1024 * 1024
_LEAST_WINDOW_BYTES = 384 * 1024
_ALL_CHILDREN_BYTES = 64 * 1024 * 1024
_MOST_STREAMS = 3000

Cursor = tuple[bytes, int, bytes]
Named = wire.StreamPosition | wire.FrameDelivery | wire.Nack | wire.Refusal | wire.Recall | wire.GivenBack


def key_of(message: Named) -> StreamKey:
    """The stream that a message names."""
    return StreamKey(message.origin, message.lane, message.audience)


def cursor_of(position: wire.Position) -> Cursor:
    """Epoch, frame number and hash."""
    return position.epoch, position.frame_no, position.frame_hash


def position(cursor: Cursor) -> wire.Position:
    """The message for epoch, frame number and hash."""
    return wire.Position(epoch=cursor[0], frame_no=cursor[1], frame_hash=cursor[2])


def make_hello(
    session: Session, *, name: str, peer: str, boot: bytes, registry: Registry, sealing_epoch: bytes = b""
) -> wire.Hello:
    """What this node has to say to a neighbour, read from one snapshot."""
    connection = session.connection()
    held = [one for one in chain.load_of(connection, origins_between(registry, name, peer)) if not one.empty]
    mine = (one for one in held if may_travel(registry, one.key, sender=name, receiver=peer))
    theirs = (one for one in held if may_travel(registry, one.key, sender=peer, receiver=name))
    window = _window_bytes(registry, name, peer)
    return wire.Hello(
        version=VERSION,
        node=name,
        boot=boot,
        registry_version=registry.version,
        heads=_positions(connection, mine, with_earlier=True),
        cursors=_positions(connection, theirs, with_earlier=False),
        credit=[wire.LaneCredit(lane=lane.value, frames=WINDOW_FRAMES, bytes=window) for lane in Lane],
        sealing_epoch=sealing_epoch,
    )


def _window_bytes(registry: Registry, name: str, peer: str) -> int:
    """What a neighbour may have under way in a lane: many children share what this node's memory has room for."""
    children = registry.children_of(name)
    if peer not in children:
        return WINDOW_BYTES
    return max(_LEAST_WINDOW_BYTES, min(WINDOW_BYTES, _ALL_CHILDREN_BYTES // len(children)))


def _positions(
    connection: Connection, chains: Iterable[chain.Chain], *, with_earlier: bool
) -> list[wire.StreamPosition]:
    found = []
    for one in chains:
        earlier = chain.earlier_ends(connection, one) if with_earlier else []
        found.append(
            wire.StreamPosition(
                origin=one.key.origin,
                lane=one.key.lane,
                audience=one.key.audience,
                position=position((one.epoch, one.frame_no, one.frame_hash)),
                earlier=[position(end) for end in earlier],
            )
        )
    return found[:_MOST_STREAMS]
