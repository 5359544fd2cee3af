"""What a neighbour's hello says it has, held against what it once delivered: a roll-back or a fork shows at once."""

from datetime import datetime

from sqlalchemy import Connection
from sqlalchemy.orm import Session

from federation import chain
from federation.alarm import about, raise_alarm
from federation.frame import StreamKey
from federation.hello import Cursor, cursor_of, key_of
from federation.receiver import Refused
from federation.rights import ahead_code, may_travel, origins_between
from federation.v1 import link_pb2 as wire
from pki.registry import Registry


def compare_heads(
    session: Session, hello: wire.Hello, *, name: str, peer: str, registry: Registry, now: datetime
) -> list[Refused]:
    """Ring for each stream of which more, or something else, is held here than the neighbour says it has.

    A relay may lack what its child delivered before a loss and will deliver again; so only the neighbour's own streams
    are compared for length, the relayed ones for contradictions alone.
    """
    connection = session.connection()
    heads = {key_of(one): cursor_of(one.position) for one in hello.heads}
    found = []
    for one in chain.load_of(connection, origins_between(registry, name, peer)):
        if one.empty or not may_travel(registry, one.key, sender=peer, receiver=name):
            continue
        refused = _compare(connection, one, heads.get(one.key), is_own=one.key.origin == peer)
        if refused is not None:
            code = refused.code or ahead_code(registry, sender=peer, receiver=name)
            found.append(Refused(one.key, code, refused.reason))
            _ring(connection, one.key, code, refused.reason, peer, now)
    return found


def _compare(connection: Connection, held: chain.Chain, head: Cursor | None, *, is_own: bool) -> Refused | None:
    """An empty code stands for: more is held here than there."""
    if head is None:
        return (
            Refused(held.key, "", f"{held.pos} frames are held of a stream that it does not know") if is_own else None
        )
    epoch, frame_no, frame_hash = head
    place = chain.find(connection, held, epoch, frame_no)
    if place is None:
        return None
    if place.frame_hash != frame_hash:
        return Refused(held.key, "FORK", f"its frame {frame_no} is another than the one held here")
    if is_own and place.pos < held.pos:
        return Refused(held.key, "", f"its last frame is {frame_no}, and {held.pos - place.pos} more are held here")
    return None


def _ring(connection: Connection, key: StreamKey, code: str, reason: str, peer: str, now: datetime) -> None:  # noqa: PLR0917 - who, what and when
    raise_alarm(connection, code, at=now, peer=peer, origin=key.origin, subject=about(key), detail=reason)
