"""After a restore: which neighbours have not told everything yet that this node forgot.

A restored node knows less than it did, also about who answers for what. It is *settled* with a neighbour when, after a
hello, the neighbour has given back what it holds of this node's streams, and this node holds again what the neighbour
said that it had sent. Until that is so with all of them the node must not decide what only one centre may decide.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, delete, insert, select, update
from sqlalchemy.orm import Session

from federation import chain, tables
from federation.frame import to_us
from federation.hello import cursor_of, key_of
from federation.rights import may_travel
from federation.v1 import link_pb2 as wire
from pki.registry import Registry

_unsettled, _restore = tables.unsettled, tables.restore
_PEERS = select(_unsettled.c.peer)
_OPEN = select(_restore).where(_restore.c.outcome == "").order_by(_restore.c.id).limit(1)


def neighbours(registry: Registry, name: str) -> list[str]:
    """The parent and the active children of a centre."""
    parent = registry.parent_of(name)
    found = [parent] if parent else []
    for child in registry.children_of(name):
        entry = registry.centre(child)
        if entry is not None and entry.state == "active":
            found.append(child)
    return found


def mark_restored(session: Session, peers: Iterable[str], now: datetime, reason: str) -> None:
    """This node was restored: it is settled again only when each of these neighbours has told everything."""
    connection = session.connection()
    if open_restore(connection) is None:
        connection.execute(insert(_restore).values(begun_at_us=to_us(now), reason=reason))
    known = unsettled(session)
    rows = [{"peer": peer, "at_us": to_us(now), "reason": reason} for peer in peers if peer not in known]
    if rows:
        connection.execute(insert(_unsettled), rows)


def unsettled(session: Session) -> frozenset[str]:
    """The neighbours whose hello is not complete since this node was restored."""
    return frozenset(session.connection().execute(_PEERS).scalars())


def open_restore(connection: Connection) -> Row[*tuple[Any, ...]] | None:
    """The restore whose outcome is not written yet."""
    return connection.execute(_OPEN).one_or_none()


def pass_over(session: Session, peer: str) -> None:
    """Wait no longer for a neighbour; what only it knew is lost, and the outcome will say so."""
    connection = session.connection()
    row = open_restore(connection)
    if row is not None and peer in unsettled(session):
        names = f"{row.passed_over}{peer}\n"
        connection.execute(update(_restore).where(_restore.c.id == row.id).values(passed_over=names))
    settle(session, peer)


def settle(session: Session, peer: str) -> None:
    """That neighbour has told everything."""
    session.connection().execute(delete(_unsettled).where(_unsettled.c.peer == peer))


def has_heard_all(session: Session, hello: wire.Hello, *, name: str, peer: str, registry: Registry) -> bool:
    """Whether what a neighbour said in its hello that it has sent is held here by now."""
    connection = session.connection()
    return all(
        _is_held(connection, one)
        for one in hello.heads
        if may_travel(registry, key_of(one), sender=peer, receiver=name)
    )


def _is_held(connection: Connection, head: wire.StreamPosition) -> bool:
    held = chain.load(connection, key_of(head))
    if held is None:
        return False
    epoch, frame_no, frame_hash = cursor_of(head.position)
    place = chain.find(connection, held, epoch, frame_no)
    return place is not None and place.frame_hash == frame_hash
