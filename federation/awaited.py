"""Own urgent records that go up and for which a receipt must come: which wait, since when, and when somebody is told.

The row is written in the transaction of the record itself and needs no link: that nobody was ever reached is exactly
when it matters. What comes too late rings once; when the receipt comes the row says when, and stays.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import ColumnElement, delete, exists, func, literal, or_, select, update
from sqlalchemy.orm import Session

from federation import chain, tables
from federation.alarm import raise_alarm
from federation.frame import StreamKey, from_us, to_us
from federation.ledger import PARENT, UP, Lane, Upto, bypass, end_of_bypass
from federation.rights import grandparent_of, top_of
from federation.settlement import unsettled
from pki.registry import Registry

WITHIN = timedelta(minutes=15)
GRACE = timedelta(minutes=1)
_RINGS = 50
_awaited, _record, _receipt, _end = tables.awaited, tables.record, tables.receipt, tables.end_receipt
_OPEN = _awaited.c.satisfied_at_us.is_(None)


@dataclass(frozen=True, slots=True)
class Late:
    """A record that waits for too long."""

    rid: UUID
    kind: str
    audience: str


class Watch:
    """Looks after what waits, from one start of the node to its end."""

    def __init__(self, *, name: str, registry: Callable[[], Registry], within: timedelta, now: datetime) -> None:
        """Take the node's name, who is who, how long a receipt may take, and when the node started."""
        self._name = name
        self._registry = registry
        self._within = within
        self._quiet_until = now + min(within, GRACE)
        self._was_unsettled = False

    def step(self, session: Session, now: datetime) -> list[Late]:
        """Count what came, ring for what did not; the first late ones that may go past the parent."""
        registry = self._registry()
        parent = registry.parent_of(self._name)
        if parent is None:
            session.execute(delete(_awaited).where(_OPEN))
            return []
        settle(session, name=self._name, registry=registry, now=now)
        self._after_restore(session, now)
        if now < self._quiet_until:
            return []
        for late in _late(session, now - self._within, _awaited.c.rung_at_us.is_(None)):
            self._ring(session, registry, late, now)
        return _late(session, now - self._within, _may_go_past(grandparent_of(registry, self._name)))

    def _after_restore(self, session: Session, now: datetime) -> None:
        """A copy has forgotten receipts that had come. They are told again once the neighbours are met: wait for that.

        Where no neighbour is met the wait begins anew at the restore, and ends as ever.
        """
        is_unsettled = bool(unsettled(session))
        if is_unsettled:
            newest = session.execute(select(func.max(tables.unsettled.c.at_us))).scalar_one()
            self._quiet_until = max(self._quiet_until, from_us(newest) + self._within)
        elif self._was_unsettled:
            self._quiet_until = now + min(self._within, GRACE)
        self._was_unsettled = is_unsettled

    def _ring(self, session: Session, registry: Registry, late: Late, now: datetime) -> None:
        connection = session.connection()
        is_near = session.execute(select(_awaited.c.near_at_us).where(_awaited.c.rid == late.rid.bytes)).scalar_one()
        nearest = end_of_bypass(late.audience) or registry.parent_of(self._name) or ""
        missing = nearest if is_near is None else top_of(registry, self._name) or nearest
        minutes = self._within.total_seconds() / 60
        detail = f"{late.kind} {late.rid}: no receipt of {missing} within {minutes:g} minutes"
        subject = str(late.rid)
        raise_alarm(connection, "NO_RECEIPT", at=now, peer=missing, origin=self._name, subject=subject, detail=detail)
        rung = update(_awaited).where(_awaited.c.rid == late.rid.bytes).values(rung_at_us=to_us(now))
        connection.execute(rung)


def _late(session: Session, before: datetime, wanted: ColumnElement[bool]) -> list[Late]:
    """Records that wait since before that moment, the oldest first."""
    late = _OPEN & (_awaited.c.at_us <= to_us(before)) & wanted
    query = select(_awaited).where(late).order_by(_awaited.c.at_us, _awaited.c.rid).limit(_RINGS)
    return [Late(UUID(bytes=bytes(row.rid)), row.kind, row.audience) for row in session.execute(query).all()]


def _may_go_past(above: str | None) -> ColumnElement[bool]:
    """Which rows rise by rule, were said to the parent, and lack the word of the centre above it."""
    rises = (_awaited.c.upto == Upto.TOP.value) & (_awaited.c.audience == PARENT) & _awaited.c.bypass_rid.is_(None)
    return rises & ~exists().where(_end.c.rid == _awaited.c.rid, _end.c.holder == (above or ""))


