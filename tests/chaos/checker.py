"""The judge of a run: reads what the clients wrote down and what each centre gave out, and nothing else.

    python -m tests.chaos.checker FOLDER

`history.jsonl` has a line before each call and one after it: `ok` (the centre said that it is recorded), `failed` (it
said that it is not), `unknown` (it died meanwhile: both are right). `export-CODE.jsonl` has what one centre holds; a
`floor` line says up to which record of a stream of its own the bytes were given up, and they are then looked for with
whoever took that stream. This file imports nothing of the product, so that none of its mistakes can be repeated here.
"""

import itertools
import json
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

Line = Mapping[str, Any]
Stream = tuple[str, str, str]  # origin, lane, audience
ALERT = "incident.alert"


@dataclass(slots=True)
class Verdict:
    """What was found, in words; all empty is what was promised."""

    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    out_of_order: list[str] = field(default_factory=list)
    phantom: list[str] = field(default_factory=list)

    def holds(self) -> bool:
        return not (self.lost or self.doubled or self.out_of_order or self.phantom)


@dataclass(slots=True)
class _Mark:
    """One thing that somebody wanted recorded, over all calls that tried it."""

    centre: str
    begun: int
    recorded: int | None = None  # when a centre said so
    outcomes: set[str] = field(default_factory=set)


class _History:
    def __init__(self, lines: Iterable[Line]) -> None:
        self.parents: dict[str, str] = {}
        self.names: dict[str, str] = {}
        self.marks: dict[str, _Mark] = {}
        self.calls: Counter[str] = Counter()
        open_calls: dict[int, str] = {}
        for line in lines:
            match line["what"]:
                case "tree":
                    self.parents, self.names = dict(line["parents"]), dict(line["names"])
                case "begin":
                    open_calls[line["call"]] = line["mark"]
                    self.marks.setdefault(line["mark"], _Mark(line["centre"], line["at"]))
                case "end":
                    mark = self.marks[open_calls.pop(line["call"])]
                    mark.outcomes.add(line["outcome"])
                    self.calls[line["outcome"]] += 1
                    if line["outcome"] == "ok" and mark.recorded is None:
                        mark.recorded = line["at"]
        for name in open_calls.values():  # nobody knows how these ended
            self.marks[name].outcomes.add("unknown")
            self.calls["unknown"] += 1

    def above(self, code: str) -> list[str]:
        found = [code]
        while self.parents.get(found[-1]):
            found.append(self.parents[found[-1]])
        return found


@dataclass(slots=True)
class _Export:
    """What one centre holds, checked in itself."""

    code: str
    records: dict[Stream, list[Line]] = field(default_factory=lambda: defaultdict(list))
    incidents: list[Line] = field(default_factory=list)


def judge(history: Iterable[Line], exports: Mapping[str, Iterable[Line]]) -> Verdict:
    """Hold the history and all exports against each other."""
    verdict, told = Verdict(), _History(history)
    given = {code: list(lines) for code, lines in exports.items()}
    read = {
        code: _read(verdict, code, _completed(verdict, told, given, code), len(lines)) for code, lines in given.items()
    }
    for code in told.names:
        if code not in read:
            verdict.lost.append(f"{code} gave nothing out")
    for code, export in read.items():
        _check_streams(verdict, told, read, export)
        _check_incidents(verdict, told, code, export)
    there = {code: {line["mark"] for line in export.incidents} for code, export in read.items()}
    for mark, one in told.marks.items():
        if one.recorded is not None:
            for code in told.above(one.centre):
                if mark not in there.get(code, set()):
                    verdict.lost.append(f"{mark}: {one.centre} had said that it is recorded, {code} does not have it")
    return verdict


# one export by itself -----------------------------------------------------------------------------------------------


def _completed(verdict: Verdict, told: _History, given: Mapping[str, Sequence[Line]], code: str) -> list[Line]:
    """An export with what its centre gave up by the rules taken from whoever took it; what is nowhere stays missing."""
    found = list(given[code])
    for floor in [line for line in found if line["what"] == "floor"]:
        stream = _stream(floor)
        if stream[0] != told.names.get(code):
            verdict.phantom.append(f"{code}: gave up bytes of {_words(floor)}, which is not its own")
            continue
        own = {line["epoch"] for line in found if line["what"] == "epoch" and _stream(line) == stream}
        taken: list[Line] = []
        for line in given.get(_receiver(told, code, stream[2]), ()):
            if line["what"] not in {"record", "epoch"} or _stream(line) != stream:
                continue
            if line["epoch"] in own or (line["what"] == "record" and line["order"] > floor["order"]):
                break
            taken.append(line)
        found = [*taken, *found]
    return found


