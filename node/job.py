"""Run each periodic step at its own pace; one that explodes is reported and tried again later, and stops nothing."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Protocol

from sqlalchemy.orm import Session

if TYPE_CHECKING:
    from node.context import NodeContext

log = logging.getLogger(__name__)

LONGEST_PAUSE_S = 600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A bounded step that the node repeats: it gets the writer's session, so it must be short (well under 50 ms)."""

    name: str
    period_s: float
    step: "Callable[[Session, NodeContext], object]"
    title: str = ""  # what it does, for the people who look after the node


@dataclass(frozen=True, slots=True)
class Round:
    """A job as a runner sees it: how often, and how one step is carried out."""

    name: str
    period_s: float
    take: Callable[[], Awaitable[object]]


@dataclass(frozen=True, slots=True)
class JobState:
    """How a job is doing, for the health page."""

    name: str
    last_ok_at: datetime | None = None
    failures: int = 0
    last_error: str = ""


class JobClock(Protocol):
    """The part of a clock that a runner uses."""

    def now(self) -> datetime:
        """Say the wall time."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Let time pass."""
        ...


def on_writer(job: Job, context: "NodeContext") -> Round:
    """Carry a job's steps out on the database's writer."""

    async def take() -> object:
        return await asyncio.wrap_future(context.database.submit(lambda session: job.step(session, context)))

    return Round(job.name, job.period_s, take)


class JobRunner:
    """Repeats rounds until it is stopped."""

    def __init__(self, rounds: Sequence[Round], clock: JobClock) -> None:
        """Take the rounds, and the clock that they go by."""
        self._rounds = tuple(rounds)
        self._clock = clock
        self._tasks: list[asyncio.Task[None]] = []
        self._states = {one.name: JobState(one.name) for one in self._rounds}

    def start(self) -> None:
        """Begin each on the running event loop; the first step of each is taken at once."""
        self._tasks = [asyncio.create_task(self._repeat(one), name=f"job {one.name}") for one in self._rounds]

    async def stop(self) -> None:
        """End all of them and wait until each is gone."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks = []

    def states(self) -> tuple[JobState, ...]:
        """Say how each is doing."""
        return tuple(self._states[one.name] for one in self._rounds)

    def pause_s(self, one: Round) -> float:
        """Say how long to wait now: the period, doubled by each failure in a row up to ten minutes."""
        failures = min(self._states[one.name].failures, 16)
        return max(one.period_s, min(one.period_s * 2.0**failures, LONGEST_PAUSE_S))

    async def once(self, one: Round) -> None:
        """Take one step and remember how it went; no failure leaves this function."""
        state = self._states[one.name]
        try:
            await one.take()
        except Exception as error:  # whatever a job does wrong must not end the others
            log.exception("job failed", extra={"job": one.name, "failures": state.failures + 1})
            self._states[one.name] = JobState(one.name, state.last_ok_at, state.failures + 1, type(error).__name__)
        else:
            self._states[one.name] = JobState(one.name, self._clock.now())

    async def _repeat(self, one: Round) -> None:
        while True:
            await self.once(one)
            await self._clock.sleep(self.pause_s(one))
