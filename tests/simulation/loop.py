"""An event loop whose time passes only when nothing is left to do: three days in a minute, the same in every run.

Work for threads is done at once, in its turn; tasks are hashed by their number and not by their place in memory, so
that a set of tasks has one order. There are no sockets and no threads.
"""

import asyncio
import itertools
from collections.abc import Callable, Coroutine
from contextvars import ContextVar
from typing import Any, Self

HERE: ContextVar[Any] = ContextVar("here", default=None)  # the start of a centre on whose behalf something runs


class Crash(BaseException):
    """The process of a centre is gone: nothing after this line of it happens."""


class NumberedTask(asyncio.Task):
    def __new__(cls, *args: Any, loop: "VirtualLoop", **rest: Any) -> Self:
        self = super().__new__(cls)
        self.number = next(loop.numbers)
        self.home = HERE.get()
        return self

    def __hash__(self) -> int:
        return self.number


class VirtualLoop(asyncio.BaseEventLoop):
    def __init__(self) -> None:
        self.numbers = itertools.count(1)
        self.passed_s = 0.0
        super().__init__()
        self._selector = self
        self._clock_resolution = 1e-6
        self.set_task_factory(self._task)
        self.set_exception_handler(lambda loop, context: None)

    def _task(self, loop: asyncio.AbstractEventLoop, work: Coroutine[Any, Any, Any], **rest: Any) -> NumberedTask:
        return NumberedTask(work, loop=self, **rest)

    # what BaseEventLoop asks of the machine -----------------------------------------------------------------------

    def time(self) -> float:
        return self.passed_s

    def select(self, timeout: float | None) -> list[Any]:
        if timeout is None:
            raise RuntimeError("everybody waits and nothing is left to happen")
        self.passed_s += timeout
        return []

    def _process_events(self, events: list[Any]) -> None:
        pass

    def _write_to_self(self) -> None:
        pass

    def close(self) -> None:
        self._selector = None
        super().close()

    def run_in_executor(self, executor: object, work: Callable[..., Any], *args: Any) -> asyncio.Future[Any]:
        future = self.create_future()
        self.call_soon(_do, future, work, args)
        return future

    # who is at work -----------------------------------------------------------------------------------------------

    def tasks_of(self, home: object) -> list[NumberedTask]:
        """The tasks that a start of a centre began, oldest first."""
        mine = [task for task in asyncio.all_tasks(self) if task.home is home]
        return sorted(mine, key=lambda task: task.number)


def _do(future: asyncio.Future[Any], work: Callable[..., Any], args: tuple[Any, ...]) -> None:
    if future.cancelled():
        return
    try:
        value = work(*args)
    except BaseException as error:  # noqa: BLE001 - it belongs to the one who waits
        future.set_exception(error)
    else:
        future.set_result(value)


def run(work: Coroutine[Any, Any, Any]) -> Any:
    """Carry the work out on a loop of its own, from virtual second 0."""
    loop = VirtualLoop()
    asyncio.set_event_loop(loop)
    try:
        return loop.run_until_complete(work)
    finally:
        for task in sorted(asyncio.all_tasks(loop), key=lambda one: one.number):
            task.cancel()
        loop.call_later(0.001, loop.stop)
        loop.run_forever()
        asyncio.set_event_loop(None)
        loop.close()
