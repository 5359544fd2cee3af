"""What people noted about values that look wrong: a mark stays open until somebody says what came out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Column, Integer, LargeBinary, String, Table, Text, func, insert, select
from sqlalchemy.orm import Session

from node.tables import UtcTime, metadata

figure_note = Table(
    "figure_note",
    metadata,
    Column("state_hash", LargeBinary(32), primary_key=True),
    Column("rule", String(32), primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("actor", String(100), nullable=False),
    Column("at", UtcTime, nullable=False),
    Column("note", Text, nullable=False),
)


@dataclass(frozen=True, slots=True)
class Note:
    """What somebody found out about one mark of one state."""

    actor: str
    at: datetime
    note: str


def add(session: Session, state_hash: bytes, rule: str, note: Note) -> None:
    """Write down what was found out; earlier notes stay."""
    is_about = (figure_note.c.state_hash == state_hash) & (figure_note.c.rule == rule)
    count = session.scalar(select(func.count()).select_from(figure_note).where(is_about)) or 0
    values = {"state_hash": state_hash, "rule": rule, "number": count + 1, "actor": note.actor, "at": note.at}
    session.execute(insert(figure_note).values(**values, note=note.note))


def notes_on(session: Session, hashes: Sequence[bytes]) -> Mapping[tuple[bytes, str], list[Note]]:
    """The notes on some states, by state and rule, oldest first."""
    query = select(figure_note).where(figure_note.c.state_hash.in_(hashes)).order_by(figure_note.c.number)
    found: dict[tuple[bytes, str], list[Note]] = {}
    for row in session.execute(query):
        found.setdefault((bytes(row.state_hash), row.rule), []).append(Note(row.actor, row.at, row.note))
    return found
