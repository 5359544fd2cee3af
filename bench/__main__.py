"""`make bench`: measure, print tables, and write what was measured beside them."""

import argparse
import asyncio
import shutil
import signal
import sys
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench import baseline, idle, journey, machine, reconnection, screens, table, throughput
from bench.centres import centres
from bench.stage import CHILDREN, Stage, as_json, stage
from bench.throughput import Case
from tests.fakes.postgresql import NoPostgresql

FULL = [
    Case(1, "sqlite", 1000),
    Case(1, "sqlite", 200, effects=True),
    Case(CHILDREN, "sqlite", 10),
    Case(1, "postgresql", 600),
    Case(1, "postgresql", 100, effects=True),
    Case(CHILDREN, "postgresql", 10),
]
QUICK = [Case(1, "sqlite", 100), Case(20, "sqlite", 5), Case(1, "postgresql", 50)]
QUICK_CHILDREN = 40
OUTAGES_S = (2.0, 20.0)
PARTS = ("throughput", "reconnection", "idle", "journey", "screens")
CENTRES = PARTS[2:]  # these need whole nodes


def parse(arguments: list[str]) -> argparse.Namespace:
    """What is asked for."""
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="small counts, a minute: to see that it works")
    parser.add_argument("--only", choices=PARTS, action="append", help="one part of it; may be said several times")
    parser.add_argument("--database", choices=["sqlite", "postgresql"], help="one database only")
    parser.add_argument("--baseline", metavar="REVISION", help="measure the parent of that git revision too")
    parser.add_argument("--out", type=Path, default=Path(__file__).with_name("results.json"), help="where to write it")
    return parser.parse_args(arguments)


def note(text: str) -> None:
    """Tell whoever waits."""
    print(text, file=sys.stderr, flush=True)


class Run:
    """What was measured so far; a part that fails is told and does not take the others with it."""

    def __init__(self, options: argparse.Namespace, folder: Path) -> None:
        """Nothing yet."""
        self.options = options
        self.folder = folder
        self.found: dict[str, Any] = {"throughput": [], "reconnection": []}
        self.failed: list[str] = []

    def wants(self, part: str) -> bool:
        """Whether a part is asked for."""
        return not self.options.only or part in self.options.only

    def attempt(self, what: str, measure: Callable[[], dict[str, Any]]) -> dict[str, Any] | None:
        """One measurement; None, and a line about it, if it did not come to its end."""
        try:
            row = measure()
        except Exception as error:  # noqa: BLE001 - whatever it is, the other figures are wanted
            self.failed.append(f"{what}: {type(error).__name__}: {error}".replace(str(self.folder), "…"))
            note(f"  FAILED {self.failed[-1]}")
            return None
        note(table.one_line(what, row))
        return row

    def one_hop(self, ready: Stage) -> None:
        """Everything about one parent and its children."""
        options = self.options
        root = baseline.tree_of(options.baseline, self.folder) if options.baseline else None
        cases = [case for case in (QUICK if options.quick else FULL) if options.database in (None, case.database)]
        if ready.postgresql is None:
            cases = [case for case in cases if case.database != "postgresql"]
        for case in cases if self.wants("throughput") else ():
            row = self.attempt(str(case), lambda case=case: throughput.measure(ready, case, root))
            self.found["throughput"] += [row] if row else []
            ready.end_all()
        children = QUICK_CHILDREN if options.quick else CHILDREN
        outages = OUTAGES_S[:1] if options.quick else OUTAGES_S
        for down_s in outages if self.wants("reconnection") else ():
            what = f"{children} children, parent away {down_s:.0f} s"
            row = self.attempt(what, lambda down_s=down_s: reconnection.measure(ready, children, down_s))
            self.found["reconnection"] += [row] if row else []
            ready.end_all()

    async def whole_nodes(self) -> None:
        """Everything about three centres with their data, links and screens."""
        quick = self.options.quick
        size = journey.Size(5, 3000, 30, 40) if quick else journey.Size(30, 40_000, 200, 300)
        async with centres(self.folder / "centres") as made:
            note("  commune, district and province are up")
            parts = {
                "idle": lambda: idle.measure(made, *((3.0, 1.0) if quick else (30.0, 8.0))),
                "journey": lambda: journey.measure(made, size, self.folder),
                "screens": lambda: screens.measure(made, *(((1, 10), 2.0, 1) if quick else ((1, 20, 50), 6.0, 3))),
            }
            for part, measure in parts.items():
                if self.wants(part):
                    await self._attempt_node(part, measure)

    async def _attempt_node(self, part: str, measure: Callable[[], Any]) -> None:
        try:
            self.found[part] = await measure()
            note(table.one_line(part, self.found[part]))
        except Exception as error:  # noqa: BLE001 - whatever it is, the other figures are wanted
            self.failed.append(f"{part}: {type(error).__name__}: {error}".replace(str(self.folder), "…"))
            note(f"  FAILED {self.failed[-1]}")


def measure_all(run: Run) -> None:
    """One hop with its databases, then whole nodes."""
    if run.wants("throughput") or run.wants("reconnection"):
        folder = run.folder / "hop"
        folder.mkdir()
        children = QUICK_CHILDREN if run.options.quick else CHILDREN
        wants_postgresql = run.options.database != "sqlite" and run.wants("throughput")
        try:
            with stage(folder, children=children, with_postgresql=wants_postgresql) as ready:
                run.one_hop(ready)
        except NoPostgresql as reason:
            note(f"without PostgreSQL: {reason}")
            shutil.rmtree(folder)
            folder.mkdir()
            with stage(folder, children=children, with_postgresql=False) as ready:
                run.one_hop(ready)
    if any(run.wants(part) for part in CENTRES):
        try:
            asyncio.run(run.whole_nodes())
        except Exception as error:  # noqa: BLE001 - what was measured before is wanted
            run.failed.append(f"whole nodes: {type(error).__name__}: {error}".replace(str(run.folder), "…"))
            note(f"  FAILED {run.failed[-1]}")


def main() -> int:
    """Measure and report; 1 if a part failed."""
    options = parse(sys.argv[1:])
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # ended as by Ctrl-C: with all that was started
    folder = Path(tempfile.mkdtemp(prefix="lt-bench-"))
    begun = datetime.now(UTC)
    facts = machine.facts(folder) | {"quick": options.quick, "at": begun.isoformat(timespec="seconds")}
    load = machine.load()
    run = Run(options, folder)
    try:
        measure_all(run)
    except KeyboardInterrupt:
        note("stopped; everything that was started has ended")
        return 130
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    facts |= {"load_before": round(load, 2), "load_after": round(machine.load(), 2)}
    facts["seconds"] = round((datetime.now(UTC) - begun).total_seconds())
    whole = {"machine": facts} | run.found | {"failed": run.failed}
    options.out.write_text(as_json(whole), encoding="utf-8")
    print(table.text(whole))
    return 1 if run.failed else 0


if __name__ == "__main__":
    sys.exit(main())
