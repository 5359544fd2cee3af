"""The judge of a simulation: reads what happened and what each centre gave out, and nothing else.

    python -m tests.simulation.checker FOLDER

`history.jsonl` has what was done, each act with a line before it and one after it: `ok` (the centre said that it is
recorded), `failed` (it said that it is not), `unknown` (it died meanwhile: both are right). `export-CODE.jsonl` has
what one centre holds. This file imports nothing of the product, so that no mistake of it can be repeated here.
"""

import itertools
import json
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

Line = Mapping[str, Any]
FORKS = frozenset({"FORK", "PARENT_AHEAD", "CHILD_AHEAD"})
# What rings only if a disk forgot what it had promised, or if somebody lies: never by itself.
FORGOT = frozenset({"PARENT_ROLLBACK", "CHILD_ROLLBACK"})
LIES = frozenset({"FORK", "PARENT_AHEAD", "CHILD_AHEAD", "BAD_ORIGIN_SIG", "ORIGIN_MISMATCH", "BAD_ACK", "BAD_ACK_SIG"})
GARBLED = frozenset({"BAD_ORIGIN_SIG", "ORIGIN_MISMATCH", "BAD_ACK_SIG"})  # true alarms where somebody lies
# The faults that set somebody back to an earlier state; where none of them is, no such alarm is true.
SETS_BACK = frozenset({"child-restore", "parent-restore", "clone"})
RESPONSIBLE = frozenset({"held", "offered"})
_ENOUGH = 20


@dataclass(slots=True)
class Verdict:
    """What was found, in words; all empty is what was promised."""

    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    out_of_order: list[str] = field(default_factory=list)
    phantom: list[str] = field(default_factory=list)
    undetected_forks: list[str] = field(default_factory=list)
    custody: list[str] = field(default_factory=list)
    false_alarms: list[str] = field(default_factory=list)
    stuck: list[str] = field(default_factory=list)

    def holds(self) -> bool:
        return not any(getattr(self, one.name) for one in fields(self))

    def counts(self) -> dict[str, int]:
        return {one.name: len(getattr(self, one.name)) for one in fields(self)}

    def words(self) -> list[str]:
        """The first findings of each sort."""
        return [f"{one.name}: {words}" for one in fields(self) for words in getattr(self, one.name)[:_ENOUGH]]


@dataclass(slots=True)
class _Mark:
    """One thing that somebody wanted recorded."""

    centre: str
    kind: str
    begun: int
    ended: int = 0
    outcome: str = "unknown"


class _Told:
    def __init__(self, history: Iterable[Line]) -> None:
        self.marks: dict[str, _Mark] = {}
        self.faults: frozenset[str] = frozenset()
        calls: dict[int, _Mark] = {}
        copies: dict[int, int] = {}
        self.was_set_back: set[str] = set()
        for number, line in enumerate(history):
            match line["what"]:
                case "tree":
                    self.parents, self.names = dict(line["parents"]), dict(line["names"])
                    self.faults = frozenset(line["faults"])
                case "begin":
                    calls[line["call"]] = self.marks[line["mark"]] = _Mark(line["centre"], line["kind"], number)
                case "end":
                    calls[line["call"]].outcome, calls[line["call"]].ended = line["outcome"], number
                case "copied":
                    copies[line["copy"]] = number
                case "set back":
                    self._forget(line["centre"], copies[line["copy"]], set(line["held"]))
        self.codes = {name: code for code, name in self.names.items()}

    def _forget(self, centre: str, since: int, held: set[str]) -> None:
        """What was recorded after the copy and nobody else holds went with the disk: it may be there or not."""
        self.was_set_back.add(centre)
        for mark, one in self.marks.items():
            if one.centre == centre and (one.ended or one.begun) > since and mark not in held:
                one.outcome = "unknown"

    def above(self, code: str) -> list[str]:
        found = []
        while code in self.parents:
            code = self.parents[code]
            found.append(code)
        return found

    def receivers(self, stream: str) -> list[str]:
        """The codes of those that a stream is for."""
        origin, _, audience = stream.split(" ")
        if audience.startswith("down:"):
            return [self.codes[audience.removeprefix("down:")]]
        above = self.above(self.codes[origin])
        return above if audience == "up" else above[:1]