def settle(session: Session, *, name: str, registry: Registry, now: datetime) -> int:
    """Note which receipts have come; how many waits that ended."""
    connection = session.connection()
    parent, top = registry.parent_of(name), top_of(registry, name)
    audiences = select(_awaited.c.audience).where(_OPEN).distinct()
    for audience in sorted(connection.execute(audiences).scalars().all()):
        nearest = end_of_bypass(audience) or parent or ""
        came = _covered(session, StreamKey(name, Lane.URGENT.value, audience), nearest)
        if came is not None:
            waiting = _OPEN & _awaited.c.near_at_us.is_(None) & (_awaited.c.audience == audience)
            connection.execute(update(_awaited).where(waiting, came).values(near_at_us=to_us(now)))
    ends = [exists().where(_end.c.rid == _awaited.c.rid, _end.c.holder == (top or "")), _came_past_parent(top or "")]
    ends.append(_awaited.c.near_at_us.is_not(None) & ((_awaited.c.upto == Upto.PARENT.value) | literal(parent == top)))
    above = _covered(session, StreamKey(name, Lane.URGENT.value, UP), top or "")
    if above is not None:
        ends.append((_awaited.c.audience == UP) & above)
    done = update(_awaited).where(_OPEN, or_(*ends)).values(satisfied_at_us=to_us(now))
    return connection.execute(done).rowcount


def _covered(session: Session, key: StreamKey, receiver: str) -> ColumnElement[bool] | None:
    """Which rows lie in frames of a stream for which there is a receipt of that centre; None if there is no receipt."""
    held = chain.load(session.connection(), key)
    if held is None:
        return None
    mine = (_receipt.c.stream_id == held.id) & (_receipt.c.receiver == receiver)
    furthest = select(_receipt.c.pos).where(mine).order_by(_receipt.c.pos.desc()).limit(1)
    pos = session.execute(furthest).scalar_one_or_none()
    if not pos:
        return None
    return exists().where(_record.c.rid == _awaited.c.rid, _record.c.stream_id == held.id, _record.c.pos <= pos)


def _came_past_parent(top: str) -> ColumnElement[bool]:
    """Which rows' records went by a bypass that leads to the top, and were acknowledged there."""
    by = _awaited.alias("by")
    return exists().where(by.c.rid == _awaited.c.bypass_rid, by.c.audience == bypass(top), by.c.near_at_us.is_not(None))


def mark_bypassed(session: Session, rid: UUID, by: UUID) -> None:
    """That record has gone past the parent, enclosed in another one."""
    session.connection().execute(update(_awaited).where(_awaited.c.rid == rid.bytes).values(bypass_rid=by.bytes))


@dataclass(frozen=True, slots=True)
class Confirmation:
    """One centre's verified word that it holds a record, and when it received it."""

    holder: str
    received_at: datetime


@dataclass(frozen=True, slots=True)
class Standing:
    """What is known of one record's receipts: who confirmed it, and whose confirmation is still awaited."""

    confirmed: tuple[Confirmation, ...]
    missing: str = ""
    is_late: bool = False
    is_bypassed: bool = False


def standing(session: Session, rid: UUID, *, name: str, registry: Registry) -> Standing:
    """Which centres have confirmed one of this node's own records, nearest first."""
    row = session.execute(select(_awaited).where(_awaited.c.rid == rid.bytes)).one_or_none()
    by = [rid, *([UUID(bytes=bytes(row.bypass_rid))] if row is not None and row.bypass_rid else [])]
    found: dict[str, datetime] = {}
    for one in by:
        for holder, at_us in _acknowledged(session, one, name):
            found.setdefault(holder, from_us(at_us))
    for end in session.execute(select(_end).where(_end.c.rid == rid.bytes)).all():
        found.setdefault(end.holder, from_us(end.received_at_us))
    above = sorted(found.items(), key=lambda one: (not registry.is_descendant(name, one[0]), one[1]))
    confirmed = tuple(Confirmation(holder, at) for holder, at in above)
    if row is None or row.satisfied_at_us is not None:
        return Standing(confirmed, is_bypassed=row is not None and row.bypass_rid is not None)
    parent = registry.parent_of(name) or ""
    missing = (top_of(registry, name) or parent) if row.upto == Upto.TOP.value else parent
    return Standing(confirmed, missing, row.rung_at_us is not None, row.bypass_rid is not None)


def _acknowledged(session: Session, rid: UUID, name: str) -> list[tuple[str, int]]:
    """The first receipt of each centre for the frame of a record, or for one after it."""
    stream = tables.stream
    query = (
        select(_receipt.c.receiver, func.min(_receipt.c.received_at_us))
        .join(_record, (_record.c.stream_id == _receipt.c.stream_id) & (_receipt.c.pos >= _record.c.pos))
        .join(stream, stream.c.id == _record.c.stream_id)
        .where(_record.c.rid == rid.bytes, stream.c.origin == name)
        .group_by(_receipt.c.receiver)
    )
    return [(row[0], row[1]) for row in session.execute(query).all()]
