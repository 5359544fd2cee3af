"""Frames that contradict what is held, kept so that somebody can be shown both sides."""

from datetime import datetime

from sqlalchemy import Connection, insert, select

from federation import tables
from federation.frame import Frame, to_us

_evidence = tables.evidence


def keep_evidence(connection: Connection, frame: Frame, peer: str, now: datetime) -> None:
    """Keep a frame that contradicts what is held, once; `peer` brought it, or nobody, if it was this node's own."""
    if connection.execute(select(_evidence.c.id).where(_evidence.c.frame_hash == frame.hash)).first() is not None:
        return
    header = frame.header
    key = header.stream
    place = {"origin": key.origin, "lane": key.lane, "audience": key.audience}
    number = {"epoch": header.epoch, "frame_no": header.frame_no, "frame_hash": frame.hash}
    rest = {"sender": peer, "at_us": to_us(now), "raw": frame.raw}
    connection.execute(insert(_evidence).values(place | number | rest))
