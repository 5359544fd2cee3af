"""One centre: a disk that stays, and one start of the real node after another."""

import asyncio
from contextvars import copy_context
from dataclasses import dataclass
from functools import partial
from random import Random
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from sqlalchemy import insert
from sqlalchemy.orm import Session

from federation.delivery import Delivery, ParentAddress
from federation.receiver import Inbound, Unacceptable
from node import inbound, presence
from node.incident.act import Desk
from node.incident.sealing import IncidentKeys
from node.territory import Centre, Tier
from pki.gate import Gate
from pki.registry import RegistryFile
from tests.simulation.clock import SimClock
from tests.simulation.disk import Disk, effect, said
from tests.simulation.loop import HERE, Crash
from tests.simulation.net import SimLink

if TYPE_CHECKING:
    from tests.simulation.world import World

FIGURE = "sim.figure"
PRESENCE_S = 3600.0
POISON = "!"


@dataclass
class Order:
    """At the n-th passage of a failpoint the process dies; its kernel says so to the neighbours, or nothing does."""

    name: str
    nth: int
    is_told: bool


class Start:
    """The node from one start to its end."""

    def __init__(self, post: "Post", number: int) -> None:
        HERE.set(self)
        world, self.post, self.number = post.world, post, number
        self.is_dead = False
        self.order: Order | None = None
        self.chance = Random(f"{world.seed} {post.code} {number}")  # noqa: S311 - chance, no secret
        self.clock = SimClock(world.loop)
        self.clock.off = post.off
        self.registry = RegistryFile(post.registry_path, post.keystore.root_pem, self.clock.now)
        self.database = world.cast.database(post.disk, self.clock, world.loop, self.chance)
        self.context = SimpleNamespace(
            centre=post.centre,
            registry=self.registry,
            clock=self.clock,
            settings=SimpleNamespace(presence=SimpleNamespace(period_s=PRESENCE_S)),
            custody_locked=lambda: not self.delivery.settled(),
            peers=lambda: self.delivery.peers(),  # noqa: PLW0108 - it comes into being below
        )
        self.delivery = Delivery(
            storage=self.database,
            keystore=post.keystore,
            registry=self.registry,
            handlers={**inbound.handlers(self.context), FIGURE: self._hear_figure},
            own_handlers={**inbound.own_handlers(self.context), FIGURE: self._remember_figure},
            companion=IncidentKeys(),
            on_settled=partial(inbound.decide_what_waited, self.context),
            clock=self.clock,
            random=self.chance.randbytes,
            on_change=lambda topic: None,
        )
        self.database.on_commit(lambda topics: self.delivery.wake() if "ledger" in topics else None)
        gate = Gate(post.keystore.root_pem, lambda: self.registry.current)
        self.link = SimLink(world.net, post.code, post.keystore, gate, self.clock)
        here = copy_context()
        self.link.spawn = lambda work: here.copy().run(asyncio.ensure_future, work)

    async def run(self) -> None:
        """Deliver, and speak about oneself now and then; ends with the process."""
        parent = self.post.parent
        await self.delivery.start(
            parent=ParentAddress(parent) if parent else None, listen=self.post.code, link=self.link
        )
        while True:
            await self.database_step(lambda session: presence.step(session, self.context))
            await self.clock.sleep(PRESENCE_S)

    async def database_step(self, step: Any) -> None:
        try:
            await asyncio.wrap_future(self.database.submit(step))
        except Exception as error:  # noqa: BLE001 - as the job runner does: said, and tried again when it is due
            self.post.world.note("job failed", centre=self.post.code, why=type(error).__name__)

    def passes(self, name: str) -> None:
        """The real code passes a failpoint on behalf of this start."""
        if self.is_dead:
            raise Crash
        self.post.world.passed[name] += 1
        if self.order is not None and self.order.name == name:
            self.order.nth -= 1
            if self.order.nth <= 0:
                self.post.world.note("failpoint", centre=self.post.code, name=name)
                self.die(is_told=self.order.is_told)
                raise Crash

    def die(self, *, is_told: bool) -> None:
        """From here on nothing that this process does has any effect."""
        if self.is_dead:
            return
        self.is_dead = self.clock.is_stopped = True
        self.link.die(is_told=is_told)
        self.database.power_off()
        for task in self.post.world.loop.tasks_of(self):
            task.cancel()
        self.post.world.crashes += 1
        self.post.world.note("crash", centre=self.post.code, is_told=is_told)

    def _hear_figure(self, session: Session, record: Inbound) -> None:
        mark = record.payload.decode()
        if mark.startswith(POISON) and not self.post.world.is_mended:
            raise Unacceptable("TOO_NEW", "this version cannot apply such a figure")
        session.execute(insert(effect).values(origin=_stream(record), mark=mark))

    def _remember_figure(self, session: Session, record: Inbound) -> None:
        """A figure of this centre's own is given back after its disk was set back."""
        session.execute(insert(said).values(mark=f"{_stream(record)} {record.payload.decode()}"))


def _stream(record: Inbound) -> str:
    return f"{record.origin} {record.lane} {record.audience}"


class Post:
    """What stays of a centre through all its starts."""

    def __init__(self, world: "World", code: str) -> None:
        self.world, self.code = world, code
        federation = world.federation
        self.keystore = federation.keystore(code)
        self.name = self.keystore.name
        entry = federation.registry.centre(self.name)
        above = federation.registry.parent_of(self.name)
        self.centre = Centre(self.name, code, entry.title, Tier(entry.tier), code, above)
        self.parent = federation.registry.centre(above).code if above else None
        self.registry_path = world.folder / f"{code}.signed"
        self.disk = Disk()
        self.off = SimClock(world.loop).off
        self.start: Start | None = None
        self.starts = 0

    @property
    def is_alive(self) -> bool:
        return self.start is not None and not self.start.is_dead

    def power_on(self) -> None:
        if self.is_alive:
            return
        self.starts += 1
        self.world.note("start", centre=self.code, number=self.starts)
        context = copy_context()
        self.start = context.run(Start, self, self.starts)
        context.run(asyncio.ensure_future, self.start.run())

    def set_clock(self, off: Any) -> None:
        self.off = off
        if self.start is not None:
            self.start.clock.off = off

    def desk(self, actor: str) -> Desk:
        return Desk(self.centre, actor, self.start.clock.now(), self.start.context.custody_locked())