def _receiver(told: _History, code: str, audience: str) -> str:
    if audience.startswith("down:"):
        return next((other for other, name in told.names.items() if f"down:{name}" == audience), "")
    return told.parents.get(code, "")


def _read(verdict: Verdict, code: str, lines: Sequence[Line], given: int) -> _Export:
    export = _Export(code)
    epochs: dict[Stream, list[Line]] = defaultdict(list)
    heads: dict[Stream, Line] = {}
    ends: list[Line] = []
    for line in lines:
        match line["what"]:
            case "record":
                export.records[_stream(line)].append(line)
                if epochs[_stream(line)] == [] or epochs[_stream(line)][-1]["epoch"] != line["epoch"]:
                    verdict.lost.append(f"{code}: {_words(line)} stands in an epoch whose beginning is not there")
            case "epoch":
                epochs[_stream(line)].append(line)
            case "head":
                heads[_stream(line)] = line
            case "incident":
                export.incidents.append(line)
            case "end":
                ends.append(line)
    _check_numbers(verdict, f"{code}: incident", [line["order"] for line in export.incidents])
    if [line["lines"] for line in ends] != [given - len(ends)]:
        (verdict.doubled if len(ends) > 1 else verdict.lost).append(f"{code}: what it gave out is not all there")
    for stream in {*export.records, *epochs, *heads}:
        _check_stream(verdict, code, export.records[stream], epochs[stream], heads.get(stream))
    return export


def _check_stream(
    verdict: Verdict, code: str, records: Sequence[Line], epochs: Sequence[Line], head: Line | None
) -> None:
    where = f"{code}: {_words((*records, *epochs, head)[0])}"
    if head is None:
        verdict.lost.append(f"{where}: its head is not there")
        return
    _check_numbers(verdict, where, [line["order"] for line in records], last=head["order"])
    before = ""
    for line in epochs:
        if line["previous_epoch"] != before:
            verdict.out_of_order.append(f"{where}: epoch {line['epoch'][:8]} does not follow {before[:8] or 'nothing'}")
        before = line["epoch"]
    if before != head["epoch"]:
        verdict.lost.append(f"{where}: the epoch of its head is not there")
    by_epoch: dict[str, list[int]] = defaultdict(list)
    for line in records:
        by_epoch[line["epoch"]].append(line["seq"])
    for epoch, numbers in by_epoch.items():
        _check_numbers(verdict, f"{where} epoch {epoch[:8]}", numbers)
    for (origin, rid), count in Counter((line["origin"], line["rid"]) for line in records).items():
        if count > 1:
            verdict.doubled.append(f"{code}: record {rid} of {origin} is there {count} times")


def _check_numbers(verdict: Verdict, where: str, numbers: Sequence[int], last: int | None = None) -> None:
    """1, 2, 3 ... to the last, each once, in this order."""
    last = max(numbers, default=0) if last is None else last
    there = set(numbers)
    verdict.lost += [f"{where}: number {number} is missing" for number in range(1, last + 1) if number not in there]
    verdict.doubled += [f"{where}: number {number} twice" for number, count in Counter(numbers).items() if count > 1]
    verdict.phantom += [f"{where}: number {number} is beyond its head" for number in there if number > last]
    verdict.out_of_order += [
        f"{where}: number {after} after {before}" for before, after in itertools.pairwise(numbers) if after < before
    ]


# exports against each other, and against the history ----------------------------------------------------------------


