"""How far each centre has signed each of its streams, told to all above it: what is kept back becomes visible.

Once a day, and after each start, a centre lists the heads of all its own streams, those for its parent and its children
too, and its records that rise by rule and lack the top's receipt. An ancestor compares: another hash under one number
is a fork, whoever showed it; a frame, or a record, that everyone above should have and that is still missing a day
later was kept back on the way.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from google.protobuf.message import DecodeError
from sqlalchemy import ColumnElement, Row, delete, insert, select, update
from sqlalchemy.orm import Session

from federation import chain, tables
from federation.alarm import about, raise_alarm
from federation.effects import Unacceptable
from federation.end_receipt import is_lifted, seen_hash
from federation.frame import EPOCH_BYTES, HASH_BYTES, RID_BYTES, Inbound, StreamKey, from_us, to_us
from federation.ledger import PARENT, UP, Lane, Upto, append
from federation.rights import may_travel, step_towards
from federation.v1 import ledger_pb2 as wire
from pki.registry import Registry

KIND = "ledger.heads"
EVERY = timedelta(days=1)
PATIENCE = timedelta(hours=25)  # a day, and an hour for the next statement to come first
MOST_UNRECEIPTED = 100
_MOST_HEADS = 1000
_AT_ONCE = 500
_TOO_MANY = 2**63
_told, _awaited, _owed = tables.told_head, tables.awaited, tables.owed_record


# who tells ----------------------------------------------------------------------------------------------------------


class Teller:
    """Remembers, from one start to its end, when the heads were told."""

    def __init__(self, name: str) -> None:
        """Take the node's name."""
        self._name = name
        self._told_at: datetime | None = None

    def step(self, session: Session, registry: Registry, now: datetime) -> bool:
        """Tell the heads if it is time and there is something to tell; whether it did."""
        if self._told_at is not None and abs(now - self._told_at) < EVERY:
            return False
        payload = _statement(session, self._name) if registry.parent_of(self._name) else b""
        if payload:
            append(session, lane=Lane.AUDIT, audience=UP, kind=KIND, payload=payload, now=now)
            self._told_at = now
        return bool(payload)


def _statement(session: Session, name: str) -> bytes:
    own = [one for one in chain.load_all(session.connection()) if one.key.origin == name and not one.empty]
    message = wire.StreamHeads()
    for one in own[:_MOST_HEADS]:
        message.heads.add(
            lane=one.key.lane,
            audience=one.key.audience,
            epoch=one.epoch,
            frame_no=one.frame_no,
            frame_hash=one.frame_hash,
            count=one.count,
        )
    rising = _awaited.c.satisfied_at_us.is_(None) & (_awaited.c.upto == Upto.TOP.value)
    oldest = select(_awaited).where(rising, _awaited.c.audience == PARENT).order_by(_awaited.c.at_us)
    for row in session.execute(oldest.limit(MOST_UNRECEIPTED)).all():
        message.unreceipted.add(rid=bytes(row.rid), leaf=bytes(row.leaf), appended_at_us=row.at_us)
    return message.SerializeToString(deterministic=True) if own else b""


