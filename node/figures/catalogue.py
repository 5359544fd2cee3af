"""The definitions that a centre counts by: read from `indicators/*.yaml`, checked, every problem listed together.

Only two may define: the issuing level, whose files are part of the program, and the centre itself, for figures of its
own whose codes begin with `own.`. A centre adds; it never redefines.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

from node.figures import handwriting
from node.figures.definition import Definition, Dimension, Expectation, pinned
from node.figures.period import Grain
from node.figures.state import StateError, StateType, read_decimal
from node.figures.writing import EVIDENCE, Written, privacy_of, quality_of, thresholds_of
from node.settings import SettingsError
from node.territory import Tier

FOLDER = Path(__file__).resolve().parents[2] / "indicators"
ISSUED, OWN = "province", "centre"
OWN_PREFIX = "own."
_CODE = re.compile(r"[a-z][a-z0-9_]{0,30}(\.[a-z][a-z0-9_]{0,30}){1,3}")
_TOKEN = re.compile(r"[a-z0-9][a-z0-9_.-]{0,40}")
_TIERS = tuple(tier.value for tier in Tier)
_DIRECTIONS = ("up", "down", "target", "info")
_ROLLUPS = ("add", "last", "min_max", "none")
_SHOWS = {StateType.HIST: ("p50", "p90"), StateType.MINMAX: ("least", "most")}
_NEEDED = ("code", "version", "valid_from", "issuer", "name_vi", "name_en", "explain_vi", "explain_en", "subject")
_FIELDS = {*_NEEDED, "valid_to", "unit_vi", "unit_en", "decimals", "direction", "state", "edges", "show", "rollup"}
_FIELDS |= {"dimensions", "expect", "official", "basis", "evidence", "catalogue_code"}
_FIELDS |= {"period", "entry", "approval", "target", "thresholds", "quality", "privacy"}
_MOST_DECIMALS, _MOST_EDGES, _LONGEST_DUE_S = 6, 40, 400 * 86_400
_ADDITIVE = frozenset({StateType.COUNT, StateType.SUM, StateType.STOCK})


class DefinitionsError(SettingsError):
    """Some definition cannot be used; `problems` lists all that is wrong."""


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Definitions by code and version."""

    definitions: Mapping[tuple[str, int], Definition] = field(default_factory=dict)

    def find(self, code: str, version: int) -> Definition | None:
        """That version of an indicator, if it is known here."""
        return self.definitions.get((code, version))

    def valid(self, on: date) -> tuple[Definition, ...]:
        """The definitions that hold on a day, one version of each indicator: the newest."""
        newest: dict[str, Definition] = {}
        for (code, _), definition in sorted(self.definitions.items()):
            if definition.is_valid(on):
                newest[code] = definition
        return tuple(newest.values())


def load(folder: Path = FOLDER, own: Path | None = None) -> Catalogue:
    """The definitions of the issuing level and the centre's own; raises DefinitionsError with every problem."""
    found: dict[tuple[str, int], Definition] = {}
    problems: list[str] = []
    for place, issuer in ((folder, ISSUED), (own, OWN)):
        if place is None:
            continue
        files = sorted(place.glob("*.yaml"))
        if not files:
            problems.append(f"{place.name}: there is no definition in it")
        for file in files:
            for where, definition, wrong in _file(file, issuer):
                problems += [f"{where}: {sentence}" for sentence in wrong]
                if definition is None:
                    continue
                key = (definition.code, definition.version)
                if key in found:
                    problems.append(f"{where}: {definition.name} is defined already")
                found.setdefault(key, definition)
    problems = problems or _spans(found.values())
    if problems:
        raise DefinitionsError(problems)
    return Catalogue(found)


