"""Where a neighbour stands in our own store: found by epoch, number and hash, remembered, and compared with before."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, bindparam, insert, select, update

from federation import chain, tables
from federation.alarm import about, raise_alarm
from federation.frame import StreamKey
from federation.hello import Cursor
from federation.rights import ahead_code, may_travel, rollback_code
from pki.registry import Registry

_stream, _cursor = tables.stream, tables.cursor
# Asked and written with every receipt, so they are built once.
_MINE = (_cursor.c.peer == bindparam("of_peer")) & (_cursor.c.stream_id == bindparam("of_stream"))
_REMEMBERED = select(_cursor.c.pos).where(_MINE)
_WRITE = update(_cursor).where(_MINE).values(pos=bindparam("new_pos"), count=bindparam("new_count"))
_WRITE_SAFE = (
    update(_cursor).where(_MINE, _cursor.c.safe_pos < bindparam("new_safe")).values(safe_pos=bindparam("new_safe"))
)


@dataclass(frozen=True, slots=True)
class Trouble:
    """A stream that cannot be resumed, because its receiver holds what the sender does not have."""

    stream: StreamKey
    code: str
    reason: str


@dataclass(frozen=True, slots=True)
class Standing:
    """How far one neighbour holds the streams of one node."""

    name: str
    peer: str

    def locate(
        self, connection: Connection, registry: Registry, key: StreamKey, cursor: Cursor
    ) -> chain.Place | Trouble:
        """The frame of ours at which the neighbour stands, or why there is none."""
        epoch, frame_no, frame_hash = cursor
        held = chain.load(connection, key)
        place = None if held is None else chain.find(connection, held, epoch, frame_no)
        if place is None:
            code = ahead_code(registry, sender=self.name, receiver=self.peer)
            reason = f"{self.peer} holds frame {frame_no} of epoch {epoch.hex()[:8]}, which is unknown here"
            return Trouble(key, code, reason)
        if place.frame_hash != frame_hash:
            return Trouble(key, "FORK", f"{self.peer} holds another frame {frame_no} than the one kept here")
        if held is not None and place.pos < held.floor:
            return Trouble(
                key, "PRUNED", f"{self.peer} lost frames that it had called safe and that were given up here"
            )
        return place

    def ring(self, connection: Connection, trouble: Trouble, now: datetime) -> None:
        """Record an alarm about a stream towards this neighbour."""
        origin, subject = trouble.stream.origin, about(trouble.stream)
        detail = trouble.reason
        held = chain.load(connection, trouble.stream) if trouble.code == "PRUNED" else None
        if held is not None:
            self._disbelieve(connection, held.id)
        raise_alarm(connection, trouble.code, at=now, peer=self.peer, origin=origin, subject=subject, detail=detail)

    def note(
        self, connection: Connection, registry: Registry, key: StreamKey, place: chain.Place, now: datetime
    ) -> None:
        """Remember where a hello says that the neighbour stands; behind its own receipts it lost something, so ring."""
        held = chain.load(connection, key)
        if held is None:
            return
        before = self.remembered(connection, held.id)
        if before > place.pos:
            self._ring_rollback(connection, registry, key, before, place.pos, now)
            self._doubt_safe(connection, held.id, key, place.pos, now)
        self.write(connection, held.id, place.pos, place.end_count)

    def check_forgotten(
        self, connection: Connection, registry: Registry, named: frozenset[StreamKey], now: datetime
    ) -> None:
        """Ring for streams that a hello does not name, though the neighbour acknowledged frames of them."""
        query = (
            select(_stream.c.id, _stream.c.origin, _stream.c.lane, _stream.c.audience, _stream.c.floor, _cursor.c.pos)
            .join(_cursor, _cursor.c.stream_id == _stream.c.id)
            .where(_cursor.c.peer == self.peer, _cursor.c.pos > 0)
        )
        for row in connection.execute(query).all():
            key = StreamKey(row.origin, row.lane, row.audience)
            if key not in named and may_travel(registry, key, sender=self.name, receiver=self.peer):
                self._ring_rollback(connection, registry, key, row.pos, 0, now)
                self._doubt_safe(connection, row.id, key, 0, now)
                self.write(connection, row.id, 0, 0)
                if row.floor:
                    reason = f"{self.peer} lost frames that it had called safe and that were given up here"
                    self.ring(connection, Trouble(key, "PRUNED", reason), now)

    def _ring_rollback(  # noqa: PLR0917 - two positions and whose they are
        self, connection: Connection, registry: Registry, key: StreamKey, before: int, after: int, now: datetime
    ) -> None:
        code = rollback_code(registry, sender=self.name, receiver=self.peer)
        reason = f"{self.peer} had acknowledged {before} frames and now holds {after}; they are sent again"
        self.ring(connection, Trouble(key, code, reason), now)

    def _doubt_safe(self, connection: Connection, stream_id: int, key: StreamKey, pos: int, now: datetime) -> None:
        """Who lost what it had called safe is not believed until it calls something safe again: nothing is given up."""
        mine = (_cursor.c.peer == self.peer) & (_cursor.c.stream_id == stream_id)
        said = connection.execute(select(_cursor.c.safe_pos).where(mine)).scalar_one_or_none() or 0
        if said > pos:
            reason = f"{self.peer} had called {said} frames safe and now holds {pos}: an old backup was put back"
            self.ring(connection, Trouble(key, "SAFE_LOST", reason), now)
            self._disbelieve(connection, stream_id)

    def _disbelieve(self, connection: Connection, stream_id: int) -> None:
        mine = (_cursor.c.peer == self.peer) & (_cursor.c.stream_id == stream_id)
        connection.execute(update(_cursor).where(mine).values(safe_pos=0))

    def remembered(self, connection: Connection, stream_id: int) -> int:
        """The position up to which the neighbour last acknowledged a stream."""
        return connection.execute(_REMEMBERED, self._mine(stream_id)).scalar_one_or_none() or 0

    def _mine(self, stream_id: int) -> dict[str, object]:
        return {"of_peer": self.peer, "of_stream": stream_id}

    def write_safe(self, connection: Connection, stream_id: int, pos: int) -> None:
        """Remember that the neighbour says: up to there it is held elsewhere too."""
        connection.execute(_WRITE_SAFE, self._mine(stream_id) | {"new_safe": pos})

    def write(self, connection: Connection, stream_id: int, pos: int, count: int) -> None:
        """Remember that position, and how many records lie before it."""
        if connection.execute(_WRITE, self._mine(stream_id) | {"new_pos": pos, "new_count": count}).rowcount == 0:
            values = {"peer": self.peer, "stream_id": stream_id, "pos": pos, "count": count}
            connection.execute(insert(_cursor), values)