class _Export:
    """What one centre holds."""

    def __init__(self, lines: Sequence[Line]) -> None:
        by_kind: dict[str, list[Line]] = defaultdict(list)
        for line in lines:
            by_kind[line["what"]].append(line)
        self.frames = _by(by_kind["frame"], "stream")
        self.evidence = by_kind["evidence"]
        self.said = {name: [one["mark"] for one in lines] for name, lines in _by(by_kind["said"], "stream").items()}
        self.effects = {name: [one["mark"] for one in some] for name, some in _by(by_kind["effect"], "stream").items()}
        self.incidents = {line["id"]: line for line in by_kind["incident"]}
        self.events = _by(by_kind["event"], "id")
        self.parked = by_kind["parked"]
        self.alarms = by_kind["alarm"]


def _by(lines: Iterable[Line], key: str) -> dict[str, list[Line]]:
    found: dict[str, list[Line]] = defaultdict(list)
    for line in lines:
        found[line[key]].append(line)
    return found


def judge(history: Iterable[Line], exports: Mapping[str, Sequence[Line]]) -> Verdict:
    """Hold the history and all exports against each other."""
    verdict, told = Verdict(), _Told(history)
    read = {code: _Export(exports.get(code, ())) for code in told.names}
    verdict.lost += [f"{code} gave nothing out" for code in told.names if not exports.get(code)]
    for code, export in read.items():
        _check_chains(verdict, code, export)
        _check_alarms(verdict, told, code, export)
    _check_forks(verdict, read)
    _check_frames(verdict, told, read)
    _check_marks(verdict, told, read)
    _check_incidents(verdict, told, read)
    _check_custody(verdict, told, read)
    return verdict


# one centre by itself -----------------------------------------------------------------------------------------------


def _check_chains(verdict: Verdict, code: str, export: _Export) -> None:
    """Each stream is one chain: places without a hole, each frame on the one before, numbers counted in each epoch."""
    for stream, frames in export.frames.items():
        where = f"{code}: {stream}"
        places = [line["pos"] for line in frames]
        there = set(places)
        verdict.lost += [f"{where}: place {one} is missing" for one in range(1, max(places) + 1) if one not in there]
        verdict.doubled += [f"{where}: place {one} twice" for one, count in Counter(places).items() if count > 1]
        for before, after in itertools.pairwise(frames):
            follows = after["number"] == (before["number"] + 1 if after["epoch"] == before["epoch"] else 0)
            if not follows or after["before"] != before["hash"]:
                verdict.out_of_order.append(f"{where}: frame {after['number']} does not follow {before['number']}")


def _check_alarms(verdict: Verdict, told: _Told, code: str, export: _Export) -> None:
    for line in export.parked:
        if not line["applied"]:
            verdict.stuck.append(f"{code}: a record of {line['stream']} stays parked: {line['code']} {line['reason']}")
    if told.faults & SETS_BACK:
        return
    for line in export.alarms:
        words = f"{code}: {line['code']} of {line['origin']} {line['subject']}: {line['detail']}"
        if line["code"] in FORGOT:
            verdict.lost.append(f"acknowledged and not on the disk: {words}")
        elif line["code"] in (LIES - GARBLED if "garble" in told.faults else LIES):
            verdict.false_alarms.append(words)


# frames over all centres ----------------------------------------------------------------------------------------------


def _check_forks(verdict: Verdict, read: Mapping[str, _Export]) -> None:
    """Two frames under one number, wherever they lie, must have rung somewhere."""
    seen: dict[tuple[str, str, int], dict[str, str]] = defaultdict(dict)
    for code, export in read.items():
        for line in itertools.chain(*export.frames.values(), export.evidence):
            seen[line["stream"], line["epoch"], line["number"]].setdefault(line["hash"], code)
    rung = {
        (line["origin"], *line["subject"].split("/")[:2])
        for export in read.values()
        for line in export.alarms
        if line["code"] in FORKS
    }
    for (stream, epoch, number), hashes in seen.items():
        if len(hashes) > 1 and tuple(stream.split(" ")) not in rung:
            verdict.undetected_forks.append(f"{stream} {epoch[:8]}/{number} at {sorted(hashes.values())}")


