"""The judge of duty: reads what operators wrote down and what each centre gave out, and nothing else.

    python -m tests.chaos.duty FOLDER

`history.jsonl` has `step begins` and `step ends` (`ok`, `failed`, `unknown`) for each step of an operator, with a word
of its own in the step's note; `duty-CODE.jsonl` has how one centre sees each incident, and its timeline. At rest
exactly one centre answers for an incident, every step that was said to be done is there once, at its own centre and in
its author's order at each other one. This file imports nothing of the product.
"""

import json
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

Line = Mapping[str, Any]
ANSWERS = frozenset({"held", "offered"})
_MARK = "viec-"


@dataclass(slots=True)
class Verdict:
    """What was found, in words; all empty is what was promised."""

    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    out_of_order: list[str] = field(default_factory=list)
    phantom: list[str] = field(default_factory=list)
    nobody_or_two: list[str] = field(default_factory=list)
    outcomes: Counter[str] = field(default_factory=Counter)

    def words(self) -> list[str]:
        kinds = ("lost", "doubled", "out_of_order", "phantom", "nobody_or_two")
        return [f"{kind}: {words}" for kind in kinds for words in getattr(self, kind)]


def judge(history: Iterable[Line], exports: Mapping[str, Sequence[Line]]) -> Verdict:
    """Hold the history and all exports against each other."""
    verdict = Verdict()
    names: dict[str, str] = {}
    steps: dict[str, dict[str, Any]] = {}
    for line in history:
        if line["what"] == "tree":
            names = dict(line["names"])
        elif line["what"] == "step begins":
            steps[line["call"]] = {**line, "outcome": "unknown"}
        elif line["what"] == "step ends":
            steps[line["call"]]["outcome"] = line["outcome"]
    verdict.outcomes.update(one["outcome"] for one in steps.values())
    for code in names:
        lines = exports.get(code, ())
        if not lines or lines[-1].get("lines") != len(lines) - 1:
            verdict.lost.append(f"{code}: what it gave out is not all there")
    _check_steps(verdict, steps, _timelines(verdict, names, exports))
    _check_answering(verdict, names, exports)
    return verdict


Told = Mapping[str, Mapping[tuple[str, str], Sequence[str]]]  # centre -> (incident, author) -> marks in order


def _timelines(verdict: Verdict, names: Mapping[str, str], exports: Mapping[str, Sequence[Line]]) -> Told:
    """Whose steps each centre tells, checked for holes in their numbers."""
    codes = {name: code for code, name in names.items()}
    told: dict[str, dict[tuple[str, str], list[str]]] = {code: defaultdict(list) for code in names}
    for code, lines in exports.items():
        numbers: dict[str, list[int]] = defaultdict(list)
        for line in lines:
            if line["what"] == "step":
                numbers[line["incident"]].append(line["number"])
                mark = line["note"].rpartition(" ")[2]
                if mark.startswith(_MARK):
                    told[code][line["incident"], codes.get(line["centre"], "?")].append(mark)
        for incident, there in numbers.items():
            where = f"{code}: {incident}"
            verdict.doubled += [f"{where}: step {one} twice" for one, count in Counter(there).items() if count > 1]
            verdict.lost += [f"{where}: step {n} is missing" for n in range(1, max(there) + 1) if n not in there]
    return told


def _check_steps(verdict: Verdict, steps: Mapping[str, Line], told: Told) -> None:
    for mark, one in steps.items():
        is_there = mark in told[one["centre"]].get((one["incident"], one["centre"]), ())
        where = f"{one['centre']}: {mark} ({one['act']})"
        if one["outcome"] == "ok" and not is_there:
            verdict.lost.append(f"{where} was said to be done")
        if one["outcome"] == "failed" and is_there:
            verdict.phantom.append(f"{where} was said not to be done")
    for code, by_author in told.items():
        for (incident, author), marks in by_author.items():
            verdict.doubled += [f"{code}: {one} {n} times" for one, n in Counter(marks).items() if n > 1]
            verdict.phantom += [f"{code}: nobody ever did {one}" for one in marks if one not in steps]
            own = told.get(author, {}).get((incident, author), ())
            if [one for one in own if one in marks] != list(dict.fromkeys(marks)):
                verdict.out_of_order.append(f"{code}: {incident}: what {author} did is told as {marks}, not {own}")


def _check_answering(verdict: Verdict, names: Mapping[str, str], exports: Mapping[str, Sequence[Line]]) -> None:
    views: dict[str, dict[str, Line]] = defaultdict(dict)
    for code, lines in exports.items():
        for line in lines:
            if line["what"] == "duty":
                views[line["incident"]][code] = line
    for incident, by_code in views.items():
        answering = [c for c, one in by_code.items() if one["state"] in ANSWERS and one["holder"] == names.get(c)]
        if len(answering) != 1:
            verdict.nobody_or_two.append(f"{incident}: {answering or 'nobody'} answers for it")


def load(file: Path) -> list[Line]:
    return [json.loads(line) for line in file.read_text("utf-8").splitlines()]


def main(folder: Path) -> int:
    exports = {file.stem.removeprefix("duty-"): load(file) for file in sorted(folder.glob("duty-*.jsonl"))}
    verdict = judge(load(folder / "history.jsonl"), exports)
    words = verdict.words()
    for line in words[:50]:
        sys.stderr.write(f"{line}\n")
    facts = {kind: len(getattr(verdict, kind)) for kind in ("lost", "doubled", "out_of_order", "phantom")}
    facts |= {"nobody_or_two": len(verdict.nobody_or_two), "steps": dict(sorted(verdict.outcomes.items()))}
    sys.stdout.write(json.dumps({"holds": not words, **facts}) + "\n")
    return 0 if not words else 1


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
