"""What one centre holds of who answers for what, as lines for the judge of duty; read once its process has ended."""

import json
import sqlite3
from contextlib import closing
from pathlib import Path

_INCIDENTS = "SELECT id, holder, custody_state, offered_to, term, status FROM incident ORDER BY id"
_STEPS = "SELECT incident_id, number, centre, act, note FROM incident_event ORDER BY incident_id, number"
_OWED_DOWN = """
    SELECT coalesce(sum(s.head_pos - coalesce(c.pos, 0)), 0) FROM federation_stream s
    LEFT JOIN federation_cursor c ON c.stream_id = s.id AND s.audience = 'down:' || c.peer
    WHERE s.lane IN ('urgent', 'regular') AND s.audience LIKE 'down:%' AND s.origin = ?
"""
_WAITING = "SELECT count(*) FROM federation_pending WHERE lane IN ('urgent', 'regular')"


def export(database: Path, file: Path) -> None:
    """Write the lines."""
    with closing(sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True)) as connection:
        lines = [
            {
                "what": "duty",
                "incident": _hex(row[0]),
                "holder": row[1],
                "state": row[2],
                "offered_to": row[3],
                "term": row[4],
                "status": row[5],
            }
            for row in connection.execute(_INCIDENTS)
        ]
        for row in connection.execute(_STEPS):
            place = {"what": "step", "incident": _hex(row[0]), "number": row[1]}
            lines.append(place | {"centre": row[2], "act": row[3], "note": row[4]})
    lines.append({"what": "end", "lines": len(lines)})
    file.write_text("".join(json.dumps(line) + "\n" for line in lines), "utf-8")


def owed_down(database: Path, name: str) -> int:
    """What a centre still has to tell its children, urgent or regular."""
    with closing(sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True, timeout=5.0)) as connection:
        (owed,), (waiting,) = (
            connection.execute(_OWED_DOWN, (name,)).fetchone(),
            connection.execute(_WAITING).fetchone(),
        )
    return int(owed) + int(waiting)


def _hex(raw: object) -> str:
    return (raw.hex() if isinstance(raw, bytes) else str(raw)).replace("-", "")
