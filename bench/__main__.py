"""`make bench`: measure, print a table, and write what was measured beside it."""

import argparse
import shutil
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench import machine, reconnection, table, throughput
from bench.stage import CHILDREN, Stage, as_json, stage
from bench.throughput import Case
from tests.fakes.postgresql import NoPostgresql

FULL = [
    Case(1, "sqlite", 500),
    Case(1, "sqlite", 300, effects=True),
    Case(CHILDREN, "sqlite", 4),
    Case(1, "postgresql", 300),
    Case(1, "postgresql", 100, effects=True),
    Case(CHILDREN, "postgresql", 4),
]
QUICK = [Case(1, "sqlite", 100), Case(20, "sqlite", 5), Case(1, "postgresql", 50)]
OUTAGES_S = (2.0, 20.0)


def parse(arguments: list[str]) -> argparse.Namespace:
    """What is asked for."""
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="small counts, half a minute: to see that it works")
    parser.add_argument("--only", choices=["throughput", "reconnection"], help="one half of it")
    parser.add_argument("--database", choices=["sqlite", "postgresql"], help="one database only")
    parser.add_argument("--out", type=Path, default=Path(__file__).with_name("results.json"), help="where to write it")
    return parser.parse_args(arguments)


def note(text: str) -> None:
    """Tell whoever waits."""
    print(text, file=sys.stderr, flush=True)


def run(options: argparse.Namespace, ready: Stage) -> dict[str, Any]:
    """Measure everything that is asked for."""
    results: dict[str, Any] = {"throughput": [], "reconnection": []}
    cases = [case for case in (QUICK if options.quick else FULL) if options.database in (None, case.database)]
    if ready.postgresql is None:
        cases = [case for case in cases if case.database != "postgresql"]
    if options.only != "reconnection":
        for case in cases:
            results["throughput"].append(throughput.measure(ready, case))
            note(table.one_line(results["throughput"][-1]))
    if options.only != "throughput":
        for down_s in OUTAGES_S[:1] if options.quick else OUTAGES_S:
            results["reconnection"].append(reconnection.measure(ready, 40 if options.quick else CHILDREN, down_s))
            note(table.one_line(results["reconnection"][-1]))
    return results


def main() -> None:
    """Measure and report."""
    options = parse(sys.argv[1:])
    folder = Path(tempfile.mkdtemp(prefix="lt-bench-"))
    begun = datetime.now(UTC)
    facts = machine.facts(folder) | {"quick": options.quick, "at": begun.isoformat(timespec="seconds")}
    load = machine.load()
    try:
        try:
            with stage(folder, with_postgresql=options.database != "sqlite") as ready:
                results = run(options, ready)
        except NoPostgresql as reason:
            note(f"without PostgreSQL: {reason}")
            shutil.rmtree(folder)
            folder.mkdir()
            with stage(folder, with_postgresql=False) as ready:
                results = run(options, ready)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    facts |= {"load_before": round(load, 2), "load_after": round(machine.load(), 2)}
    facts["seconds"] = round((datetime.now(UTC) - begun).total_seconds())
    whole = {"machine": facts} | results
    options.out.write_text(as_json(whole), encoding="utf-8")
    print(table.text(whole))


if __name__ == "__main__":
    main()
