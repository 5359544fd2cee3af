"""What a centre gives out at the end, as plain lines: everything that a judge who knows nothing of us has to know."""

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from federation import chain, tables
from federation.frame import FrameInvalid, decode_record, parse_frame
from federation.rights import may_travel
from node.incident import rows
from tests.simulation.disk import effect, said

if TYPE_CHECKING:
    from tests.simulation.centre import Post
    from tests.simulation.world import World


def lines(world: "World", post: "Post") -> list[dict[str, Any]]:
    """Streams, what was said, effects, incidents with their timelines, what is parked, what rang."""
    with Session(post.disk.engine) as session:
        found = [*_frames(session), *_marks(session), *_incidents(session), *_trouble(session)]
    return json.loads(json.dumps(found))


def _frames(session: Session) -> Iterator[dict[str, Any]]:
    stream, frame = tables.stream, tables.frame
    columns = (stream.c.origin, stream.c.lane, stream.c.audience, frame.c.pos, frame.c.frame_hash, frame.c.raw)
    query = select(*columns).join(frame, frame.c.stream_id == stream.c.id)
    for row in session.execute(query.order_by(stream.c.origin, stream.c.lane, stream.c.audience, frame.c.pos)):
        parts = parse_frame(bytes(row.raw))
        header = parts.header
        yield {
            "what": "frame",
            "stream": f"{row.origin} {row.lane} {row.audience}",
            "pos": row.pos,
            "epoch": header.epoch.hex(),
            "number": header.frame_no,
            "hash": bytes(row.frame_hash).hex(),
            "before": header.prev_frame_hash.hex(),
            "records": [_rid(one) for one in parts.records],
        }
    evidence = tables.evidence
    for row in session.execute(select(evidence).order_by(evidence.c.id)):
        yield {
            "what": "evidence",
            "stream": f"{row.origin} {row.lane} {row.audience}",
            "epoch": bytes(row.epoch).hex(),
            "number": row.frame_no,
            "hash": bytes(row.frame_hash).hex(),
        }


def _rid(raw: bytes) -> str:
    try:
        return decode_record(raw).rid.hex
    except FrameInvalid:
        return "unreadable"


def _marks(session: Session) -> Iterator[dict[str, Any]]:
    for row in session.execute(select(said).order_by(said.c.number)):
        origin, lane, audience, mark = row.mark.split(" ")
        yield {"what": "said", "stream": f"{origin} {lane} {audience}", "mark": mark}
    for row in session.execute(select(effect).order_by(effect.c.number)):
        yield {"what": "effect", "stream": row.origin, "mark": row.mark}


def _incidents(session: Session) -> Iterator[dict[str, Any]]:
    table, event = rows.incident, rows.incident_event
    for row in session.execute(select(table).order_by(table.c.id)).mappings():
        yield {
            "what": "incident",
            "id": row["id"].hex,
            "mark": row["title"].rpartition(" ")[2],
            "origin": row["origin"],
            "source": row["source"],
            "status": row["status"],
            "custody": row["custody_state"],
            "holder": row["holder"],
            "offered_to": row["offered_to"],
            "asked_back": row["asked_back"],
            "term": row["term"],
            "told_up": row["told_up"],
            "told_down": row["told_down"],
            "heard_below": row["heard_below"],
            "heard_above": row["heard_above"],
        }
    for row in session.execute(select(event).order_by(event.c.incident_id, event.c.number)).mappings():
        keys = {"what": "event", "id": row["incident_id"].hex, "number": row["number"], "centre": row["centre"]}
        yield {**keys, "act": row["act"], "note": row["note"], "status": row["status"]}


def _trouble(session: Session) -> Iterator[dict[str, Any]]:
    parked, stream, alarm = tables.parked, tables.stream, tables.alarm
    query = select(parked, stream.c.origin, stream.c.lane, stream.c.audience).join(
        stream, stream.c.id == parked.c.stream_id
    )
    for row in session.execute(query.order_by(parked.c.stream_id, parked.c.pos, parked.c.position)):
        name = f"{row.origin} {row.lane} {row.audience}"
        applied = row.applied_at_us is not None
        yield {"what": "parked", "stream": name, "code": row.code, "reason": row.reason, "applied": applied}
    for row in session.execute(select(alarm).order_by(alarm.c.id)):
        facts = {"code": row.code, "peer": row.peer, "origin": row.origin, "subject": row.subject}
        yield {"what": "alarm", **facts, "detail": row.detail}


def marks_of(keeper: "Post", author: "Post") -> set[str]:
    """What one centre holds of what another one said or did."""
    with Session(keeper.disk.engine) as session:
        found = set(session.scalars(select(effect.c.mark).where(effect.c.origin.startswith(f"{author.name} "))))
        table, event = rows.incident, rows.incident_event
        titles = session.scalars(select(table.c.title).where(table.c.origin == author.name))
        notes = session.scalars(select(event.c.note).where(event.c.centre == author.name))
        return found | {text.rpartition(" ")[2] for text in (*titles, *notes)}


def waiting(world: "World") -> Iterator[str]:
    """What has not arrived yet, by the stores themselves: sender, receiver and stream."""
    heads = {}
    for code, post in world.posts.items():
        with Session(post.disk.engine) as session:
            if session.execute(select(tables.pending.c.pos).limit(1)).first():
                yield f"{code} has not sealed everything"
            heads[code] = {one.key: one.frame_hash for one in chain.load_all(session.connection())}
    registry = world.federation.registry
    for line in world.net.lines.values():
        for sender, receiver in ((line.child, line.parent), (line.parent, line.child)):
            names = {"sender": world.posts[sender].name, "receiver": world.posts[receiver].name}
            for key, head in heads[sender].items():
                if may_travel(registry, key, **names) and heads[receiver].get(key) != head:
                    yield f"{sender} -> {receiver}: {key.lane}/{key.audience} of {key.origin}"
