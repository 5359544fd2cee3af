"""What people do at a centre, each act with a mark of its own, written down before it and after it."""

import asyncio
import contextlib
from collections.abc import Callable
from datetime import timedelta
from random import Random
from typing import Any

from sqlalchemy import delete, func, insert, select
from sqlalchemy.orm import Session

from federation import tables
from federation.awaited import standing
from federation.frame import StreamKey, parse_frame
from federation.ledger import UP, Lane, append, down
from federation.removal import wait_again
from federation.storage import touch
from node.errors import NodeError
from node.figures import catalogue
from node.figures.period import Period, between, last_closed
from node.figures.reading import Asked
from node.incident import listing, rows, steps, view
from node.incident.act import open_incident, perform, timeline
from node.incident.attachment import attachment_of
from node.incident.erase import PICTURES, erase
from node.incident.readings import SOURCES
from node.incident.value import IncidentKind, Place, Severity, Status
from tests.simulation import tree
from tests.simulation.centre import FIGURE, POISON, Post
from tests.simulation.disk import said
from tests.simulation.loop import Crash

FLOOD = IncidentKind("citizen.flood", "Ngập lụt", Severity.HIGH)
LITTER = IncidentKind("citizen.litter", "Rác thải")
JPEG = b"\xff\xd8\xff\xe0" + b"picture" * 40 + b"\xff\xd9"
_RECENT = 12
_HOUR_S = 3600
_CATALOGUE = catalogue.load()
_SEARCHES = (
    listing.Filter(is_open=True),
    listing.Filter(is_open=False, text="nước dâng"),
    listing.Filter(severities=frozenset({Severity.CRITICAL}), statuses=frozenset({Status.NEW, Status.RESOLVED})),
)