def _file(file: Path, issuer: str) -> list[tuple[str, Definition | None, list[str]]]:
    name = f"{file.parent.name}/{file.name}"
    try:
        written = handwriting.read(file)
    except handwriting.UnreadableError as error:
        return [(name, None, [f"cannot be read: {error}"])]
    entries = written.pop("indicators", None) if isinstance(written, dict) else None
    if not isinstance(entries, list) or written:
        return [(name, None, ["must hold a list named indicators and nothing else"])]
    return [_entry(f"{name}, {number}", entry, issuer) for number, entry in enumerate(entries, start=1)]


def _entry(where: str, entry: object, issuer: str) -> tuple[str, Definition | None, list[str]]:
    if not isinstance(entry, dict):
        return where, None, ["is no definition"]
    read = Written(entry)
    where = f"{where} ({entry.get('code', 'without a code')})"
    definition = _definition(read, issuer)
    return where, definition, read.problems


def _definition(read: Written, issuer: str) -> Definition:
    for name in sorted(read.entry.keys() - _FIELDS):
        read.say(f"{name} is unknown")
    for name in _NEEDED:
        if not read.entry.get(name):
            read.say(f"{name} is missing")
    state = _state(read)
    rollup = read.part("rollup", {"area", "time"})
    definition = Definition(
        code=read.text("code"),
        issuer=read.text("issuer"),
        name_vi=read.text("name_vi"),
        name_en=read.text("name_en"),
        explain_vi=read.text("explain_vi"),
        explain_en=read.text("explain_en"),
        subject=read.text("subject"),
        basis=read.text("basis"),
        catalogue_code=read.text("catalogue_code"),
        version=read.whole("version", 1, 10_000, "0"),
        valid_from=read.day("valid_from") or date.max,
        valid_to=read.day("valid_to"),
        unit_vi=read.text("unit_vi"),
        unit_en=read.text("unit_en"),
        decimals=read.whole("decimals", 0, _MOST_DECIMALS, "0"),
        direction=read.choice("direction", _DIRECTIONS, "info"),
        state=state,
        edges=_edges(read, state),
        show=read.choice("show", _SHOWS.get(state, ("value",)), _SHOWS.get(state, ("value",))[0]),
        area_rollup=rollup.choice("area", _ROLLUPS, "add"),
        time_rollup=rollup.choice("time", _ROLLUPS, "add"),
        dimensions=_dimensions(read),
        expect=_expectation(read),
        official=read.flag("official", "false"),
        evidence=read.choice("evidence", EVIDENCE, "own"),
        period=read.choice("period", tuple(Grain)[1:], Grain.DAY),
        entry=read.flag("entry", "false"),
        approval=read.flag("approval", "false"),
        target=read.number("target"),
        thresholds=thresholds_of(read),
        quality=quality_of(read),
        privacy=privacy_of(read),
    )
    _check(read, definition, issuer)
    return pinned(definition)


def _check(read: Written, definition: Definition, issuer: str) -> None:
    if definition.code and not _CODE.fullmatch(definition.code):
        read.say("code must be small words joined by dots")
    if definition.issuer != issuer:
        read.say(f"issuer is {definition.issuer!r}, but files here are issued by {issuer!r}")
    if (issuer == OWN) != definition.code.startswith(OWN_PREFIX):
        read.say(f"a code begins with {OWN_PREFIX} if and only if the centre defines it for itself")
    if definition.valid_to is not None and definition.valid_to <= definition.valid_from:
        read.say("valid_to is not after valid_from")
    if definition.official and not definition.basis:
        read.say("is official, but names no basis")
    folds = {StateType.EXTERNAL: ("none", "none"), StateType.STOCK: ("add", "last"), StateType.MINMAX: ("min_max",) * 2}
    wanted = folds.get(definition.state, ("add", "add"))
    if (definition.area_rollup, definition.time_rollup) != wanted:
        read.say(f"a state of type {definition.state} folds by area: {wanted[0]}, time: {wanted[1]}")
    _check_use(read, definition)


