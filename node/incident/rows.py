"""The rows of incidents, which stay home: nothing outside of this package sees one."""

from dataclasses import fields
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    Index,
    Integer,
    LargeBinary,
    RowMapping,
    String,
    Table,
    Text,
    Uuid,
    bindparam,
    delete,
    func,
    insert,
    select,
    update,
)
from sqlalchemy.orm import Session

from node.errors import NotFound
from node.incident.value import Custody, CustodyState, Event, Incident, Place, Proof, Severity, Status, folded
from node.tables import UtcTime, metadata

incident = Table(
    "incident",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("version", Integer, nullable=False),
    Column("number", String(40), nullable=False),
    Column("own_number", Integer, nullable=True),
    Column("kind", String(64), nullable=False),
    Column("kind_title", String(200), nullable=False),
    Column("rises_from", Integer, nullable=True),
    Column("title", String(200), nullable=False),
    Column("description", Text, nullable=False),
    Column("category", String(64), nullable=False),
    Column("severity", Integer, nullable=False),
    Column("status", String(32), nullable=False),
    Column("status_at", UtcTime, nullable=False),
    Column("custody_state", String(16), nullable=False),
    Column("holder", String(64), nullable=False),
    Column("offered_to", String(64), nullable=True),
    Column("term", BigInteger, nullable=False),
    Column("custody_since", UtcTime, nullable=False),
    Column("asked_back", Boolean, nullable=False, default=False),
    Column("area_code", String(16), nullable=False),
    Column("lat", Float, nullable=True),
    Column("lon", Float, nullable=True),
    Column("origin", String(64), nullable=False),
    Column("opened_at", UtcTime, nullable=False),
    Column("updated_at", UtcTime, nullable=False),
    Column("has_thumbnail", Boolean, nullable=False, default=False),
    Column("unit", String(200), nullable=False, default=""),
    Column("deadline", UtcTime, nullable=True),
    Column("extensions", Integer, nullable=False, default=0),
    Column("duplicate_of", Uuid, nullable=True),
    Column("resumes", String(32), nullable=True),
    Column("source", String(64), nullable=True),
    Column("content_rid", Uuid, nullable=True),
    Column("offer_rid", Uuid, nullable=True),
    Column("told_up", Integer, nullable=False, default=0),
    Column("told_down", Integer, nullable=False, default=0),
    Column("heard_below", Integer, nullable=False, default=0),
    Column("heard_above", Integer, nullable=False, default=0),
    Column("search", Text, nullable=False),
    Index("incident_queue", "status", "severity", "opened_at"),
    Index("incident_opened", "opened_at"),
    Index("incident_number", "number"),
    Index("incident_own_number", "own_number", unique=True),
)

