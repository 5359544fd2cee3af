"""A restore, begun and ended: once every neighbour has told what it knew, a signed report says what came back."""

import json
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Row, func, select, update
from sqlalchemy.orm import Session

from federation import settlement, tables
from federation.alarm import raise_alarm
from federation.frame import Signer, from_us
from federation.removal import Removal
from federation.settlement import open_restore
from node import audit
from node.backup.manifest import sign
from node.context import NodeContext
from node.incident import anew
from node.job import Job
from pki.private_file import write_private
from pki.registry import Registry

PERIOD_S = 5.0
ALARM = "RESTORED"
FORMAT = "lienthong-restored-1"
DOMAIN = b"lienthong.restored.v1\x00"
_restore, _frame, _stream, _parked = tables.restore, tables.frame, tables.stream, tables.parked


def begin(session: Session, name: str, registry: Registry, now: datetime, reason: str) -> list[str]:
    """A copy was put back, and nothing is sealed yet: who must tell what it knows. Nothing unheard says who answers."""
    around = settlement.neighbours(registry, name)
    settlement.mark_restored(session, around, now, reason)
    # What has to be sealed again is sealed by the next start, in an epoch that it draws then.
    anew.put_aside(session, Removal(name, registry, now, renew=lambda: None))
    return around


def reporting(signer: Signer) -> Job:
    """The job that writes the report of a restore when it is over."""

    def step(session: Session, context: NodeContext) -> bool:
        return report(session, signer, context.clock.now, context.settings.node.folder)

    return Job(name="restoration", period_s=PERIOD_S, step=step)


def report(session: Session, signer: Signer, now: Callable[[], datetime], folder: Path) -> bool:
    """Write the report if a restore is open and every neighbour has told all; whether it was written now."""
    connection = session.connection()
    row = open_restore(connection)
    if row is None or settlement.unsettled(session):
        return False
    at = now()
    said = _said(connection, row, signer, at)
    raw = json.dumps(said, ensure_ascii=False).encode()
    signature = sign(DOMAIN, raw, signer)
    mine = _restore.c.id == row.id
    connection.execute(update(_restore).where(mine).values(outcome=raw.decode(), signature=signature))
    words = _words(said)
    raise_alarm(connection, ALARM, at=at, peer="", origin=signer.name, subject=str(row.id), detail=words)
    audit.record(session, actor="local", act="restore.end", subject=row.reason, detail=words, now=at)
    whole = json.dumps({"document": raw.decode(), "signature": signature.hex()}, ensure_ascii=False)
    write_private(folder / f"restored-{from_us(row.begun_at_us):%Y%m%dT%H%M%S}.json", whole.encode())
    return True


def _said(connection: Connection, row: Row[*tuple[Any, ...]], signer: Signer, now: datetime) -> dict[str, Any]:
    frames, records = _given_back(connection, signer.name, row.begun_at_us)
    passed_over = sorted(filter(None, row.passed_over.split("\n")))
    waiting = select(func.count()).select_from(_parked).where(_parked.c.applied_at_us.is_(None))
    return {
        "format": FORMAT,
        "centre": signer.name,
        "key_id": signer.key_id.hex(),
        "restored_from": row.reason,
        "begun_at": from_us(row.begun_at_us).isoformat(),
        "ended_at": now.isoformat(),
        "frames_given_back": frames,
        "records_given_back": records,
        "records_lost": None if passed_over else 0,
        "passed_over": passed_over,
        "parked": int(connection.execute(waiting).scalar_one()),
        "not_countable": "what was recorded here after the backup and had reached no neighbour",
        "backup_due": True,
    }


def _given_back(connection: Connection, name: str, since_us: int) -> tuple[int, int]:
    """Own frames that a neighbour brought since then, and the records in them."""
    query = (
        select(_frame.c.stream_id, _frame.c.pos, _frame.c.end_count)
        .join(_stream, _stream.c.id == _frame.c.stream_id)
        .where(_stream.c.origin == name, _frame.c.sender != "", _frame.c.at_us >= since_us)
        .order_by(_frame.c.stream_id, _frame.c.pos)
    )
    frames = records = 0
    before: tuple[int, int, int] = (0, 0, 0)
    for stream_id, pos, end_count in connection.execute(query):
        if before[:2] != (stream_id, pos - 1):
            last = select(_frame.c.end_count).where(_frame.c.stream_id == stream_id, _frame.c.pos == pos - 1)
            before = (stream_id, pos - 1, connection.execute(last).scalar_one_or_none() or 0)
        frames, records = frames + 1, records + end_count - before[2]
        before = (stream_id, pos, end_count)
    return frames, records


def _words(said: dict[str, Any]) -> str:
    lost = (
        f"what only {', '.join(said['passed_over'])} knew is lost, because nobody waited for it"
        if said["passed_over"]
        else "of what neighbours held, 0 are lost"
    )
    return (
        f"restored from {said['restored_from']}: {said['records_given_back']} own records given back; {lost}; "
        "make a new backup now"
    )


def reports(session: Session) -> list[dict[str, Any]]:
    """The reports of all restores, the oldest first."""
    rows = session.execute(select(_restore.c.outcome).where(_restore.c.outcome != "").order_by(_restore.c.id))
    return [json.loads(row.outcome) for row in rows]
