"""The proof that a node's own store is what was signed: all of it at a command, a slice of it every hour."""

import asyncio
import logging
import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy.orm import Session

from federation.alarm import raise_alarm
from federation.copies_link import MOST_FRAMES, Asking, CopiesDesk, question_of
from federation.examination.copies import Shelf, compare
from federation.examination.finding import Finding
from federation.examination.mend import SIGNED, Mended, mend, spans
from federation.examination.walk import Place, Walk, walk_through
from federation.frame import StreamKey
from federation.rights import may_travel
from federation.v1 import copies_pb2, frame_pb2
from federation.verify import bundle
from node import audit
from node.clock import Clock
from node.context import NodeContext
from node.database import Database
from node.timekeeping import note_skew
from pki.errors import PkiError
from pki.keystore import Keystore
from pki.registry import Registry

PERIOD_S = 3600.0
BRING_PERIOD_S = 60.0
SLICE_FRAMES = 5000
ALARM = "CHAIN_DAMAGED"
COPIES_FILE = "copies.part"
Read = Callable[[Callable[[Session], Any]], Any]
log = logging.getLogger(__name__)


@dataclass(slots=True)
class Proof:
    """What a whole examination found."""

    frames: int = 0
    records: int = 0
    findings: list[Finding] = field(default_factory=list)


def prove(
    read: Read,
    registry: Callable[[], Registry],
    name: str,
    shelf: Shelf | None = None,
    progress: Callable[[Walk], None] = lambda _walk: None,
) -> Proof:
    """Walk through the whole store, then hold it against what others hold, if that is known."""
    walk = Walk(registry)
    findings = list(walk_through(read, walk, progress))
    if shelf is not None:
        findings += read(lambda session: list(compare(session.connection(), shelf, registry(), name)))
    return Proof(walk.frames, walk.records, findings)


def mend_here(database: Database, findings: Sequence[Finding], shelf: Shelf, clock: Clock, name: str) -> list[Mended]:
    """Mend on the writer, and write down in the audit that it was done."""

    def step(session: Session) -> list[Mended]:
        outcome = mend(session, findings, shelf, clock.now(), name)
        done = sum(one.done for one in outcome)
        if done:
            places = "; ".join(one.finding.sentence for one in outcome if one.done)
            audit.record(session, actor="local", act="ledger.mend", subject=name, detail=places[:2000], now=clock.now())
        return outcome

    return database.write(step)


def write_copies(folder: Path, shelf: Shelf) -> Path:
    """Lay the copies that are on the shelf beside the database of a running node, for its owner's eyes only."""
    file = folder / COPIES_FILE
    file.unlink(missing_ok=True)
    file.touch(mode=0o600)
    pieces = [b"F" + frame.raw for frame in shelf.frames.values()]
    pieces += [b"H" + signed.SerializeToString() for _, signed in shelf.heads.values()]
    file.write_bytes(bundle.join([shelf.giver.encode(), *pieces]))
    return file


def read_copies(folder: Path, shelf: Shelf) -> None:
    """Take up what `write_copies` laid down; every piece is verified again."""
    giver, *pieces = bundle.split((folder / COPIES_FILE).read_bytes())
    shelf.giver = giver.decode()
    for piece in pieces:
        if piece[:1] == b"F":
            shelf.add(piece[1:])
        else:
            shelf.add_head(frame_pb2.SignedAck.FromString(piece[1:]))


class Wants:
    """What a running node would have back from its children: they dial, so they are asked when they ask."""

    def __init__(self, context: NodeContext) -> None:
        """Nothing is wanted yet."""
        self._context = context
        self._damages: dict[str, list[Finding]] = {}
        self._lock = threading.Lock()

    def ask(self, desk: CopiesDesk, damages: Iterable[Finding]) -> set[StreamKey]:
        """Want the frames of damaged streams that came from a child; the streams that one of them may bring."""
        context, registry = self._context, self._context.registry.current
        me, wanted = context.centre.name, dict[str, list[Finding]]()
        for one in damages:
            for child in registry.children_of(me) if one.fault in SIGNED else ():
                if may_travel(registry, one.stream, sender=child, receiver=me):
                    wanted.setdefault(child, []).append(one)
        for child, some in wanted.items():
            with self._lock:
                self._damages[child] = some
                desk.wanted[child] = self._questions(some)
        return {one.stream for some in wanted.values() for one in some}

    def _questions(self, damages: Sequence[Finding]) -> list[copies_pb2.FramesQuestion]:
        key_for = self._context.registry.current.public_key
        places = self._context.database.read(lambda session: spans(session, damages, key_for))
        return [
            question_of(one.stream, one.after, MOST_FRAMES if one.last is None else one.last - one.first + 1)
            for one in places
        ]

    def given(self, child: str, frames: Sequence[bytes]) -> int:
        """Mend with what a child brought; how many of its frames are what their origins signed."""
        context = self._context
        with self._lock:
            damages = self._damages.pop(child, [])
        shelf = Shelf(context.registry.current.public_key)
        shelf.giver = child
        count = sum([shelf.add(raw) for raw in frames])
        for one in mend_here(context.database, damages, shelf, context.clock, context.centre.name):
            log.warning("%s: %s: %s", "mended" if one.done else "not mended", one.finding.sentence, one.how)
        return count


async def bring_copies(context: NodeContext, keystore: Keystore) -> None:
    """Ask the parent, once, whether it wants frames that this node holds, and bring them; silent where it is away."""
    parent = context.settings.parent
    if parent is None:
        return
    asking = Asking(keystore=keystore, registry=context.registry, address=parent.address)
    try:
        count, parents_time = await asking.bring(context.database)
    except PkiError as error:
        log.debug("the parent was not asked what it wants: %s", error)
    else:
        note_skew(context.database, context.clock, context.centre.name, asking.parent, parents_time)
        if count:
            log.info("%d frames were brought to the parent, which wanted them", count)


class Rounds:
    """Proves one slice after the other, for ever: a damage rings where it is, within as many hours as there are slices.

    A start begins at the first stream; a store of more than 5000 frames is gone through in several hours.
    """

    def __init__(self, database: Database, registry: Callable[[], Registry], clock: Clock) -> None:
        """Take what is proved, and the clock of alarms."""
        self._database = database
        self._registry = registry
        self._clock = clock
        self._place = Place()
        self._known: frozenset[str] = frozenset()

    async def take(self) -> int:
        """Prove the next slice on a reader, in bounded steps; how many damages it has."""
        found: list[Finding] = []
        walk = Walk(self._registry)
        walk.place = self._place
        while walk.frames < SLICE_FRAMES and not walk.is_done:
            found += await asyncio.to_thread(self._step, walk)
        self._place = Place() if walk.is_done else walk.place
        if found:
            await asyncio.wrap_future(self._database.submit(lambda session: self._ring(session, found)))
        return len(found)

    def _step(self, walk: Walk) -> list[Finding]:
        """A step that finds something is taken again: what only moved while it looked is no damage."""
        before = Place(walk.place.stream_id, walk.place.tail, walk.place.genesis)
        found = self._database.read(walk.step)
        if not found:
            return found
        again = Walk(self._registry)
        again.place = before
        repeated = self._database.read(again.step)
        walk.place, walk.is_done = again.place, again.is_done
        return [one for one in repeated if one in found]

    def _ring(self, session: Session, found: Iterable[Finding]) -> None:
        for one in found:
            raise_alarm(
                session.connection(),
                ALARM,
                at=self._clock.now(),
                peer="",
                origin=one.stream.origin,
                subject=one.subject[:200],
                detail=one.sentence,
            )
