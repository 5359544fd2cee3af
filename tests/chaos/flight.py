"""What is under way: read from the databases beside their owners, so that it can be asked at the moment of a death."""

import sqlite3
from contextlib import closing
from pathlib import Path

_PENDING = "SELECT count(*) FROM federation_pending WHERE lane = 'urgent'"
_OWED = """
    SELECT coalesce(sum(s.head_pos - coalesce(c.pos, 0)), 0) FROM federation_stream s
    LEFT JOIN federation_cursor c ON c.stream_id = s.id AND c.peer = ?
    WHERE s.lane = 'urgent' AND s.audience = 'parent' AND s.origin = ?
"""


def owed(database: Path, name: str, parent: str) -> int:
    """Urgent records and frames of a centre that its parent has not acknowledged; 0 where there is no database yet."""
    if not database.exists():
        return 0
    try:
        with closing(sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True, timeout=1.0)) as connection:
            (pending,) = connection.execute(_PENDING).fetchone()
            (unsettled,) = connection.execute(_OWED, (parent, name)).fetchone()
    except sqlite3.OperationalError:  # it is being made, or its owner holds it at this moment
        return 0
    return pending + unsettled