# who hears ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Listener:
    """An ancestor that compares what it is told with what it holds or saw."""

    name: str
    registry: Registry
    now: datetime

    def hear(self, session: Session, inbound: Inbound) -> None:
        """Compare and keep the heads of a centre below; raises Unacceptable."""
        if not self.registry.is_descendant(inbound.origin, self.name) or inbound.audience != UP:
            raise Unacceptable("ORIGIN_MISMATCH", f"{inbound.origin} is not below this centre")
        try:
            said = wire.StreamHeads.FromString(inbound.payload)
        except DecodeError as error:
            raise Unacceptable("SCHEMA", "what should be heads cannot be read") from error
        for key, head in _heads(said, inbound.origin):
            self._compare(session, inbound, key, head)
            self._keep(session, inbound, key, head)
        self._note_missing(session, inbound, said)

    def _compare(self, session: Session, inbound: Inbound, key: StreamKey, head: wire.StreamHead) -> None:
        seen = seen_hash(session, key, head.epoch, head.frame_no) or _told_hash(session, key, head)
        if seen is not None and seen != head.frame_hash:
            reason = f"{key.origin} says that its frame {head.frame_no} is {head.frame_hash.hex()[:16]}, "
            reason += f"but {seen.hex()[:16]} was seen under that number (record {inbound.rid})"
            self._ring(session, "FORK", key, reason)

    def _keep(self, session: Session, inbound: Inbound, key: StreamKey, head: wire.StreamHead) -> None:
        """Keep the newest head. It is owed if it ought to come here and has not; an older debt that stands stays.

        A head of another epoch than the one in which it is told may have been taken out of its chain after a restore,
        and its records signed anew: nobody owes that.
        """
        connection, now_us = session.connection(), to_us(self.now)
        values = {"epoch": head.epoch, "frame_no": head.frame_no, "frame_hash": head.frame_hash, "count": head.count}
        values |= {"told_at_us": now_us}
        row = connection.execute(select(_told).where(_same(key))).one_or_none()
        is_held = _is_held(session, key, head.epoch, head.frame_no)
        if is_held or row is None or row.owed_epoch is None or _is_paid(session, key, row):
            is_owed = not is_held and head.epoch == inbound.epoch and self._is_due(key)
            owed = {"owed_epoch": head.epoch, "owed_frame_no": head.frame_no, "owed_since_us": now_us}
            values |= (owed if is_owed else dict.fromkeys(owed)) | {"rung_at_us": None}
        if row is None:
            named = {"origin": key.origin, "lane": key.lane, "audience": key.audience}
            connection.execute(insert(_told).values(named | values))
        else:
            connection.execute(update(_told).where(_same(key)).values(values))

    def _is_due(self, key: StreamKey) -> bool:
        """Whether frames of that stream come here: from a child, or on the way up from further below."""
        child = step_towards(self.registry, self.name, key.origin)
        return child is not None and may_travel(self.registry, key, sender=child, receiver=self.name)

    def _note_missing(self, session: Session, inbound: Inbound, said: wire.StreamHeads) -> None:
        """Records that rise by rule and have not come enclosed in anything yet; a child's own frames need none."""
        if self.registry.parent_of(inbound.origin) == self.name:
            return
        for one in said.unreceipted[:MOST_UNRECEIPTED]:
            if (
                len(one.rid) != RID_BYTES
                or not _is_time(one.appended_at_us)
                or is_lifted(session, inbound.origin, UUID(bytes=one.rid))
            ):
                continue
            known = (_owed.c.origin == inbound.origin) & (_owed.c.rid == one.rid)
            if session.execute(select(_owed.c.rid).where(known)).first() is None:
                values = {"origin": inbound.origin, "rid": one.rid, "since_us": to_us(self.now)}
                session.execute(insert(_owed).values(values | {"signed_at_us": one.appended_at_us}))

    def watch(self, session: Session) -> int:
        """Ring, once each, for what is known to be signed and has not come for a day; for how many."""
        return self._watch_frames(session) + self._watch_records(session)

    def _watch_frames(self, session: Session) -> int:
        late = (_told.c.owed_since_us <= to_us(self.now - PATIENCE)) & _told.c.rung_at_us.is_(None)
        count = 0
        for row in session.execute(select(_told).where(late).limit(_AT_ONCE)).all():
            key = StreamKey(row.origin, row.lane, row.audience)
            if _is_paid(session, key, row) or not self._is_due(key):
                paid: dict[str, int | None] = {"owed_epoch": None, "owed_frame_no": None, "owed_since_us": None}
            else:
                paid = {"rung_at_us": to_us(self.now)}
                count += 1
                reason = f"{key.origin} signed frame {row.owed_frame_no} more than a day ago, and it has not come here"
                self._ring(session, "WITHHELD", key, reason)
            session.execute(update(_told).where(_same(key)).values(paid))
        return count

    def _watch_records(self, session: Session) -> int:
        late = (_owed.c.since_us <= to_us(self.now - PATIENCE)) & _owed.c.rung_at_us.is_(None)
        count = 0
        for row in session.execute(select(_owed).where(late).limit(_AT_ONCE)).all():
            rid, same = UUID(bytes=bytes(row.rid)), (_owed.c.origin == row.origin) & (_owed.c.rid == row.rid)
            if is_lifted(session, row.origin, rid):
                session.execute(delete(_owed).where(same))
            elif not self._has_parked(session, row.origin):
                count += 1
                session.execute(update(_owed).where(same).values(rung_at_us=to_us(self.now)))
                at = from_us(row.signed_at_us).isoformat(timespec="seconds")
                key = StreamKey(row.origin, Lane.URGENT.value, PARENT)
                self._ring(session, "WITHHELD", key, f"record {rid}, signed at {at}, has not come here for a day")
        return count

    def _has_parked(self, session: Session, origin: str) -> bool:
        """Whether something of the neighbour on the way waits here unapplied: then it may be in there."""
        peer = step_towards(self.registry, self.name, origin)
        waiting = tables.parked.c.applied_at_us.is_(None) & (tables.parked.c.sender == peer)
        return session.execute(select(tables.parked.c.pos).where(waiting).limit(1)).first() is not None

    def _ring(self, session: Session, code: str, key: StreamKey, reason: str) -> None:
        """The neighbour on whose side it lies is the child on the way to that origin."""
        peer = step_towards(self.registry, self.name, key.origin) or ""
        connection, subject = session.connection(), about(key)
        raise_alarm(connection, code, at=self.now, peer=peer, origin=key.origin, subject=subject, detail=reason)


def _heads(said: wire.StreamHeads, origin: str) -> Iterator[tuple[StreamKey, wire.StreamHead]]:
    for head in said.heads[:_MOST_HEADS]:
        is_whole = (len(head.epoch), len(head.frame_hash)) == (EPOCH_BYTES, HASH_BYTES)
        is_whole = is_whole and max(head.frame_no, head.count) < _TOO_MANY
        if not is_whole or len(head.lane) > 16 or len(head.audience) > 80:  # noqa: PLR2004 - as wide as their columns
            raise Unacceptable("SCHEMA", "a head that names no frame")
        yield StreamKey(origin, head.lane, head.audience), head


def _is_time(us: int) -> bool:
    try:
        from_us(us)
    except OverflowError:
        return False
    return True


def _same(key: StreamKey) -> ColumnElement[bool]:
    return (_told.c.origin == key.origin) & (_told.c.lane == key.lane) & (_told.c.audience == key.audience)


def _told_hash(session: Session, key: StreamKey, head: wire.StreamHead) -> bytes | None:
    """What the centre said before of a frame of that number."""
    same = _same(key) & (_told.c.epoch == head.epoch) & (_told.c.frame_no == head.frame_no)
    found = session.execute(select(_told.c.frame_hash).where(same)).scalar_one_or_none()
    return None if found is None else bytes(found)


def _is_held(session: Session, key: StreamKey, epoch: bytes, frame_no: int) -> bool:
    held = chain.load(session.connection(), key)
    return held is not None and chain.find(session.connection(), held, epoch, frame_no) is not None


def _is_paid(session: Session, key: StreamKey, row: Row[Any]) -> bool:
    return _is_held(session, key, bytes(row.owed_epoch), row.owed_frame_no)