incident_event = Table(
    "incident_event",
    metadata,
    Column("incident_id", Uuid, primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("at", UtcTime, nullable=False),
    Column("centre", String(64), nullable=False),
    Column("actor", String(200), nullable=False),
    Column("act", String(32), nullable=False),
    Column("status", String(32), nullable=False),
    Column("note", Text, nullable=False),
    Column("severity", Integer, nullable=True),
    Column("category", String(64), nullable=False, default=""),
    Column("key_id", LargeBinary(32), nullable=True),
    Column("received_at", UtcTime, nullable=True),
)

incident_proof = Table(
    "incident_proof",
    metadata,
    Column("incident_id", Uuid, primary_key=True),
    Column("rid", Uuid, primary_key=True),
    Column("origin", String(64), nullable=False),
    Column("kind", String(64), nullable=False),
    Column("key_id", LargeBinary(32), nullable=False),
    Column("created_at", UtcTime, nullable=False),
    Column("received_at", UtcTime, nullable=False),
    Column("via", String(64), nullable=False),
    Column("serial", Integer, nullable=False),
)

incident_thumbnail = Table(
    "incident_thumbnail",
    metadata,
    Column("incident_id", Uuid, primary_key=True),
    Column("picture", LargeBinary, nullable=False),
)

# Of which it must be said anew who answers, once a restore is over: words about it were given back, or said unsure.
incident_anew = Table("incident_anew", metadata, Column("incident_id", Uuid, primary_key=True))

# What this centre decided about the offers that others made to it: decided once, and final.
incident_offer = Table(
    "incident_offer",
    metadata,
    Column("incident_id", Uuid, primary_key=True),
    Column("giver", String(64), primary_key=True),
    Column("term", BigInteger, primary_key=True),
    Column("decision", String(16), nullable=False),
    Column("at", UtcTime, nullable=False),
)

# Void: the giver made a later offer, so that this one was settled, whatever is remembered of it here.
PENDING, ACCEPTED, REFUSED, VOID = "pending", "accepted", "refused", "void"
FINAL = frozenset({ACCEPTED, REFUSED, VOID})

_CUSTODY = {"custody", "place"}
_PLAIN = tuple(field.name for field in fields(Incident) if field.name not in _CUSTODY)


def row_of(value: Incident) -> dict[str, Any]:
    """Spell an incident as columns."""
    custody, place = value.custody, value.place
    return {name: getattr(value, name) for name in _PLAIN} | {
        "custody_state": custody.state,
        "holder": custody.holder,
        "offered_to": custody.offered_to,
        "term": custody.term,
        "custody_since": custody.since,
        "asked_back": custody.asked_back,
        "lat": place.lat if place else None,
        "lon": place.lon if place else None,
        "search": folded(f"{value.number} {value.title} {value.category} {value.kind_title} {value.description}"),
    }


def value_of(row: RowMapping) -> Incident:
    """Read an incident out of its columns."""
    plain = {name: row[name] for name in _PLAIN}
    plain["severity"], plain["status"] = Severity(row["severity"]), Status(row["status"])
    plain["rises_from"] = Severity(row["rises_from"]) if row["rises_from"] else None
    plain["resumes"] = Status(row["resumes"]) if row["resumes"] else None
    place = Place(row["lat"], row["lon"]) if row["lat"] is not None and row["lon"] is not None else None
    custody = Custody(
        state=CustodyState(row["custody_state"]),
        holder=row["holder"],
        offered_to=row["offered_to"],
        term=row["term"],
        since=row["custody_since"],
        asked_back=row["asked_back"],
    )
    return Incident(**plain, custody=custody, place=place)


# Read and written with every news of an incident, so they are built once; an update sets the columns it is given.
_FIND = select(incident).where(incident.c.id == bindparam("of_incident"))
_SAVE = update(incident).where(incident.c.id == bindparam("of_incident"))


def find(session: Session, incident_id: UUID) -> Incident | None:
    """The incident, if this centre knows it."""
    row = session.connection().execute(_FIND, {"of_incident": incident_id}).mappings().first()
    return value_of(row) if row is not None else None


def get(session: Session, incident_id: UUID) -> Incident:
    """The incident; raises NotFound."""
    found = find(session, incident_id)
    if found is None:
        raise NotFound("không có sự cố này")
    return found


def find_number(session: Session, number: str) -> UUID | None:
    """The incident that bears this number here; an opener's own wins over one from below."""
    query = select(incident.c.id).where(incident.c.number == number)
    return session.scalar(query.order_by(incident.c.own_number.is_(None), incident.c.opened_at).limit(1))


def next_own_number(session: Session) -> int:
    """The next number of the incidents that this centre opens."""
    return (session.scalar(select(func.max(incident.c.own_number))) or 0) + 1


def has_own_number(session: Session, number: int) -> bool:
    """Whether this centre gave that number to an incident that it opened."""
    return session.scalar(select(incident.c.id).where(incident.c.own_number == number)) is not None


def add(session: Session, value: Incident, thumbnail: bytes | None, own_number: int | None = None) -> None:
    """Keep a new incident."""
    session.connection().execute(insert(incident), row_of(value) | {"own_number": own_number})
    if thumbnail:
        session.execute(insert(incident_thumbnail).values(incident_id=value.id, picture=thumbnail))
    _touch(session)


def save(session: Session, value: Incident) -> None:
    """Keep a changed incident."""
    session.connection().execute(_SAVE, row_of(value) | {"of_incident": value.id})
    _touch(session)


def thumbnail(session: Session, incident_id: UUID) -> bytes | None:
    """The small picture of an incident."""
    return session.scalar(select(incident_thumbnail.c.picture).where(incident_thumbnail.c.incident_id == incident_id))


def add_event(session: Session, incident_id: UUID, event: Event) -> None:
    """Write a line at the end of the timeline."""
    last = session.scalar(select(func.max(incident_event.c.number)).where(incident_event.c.incident_id == incident_id))
    values = {field.name: getattr(event, field.name) for field in fields(Event)}
    rest = {"incident_id": incident_id, "number": (last or 0) + 1}
    session.connection().execute(insert(incident_event), values | rest)
    _touch(session)


def events(session: Session, incident_id: UUID) -> list[Event]:
    """The timeline, in the order in which this centre learned of it."""
    query = select(incident_event).where(incident_event.c.incident_id == incident_id).order_by(incident_event.c.number)
    return [
        Event(
            at=row["at"],
            centre=row["centre"],
            actor=row["actor"],
            act=row["act"],
            status=Status(row["status"]),
            note=row["note"],
            severity=Severity(row["severity"]) if row["severity"] else None,
            category=row["category"],
            key_id=row["key_id"],
            received_at=row["received_at"],
            number=row["number"],
        )
        for row in session.execute(query).mappings()
    ]


def add_proof(session: Session, incident_id: UUID, proof: Proof) -> None:
    """Remember a verified record; the same record again changes nothing."""
    known = select(incident_proof.c.rid).where(
        incident_proof.c.incident_id == incident_id, incident_proof.c.rid == proof.rid
    )
    if session.scalar(known) is None:
        values = {field.name: getattr(proof, field.name) for field in fields(Proof)}
        session.connection().execute(insert(incident_proof), values | {"incident_id": incident_id})


def proofs(session: Session, incident_id: UUID) -> list[Proof]:
    """The verified records about an incident, oldest first."""
    names = [field.name for field in fields(Proof)]
    query = (
        select(*(incident_proof.c[name] for name in names))
        .where(incident_proof.c.incident_id == incident_id)
        .order_by(incident_proof.c.received_at, incident_proof.c.created_at, incident_proof.c.rid)
    )
    return [Proof(**dict(row)) for row in session.execute(query).mappings()]


def is_news(session: Session, incident_id: UUID, origin: str, created_at: datetime, serial: int) -> bool:
    """Whether a centre said this after all that this one has verified of it about an incident, by count or by time."""
    known = incident_proof.c
    mine = (known.incident_id == incident_id) & (known.origin == origin)
    highest = session.scalar(select(func.max(known.serial)).where(mine)) or 0
    if serial > highest:
        return True
    latest = select(known.created_at, known.serial).where(mine).order_by(known.created_at.desc(), known.serial.desc())
    newest = session.execute(latest.limit(1)).one()
    return (created_at, serial) > (newest.created_at, newest.serial)


def asked_back_from(session: Session, me: str) -> list[Incident]:
    """The incidents that are offered to this centre and that their givers want back."""
    mine = (incident.c.custody_state == CustodyState.OFFERED) & (incident.c.offered_to == me) & incident.c.asked_back
    return [value_of(row) for row in session.execute(select(incident).where(mine)).mappings()]


def decision(session: Session, incident_id: UUID, giver: str, term: int) -> str | None:
    """What this centre decided about an offer: pending, accepted, refused, void, or None if it has not heard of it."""
    return session.scalar(
        select(incident_offer.c.decision).where(
            incident_offer.c.incident_id == incident_id,
            incident_offer.c.giver == giver,
            incident_offer.c.term == term,
        )
    )


def latest_verdict(session: Session, incident_id: UUID, giver: str) -> tuple[int, bool] | None:
    """The last offer of a giver that this centre accepted or refused: its term, and whether it was accepted."""
    mine = (incident_offer.c.incident_id == incident_id) & (incident_offer.c.giver == giver)
    answered = mine & incident_offer.c.decision.in_((ACCEPTED, REFUSED))
    query = select(incident_offer.c.term, incident_offer.c.decision).where(answered)
    row = session.execute(query.order_by(incident_offer.c.term.desc()).limit(1)).one_or_none()
    return None if row is None else (row.term, row.decision == ACCEPTED)


def decide(
    session: Session,
    incident_id: UUID,
    giver: str,
    term: int,
    verdict: str,
    *,
    at: datetime,
    was_heard: bool = False,
) -> None:
    """Write a decision down; one that is final cannot be changed, but by one that a neighbour heard and gives back."""
    known = decision(session, incident_id, giver, term)
    if known in FINAL and not was_heard:
        message = f"the offer of term {term} was {known} before"
        raise ValueError(message)
    key = {"incident_id": incident_id, "giver": giver, "term": term}
    if known is None:
        session.execute(insert(incident_offer).values(**key, decision=verdict, at=at))
        return
    same = [incident_offer.c[name] == value for name, value in key.items()]
    session.execute(update(incident_offer).where(*same).values(decision=verdict, at=at))


def want_anew(session: Session, incident_id: UUID) -> None:
    """Remember that of this incident it must be said anew who answers for it."""
    known = select(incident_anew.c.incident_id).where(incident_anew.c.incident_id == incident_id)
    if session.scalar(known) is None:
        session.execute(insert(incident_anew).values(incident_id=incident_id))


def take_wanted_anew(session: Session) -> list[Incident]:
    """The incidents of which that must be said, each only once, the oldest first."""
    query = select(incident).join(incident_anew, incident_anew.c.incident_id == incident.c.id)
    found = [value_of(row) for row in session.execute(query.order_by(incident.c.opened_at, incident.c.id)).mappings()]
    session.execute(delete(incident_anew))
    return found


def void_older(session: Session, incident_id: UUID, giver: str, term: int, *, at: datetime) -> None:
    """Close what the giver offered before the offer of this term and nobody decided."""
    mine = (incident_offer.c.incident_id == incident_id) & (incident_offer.c.giver == giver)
    older = mine & (incident_offer.c.term < term) & (incident_offer.c.decision == PENDING)
    session.execute(update(incident_offer).where(older).values(decision=VOID, at=at))


def _touch(session: Session) -> None:
    session.info.setdefault("touched", set()).add("incidents")