def _check_frames(verdict: Verdict, told: _Told, read: Mapping[str, _Export]) -> None:
    """What a centre holds of another is exactly what that one holds of itself."""
    for origin, export in read.items():
        for stream, frames in export.frames.items():
            if stream.split(" ")[0] != told.names[origin]:
                continue
            ours = [line["hash"] for line in frames]
            for receiver in told.receivers(stream):
                theirs = [line["hash"] for line in read[receiver].frames.get(stream, ())]
                if len(theirs) < len(ours):
                    verdict.lost.append(f"{receiver} holds {len(theirs)} of {len(ours)} frames of {stream}")
                if theirs != ours[: len(theirs)]:
                    verdict.phantom.append(f"{receiver} holds other frames of {stream} than its origin")
            rids = Counter(rid for line in frames for rid in line["records"])
            if not told.faults & (SETS_BACK | {"repeat"}):  # after those a record may stand in a second frame
                verdict.doubled += [f"{stream}: record {rid} in {n} frames" for rid, n in rids.items() if n > 1]


# figures --------------------------------------------------------------------------------------------------------------


def _check_marks(verdict: Verdict, told: _Told, read: Mapping[str, _Export]) -> None:
    here: dict[str, set[str]] = {code: set() for code in read}
    for origin, export in read.items():
        for stream, marks in export.said.items():
            here[origin] |= set(marks)
            _once(verdict, f"{origin} said", marks)
            is_ordered = not told.was_set_back  # what is given back comes after what was said meanwhile
            if is_ordered:
                _in_order(verdict, told, f"{origin} said", marks)
            for receiver in told.receivers(stream):
                effects = read[receiver].effects.get(stream, [])
                _check_effects(verdict, f"{stream} at {receiver}", marks, effects, is_ordered=is_ordered)
        for line in export.events.values():
            here[origin] |= {_mark_of(one["note"]) for one in line if told.codes[one["centre"]] == origin}
        here[origin] |= {line["mark"] for line in export.incidents.values() if told.codes[line["origin"]] == origin}
    for mark, one in told.marks.items():
        if one.outcome == "ok" and mark not in here[one.centre]:
            verdict.lost.append(f"{mark} ({one.kind}): {one.centre} had said that it is recorded, and does not have it")
        if one.outcome == "failed" and mark in here[one.centre]:
            verdict.phantom.append(f"{mark} ({one.kind}): {one.centre} had said that it is not recorded, and has it")
    for code, marks in here.items():
        verdict.phantom += [f"{code} has {mark}, which nobody said" for mark in marks - set(told.marks) if mark]


def _check_effects(
    verdict: Verdict, where: str, said: Sequence[str], effects: Sequence[str], *, is_ordered: bool
) -> None:
    _once(verdict, where, effects)
    there = set(effects)
    verdict.lost += [f"{where}: {mark} had no effect" for mark in said if mark not in there]
    verdict.phantom += [f"{where}: {mark} was never said" for mark in there - set(said)]
    # What was parked and tried again after the mend comes late, and is no disorder.
    ours = [mark for mark in said if not mark.startswith("!") and mark in there]
    theirs = [mark for mark in dict.fromkeys(effects) if not mark.startswith("!") and mark in set(said)]
    if is_ordered and ours != theirs:
        verdict.out_of_order.append(f"{where}: not in the order in which it was said")


def _once(verdict: Verdict, where: str, marks: Iterable[str]) -> None:
    verdict.doubled += [f"{where}: {mark} {count} times" for mark, count in Counter(marks).items() if count > 1]


def _in_order(verdict: Verdict, told: _Told, where: str, marks: Sequence[str]) -> None:
    """Whoever was told "recorded" before another one began comes before that one."""
    latest = 0
    for mark in marks:
        one = told.marks.get(mark)
        if one is None:
            continue
        if one.outcome == "ok" and one.ended < latest:
            verdict.out_of_order.append(f"{where}: {mark} stands after one that began later")
        latest = max(latest, one.begun)


def _mark_of(note: str) -> str:
    """The mark at the end of a note; nodes write notes of their own without one."""
    last = note.rpartition(" ")[2]
    return last if last.count(".") == 2 and last.endswith(".") else ""


# incidents ------------------------------------------------------------------------------------------------------------