def _check_use(read: Written, definition: Definition) -> None:
    """What is done with it must fit what it is."""
    limits, privacy = definition.thresholds, definition.privacy
    if limits is not None and definition.direction not in {"up", "down"}:
        read.say("thresholds need a direction, up or down")
    elif limits is not None and (definition.direction == "up") != limits.green.sign.startswith(">"):
        read.say(f"direction is {definition.direction}, but green is {limits.green}")
    if limits is not None and definition.state in _ADDITIVE and limits.min_coverage < 100:  # noqa: PLR2004 - per cent
        read.say("what is added up has a light only when all have reported: min_coverage must be 100")
    if bool(privacy.min_cell) and Grain(privacy.publish).order < definition.grain.order:
        read.say("privacy.publish is shorter than the period for which it is stated")
    if privacy.min_cell and definition.state in {StateType.EXTERNAL, StateType.MINMAX, StateType.STOCK}:
        read.say(f"a state of type {definition.state} has no number of cases that min_cell could be held against")


def _state(read: Written) -> StateType:
    word = read.choice("state", tuple(StateType), "")
    return StateType(word) if word in tuple(StateType) else StateType.COUNT


def _edges(read: Written, state: StateType) -> tuple[Decimal, ...]:
    written = read.entry.get("edges", [])
    if (state is StateType.HIST) != bool(written):
        read.say("edges belong to a hist, and a hist has edges")
    try:
        edges = tuple(read_decimal(one) for one in written)
    except (StateError, TypeError) as error:
        read.say(f"edges: {error}")
        return ()
    if list(edges) != sorted(set(edges)) or len(edges) > _MOST_EDGES:
        read.say(f"edges must grow, and be at most {_MOST_EDGES}")
    return edges


def _dimensions(read: Written) -> tuple[Dimension, ...]:
    written = read.entry.get("dimensions", [])
    if not isinstance(written, list):
        read.say("dimensions must be a list")
        return ()
    found = []
    for one in written:
        part = Written(one if isinstance(one, dict) else {}, read.problems)
        codes = part.entry.get("codes")
        if not isinstance(codes, list) or not codes or not all(_is_code(code) for code in codes):
            read.say("a dimension needs a closed list of codes, each with vi and en")
            codes = []
        words = tuple((code["code"], code["vi"], code["en"]) for code in codes)
        if len({code for code, _, _ in words}) != len(words):
            read.say(f"dimension {part.text('name')}: a code stands twice")
        found.append(Dimension(name=part.text("name"), title_vi=part.text("vi"), title_en=part.text("en"), codes=words))
    return tuple(found)


def _is_code(entry: object) -> bool:
    return (
        isinstance(entry, dict)
        and set(entry) == {"code", "vi", "en"}
        and all(isinstance(word, str) and word for word in entry.values())
        and _TOKEN.fullmatch(entry["code"]) is not None
    )


def _expectation(read: Written) -> Expectation:
    part = read.part("expect", {"who", "due_s", "zero_is_significant"})
    who = part.entry.get("who", [])
    if not isinstance(who, list) or not who or not set(who) <= set(_TIERS):
        read.say(f"expect.who must be some of {', '.join(_TIERS)}")
        who = []
    return Expectation(
        who=tuple(who),
        due_s=part.whole("due_s", 1, _LONGEST_DUE_S, "3600"),
        zero_is_significant=part.flag("zero_is_significant", "true"),
    )


def _spans(definitions: Iterable[Definition]) -> list[str]:
    """Versions of one indicator that overlap: a later one ends one without an end, and none begins before another."""
    problems = []
    last: dict[str, Definition] = {}
    for one in sorted(definitions, key=lambda definition: (definition.code, definition.version)):
        before = last.get(one.code)
        if before is not None and one.valid_from < (before.valid_to or before.valid_from + timedelta(days=1)):
            problems.append(f"{one.name} begins before {before.name} has ended")
        last[one.code] = one
    return problems
