"""A centre that was fenced by another start of itself: what it had not delivered waits for a person.

Two machines that both say they are one centre cannot both be right, and neither can know which. The one whose
connection was taken away stops dialling. Its undelivered records leave the queue and are kept, readable and
exportable, until somebody who knows says what becomes of them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import Connection, bindparam, delete, func, insert, select, update
from sqlalchemy.orm import Session

from federation import chain, tables
from federation.frame import StreamKey, from_us, to_us
from federation.removal import Removal, acknowledged, readable, wait_again
from federation.rights import may_travel
from federation.storage import touch

SEND, KEEP = "send", "keep"
_pending, _fence, _quarantine, _cursor, _frame = (
    tables.pending,
    tables.fence,
    tables.quarantine,
    tables.cursor,
    tables.frame,
)
_FENCED = select(_fence.c.at_us).where(_fence.c.peer == bindparam("of_peer"), _fence.c.lifted_at_us.is_(None)).limit(1)


@dataclass(frozen=True, slots=True)
class Quarantined:
    """A record that was not delivered before the fence; `decision` is empty until somebody decided."""

    rid: UUID
    lane: str
    audience: str
    kind: str
    created_at: datetime
    payload: bytes
    at: datetime
    reason: str
    decision: str


def raise_fence(session: Session, removal: Removal, peer: str, detail: str) -> int:
    """Stop delivering to a neighbour, and put what it has not acknowledged aside; how many records that were."""
    connection = session.connection()
    if not is_fenced(session, peer):
        connection.execute(insert(_fence).values(peer=peer, at_us=to_us(removal.now), detail=detail))
    return _put_aside(connection, peer, removal, detail)


def is_fenced(session: Session, peer: str) -> bool:
    """Whether a person has to decide before this node dials that neighbour again."""
    return session.connection().execute(_FENCED, {"of_peer": peer}).first() is not None


def fences(session: Session) -> list[tuple[str, datetime, str]]:
    """The fences that stand: neighbour, since when, and why."""
    rows = session.execute(select(_fence).where(_fence.c.lifted_at_us.is_(None)).order_by(_fence.c.at_us))
    return [(row.peer, from_us(row.at_us), row.detail) for row in rows]


def lift(session: Session, removal: Removal, decision: str) -> int:
    """Deliver again, after a person decided: SEND what was put aside, or KEEP it here for ever; of how many records."""
    if decision not in (SEND, KEEP):
        msg = f"{decision!r} is no decision"
        raise ValueError(msg)
    connection = session.connection()
    for peer, _, detail in fences(session):
        _put_aside(connection, peer, removal, detail)
    undecided = _quarantine.c.decision == ""
    rows = connection.execute(select(_quarantine).where(undecided).order_by(_quarantine.c.pos)).all()
    if decision == SEND:
        by_stream: dict[tuple[str, str], list[bytes]] = {}
        for row in rows:
            by_stream.setdefault((row.lane, row.audience), []).append(bytes(row.raw))
        for (lane, audience), records in by_stream.items():
            wait_again(connection, StreamKey(removal.name, lane, audience), records)
    connection.execute(update(_quarantine).where(undecided).values(decision=decision, decided_at_us=to_us(removal.now)))
    connection.execute(update(_fence).where(_fence.c.lifted_at_us.is_(None)).values(lifted_at_us=to_us(removal.now)))
    touch(session)
    return len(rows)


def listing(session: Session) -> list[Quarantined]:
    """What was ever put aside, in the order in which it was written."""
    found = []
    for row in session.execute(select(_quarantine).order_by(_quarantine.c.pos)):
        record = readable(bytes(row.raw))
        if record is not None:
            found.append(
                Quarantined(
                    record.rid,
                    row.lane,
                    row.audience,
                    record.kind,
                    record.created_at,
                    record.payload,
                    from_us(row.at_us),
                    row.reason,
                    row.decision,
                )
            )
    return found


def _put_aside(connection: Connection, peer: str, removal: Removal, reason: str) -> int:
    """Move every own record that the neighbour has not acknowledged out of chain and queue; how many."""
    count = 0
    for head in chain.load_all(connection):
        if head.key.origin == removal.name and _goes_to(removal, head.key, peer):
            after = acknowledged(connection, head, peer)
            if (after.pos if after else 0) < head.pos:
                records = removal.take_out(connection, head, after)
                chain.save(connection, head)
                count += _keep(connection, head.key, records, removal.now, reason)
    rows = connection.execute(select(_pending).order_by(_pending.c.pos)).all()
    for row in rows:
        key = StreamKey(removal.name, row.lane, row.audience)
        if _goes_to(removal, key, peer):
            connection.execute(delete(_pending).where(_pending.c.pos == row.pos))
            count += _keep(connection, key, [bytes(row.raw)], removal.now, reason)
    return count


def _goes_to(removal: Removal, key: StreamKey, peer: str) -> bool:
    return may_travel(removal.registry, key, sender=removal.name, receiver=peer)


def _keep(connection: Connection, key: StreamKey, records: Sequence[bytes], now: datetime, reason: str) -> int:
    last = connection.execute(select(func.max(_quarantine.c.pos))).scalar_one() or 0
    count = 0
    for raw in records:
        record = readable(raw)
        if record is None:
            continue
        count += 1
        again = connection.execute(
            update(_quarantine).where(_quarantine.c.rid == record.rid.bytes).values(decision="", decided_at_us=None)
        )
        if again.rowcount == 0:
            values = {"rid": record.rid.bytes, "pos": last + count, "lane": key.lane, "audience": key.audience}
            rest = {"kind": record.kind, "raw": raw, "at_us": to_us(now), "reason": reason, "decision": ""}
            connection.execute(insert(_quarantine).values(values | rest))
    return count
