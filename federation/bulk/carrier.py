"""The side that brings: it asks its parent what is wanted, and brings it while nothing more urgent waits."""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

from sqlalchemy.orm import Session

from federation.bulk import wants
from federation.bulk.desk import DONE, FETCHING, LATER, STORAGE, ObjectDesk
from federation.bulk.manifest import Manifest
from federation.bulk.objects import ObjectDamaged, ObjectStore
from federation.bulk.rules import Rules, Source
from federation.bulk.wants import BulkRefused, Copy, WantState, Wish
from federation.bulk.wishes import read_wishes
from federation.house import Clock
from federation.storage import Storage
from federation.v1 import bulk_pb2 as wire
from pki.errors import PkiError

T = TypeVar("T")
log = logging.getLogger(__name__)

RETRY_S = 2.0
LONGEST_RETRY_S = 15.0
PATIENCE_S = 0.2
LONGEST_TURN_S = 30.0
OWN_DAYS = 1.0


class Calls(Protocol):
    """What a child says to its parent; each raises PkiError where the parent refuses or is not reached."""

    async def wanted(self, mark: bytes) -> wire.WantedObjects:
        """Wait until something is wanted that the mark does not stand for."""

    async def offer(self, offer: wire.ObjectOffer) -> wire.ObjectVerdict:
        """Name an object's chunks."""

    async def bring(self, chunk: wire.ObjectChunk) -> wire.ObjectVerdict:
        """Bring one chunk."""

    async def answer(self, answer: wire.ObjectAnswer) -> wire.ObjectVerdict:
        """Say why an object does not come, or not yet."""


@dataclass(slots=True)
class Pace:
    """How fast objects go at most; what was not used is not saved up for longer than one second."""

    bytes_per_s: float
    clock: Clock
    _free_at: float = 0.0

    def wait_s(self, size: int) -> float:
        """How long to wait before so many bytes may go, which are then counted."""
        now = self.clock.monotonic()
        begin = max(self._free_at, now)
        self._free_at = begin + size / self.bytes_per_s
        return begin - now


