"""The trail of an incident through the logs of all centres: one id, the incident's own, in a line after each commit.

The id is made where the incident is opened and is the same everywhere, so that one search over the logs of a commune,
a district and a province shows one report's whole way. No line says a word of what was reported, or of whom.
"""

import logging
from collections.abc import Callable
from uuid import UUID

from sqlalchemy.orm import Session

log = logging.getLogger(__name__)

AFTER_COMMIT = "after_commit"  # in a session's info: what the writer calls once the step is on the disk


def leave(session: Session, what: str, incident_id: UUID, **facts: object) -> None:
    """Write a line of the log once this step is committed; a step that fails leaves none."""
    lines: list[Callable[[], None]] = session.info.setdefault(AFTER_COMMIT, [])
    lines.append(lambda: log.info(what, extra={"trace_id": str(incident_id), **facts}))
