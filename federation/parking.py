"""Records that are parked: which, why, and what became of trying them again."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from federation import tables
from federation.frame import from_us

_parked, _stream = tables.parked, tables.stream


@dataclass(frozen=True, slots=True, kw_only=True)
class Parked:
    """One record that is kept and was not applied."""

    at: datetime
    origin: str
    lane: str
    audience: str
    rid: UUID | None
    kind: str
    sender: str
    code: str
    reason: str


def parked(session: Session, limit: int = 1000) -> list[Parked]:
    """What is parked now, the oldest first."""
    query = (
        select(_parked, _stream.c.origin, _stream.c.lane, _stream.c.audience)
        .join(_stream, _stream.c.id == _parked.c.stream_id)
        .where(_parked.c.applied_at_us.is_(None))
        .order_by(_parked.c.at_us, _parked.c.stream_id, _parked.c.pos, _parked.c.position)
        .limit(limit)
    )
    return [
        Parked(
            at=from_us(row.at_us),
            origin=row.origin,
            lane=row.lane,
            audience=row.audience,
            rid=None if row.rid is None else UUID(bytes=bytes(row.rid)),
            kind=row.kind,
            sender=row.sender,
            code=row.code,
            reason=row.reason,
        )
        for row in session.execute(query)
    ]


def count(session: Session, *, only_readable: bool = False) -> int:
    """How many are parked now; those whose bytes are no record can never be applied."""
    query = select(func.count()).select_from(_parked).where(_parked.c.applied_at_us.is_(None))
    if only_readable:
        query = query.where(_parked.c.rid.is_not(None))
    return int(session.execute(query).scalar_one())
