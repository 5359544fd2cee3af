"""What citizens' reports say to the figures: how many were recorded, and what those who rated them thought."""

from collections.abc import Iterator

from sqlalchemy import select
from sqlalchemy.orm import Session

from modules.citizen.tables import report
from node.figures.reading import Asked, Reading, Source
from node.figures.state import once, share

_OTHER, _GOOD = "other", frozenset({"satisfied", "accepted"})


def recorded(session: Session, asked: Asked) -> Iterator[Reading]:
    """Each report that was recorded here, by category."""
    known = asked.definition.dimensions[0].known
    query = select(report.c.recorded_at, report.c.category).where(
        report.c.recorded_at >= asked.begin, report.c.recorded_at < asked.end
    )
    for row in session.execute(query):
        yield Reading(row.recorded_at, once(), (row.category if row.category in known else _OTHER,))


def rated(session: Session, asked: Asked) -> Iterator[Reading]:
    """Each rating that was given here: satisfied or accepted, or not."""
    query = select(report.c.rated_at, report.c.rating).where(
        report.c.rated_at >= asked.begin, report.c.rated_at < asked.end, report.c.rating.is_not(None)
    )
    for row in session.execute(query):
        yield Reading(row.rated_at, share(is_in=row.rating in _GOOD))


SOURCES = (Source("citizen.reports", recorded), Source("citizen.satisfaction", rated))
