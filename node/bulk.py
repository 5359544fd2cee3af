"""The lane for originals in one node: the desk for its children, the errands for its parent, and the upkeep."""

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from sqlalchemy.orm import Session

from federation.bulk import wants
from federation.bulk.calls import Bell, BulkWindow, ParentCalls
from federation.bulk.carrier import Carrier, Pace
from federation.bulk.desk import ObjectDesk
from federation.bulk.objects import ObjectStore
from node import audit
from node.context import NodeContext
from node.originals import OriginalRules
from pki.keystore import Keystore

UPKEEP_S = 600.0
MOST_A_STEP = 40
FOLDER = "objects"
log = logging.getLogger(__name__)


@dataclass(slots=True, kw_only=True)
class BulkLane:
    """What `node/app.py` starts and stops."""

    context: NodeContext
    desk: ObjectDesk
    window: BulkWindow
    carrier: Carrier | None
    calls: ParentCalls | None
    bell: Bell
    task: asyncio.Task[None] | None = None

    def changed(self, topics: frozenset[str]) -> None:
        """Something was committed; from any thread."""
        if wants.TOPIC in topics:
            self.bell.ring()

    async def start(self) -> None:
        """Begin to run errands for the parent."""
        await asyncio.to_thread(self._sweep)
        if self.carrier is not None:
            self.task = asyncio.create_task(self._errands(self.carrier), name="errands")

    async def stop(self) -> None:
        """End the errands; what has not arrived goes on at the next start."""
        if self.task is not None:
            self.task.cancel()
            with suppress(asyncio.CancelledError):
                await self.task
        if self.calls is not None:
            await self.calls.close()

    async def _errands(self, carrier: Carrier) -> None:
        async def listen() -> None:
            while True:
                event = self.bell.hear()
                carrier.ring()
                await event.wait()

        async with asyncio.TaskGroup() as group:
            group.create_task(carrier.run())
            group.create_task(listen())

    async def upkeep(self) -> int:
        """Delete copies whose time is over; how many that were."""
        gone = await asyncio.wrap_future(self.context.database.submit(self._forget_overdue))
        for digest in gone:
            await asyncio.to_thread(self.desk.store.drop, digest)
        return len(gone)

    def _forget_overdue(self, session: Session) -> list[bytes]:
        context = self.context
        now = context.clock.now()
        found = wants.overdue(session, now, MOST_A_STEP)
        for copy in found:
            wants.forget(session, copy.manifest.digest)
            detail = {"digest": copy.manifest.digest.hex(), "bytes": copy.manifest.size, "since": copy.at.isoformat()}
            audit.record(session, actor="bulk", act="original.expired", subject=copy.subject, detail=detail, now=now)
        return [copy.manifest.digest for copy in found]

    def _sweep(self) -> None:
        """Delete what lies in the folder and nobody holds or wants any more."""
        known = self.context.database.read(wants.known_names)
        for digest in self.desk.store.names():
            if digest not in known:
                log.info("an object that nobody wants any more is deleted", extra={"digest": digest.hex()})
                self.desk.store.drop(digest)


def bulk_lane(context: NodeContext, keystore: Keystore, admit: Callable[[bytes], str]) -> BulkLane:
    """Put the lane together; nothing runs before `start`."""
    bell, rules = Bell(), OriginalRules(context)
    settings, name = context.settings, context.centre.name
    desk = ObjectDesk(
        name=name,
        storage=context.database,
        clock=context.clock,
        store=ObjectStore(settings.node.folder / FOLDER),
        rules=rules,
        on_progress=bell.ring,
    )
    calls = carrier = None
    if settings.parent is not None:
        calls = ParentCalls(keystore=keystore, registry=context.registry, address=settings.parent.address)
        carrier = Carrier(
            name=name,
            storage=context.database,
            clock=context.clock,
            store=desk.store,
            desk=desk,
            rules=rules,
            calls=calls,
            pace=Pace(settings.bulk.kb_per_s * 1024, context.clock),
            is_quiet=lambda: is_quiet(context),
        )
    window = BulkWindow(desk=desk, admit=admit, bell=bell)
    return BulkLane(context=context, desk=desk, window=window, carrier=carrier, calls=calls, bell=bell)


def is_quiet(context: NodeContext) -> bool:
    """Whether the link to the parent stands and nothing waits on it."""
    parent = next((one for one in context.peers() if one.relation == "parent"), None)
    return parent is not None and parent.connected and parent.in_flight == 0 and not any(parent.waiting.values())
