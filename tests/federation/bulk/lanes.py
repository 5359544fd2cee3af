"""Centres of the lane without any network: a chain of nodes whose calls go straight from one to the other's desk."""

import asyncio
import hashlib
from dataclasses import dataclass, field
from datetime import UTC, datetime

from federation.bulk import wants
from federation.bulk.calls import Bell, BulkWindow
from federation.bulk.carrier import Carrier, Pace
from federation.bulk.desk import ObjectDesk
from federation.bulk.manifest import manifest_of
from federation.bulk.objects import ObjectStore
from federation.bulk.rules import Source
from federation.bulk.wants import BulkRefused, Wish
from pki.errors import PkiError
from tests.fakes.storage import FakeStorage

START = datetime(2025, 6, 1, 1, tzinfo=UTC)


class TestClock:
    """Virtual time that passes as soon as somebody sleeps; real time plays no part."""

    __test__ = False

    def __init__(self):
        self.passed = 0.0

    def now(self):
        return START

    def monotonic(self):
        return self.passed

    async def sleep(self, seconds):
        self.passed += seconds
        await asyncio.sleep(0.002)  # whoever retries for ever must leave the processor to the others


@dataclass
class Rules:
    """What a test lets leave; everything that happened is a line in `log`."""

    own: dict = field(default_factory=dict)
    child: str = ""
    no: BulkRefused | None = None
    quota: int = 10**9
    log: list = field(default_factory=list)
    sizes: dict = field(default_factory=dict)
    keep_days = 30.0

    def source(self, session, wish):
        if self.no is not None:
            raise self.no
        if wish.digest in self.own:
            data = self.own[wish.digest]
            return Source(
                size=len(data), media_type="image/jpeg", own=lambda again: (manifest_of(data, "image/jpeg"), data)
            )
        if self.child:
            return Source(size=self.sizes[wish.digest], media_type="image/jpeg", child=self.child)
        raise BulkRefused("NOT_RISEN", "nothing of that hash rose")

    def room(self, session, size, child):
        if wants.used_bytes(session) + size > self.quota:
            raise BulkRefused("QUOTA", "no room")

    def leaving(self, session, wish, manifest):
        self.log.append(("leaving", wish.digest))

    def given(self, session, wish, manifest):
        self.log.append(("given", wish.digest))

    def declined(self, session, wish, refused):
        self.log.append(("declined", refused.code))

    def got(self, session, want):
        self.log.append(("got", want.wish.digest))


class Line:
    """A child's calls to its parent's desk; it can be cut, and it counts."""

    def __init__(self, child, parent):
        self.child, self.parent = child, parent
        self.is_cut = False
        self.cut_after = None
        self.chunks = []
        self.spoil = None

    def _up(self):
        if self.is_cut:
            raise PkiError("UNREACHABLE", "the line is cut")

    async def wanted(self, mark):
        self._up()
        return await self.parent.window.wanted(self.child, mark)

    async def offer(self, offer):
        self._up()
        return await asyncio.to_thread(self.parent.desk.offer, self.child, offer)

    async def bring(self, chunk):
        if self.cut_after is not None and len(self.chunks) >= self.cut_after:
            self.is_cut, self.cut_after = True, None
        self._up()
        self.chunks.append(chunk.number)
        if self.spoil is not None:
            self.spoil(chunk)
        return await asyncio.to_thread(self.parent.desk.bring, self.child, chunk)

    async def answer(self, answer):
        self._up()
        return await asyncio.to_thread(self.parent.desk.answer, self.child, answer)


class Centre:
    """One node of the lane on a folder, which outlives it."""

    def __init__(self, name, folder, parent=None):
        self.name, self.folder, self.parent = name, folder, parent
        folder.mkdir(exist_ok=True)
        self.rules = Rules()
        self.clock = TestClock()
        self.is_quiet = True
        self.line = Line(name, parent) if parent else None
        self.open()

    def open(self, storage=FakeStorage):
        self.storage = storage(self.folder / "node.db")
        self.bell = Bell()
        self.storage.on_commit = lambda topics: self.bell.ring() if wants.TOPIC in topics else None
        self.store = ObjectStore(self.folder / "objects")
        self.desk = ObjectDesk(
            name=self.name,
            storage=self.storage,
            clock=self.clock,
            store=self.store,
            rules=self.rules,
            on_progress=self.bell.ring,
        )
        self.window = BulkWindow(desk=self.desk, admit=lambda chain: chain.decode(), bell=self.bell, hold_s=0.5)
        self.carrier = self.line and Carrier(
            name=self.name,
            storage=self.storage,
            clock=self.clock,
            store=self.store,
            desk=self.desk,
            rules=self.rules,
            calls=self.line,
            pace=Pace(1e9, self.clock),
            is_quiet=lambda: self.is_quiet,
        )
        self.tasks = []

    def start(self):
        if self.carrier:
            self.tasks = [asyncio.create_task(self.carrier.run()), asyncio.create_task(self._listen())]
        return self

    async def _listen(self):
        while True:
            event = self.bell.hear()
            self.carrier.ring()
            await event.wait()

    async def stop(self):
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)
        self.storage.close()

    async def die_and_start(self):
        """Everything in memory is gone; folder and database stay."""
        await self.stop()
        self.open()
        if self.parent:
            self.line.is_cut = False
        self.start()

    def ask(self, data, child, *, subject="matter-1", manifest_hash=None, size=None, asker=None, at=START):
        manifest = manifest_of(data, "image/jpeg")
        wish = Wish(
            digest=manifest.digest,
            manifest_hash=manifest_hash or manifest.hash,
            subject=subject,
            asker=asker or self.name,
            asked_by="Hoa",
            reason="why",
            at=at,
        )
        self.storage.write(
            lambda session: wants.ask(session, wish, size=size or len(data), media_type="image/jpeg", peer=child)
        )
        return wish

    def want(self, data):
        digest = hashlib.sha256(data).digest()
        return self.storage.read(lambda session: wants.find(session, digest))

    def copy(self, data):
        digest = hashlib.sha256(data).digest()
        return self.storage.read(lambda session: wants.copy_of(session, digest))


async def until(holds):
    """Wait for what other tasks do; how long it takes is nobody's business here."""
    async with asyncio.timeout(60):
        while not await asyncio.to_thread(holds):  # noqa: ASYNC110 - what is waited for is only looked at
            await asyncio.sleep(0.005)
