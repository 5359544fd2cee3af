"""One run and its verdict, which may live in a process of its own, and what many runs come to."""

import json
import time
from collections import Counter
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from tests.simulation import checker, coverage
from tests.simulation.world import Plan, Seen, simulate

LEAST_COVERAGE = 85.0


@dataclass(frozen=True)
class Order:
    seed: int
    plan: Plan
    is_traced: bool = False
    folder: Path | None = None


def carry_out(order: Order) -> dict[str, Any]:
    """One run and its verdict; in a process of its own."""
    begun = time.process_time()
    collector = coverage.Collector(coverage.targets() if order.is_traced else ())
    if order.is_traced:
        with collector.collecting():
            seen = simulate(order.seed, order.plan)
    else:
        seen = simulate(order.seed, order.plan)
    cpu_s = time.process_time() - begun
    verdict = checker.judge(seen.history, seen.exports)
    if order.folder is not None:
        keep(seen, order.folder)
    parked = sum(line["what"] == "parked" for lines in seen.exports.values() for line in lines)
    alarms = Counter(line["code"] for lines in seen.exports.values() for line in lines if line["what"] == "alarm")
    outcomes = Counter(line["outcome"] for line in seen.history if line["what"] == "end")
    facts = seen.facts | {"parked": parked, "alarms": dict(sorted(alarms.items())), "acts": dict(outcomes)}
    facts |= {"seed": order.seed, "digest": seen.digest, "cpu_s": cpu_s, "words": verdict.words()}
    hits = {file: sorted(lines) for file, lines in collector.hits.items()}
    return facts | {"verdict": verdict.counts(), "holds": verdict.holds(), "hits": hits}


def keep(seen: Seen, folder: Path) -> None:
    """Write a run down for `python -m tests.simulation.checker`."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, lines in {
        "history": seen.history,
        **{f"export-{one}": found for one, found in seen.exports.items()},
    }.items():
        text = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
        (folder / f"{name}.jsonl").write_text(text, "utf-8")


def total(
    runs: list[dict[str, Any]], again: list[dict[str, Any]], wall_s: float, least_coverage: float = LEAST_COVERAGE
) -> dict[str, Any]:
    """The last line."""
    verdict: Counter[str] = Counter()
    sums: dict[str, Counter[str]] = {name: Counter() for name in ("faults", "alarms", "acts", "errors", "failpoints")}
    for run in runs:
        verdict.update(run["verdict"])
        for name, counter in sums.items():
            counter.update(run[name])
    digests = {run["seed"]: run["digest"] for run in runs}
    hits: dict[str, set[int]] = {}
    for run in again:
        for file, lines in run["hits"].items():
            hits.setdefault(file, set()).update(lines)
    covered = coverage.shares(hits)
    is_same = all(digests[run["seed"]] == run["digest"] for run in again)
    node_days, cpu_s = sum(run["node_days"] for run in runs), sum(run["cpu_s"] for run in runs)
    critical = {words: count for words, count in sums["errors"].items() if words.startswith("CRITICAL")}
    holds = all(run["holds"] for run in (*runs, *again)) and not critical
    enough = all(
        covered.get(name, 0) >= least_coverage for name in ("ledger.py", "sender.py", "receiver.py", "incident")
    )
    return {
        "seeds": len(runs),
        **verdict,
        "parked": sum(run["parked"] for run in runs),
        "events": sum(run["events"] for run in runs),
        "crashes": sum(run["crashes"] for run in runs),
        **{name: dict(sorted(counter.items())) for name, counter in sums.items() if name != "failpoints"},
        "failpoints": len(sums["failpoints"]),
        "node_days": round(node_days, 1),
        "cpu_s": round(cpu_s, 1),
        "node_days_per_minute": round(node_days / wall_s * 60, 1),
        "node_days_per_cpu_minute": round(node_days / cpu_s * 60, 1),
        "coverage": covered,
        "same_digest": is_same,
        "digest": _digest(digests),
        "ok": holds and is_same and enough,
    }


def _digest(digests: dict[int, str]) -> str:
    return sha256(json.dumps(digests, sort_keys=True).encode()).hexdigest()
