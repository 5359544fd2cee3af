"""The start of the demo as it goes on: a bar for a person at a terminal, plain lines in order for a log."""

import contextlib
from collections.abc import Callable, Iterator, Sequence

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

Done = Callable[[str], None]


@contextlib.contextmanager
def shown(console: Console, expected: Sequence[str]) -> Iterator[Done]:
    """Give what is called with the name of each step that is done, all of them among the expected."""
    if not console.is_terminal:
        yield in_order(expected, lambda line: console.print(line, soft_wrap=True, highlight=False, markup=False))
        return
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console) as progress:
        task = progress.add_task(expected[0], total=len(expected))
        yield lambda what: progress.update(task, advance=1, description=what)


def in_order(expected: Sequence[str], say: Callable[[str], None]) -> Done:
    """Say the steps numbered and in the expected order, each once it and all before it are done."""
    waiting = list(enumerate(expected, start=1))
    done: set[str] = set()

    def one_more(what: str) -> None:
        done.add(what)
        while waiting and waiting[0][1] in done:
            number, name = waiting.pop(0)
            say(f"{number:>3}/{len(expected)}  {name}")

    return one_more
