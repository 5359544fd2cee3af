"""Who did and who read what: rows are added, never changed; the database itself refuses the rest."""

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, String, cast, func, insert, or_, select
from sqlalchemy.orm import Session

from node.incident.rows import incident
from node.tables import account, audit

LONGEST_DETAIL = 4_000
_OF_PEOPLE = ("account.", "login.", "session.", "factor.")  # their subject is an account
_OF_INCIDENTS = ("incident.", "report.", "original.")  # their subject is an incident


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the record."""

    position: int
    at: datetime
    actor: str
    act: str
    subject: str
    detail: Mapping[str, object]


def record(
    session: Session, *, actor: str, act: str, subject: str, detail: Mapping[str, object] | str = "", now: datetime
) -> None:
    """Add one line in the caller's transaction; never hand it a secret or a citizen's identity."""
    words = {"text": detail} if isinstance(detail, str) and detail else dict(detail or {})
    text = json.dumps(words, ensure_ascii=False, default=str)
    if len(text) > LONGEST_DETAIL:
        text = json.dumps({"text": text[: LONGEST_DETAIL // 2], "cut": True}, ensure_ascii=False)
    session.execute(insert(audit).values(at=now, actor=actor[:100], act=act[:64], subject=subject[:200], detail=text))


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """What to look for; what is empty is not asked for. An act that ends in a dot means all that begin so."""

    actor: str = ""
    act: str = ""
    subject: str = ""
    since: datetime | None = None
    until: datetime | None = None
    areas: Collection[str] | None = None  # the units that the reader may see, None for all


def recent(
    session: Session, *, limit: int = 100, before: int | None = None, search: Search | None = None
) -> tuple[Entry, ...]:
    """Give the newest lines first that fit, older than a position if one is named."""
    query = select(audit).order_by(audit.c.position.desc()).limit(limit)
    if before is not None:
        query = query.where(audit.c.position < before)
    rows = session.execute(query.where(*_fitting(search or Search())))
    return tuple(Entry(row.position, row.at, row.actor, row.act, row.subject, json.loads(row.detail)) for row in rows)


def acts(session: Session, areas: Collection[str] | None = None) -> tuple[str, ...]:
    """List the acts that occur in what a reader may see."""
    query = select(audit.c.act).where(*_fitting(Search(areas=areas))).distinct()
    return tuple(session.scalars(query.order_by(audit.c.act)))


def _fitting(search: Search) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = []
    if search.actor:
        found.append(audit.c.actor == search.actor)
    if search.act.endswith("."):
        found.append(audit.c.act.startswith(search.act, autoescape=True))
    elif search.act:
        found.append(audit.c.act == search.act)
    if search.subject:
        found.append(audit.c.subject == search.subject)
    if search.since:
        found.append(audit.c.at >= search.since)
    if search.until:
        found.append(audit.c.at < search.until)
    if search.areas is not None:
        found.append(_of_areas(search.areas))
    return found


def _of_areas(areas: Collection[str]) -> ColumnElement[bool]:
    """What a limited reader may see: acts on incidents of the area, and sign-ins and rights of accounts for it.

    All else is about the whole centre, or about nobody's area: a refused try names what lies outside.
    """
    incidents = select(func.replace(cast(incident.c.id, String), "-", "")).where(incident.c.area_code.in_(areas))
    people = select(account.c.username).where(account.c.area_code.in_(areas))
    is_of_person = or_(*(audit.c.act.startswith(begin, autoescape=True) for begin in _OF_PEOPLE))
    is_of_incident = or_(*(audit.c.act.startswith(begin, autoescape=True) for begin in _OF_INCIDENTS))
    about_incident = is_of_incident & func.replace(audit.c.subject, "-", "").in_(incidents)
    return about_incident | (is_of_person & audit.c.subject.in_(people))
