"""What a person has to know about deliveries: rows that are only added, and not twice for one cause in ten minutes."""

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, bindparam, func, insert, select
from sqlalchemy.orm import Session

from federation import tables
from federation.frame import StreamKey, from_us, to_us

QUIET = timedelta(minutes=10)
_alarm = tables.alarm
_NEWEST = select(_alarm).order_by(_alarm.c.id.desc()).limit(bindparam("most"))
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class LinkAlarm:
    """Something wrong between two centres: `peer` is the neighbour, `origin` the centre whose records it concerns."""

    at: datetime
    code: str
    peer: str
    origin: str
    detail: str


def about(stream: StreamKey, frame_no: int | None = None) -> str:
    """The subject of an alarm that concerns a stream, or one frame of it."""
    return f"{stream.lane}/{stream.audience}" + ("" if frame_no is None else f"/{frame_no}")


def raise_alarm(
    connection: Connection, code: str, *, at: datetime, peer: str, origin: str = "", subject: str = "", detail: str
) -> bool:
    """Record an alarm unless the same cause was recorded within ten minutes; tells whether it is new."""
    same = (
        select(_alarm.c.id)
        .where(_alarm.c.code == code, _alarm.c.peer == peer, _alarm.c.origin == origin, _alarm.c.subject == subject)
        .where(_alarm.c.at_us > to_us(at - QUIET), _alarm.c.at_us < to_us(at + QUIET))  # a clock may have run ahead
        .limit(1)
    )
    if connection.execute(same).first() is not None:
        return False
    values = {"at_us": to_us(at), "code": code, "peer": peer, "origin": origin, "subject": subject, "detail": detail}
    connection.execute(insert(_alarm).values(values))
    log.warning("%s at %s, origin %s, %s: %s", code, peer or "-", origin or "-", subject or "-", detail)
    return True


def latest(session: Session, limit: int = 100) -> list[LinkAlarm]:
    """The newest alarms first."""
    rows = session.connection().execute(_NEWEST, {"most": limit})
    return [LinkAlarm(from_us(row.at_us), row.code, row.peer, row.origin, row.detail) for row in rows]


def counts(session: Session) -> dict[str, int]:
    """How often each code rang since the node was founded."""
    query = select(_alarm.c.code, func.count()).group_by(_alarm.c.code)
    return {row[0]: row[1] for row in session.execute(query)}