@dataclass(slots=True, kw_only=True)
class Carrier:
    """One node's errands for its parent; one object at a time, one chunk at a time."""

    name: str
    storage: Storage
    clock: Clock
    store: ObjectStore
    desk: ObjectDesk
    rules: Rules
    calls: Calls
    pace: Pace
    is_quiet: Callable[[], bool]
    _wishes: dict[bytes, Wish] = field(default_factory=dict)
    _ended: set[tuple[bytes, object]] = field(default_factory=set)
    _asked: set[tuple[bytes, object]] = field(default_factory=set)
    _leaving: set[tuple[bytes, object]] = field(default_factory=set)
    _said: dict[bytes, tuple[str, int]] = field(default_factory=dict)
    _bell: asyncio.Event = field(default_factory=asyncio.Event)

    async def run(self) -> None:
        """Go on until it is cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._listen())
            group.create_task(self._work())

    def ring(self) -> None:
        """Something changed here: look at the wishes again. In the event loop."""
        self._bell.set()

    async def _listen(self) -> None:
        mark, pause_s = b"", RETRY_S
        while True:
            try:
                found = await self.calls.wanted(mark)
            except PkiError as error:
                log.debug("the parent was not asked which objects it wants: %s", error)
                mark = b""
                await self.clock.sleep(pause_s)
                pause_s = min(pause_s * 2, LONGEST_RETRY_S)
                continue
            mark, pause_s = found.mark, RETRY_S
            self._wishes = {one.digest: one for one in read_wishes(found.wishes)}
            self._forget_ended()
            await self._drop_errands()
            self._bell.set()

    def _forget_ended(self) -> None:
        """Whatever ended and is wished in a new answer is wished anew; the parent knows what it has."""
        self._ended.clear()
        present = {(one.digest, one.at) for one in self._wishes.values()}
        self._asked &= present
        self._leaving &= present
        self._said = {digest: said for digest, said in self._said.items() if digest in self._wishes}

    async def _work(self) -> None:
        while True:
            await self._bell.wait()
            self._bell.clear()
            for wish in list(self._wishes.values()):
                try:
                    await self._serve(wish)
                except PkiError as error:
                    log.debug("an object was not brought: %s", error)
                    await self.clock.sleep(RETRY_S)
                    self._bell.set()
                except Exception:
                    log.exception("an object could not be brought; it is tried again")
                    await self.clock.sleep(LONGEST_RETRY_S)
                    self._bell.set()

    async def _drop_errands(self) -> None:
        """What was wanted here only because the parent wanted it is not wanted any more when it does not."""
        wished = set(self._wishes)

        def step(session: Session) -> None:
            for want in wants.open_errands(session, self.name):
                if want.wish.digest not in wished:
                    wants.cancel(session, want.wish.digest, self.clock.now())

        await self._write(step)

    # one wish ----------------------------------------------------------------------------------------------------

    async def _serve(self, wish: Wish) -> None:
        key = (wish.digest, wish.at)
        if key in self._ended:
            return
        try:
            copy = await self._copy(wish)
        except BulkRefused as refused:
            self._ended.add(key)
            await self._decline(wish, refused)
            return
        if copy is not None:
            await self._give(wish, copy.manifest)

    async def _copy(self, wish: Wish) -> Copy | None:
        """The object, if it is here or can be made; None while it is fetched from below."""
        source = await self._read(lambda session: self.rules.source(session, wish))
        copy = await self._read(lambda session: wants.copy_of(session, wish.digest))
        if copy is not None and self.store.has(wish.digest):
            return copy
        if source.own is not None:
            return await self._adopt(wish, source)
        await self._fetch(wish, source)
        return None

    async def _adopt(self, wish: Wish, source: Source) -> Copy | None:
        """Lay an object of this node's own tables into the folder, from where it goes chunk by chunk."""
        own = source.own
        if own is None:
            raise AssertionError("only what is this node's own is laid down")
        manifest, data = await self._read(own)

        def room(session: Session) -> None:
            self.rules.room(session, manifest.size, "")

        await self._read(room)
        await asyncio.to_thread(self.store.adopt, manifest, data)

        def step(session: Session) -> Copy | None:
            now = self.clock.now()
            wants.keep(session, manifest, sender="", subject=wish.subject, now=now, days=OWN_DAYS)
            return wants.copy_of(session, manifest.digest)

        return await self._write(step)

    async def _fetch(self, wish: Wish, source: Source) -> None:
        """Want it of the child below, for the parent; and tell the parent how that goes."""
        key = (wish.digest, wish.at)
        is_first = key not in self._asked
        self._asked.add(key)

        def step(session: Session) -> wants.Want | None:
            known = wants.find(session, wish.digest)
            if known is None and self._is_held(session, wish.digest):
                return None
            if known is None or (is_first and not known.state.is_open):
                self.rules.room(session, source.size, source.child)
                wants.ask(session, wish, size=source.size, media_type=source.media_type, peer=source.child)
                known = wants.find(session, wish.digest)
            return known

        want = await self._write(step)
        if want is None:
            self._bell.set()
            return
        if want.state is WantState.REFUSED:
            raise BulkRefused(want.code, want.detail, want.said_by)
        if want.state is WantState.CANCELLED:
            raise BulkRefused("CANCELLED", "the centre in between cancelled it", self.name)
        held, size = await asyncio.to_thread(self.desk.progress, want)
        said_by = want.said_by if want.code == FETCHING else self.name
        if self._said.get(wish.digest) == (said_by, held * 20 // max(size, 1)):
            return
        answer = wire.ObjectAnswer(digest=wish.digest, code=FETCHING, said_by=said_by, held=held, size=size)
        await self.calls.answer(answer)
        self._said[wish.digest] = (said_by, held * 20 // max(size, 1))

    def _is_held(self, session: Session, digest: bytes) -> bool:
        """Whether it arrived since one looked; to want it again would fetch it twice."""
        return wants.copy_of(session, digest) is not None and self.store.has(digest)

    async def _decline(self, wish: Wish, refused: BulkRefused) -> None:
        said_by = refused.said_by or self.name
        answer = wire.ObjectAnswer(digest=wish.digest, code=refused.code, reason=refused.reason, said_by=said_by)
        try:
            verdict = await self.calls.answer(answer)
        except PkiError:
            self._ended.discard((wish.digest, wish.at))
            raise
        if verdict.code == DONE:
            await self._write(lambda session: self.rules.declined(session, wish, refused))

    async def _give(self, wish: Wish, manifest: Manifest) -> None:
        verdict = await self.calls.offer(wire.ObjectOffer(digest=wish.digest, manifest=manifest.raw))
        if not verdict.code and (wish.digest, wish.at) not in self._leaving:
            await self._write(lambda session: self.rules.leaving(session, wish, manifest))
            self._leaving.add((wish.digest, wish.at))
        while not verdict.code and verdict.next < len(manifest.chunks):
            await self._turn(manifest.length(verdict.next))
            if self._wishes.get(wish.digest) != wish:
                return
            try:
                data = await asyncio.to_thread(self.store.chunk, manifest, verdict.next)
            except ObjectDamaged as error:
                log.warning("a kept copy is not whole and is given up: %s", error)
                await self._write(lambda session: wants.forget(session, manifest.digest))
                self.store.drop(manifest.digest)
                self._bell.set()
                return
            chunk = wire.ObjectChunk(digest=wish.digest, number=verdict.next, data=data)
            verdict = await self.calls.bring(chunk)
        await self._judged(wish, manifest, verdict)

    async def _judged(self, wish: Wish, manifest: Manifest, verdict: wire.ObjectVerdict) -> None:
        if verdict.code in {LATER, STORAGE}:
            await self.clock.sleep(RETRY_S if verdict.code == LATER else LONGEST_RETRY_S)
            self._bell.set()
            return
        self._ended.add((wish.digest, wish.at))
        if verdict.code == DONE:
            await self._write(lambda session: self.rules.given(session, wish, manifest))
        else:
            log.warning("the parent does not take %s: %s %s", wish.digest.hex(), verdict.code, verdict.reason)

    async def _turn(self, size: int) -> None:
        """Wait until nothing more urgent waits, and until the pace allows it.

        Where something always waits, as behind a stream that stands still, a chunk goes every half minute all the same.
        """
        wait_s = self.pace.wait_s(size)
        if wait_s > 0:
            await self.clock.sleep(wait_s)
        until = self.clock.monotonic() + LONGEST_TURN_S
        while not self.is_quiet() and self.clock.monotonic() < until:
            await self.clock.sleep(PATIENCE_S)

    async def _read(self, step: Callable[[Session], T]) -> T:
        return await asyncio.to_thread(self.storage.read, step)

    async def _write(self, step: Callable[[Session], T]) -> T:
        return await asyncio.shield(asyncio.wrap_future(self.storage.submit(step)))