def _check_incidents(verdict: Verdict, told: _Told, read: Mapping[str, _Export]) -> None:
    """Neighbours heard of an incident all that was told; each author's steps are everywhere its own, in order."""
    for code, export in read.items():
        for number, incident in export.incidents.items():
            where = f"incident {incident['mark']}"
            above = read[told.parents[code]].incidents.get(number) if code in told.parents else None
            heard = above["heard_below"] if above else 0
            if told.was_set_back:  # numbers count on from a copy then
                _check_timeline(verdict, told, f"{where} at {code}", number, code, read)
                continue
            if heard < incident["told_up"]:
                verdict.lost.append(f"{where}: {code} told {incident['told_up']} things, above {heard} were heard")
            if above and incident["heard_above"] < above["told_down"]:
                verdict.lost.append(
                    f"{where}: {code} heard {incident['heard_above']} of {above['told_down']} from above"
                )
            _check_timeline(verdict, told, f"{where} at {code}", number, code, read)


def _check_timeline(
    verdict: Verdict, told: _Told, where: str, number: str, code: str, read: Mapping[str, _Export]
) -> None:
    by_author: dict[str, list[tuple[str, str]]] = defaultdict(list)
    lines = read[code].events.get(number, ())
    if [line["number"] for line in lines] != list(range(1, len(lines) + 1)):
        sort = verdict.lost if len(lines) < max((line["number"] for line in lines), default=0) else verdict.doubled
        sort.append(f"{where}: its timeline is numbered {[line['number'] for line in lines]}")
    if told.codes[read[code].incidents[number]["origin"]] not in {told.codes[line["centre"]] for line in lines}:
        verdict.lost.append(f"{where}: no word of its opener is there")
    for line in lines:
        by_author[told.codes[line["centre"]]].append((line["act"], line["note"]))
    for author, heard in by_author.items():
        if author == code:
            _once(verdict, where, filter(None, (_mark_of(note) for _, note in heard)))
            continue
        theirs = read[author].events.get(number, ())
        own = [(line["act"], line["note"]) for line in theirs if told.codes[line["centre"]] == author]
        if heard == own[len(own) - len(heard) :] or (told.was_set_back and not Counter(heard) - Counter(own)):
            continue
        twice = [one for one, count in Counter(heard).items() if count > Counter(own)[one]]
        verdict.doubled += [f"{where}: {one} of {author} is there too often" for one in twice]
        if not twice:
            sort = verdict.out_of_order if set(heard) <= set(own) else verdict.phantom
            sort.append(f"{where}: {author} did {own[-4:]}, and {heard[-4:]} is told")


def _check_custody(verdict: Verdict, told: _Told, read: Mapping[str, _Export]) -> None:
    """At any moment of rest exactly one centre answers for an incident, and all that know of it agree on the term."""
    numbers = {number for export in read.values() for number in export.incidents}
    for number in sorted(numbers):
        views = {code: export.incidents[number] for code, export in read.items() if number in export.incidents}
        holders = [
            code
            for code, one in views.items()
            if one["custody"] in RESPONSIBLE and told.codes.get(one["holder"]) == code
        ]
        mark = next(iter(views.values()))["mark"]
        for code, one in views.items():
            if one["custody"] == "offered" and one.get("asked_back") and told.codes.get(one["offered_to"]) == code:
                verdict.stuck.append(f"incident {mark}: {code} was asked to give it back and never answered")
        if len(holders) != 1:
            verdict.custody.append(f"incident {mark}: {holders or 'nobody'} may answer for it")
            continue
        if (
            told.was_set_back
        ):  # news of an act may have gone with the disk before it was uploaded, to the one above alone
            continue
        for code, one in views.items():
            if told.codes.get(one["holder"]) != holders[0] and _is_neighbour(told, code, holders[0]):
                verdict.custody.append(f"incident {mark}: {code} believes in {one['holder']}, not in {holders[0]}")


def _is_neighbour(told: _Told, code: str, other: str) -> bool:
    return told.parents.get(code) == other or told.parents.get(other) == code


# from a folder --------------------------------------------------------------------------------------------------------


def load(file: Path) -> list[Line]:
    return [json.loads(line) for line in file.read_text("utf-8").splitlines()]


def main(folder: Path) -> int:
    exports = {file.stem.removeprefix("export-"): load(file) for file in sorted(folder.glob("export-*.jsonl"))}
    verdict = judge(load(folder / "history.jsonl"), exports)
    facts = json.dumps({"ok": verdict.holds(), **verdict.counts()})
    sys.stdout.write("\n".join([*verdict.words(), facts]) + "\n")
    return 0 if verdict.holds() else 1


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