def _check_streams(verdict: Verdict, told: _History, read: Mapping[str, _Export], export: _Export) -> None:
    """What a centre holds of another is what that one said, from the beginning; of what is urgent, all of it."""
    codes = {name: code for code, name in told.names.items()}
    for origin, own in read.items():
        for stream, said in own.records.items():
            if stream[0] != told.names[origin] or not _is_for(told, stream, origin, export.code):
                continue
            heard = export.records.get(stream, [])
            ours = [(line["epoch"], line["seq"], line["rid"]) for line in said]
            theirs = [(line["epoch"], line["seq"], line["rid"]) for line in heard]
            where = f"{stream[1]}/{stream[2]} of {origin} at {export.code}"
            all_said, all_heard = set(ours), set(theirs)
            verdict.phantom += [f"{where}: {one[2]} was not said" for one in theirs if one not in all_said]
            if stream[1] == "urgent":
                verdict.lost += [f"{where}: {one[2]} did not arrive" for one in ours if one not in all_heard]
            if sorted(theirs) == sorted(ours[: len(theirs)]) and theirs != ours[: len(theirs)]:
                verdict.out_of_order.append(f"{where}: not in the order in which it was said")
    for stream in export.records:
        if stream[0] not in codes:
            verdict.phantom.append(f"{export.code} holds a stream of {stream[0]}, who is nobody")


def _is_for(told: _History, stream: Stream, origin: str, receiver: str) -> bool:
    audience = stream[2]
    if audience == "up":
        return receiver in told.above(origin)[1:]
    if audience == "parent":
        return receiver == told.parents.get(origin)
    return audience == f"down:{told.names[receiver]}"


def _check_incidents(verdict: Verdict, told: _History, code: str, export: _Export) -> None:
    for mark, count in Counter(line["mark"] for line in export.incidents).items():
        if count > 1:
            verdict.doubled.append(f"{code}: {mark} took effect {count} times")
        if mark not in told.marks:
            verdict.phantom.append(f"{code}: nobody ever said {mark}")
        elif told.marks[mark].outcomes == {"failed"}:
            verdict.phantom.append(f"{code}: {mark} is there, and the one who said it was told that it is not recorded")
    _check_order(verdict, told, code, "incidents", [line["mark"] for line in export.incidents])
    there = {line["mark"] for line in export.incidents}
    for stream, lines in export.records.items():
        alerts = [mark for line in lines if line["kind"] == ALERT for mark in line["marks"]]
        verdict.lost += [f"{code}: {mark} was delivered without effect" for mark in alerts if mark not in there]
        _check_order(verdict, told, code, f"{stream[1]}/{stream[2]} of {stream[0]}", alerts)


def _check_order(verdict: Verdict, told: _History, code: str, what: str, marks: Sequence[str]) -> None:
    """Who was told "recorded" before another one began comes before that one, where both are of one centre."""
    latest: dict[str, tuple[int, str]] = {}
    for mark in marks:
        one = told.marks.get(mark)
        if one is None:
            continue
        begun, before = latest.get(one.centre, (0, ""))
        if one.recorded is not None and one.recorded < begun:
            verdict.out_of_order.append(f"{code}: {what}: {mark} stands after {before}, which began later")
        latest[one.centre] = max(latest.get(one.centre, (0, "")), (one.begun, mark))


def _stream(line: Line) -> Stream:
    return line["origin"], line["lane"], line["audience"]


def _words(line: Line) -> str:
    return f"{line['lane']}/{line['audience']} of {line['origin']}"


def load(file: Path) -> list[Line]:
    return [json.loads(line) for line in file.read_text("utf-8").splitlines()]


def judge_folder(folder: Path) -> tuple[Verdict, dict[str, Any]]:
    """The verdict over what lies in a folder, and how much there was to judge."""
    history = load(folder / "history.jsonl")
    exports = {file.stem.removeprefix("export-"): load(file) for file in sorted(folder.glob("export-*.jsonl"))}
    told = _History(history)
    counts = {"calls": sum(told.calls.values()), **{name: told.calls[name] for name in ("ok", "failed", "unknown")}}
    counts["records"] = sum(line["what"] == "record" for lines in exports.values() for line in lines)
    return judge(history, exports), counts


def main() -> int:
    verdict, counts = judge_folder(Path(sys.argv[1]))
    names = ("lost", "doubled", "out_of_order", "phantom")
    for name in names:
        for words in getattr(verdict, name)[:8]:
            sys.stderr.write(f"{name}: {words}\n")
    facts = {"holds": verdict.holds(), **{name: len(getattr(verdict, name)) for name in names}, "judged": counts}
    sys.stdout.write(json.dumps(facts, ensure_ascii=False) + "\n")
    return 0 if verdict.holds() else 1


if __name__ == "__main__":
    sys.exit(main())
