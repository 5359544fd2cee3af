"""Which lines of some files ran: a small collector, so that a run can say what it saw without another dependency."""

import inspect
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

TOP = Path(__file__).parents[2]
_AHEAD = 1  # the line of `def` itself


def targets() -> list[Path]:
    """The files whose coverage is reported."""
    names = ("ledger", "sender", "receiver", "session")
    return [*(TOP / "federation" / f"{name}.py" for name in names), *sorted((TOP / "node" / "incident").glob("*.py"))]


def lines_of(file: Path) -> set[int]:
    """The lines inside of functions; what a module does when it is imported counts for nothing."""
    found: set[int] = set()
    for code in _functions(compile(file.read_text("utf-8"), str(file), "exec")):
        found |= _lines(code)
    return found


def _functions(code: CodeType) -> Iterator[CodeType]:
    for one in code.co_consts:
        if isinstance(one, CodeType):
            if one.co_flags & inspect.CO_NEWLOCALS:
                yield one
            yield from _functions(one)


def _lines(code: CodeType) -> set[int]:
    numbers = [line for _, _, line in code.co_lines() if line]
    return {line for line in numbers if line > code.co_firstlineno or max(numbers) == code.co_firstlineno}


class Collector:
    """Lines that ran, by file."""

    def __init__(self, files: Iterable[Path]) -> None:
        self.hits: dict[str, set[int]] = {str(file): set() for file in files}
        self._left: dict[CodeType, set[int]] = {}

    def _trace(self, frame: FrameType, event: str, arg: object) -> Callable[..., Any] | None:
        code = frame.f_code
        if code.co_filename not in self.hits:
            return None
        left = self._left.get(code)
        if left is None:
            left = self._left[code] = _lines(code)
        if not left:
            return None
        hits = self.hits[code.co_filename]
        hits.add(frame.f_lineno)

        def local(frame: FrameType, event: str, arg: object) -> Callable[..., Any]:
            if event == "line":
                hits.add(frame.f_lineno)
                left.discard(frame.f_lineno)
            return local

        return local

    @contextmanager
    def collecting(self) -> Iterator[None]:
        before = sys.gettrace()
        sys.settrace(self._trace)
        try:
            yield
        finally:
            sys.settrace(before)


def shares(hits: dict[str, set[int]]) -> dict[str, float]:
    """Per cent of the lines of each file, the package of incidents as one, and all together."""
    there: dict[str, tuple[int, int]] = {}
    for file in map(Path, hits):
        name = file.parent.name if file.parent.name == "incident" else file.name
        wanted = lines_of(file)
        seen, of = there.get(name, (0, 0))
        there[name] = (seen + len(wanted & hits[str(file)]), of + len(wanted))
    return {name: round(100 * seen / max(1, of), 1) for name, (seen, of) in there.items()}
