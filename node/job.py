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


class JobRunner:
    """Repeats jobs until it is stopped; `run` carries one step out and is the caller's."""

    def __init__(self, jobs: Sequence[Job], *, run: Callable[[Job], Awaitable[object]], clock: JobClock) -> None:
        """Take the jobs and how one step is carried out."""
        self._jobs = tuple(jobs)
        self._run = run
        self._clock = clock
        self._tasks: list[asyncio.Task[None]] = []
        self._states = {job.name: JobState(job.name) for job in self._jobs}

    def start(self) -> None:
        """Begin each job on the running event loop; the first step of each is taken at once."""
        self._tasks = [asyncio.create_task(self._repeat(job), name=f"job {job.name}") for job in self._jobs]

    async def stop(self) -> None:
        """End all jobs and wait until each is gone."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks = []

    def states(self) -> tuple[JobState, ...]:
        """Say how each job is doing."""
        return tuple(self._states[job.name] for job in self._jobs)

    async def _repeat(self, job: Job) -> None:
        while True:
            await self.once(job)
            await self._clock.sleep(self.pause_s(job))

    def pause_s(self, job: Job) -> float:
        """Say how long to wait now: the period, doubled by each failure in a row up to ten minutes."""
        failures = min(self._states[job.name].failures, 16)
        return max(job.period_s, min(job.period_s * 2.0**failures, LONGEST_PAUSE_S))

    async def once(self, job: Job) -> None:
        """Take one step and remember how it went; no failure leaves this function."""
        state = self._states[job.name]
        try:
            await self._run(job)
        except Exception as error:  # whatever a job does wrong must not end the others
            log.exception("job failed", extra={"job": job.name, "failures": state.failures + 1})
            self._states[job.name] = JobState(job.name, state.last_ok_at, state.failures + 1, type(error).__name__)
        else:
            self._states[job.name] = JobState(job.name, self._clock.now())
