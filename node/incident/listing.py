"""Lists of incidents: filtered, in the order in which people work, a page at a time."""

import base64
import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, and_, case, func, or_, select, true
from sqlalchemy.orm import Session

from node.errors import Invalid
from node.incident.rows import incident, value_of
from node.incident.value import OPEN_STATUSES, Incident, Severity, Status, folded

LONGEST_PAGE = 200
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """Which incidents; ``areas`` are the units that the person may see, None for all."""

    is_open: bool | None = None
    text: str = ""
    severities: Collection[Severity] = ()
    statuses: Collection[Status] = ()
    areas: Collection[str] | None = None
    named: Sequence[UUID] = ()  # what a module knows under the text, such as a receipt's incident


@dataclass(frozen=True, slots=True)
class Page:
    """Some incidents, how many there are in all, and where the next page begins."""

    items: tuple[Incident, ...]
    total: int
    next_cursor: str | None


def page(session: Session, wanted: Filter, *, limit: int, cursor: str | None) -> Page:
    """A page of incidents: open ones by severity, then the longest waiting first; others the newest first.

    Before all others comes what the text names exactly: by its number, or by a name that a module knows.
    """
    limit = max(1, min(limit, LONGEST_PAGE))
    conditions = _conditions(wanted)
    total = session.scalar(select(func.count()).select_from(incident).where(*conditions)) or 0
    rank = _rank(wanted)
    query = select(incident, rank.label("rank")).where(*conditions)
    if cursor:
        query = query.where(_after(cursor, rank, is_queue=wanted.is_open is True))
    rows = session.execute(_ordered(query, rank, is_queue=wanted.is_open is True).limit(limit + 1)).mappings().all()
    items = tuple(value_of(row) for row in rows[:limit])
    return Page(items, total, _cursor(items[-1], rows[limit - 1]["rank"]) if len(rows) > limit else None)


def open_before(session: Session, moment: datetime) -> tuple[UUID, ...]:
    """The incidents that somebody still has to deal with and that were opened before a moment."""
    query = select(incident.c.id).where(incident.c.status.in_(OPEN_STATUSES)).where(incident.c.opened_at < moment)
    return tuple(session.scalars(query))


def _words(text: str) -> list[str]:
    return [word.lstrip("#") or word for word in folded(text).split()[:8]]


def _rank(wanted: Filter) -> ColumnElement[int]:
    """0 for what the text names exactly, 1 for all others."""
    words = _words(wanted.text)
    number = words[0] if len(words) == 1 else ""
    is_exact = or_(func.lower(incident.c.number) == number, incident.c.id.in_(list(wanted.named)))
    return case((is_exact, 0), else_=1)


def _conditions(wanted: Filter) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = []
    if wanted.is_open is not None:
        is_open = incident.c.status.in_(OPEN_STATUSES)
        found.append(is_open if wanted.is_open else ~is_open)
    if wanted.severities:
        found.append(incident.c.severity.in_(sorted(wanted.severities)))
    if wanted.statuses:
        found.append(incident.c.status.in_(sorted(wanted.statuses)))
    if wanted.areas is not None:
        found.append(incident.c.area_code.in_(sorted(wanted.areas)))
    words = and_(true(), *(incident.c.search.contains(word, autoescape=True) for word in _words(wanted.text)))
    found.append(or_(words, incident.c.id.in_(list(wanted.named))) if wanted.named else words)
    return found


def _ordered(query: Select[Any], rank: ColumnElement[int], *, is_queue: bool) -> Select[Any]:
    if is_queue:
        return query.order_by(rank, incident.c.severity.desc(), incident.c.opened_at, incident.c.id)
    return query.order_by(rank, incident.c.opened_at.desc(), incident.c.id.desc())


def _cursor(last: Incident, rank: int) -> str:
    opened_us = (last.opened_at - _EPOCH) // timedelta(microseconds=1)
    place = json.dumps([rank, int(last.severity), opened_us, last.id.hex])
    return base64.urlsafe_b64encode(place.encode()).decode()


def _after(cursor: str, rank: ColumnElement[int], *, is_queue: bool) -> ColumnElement[bool]:
    try:
        ranked, severity, opened_us, raw = json.loads(base64.urlsafe_b64decode(cursor.encode()))
        opened_at, incident_id = _EPOCH + timedelta(microseconds=int(opened_us)), UUID(str(raw))
        severity, ranked = int(severity), int(ranked)
    except (ValueError, TypeError, OverflowError) as error:
        raise Invalid("con trỏ trang không hợp lệ", errors=[{"field": "cursor", "message": "không hợp lệ"}]) from error
    columns = incident.c
    if not is_queue:
        earlier = and_(columns.opened_at == opened_at, columns.id < incident_id)
        return or_(rank > ranked, and_(rank == ranked, or_(columns.opened_at < opened_at, earlier)))
    same = and_(columns.severity == severity, columns.opened_at == opened_at, columns.id > incident_id)
    later = and_(columns.severity == severity, columns.opened_at > opened_at)
    return or_(rank > ranked, and_(rank == ranked, or_(columns.severity < severity, later, same)))
