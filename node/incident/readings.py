"""What the incident book says to the figures: each incident is counted by the centre that opened it, and by no other.

Everything is read from times that are in the book, so that a period that is over can be read again: when a centre was
down at its end, and when news of it comes later.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from node.figures.period import Period
from node.figures.reading import Asked, Reading, Source
from node.figures.state import measured, once, share, stock
from node.incident.rows import incident, incident_event
from node.incident.value import HANDLE_LIMIT, OPEN_STATUSES, Severity, Status

_OTHER_KIND = "other"
_MINUTE_US = 60_000_000


def opened(session: Session, asked: Asked) -> Iterator[Reading]:
    """Each incident that was opened here, by kind and present severity."""
    known = asked.definition.dimensions[0].known
    query = select(incident.c.opened_at, incident.c.kind, incident.c.severity).where(
        incident.c.origin == asked.centre, incident.c.opened_at >= asked.begin, incident.c.opened_at < asked.end
    )
    for row in session.execute(query):
        kind = row.kind if row.kind in known else _OTHER_KIND
        yield Reading(row.opened_at, once(), (kind, str(row.severity)))


def still_open(session: Session, asked: Asked) -> Iterator[Reading]:
    """How many of the incidents that were opened here were not ended yet at the end of each period."""
    mine = (incident.c.origin == asked.centre) & (incident.c.opened_at < asked.end)
    lately = incident.c.status.in_(OPEN_STATUSES) | (incident.c.updated_at >= asked.begin)
    query = (
        select(incident_event.c.incident_id, incident_event.c.at, incident_event.c.status)
        .join(incident, incident.c.id == incident_event.c.incident_id)
        .where(mine, lately, incident_event.c.at < asked.end)
        .order_by(incident_event.c.incident_id, incident_event.c.number)
    )
    stories: dict[UUID, list[tuple[datetime, bool]]] = {}
    for row in session.execute(query):
        stories.setdefault(row.incident_id, []).append((row.at, Status(row.status).is_open))
    for period in asked.periods:
        count = sum(_is_open(story, period) for story in stories.values())
        yield Reading(period.begin, stock(count))


def _is_open(story: Iterable[tuple[datetime, bool]], period: Period) -> bool:
    """Where an incident stood at the end of a period, by the last line of its story until then."""
    last = False
    for at, is_open in story:
        if at < period.end:
            last = is_open
    return last


def first_receipt(session: Session, asked: Asked) -> Iterator[Reading]:
    """The minutes from opening to the first receipt by anybody, of those that were received in the periods."""
    first = func.min(incident_event.c.at).label("first")
    query = (
        select(incident.c.opened_at, first)
        .join(incident, incident.c.id == incident_event.c.incident_id)
        .where(incident.c.origin == asked.centre, incident_event.c.status == Status.RECEIVED)
        .where(incident.c.updated_at >= asked.begin)
        .group_by(incident.c.id, incident.c.opened_at)
        .having(first >= asked.begin, first < asked.end)
    )
    for row in session.execute(query):
        passed = max(row.first - row.opened_at, timedelta(0))
        minutes = Decimal(passed // timedelta(microseconds=1)) / _MINUTE_US
        yield Reading(row.first, measured(minutes.quantize(Decimal("0.001")), asked.definition.edges))


def in_time(session: Session, asked: Asked) -> Iterator[Reading]:
    """Each resolution in the periods: whether it came within the limit from opening, by present severity."""
    query = (
        select(incident.c.opened_at, incident.c.severity, incident_event.c.at)
        .join(incident, incident.c.id == incident_event.c.incident_id)
        .where(incident.c.origin == asked.centre, incident_event.c.act == "resolve")
        .where(incident_event.c.at >= asked.begin, incident_event.c.at < asked.end)
    )
    for row in session.execute(query):
        limit = HANDLE_LIMIT.of(Severity(row.severity))
        yield Reading(row.at, share(is_in=row.at - row.opened_at <= limit))


SOURCES = (
    Source("incident.opened", opened),
    Source("incident.open", still_open),
    Source("incident.first_ack", first_receipt),
    Source("incident.resolved_in_time", in_time),
)
