"""A walk through everything stored, in bounded steps, each on a snapshot of its own."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from sqlalchemy import Connection, func, select
from sqlalchemy.orm import Session

from federation import chain, tables
from federation.examination.finding import NOWHERE, Fault, Finding
from federation.examination.forgotten import check_span, unlawful
from federation.examination.frames import Held, Tail, check_row
from federation.examination.loose import check_loose
from federation.examination.receipts import check_cut, check_receipts
from federation.examination.rows import check_end, check_epochs, check_parked, check_records
from federation.given_up import lawful_floor, spans
from pki.registry import Registry

STEP_FRAMES = 200
MOST_FINDINGS = 1000
_stream, _frame = tables.stream, tables.frame


@dataclass(slots=True)
class Place:
    """Where a walk stands: in which stream, behind which frame."""

    stream_id: int = 0
    tail: Tail = field(default_factory=Tail)
    genesis: frozenset[int] = frozenset()


class Walk:
    """Verifies one store from its first stream to its last; `step` until `is_done`."""

    def __init__(self, registry: Callable[[], Registry]) -> None:
        """Take who is who."""
        self._registry = registry
        self.place = Place()
        self.is_done = False
        self.frames = 0
        self.records = 0
        self.total = 0
        self.tails: dict[int, Tail] = {}

    def begin(self, session: Session) -> list[Finding]:
        """Count what lies ahead, for whoever watches; it finds nothing yet."""
        self.total = int(session.execute(select(func.coalesce(func.sum(_stream.c.head_pos), 0))).scalar_one())
        return []

    def step(self, session: Session, limit: int = STEP_FRAMES) -> list[Finding]:
        """Verify the next frames, at most so many, and what belongs to them; what is wrong with them."""
        connection = session.connection()
        one = self._current(connection)
        if one is None:
            self.is_done = True
            return list(check_loose(connection, self._registry()))
        return list(self._advance(connection, one, limit))

    def _current(self, connection: Connection) -> chain.Chain | None:
        """The stream in which the walk stands, or the next one."""
        ahead = [one for one in chain.load_all(connection) if one.id >= self.place.stream_id]
        if ahead and ahead[0].id != self.place.stream_id:
            self.place = Place(ahead[0].id)
        return ahead[0] if ahead else None

    def _advance(self, connection: Connection, one: chain.Chain, limit: int) -> Iterator[Finding]:
        registry, place = self._registry(), self.place
        if registry.centre(one.key.origin) is None:
            yield Finding(fault=Fault.STREAM, stream=one.key, reason="the registry knows no such centre")
        senders = frozenset(centre.name for centre in registry.centres) | {""}
        after = place.tail.pos
        if after < one.floor:
            lawful, why = lawful_floor(connection, one, registry.public_key)
            if after == 0 and lawful < one.floor:
                yield unlawful(one, lawful, why)
            if after < lawful:
                yield from self._pass_over(connection, one, registry)
                return
        query = select(_frame).where(_frame.c.stream_id == one.id, _frame.c.pos > after).order_by(_frame.c.pos)
        rows = connection.execute(query.limit(limit)).all()
        held: dict[int, Held] = {}
        for row in rows:
            found, place.tail, wrong = check_row(row, one.key, place.tail, registry.public_key, senders)
            yield from wrong
            if found is not None:
                held[row.pos] = found
                self.records += len(found.records)
        self.frames += len(rows)
        frames = list(held.values())
        place.genesis |= {found.pos for found in frames if found.frame.header.genesis is not None}
        yield from check_epochs(connection, one, frames)
        yield from check_records(connection, one, frames, registry.public_key)
        yield from check_parked(connection, one, held, place.tail.pos)
        places = {pos: found.place for pos, found in held.items()}
        yield from check_receipts(connection, one, places, after, registry.public_key)
        if len(rows) < limit:
            yield from check_end(connection, one, place.tail, place.genesis)
            yield from check_cut(connection, one, place.tail, registry.public_key)
            self.tails[one.id] = place.tail
            self.place = Place(one.id + 1)

    def _pass_over(self, connection: Connection, one: chain.Chain, registry: Registry) -> Iterator[Finding]:
        """The next frames whose bytes were given up: their places hold, and count like any others."""
        place, after = self.place, self.place.tail.pos
        span = next(span for span in spans(connection, one) if span.first == after + 1)
        query = select(_frame).where(_frame.c.stream_id == one.id, _frame.c.pos > after, _frame.c.pos <= span.last)
        rows = connection.execute(query.order_by(_frame.c.pos)).all()
        place.tail, wrong = check_span(connection, one, span, rows, place.tail, registry.public_key)
        yield from wrong
        place.genesis |= {row.pos for row in rows if row.frame_no == 0}
        self.frames += len(rows)
        if place.tail.frame_hash is not None:
            places = {row.pos: (bytes(row.epoch), row.frame_no, bytes(row.frame_hash)) for row in rows}
            yield from check_receipts(connection, one, places, after, registry.public_key)


def walk_through(
    read: Callable[[Callable[[Session], list[Finding]]], list[Finding]],
    walk: Walk,
    progress: Callable[[Walk], None] = lambda _walk: None,
) -> Iterator[Finding]:
    """Every finding of a whole store, at most a thousand, and one for a store that cannot be read."""
    count = 0
    try:
        read(walk.begin)
        while not walk.is_done and count < MOST_FINDINGS:
            found = read(walk.step)
            count += len(found)
            yield from found
            progress(walk)
    except Exception as error:  # noqa: BLE001 - a database that is damaged itself raises what its driver likes
        place = f"stream {walk.place.stream_id}, behind position {walk.place.tail.pos}"
        yield Finding(fault=Fault.DATABASE, stream=NOWHERE, reason=f"the database cannot be read ({place}): {error}")
