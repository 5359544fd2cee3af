"""What waits for each neighbour, what is parked and what rang, counted from heads and cursors without any scan."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, func, select
from sqlalchemy.orm import Session

from federation import alarm, chain, tables
from federation.alarm import LinkAlarm
from federation.frame import StreamKey
from federation.rights import may_travel
from pki.registry import Registry

_cursor, _pending, _parked = tables.cursor, tables.pending, tables.parked
# Asked four times a second while something moves, so they are built once.
_UNMENDED = select(_parked.c.sender, func.count()).where(_parked.c.applied_at_us.is_(None)).group_by(_parked.c.sender)
_CURSORS = select(_cursor.c.peer, _cursor.c.stream_id, _cursor.c.count)
_UNSEALED = select(_pending.c.lane, _pending.c.audience, func.count()).group_by(_pending.c.lane, _pending.c.audience)


@dataclass(frozen=True, slots=True)
class Survey:
    """Records waiting per neighbour and lane, records parked per neighbour, and the newest alarms."""

    waiting: Mapping[str, Mapping[str, int]]
    parked: Mapping[str, int]
    alarms: Sequence[LinkAlarm]


def look(session: Session, registry: Registry, name: str, peers: Sequence[str]) -> Survey:
    """Count for these neighbours of the node of that name."""
    connection = session.connection()
    parked: dict[str, int] = {sender: count for sender, count in connection.execute(_UNMENDED)}  # noqa: C416 - rows are no pairs to mypy
    counts = _unacknowledged(connection, name, peers)
    waiting: dict[str, dict[str, int]] = {}
    for peer in peers:
        lanes: dict[str, int] = {}
        for key, by_peer in counts:
            count = by_peer.get(peer, by_peer[""])
            if count and may_travel(registry, key, sender=name, receiver=peer):
                lanes[key.lane] = lanes.get(key.lane, 0) + count
        waiting[peer] = lanes
    return Survey(waiting, parked, alarm.latest(session))


def _unacknowledged(
    connection: Connection, name: str, peers: Sequence[str]
) -> list[tuple[StreamKey, Mapping[str, int]]]:
    """Per stream: records not acknowledged by each neighbour that ever did, and under "" by one that never did."""
    cursors: dict[int, dict[str, int]] = {}
    for peer, stream_id, count in connection.execute(_CURSORS):
        if peer in peers:
            cursors.setdefault(stream_id, {})[peer] = count
    found: list[tuple[StreamKey, Mapping[str, int]]] = []
    for one in chain.load_all(connection):
        acknowledged = cursors.get(one.id, {})
        found.append((one.key, {"": one.count} | {peer: one.count - count for peer, count in acknowledged.items()}))
    found += [(StreamKey(name, lane, audience), {"": count}) for lane, audience, count in connection.execute(_UNSEALED)]
    return found
