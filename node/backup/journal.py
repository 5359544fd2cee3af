"""What was made, declared safe and put back, one line each in a file beside the database, so that it outlives it."""

import json
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy.orm import Session

from federation import chain
from federation.frame import StreamKey
from node.backup.manifest import Heads, heads_as_json, heads_from_json
from pki.private_file import append_private

FILE = "backups.jsonl"
_SAFE_PLACES = """
    SELECT s.origin, s.lane, s.audience, f.epoch, f.frame_no, f.frame_hash FROM federation_safe e
    JOIN federation_stream s ON s.id = e.stream_id
    JOIN federation_frame f ON f.stream_id = e.stream_id AND f.pos = e.pos
"""
MADE, SAFE, PLACED = "made", "safe", "placed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One line: a backup of that hash was made, declared safe, or put in place."""

    what: str
    at: datetime
    file: str
    sha256: str
    made_at: datetime
    heads: Heads


def note(folder: Path, entry: Entry) -> None:
    """Add a line and wait for the disk."""
    said = {
        "what": entry.what,
        "at": entry.at.isoformat(),
        "file": entry.file,
        "sha256": entry.sha256,
        "made_at": entry.made_at.isoformat(),
        "heads": heads_as_json(entry.heads) if entry.what == SAFE else [],
    }
    append_private(folder / FILE, json.dumps(said, ensure_ascii=False).encode())


def entries(folder: Path) -> list[Entry]:
    """All lines, the oldest first; one that a power cut tore is passed over."""
    try:
        raw = (folder / FILE).read_bytes()
    except FileNotFoundError:
        return []
    return [entry for line in raw.split(b"\n") if line and (entry := _entry(line)) is not None]


def newest_safe(folder: Path) -> Entry | None:
    """The backup that was declared safe last."""
    return next((one for one in reversed(entries(folder)) if one.what == SAFE), None)


def safe_in(database: Path) -> Heads:
    """What an old database says was declared safe, as far as it can still be read."""
    try:
        with closing(sqlite3.connect(f"{database.absolute().as_uri()}?mode=ro", uri=True, timeout=10)) as old:
            rows = old.execute(_SAFE_PLACES).fetchall()
    except sqlite3.Error:
        return {}
    return {StreamKey(*row[:3]): (bytes(row[3]), int(row[4]), bytes(row[5])) for row in rows}


def missing(session: Session, heads: Heads) -> list[str]:
    """The streams of which a database does not hold the place that somebody relies on, in words."""
    connection, found = session.connection(), []
    for key, (epoch, frame_no, digest) in heads.items():
        held = chain.load(connection, key)
        place = chain.find(connection, held, epoch, frame_no) if held else None
        if place is None or place.frame_hash != digest:
            found.append(f"{key.origin} {key.lane}/{key.audience} frame {frame_no}")
    return found


def _entry(line: bytes) -> Entry | None:
    try:
        said: Mapping[str, Any] = json.loads(line)
        return Entry(
            what=str(said["what"]),
            at=datetime.fromisoformat(said["at"]),
            file=str(said["file"]),
            sha256=str(said["sha256"]),
            made_at=datetime.fromisoformat(said["made_at"]),
            heads=heads_from_json(said["heads"]),
        )
    except (ValueError, KeyError, TypeError):
        return None