class People:
    """Those who work at one centre and those who report to it."""

    def __init__(self, post: Post, chance: Random) -> None:
        self.post, self.chance = post, chance
        self.count = 0

    async def busy(self, every_s: float, act: Callable[[], Any]) -> None:
        """Act again and again, at random times."""
        while True:
            await asyncio.sleep(self.chance.expovariate(1 / every_s))
            await act()

    async def call(self, kind: str, step: Callable[[Session, str], Any], *, prefix: str = "") -> str:
        """Ask the node to record something and write down what it said: ok, failed, or nothing any more."""
        post, world = self.post, self.post.world
        if not post.is_alive:
            return "closed"
        self.count += 1
        mark = f"{prefix}{post.code}.{self.count}."
        call = world.begin(post.code, mark, kind)
        try:
            await asyncio.wrap_future(post.start.database.submit(lambda session: step(session, mark), urgent=True))
            outcome = "ok"
        except NodeError as error:
            outcome = "failed"
            world.refused[type(error).__name__] += 1
        except Crash:
            outcome = "unknown"
        world.end(call, outcome)
        return outcome

    # figures -------------------------------------------------------------------------------------------------------

    async def say(self) -> None:
        """State a figure to all above."""
        lane = Lane.REGULAR if self.chance.random() < 0.8 else Lane.AUDIT
        await self.call("figure", lambda session, mark: self._say(session, mark, lane, UP))

    async def say_poison(self) -> None:
        """State something that those above cannot apply before they are mended."""
        await self.call("poison", lambda session, mark: self._say(session, mark, Lane.REGULAR, UP), prefix=POISON)

    async def repeat(self) -> None:
        """Say an old figure once more, under its rid, as a centre may that forgot having said it."""

        def step(session: Session) -> None:
            record, frame, stream = tables.record, tables.frame, tables.stream
            columns = (record.c.rid, record.c.position, frame.c.raw, stream.c.lane, stream.c.audience)
            query = (
                select(*columns)
                .join(frame, (frame.c.stream_id == record.c.stream_id) & (frame.c.pos == record.c.pos))
                .join(stream, stream.c.id == record.c.stream_id)
                .where(stream.c.origin == self.post.name, stream.c.lane != Lane.URGENT.value)
                .order_by(record.c.stream_id, record.c.pos, record.c.position)
            )
            found = session.execute(query).all()
            if found:
                row = self.chance.choice(found)
                raw = parse_frame(bytes(row.raw)).records[row.position]
                session.execute(delete(record).where(record.c.rid == row.rid))
                wait_again(session.connection(), StreamKey(self.post.name, row.lane, row.audience), [raw])
                touch(session)

        if self.post.is_alive:
            with contextlib.suppress(NodeError, Crash):
                await asyncio.wrap_future(self.post.start.database.submit(step))

    async def tell_a_child(self) -> None:
        """Send something down to one child."""
        children = sorted(line.child for line in self.post.world.net.lines.values() if line.parent == self.post.code)
        audience = down(self.post.world.posts[self.chance.choice(children)].name)
        await self.call("word", lambda session, mark: self._say(session, mark, Lane.REGULAR, audience))

    def _say(self, session: Session, mark: str, lane: Lane, audience: str) -> None:
        now = self.post.start.clock.now()
        append(session, lane=lane, audience=audience, kind=FIGURE, payload=mark.encode(), now=now)
        session.execute(insert(said).values(mark=f"{self.post.name} {lane.value} {audience} {mark}"))

    # incidents -----------------------------------------------------------------------------------------------------

    async def open(self) -> None:
        """Report an incident; most are grave enough to rise by rule."""
        kind, severity = (FLOOD, Severity.CRITICAL) if self.chance.random() < 0.7 else (LITTER, Severity.NORMAL)
        picture = JPEG if self.chance.random() < 0.3 else None
        original = (attachment_of(self.chance.randbytes(600), "image/jpeg"),) if picture else ()

        def step(session: Session, mark: str) -> None:
            open_incident(
                session,
                centre=self.post.centre,
                kind=kind,
                severity=severity,
                title=f"Nước dâng {mark}",
                description="Đường Võ Nguyên Giáp, hẻm 12",
                area_code=self.post.code,
                place=Place(10.88, 106.95),
                category="Thiên tai",
                thumbnail=picture,
                actor="Người dân",
                now=self.post.start.clock.now(),
                random=self.chance.randbytes,
                attachments=original,
            )

        await self.call("open", step)

    async def erase(self) -> None:
        """Take the pictures out of one of the centre's own incidents, as their time does."""
        own = select(rows.incident.c.id).where(rows.incident.c.origin == self.post.name)
        newest = own.order_by(rows.incident.c.opened_at.desc(), rows.incident.c.id).limit(_RECENT)
        found = self.post.start.database.read(lambda session: session.scalars(newest).all())
        if not found:
            return
        which = self.chance.choice(found)

        def step(session: Session, mark: str) -> None:
            now = self.post.start.clock.now()
            erase(session, self.post.centre, which, PICTURES, note=mark, actor="Cán bộ", now=now)

        await self.call(PICTURES, step)

    async def act(self) -> None:
        """Do one of the things that the screen offers for one of the newer incidents, and now and then what not."""
        if not self.post.is_alive:
            return
        if self.chance.random() < 0.1:
            self.post.start.database.read(self._look)
        if self.chance.random() < 0.04:
            await self.erase()
            return
        found = self.post.start.database.read(self._choose)
        if found is None:
            return
        incident, action, of = found
        fields = {field.name: self._fill(field, of) for field in action.fields if field.name != "note"}
        name, version, slip = action.name, incident.version, self.chance.random()
        if slip < 0.03:
            version -= 1
        elif slip < 0.06:
            name = self.chance.choice(sorted(steps.ACTIONS))
        elif slip < 0.08:
            name, fields = "vanish", {}

        def step(session: Session, mark: str) -> None:
            desk = self.post.desk("Cán bộ")
            perform(session, desk, incident.id, name, version=version, fields=fields | {"note": mark})

        await self.call(name, step)

    def _look(self, session: Session) -> None:
        """Open the queue, turn its pages, and read one incident, as a screen does."""
        cursor, wanted = None, self.chance.choice(_SEARCHES)
        for _ in range(2):
            page = listing.page(session, wanted, limit=3, cursor=cursor)
            cursor = page.next_cursor
            if cursor is None:
                break
        post = self.post
        look = view.Look(post.centre, post.start.registry.current, tree.territory(), post.start.clock.now())
        for one in page.items:
            view.incident_view(one, look)
            [view.event_view(event, look) for event in timeline(session, one.id)]
            [view.proof_view(proof, look) for proof in rows.proofs(session, one.id)]
            view.actions_view(steps.possible(one, post.name, post.centre.parent), lambda who: True)
            rows.thumbnail(session, one.id)
            if one.origin == post.name and one.content_rid is not None:
                above = standing(session, one.content_rid, name=post.name, registry=look.registry)
                view.receipts_view(above, look)
        self._count(session)

    def _count(self, session: Session) -> None:
        """What the figures of the last hours are made of."""
        last = last_closed(self.post.start.clock.now(), _HOUR_S)
        periods = tuple(between(Period.of(last.begin - timedelta(hours=5), _HOUR_S), last))
        for source in SOURCES:
            definition = _CATALOGUE.find(source.indicator, 1)
            asked = Asked(centre=self.post.name, periods=periods, definition=definition)
            assert all(reading.at.tzinfo for reading in source.read(session, asked))

    def _choose(self, session: Session) -> Any:
        table, number = rows.incident, self.chance.random()
        recent = select(table.c.id).order_by(table.c.opened_at.desc(), table.c.id).limit(_RECENT)
        ids = session.scalars(recent).all()
        if number < 0.4:  # duty that waits for an answer goes first
            waiting = (table.c.offered_to == self.post.name) & (table.c.custody_state == "offered")
            ids = session.scalars(select(table.c.id).where(waiting).order_by(table.c.id).limit(_RECENT)).all() or ids
        if not ids:
            return None
        incident = rows.get(session, self.chance.choice(ids))
        actions = steps.possible(
            incident, self.post.name, self.post.centre.parent, is_locked=self.post.start.context.custody_locked()
        )
        other = session.scalar(select(func.min(table.c.number)).where(table.c.id != incident.id)) or "0"
        return (incident, self.chance.choice(actions), other) if actions else None

    def _fill(self, field: steps.Field, of: str) -> str:
        if field.options:
            return self.chance.choice(field.options)[0]
        if field.kind == "integer":
            return str(self.chance.randint(1, 5))
        return of if field.name == "of" else "Đội 3"
