"""The codec of figure states: written in one way, and read as strictly as a person's input."""

import hashlib
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from google.protobuf.message import DecodeError

from federation.merkle import merkle_root
from federation.receiver import Unacceptable
from node.figures.definition import Definition
from node.figures.figure import Coverage, Status
from node.figures.period import Grain, Period, PeriodError
from node.figures.state import Cell, Cells, Dimensions, StateError, StateType, problem, read_decimal, write_decimal
from node.v1 import figure_pb2

KIND = "figure.state"
HASH_BYTES = 32
MOST_STATES = 200
MOST_CELLS = 1000
_DOMAIN = b"lienthong.figure.state.v1\x00"
_CODE = re.compile(r"[a-z][a-z0-9_]{0,30}(\.[a-z][a-z0-9_]{0,30}){1,3}")
_AREA = re.compile(r"[0-9]{1,16}")
_TOKEN = re.compile(r"[a-z0-9][a-z0-9_.-]{0,40}")
_REASON = re.compile(r"[a-z_]{0,40}")
LONGEST_TEXT = 1000
_MOST_DIMENSIONS, _LARGEST_COUNT, _MOST_MARKS, _MOST_PARTS = 8, 1_000_000, 10, 5000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FIRST_YEAR, _LAST_YEAR = 2000, 2200


@dataclass(frozen=True, slots=True)
class Fold:
    """From how many centres a state was folded, and the root over exactly the states that were used."""

    coverage: Coverage
    parts_root: bytes
    parts: tuple[tuple[str, int, bytes], ...] = field(default=(), compare=False)  # what the root is made of


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """Who typed a state, on which evidence and why; which rules it does not keep and was confirmed all the same."""

    actor: str
    evidence: str = ""
    evidence_sha256: bytes = b""
    note: str = ""
    marks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """One state as its author signs it."""

    indicator: str
    version: int
    definition_hash: bytes
    area_code: str
    period: Period
    revision: int
    status: Status
    kind: StateType
    cells: Mapping[Dimensions, Cell] = field(default_factory=dict)
    supersedes: bytes = b""
    reason: str = ""
    fold: Fold | None = None
    entry: Entry | None = None


def state_hash(raw: bytes) -> bytes:
    """What stands for the bytes of a state."""
    return hashlib.sha256(_DOMAIN + raw).digest()


def parts_root(parts: Iterable[tuple[str, int, bytes]]) -> bytes:
    """The root over the states that were used, each named by centre, revision and hash, in the order of names."""
    return merkle_root([part_leaf(*part) for part in sorted(parts)])


def part_leaf(centre: str, revision: int, hash_: bytes) -> bytes:
    """What stands for one state that was used."""
    return centre.encode() + b"\x00" + revision.to_bytes(4, "big") + hash_


# writing -------------------------------------------------------------------------------------------------------------


def encode_sheet(as_of: datetime, states: Sequence[bytes]) -> bytes:
    """The payload of a record."""
    message = figure_pb2.FigureSheet(as_of_us=(as_of - _EPOCH) // timedelta(microseconds=1), states=states)
    return message.SerializeToString(deterministic=True)


def encode_state(statement: Statement) -> bytes:
    """The bytes of one state, made once."""
    message = figure_pb2.FigureState(
        indicator=statement.indicator,
        version=statement.version,
        definition_hash=statement.definition_hash,
        area_code=statement.area_code,
        period=statement.period.key,
        revision=statement.revision,
        status=statement.status.value,
        type=statement.kind.value,
        cells=[_cell_message(place, cell) for place, cell in sorted(statement.cells.items())],
        supersedes=statement.supersedes,
        reason=statement.reason,
    )
    if statement.fold is not None:
        cover = statement.fold.coverage
        message.fold.CopyFrom(
            figure_pb2.FigureFold(
                expected=cover.expected,
                received=cover.received,
                approved=cover.approved,
                late=cover.late,
                silent=cover.silent,
                parts_root=statement.fold.parts_root,
                parts=[
                    figure_pb2.FigurePart(centre=name, revision=revision, state_hash=hash_)
                    for name, revision, hash_ in statement.fold.parts
                ],
            )
        )
    if statement.entry is not None:
        typed = statement.entry
        message.entry.CopyFrom(
            figure_pb2.FigureEntry(
                actor=typed.actor,
                evidence=typed.evidence,
                evidence_sha256=typed.evidence_sha256,
                note=typed.note,
                marks=typed.marks,
            )
        )
    return message.SerializeToString(deterministic=True)


def _cell_message(place: Dimensions, cell: Cell) -> figure_pb2.FigureCell:
    return figure_pb2.FigureCell(
        dimensions=place,
        n=cell.n,
        numerator=cell.numerator,
        denominator=cell.denominator,
        counts=cell.counts,
        sum=_written(cell.total),
        sum_of_squares=_written(cell.squares),
        value=_written(cell.value),
        least=_written(cell.least),
        most=_written(cell.most),
    )


def _written(number: Decimal | None) -> str:
    return "" if number is None else write_decimal(number)


# reading -------------------------------------------------------------------------------------------------------------


def decode_sheet(payload: bytes) -> tuple[datetime, list[tuple[bytes, Statement]]]:
    """When the books were read, and each state with its own bytes; raises Unacceptable that says what cannot be."""
    try:
        message = figure_pb2.FigureSheet.FromString(payload)
        as_of = _EPOCH + timedelta(microseconds=message.as_of_us)
    except (DecodeError, OverflowError) as error:
        raise Unacceptable("SCHEMA", "not a sheet of figures") from error
    if not _FIRST_YEAR <= as_of.year <= _LAST_YEAR or not 1 <= len(message.states) <= MOST_STATES:
        raise Unacceptable("INVALID", "a sheet of figures of an impossible time, or with too many or no states")
    return as_of, [(raw, decode_state(raw)) for raw in message.states]


def decode_state(raw: bytes) -> Statement:
    """One state; raises Unacceptable."""
    try:
        message = figure_pb2.FigureState.FromString(raw)
        return _statement(message)
    except DecodeError as error:
        raise Unacceptable("SCHEMA", "not the state of a figure") from error
    except (StateError, PeriodError, ValueError) as error:
        raise Unacceptable("INVALID", f"the state of a figure that cannot be: {error}") from error


def _statement(message: figure_pb2.FigureState) -> Statement:
    _need(_CODE.fullmatch(message.indicator), "no code of an indicator")
    _need(1 <= message.version <= _LARGEST_COUNT and 1 <= message.revision <= _LARGEST_COUNT, "version or revision")
    _need(len(message.definition_hash) == HASH_BYTES, "the hash of the definition")
    _need(_AREA.fullmatch(message.area_code), "no code of an area")
    _need(_REASON.fullmatch(message.reason), "the reason")
    _need(len(message.supersedes) == (0 if message.revision == 1 else HASH_BYTES), "what it takes the place of")
    _need(len(message.cells) <= MOST_CELLS, "too many cells")
    kind = StateType(message.type)
    return Statement(
        indicator=message.indicator,
        version=message.version,
        definition_hash=message.definition_hash,
        area_code=message.area_code,
        period=Period.parse(message.period),
        revision=message.revision,
        status=Status(message.status),
        kind=kind,
        cells=_cells(kind, message.cells),
        supersedes=message.supersedes,
        reason=message.reason,
        fold=_fold(message.fold) if message.HasField("fold") else None,
        entry=_entry(message.entry) if message.HasField("entry") else None,
    )


def _need(condition: object, what: str) -> None:
    if not condition:
        raise StateError(what)


def _cells(kind: StateType, messages: Iterable[figure_pb2.FigureCell]) -> Cells:
    cells: dict[Dimensions, Cell] = {}
    for message in messages:
        place = tuple(message.dimensions)
        _need(len(place) <= _MOST_DIMENSIONS and all(_TOKEN.fullmatch(word) for word in place), "a dimension")
        _need(place not in cells, "one cell twice")
        cell = Cell(
            n=message.n,
            numerator=message.numerator,
            denominator=message.denominator,
            counts=tuple(message.counts),
            total=_read(message.sum),
            squares=_read(message.sum_of_squares),
            value=_read(message.value),
            least=_read(message.least),
            most=_read(message.most),
        )
        wrong = problem(kind, cell, len(cell.counts))
        _need(wrong is None, wrong or "")
        cells[place] = cell
    return cells


def _read(text: str) -> Decimal | None:
    return read_decimal(text) if text else None


def _fold(message: figure_pb2.FigureFold) -> Fold:
    _need(len(message.parts_root) == HASH_BYTES, "the root over the parts")
    coverage = Coverage(
        expected=message.expected,
        received=message.received,
        approved=message.approved,
        late=message.late,
        silent=message.silent,
    )
    parts = tuple((part.centre, part.revision, part.state_hash) for part in message.parts)
    _need(len(parts) <= _MOST_PARTS and list(parts) == sorted(set(parts)), "the parts, or their order")
    _need(all(name and len(hash_) == HASH_BYTES for name, _, hash_ in parts), "a part")
    _need(not parts or parts_root(parts) == message.parts_root, "parts that do not give the root")
    return Fold(coverage, message.parts_root, parts)


def _entry(message: figure_pb2.FigureEntry) -> Entry:
    texts = (message.actor, message.evidence, message.note)
    _need(message.actor and all(len(text) <= LONGEST_TEXT for text in texts), "who typed it, or too long a text")
    _need(len(message.evidence_sha256) in {0, HASH_BYTES}, "the hash of the evidence")
    _need(message.evidence or message.evidence_sha256, "no evidence")
    _need(len(message.marks) <= _MOST_MARKS and all(_REASON.fullmatch(one) for one in message.marks), "the marks")
    return Entry(
        actor=message.actor,
        evidence=message.evidence,
        evidence_sha256=message.evidence_sha256,
        note=message.note,
        marks=tuple(message.marks),
    )


def misfit(definition: Definition, statement: Statement) -> str | None:
    """What in a state is not as the very definition that it names wants it; None if nothing."""
    if statement.kind is not definition.state:
        return f"a state of type {statement.kind}"
    is_day = definition.grain is Grain.DAY and statement.period.grain is Grain.BUCKET
    if statement.period.grain is not definition.grain and not is_day:
        return f"a state for a {statement.period.grain}"
    if statement.entry is not None and not definition.entry:
        return "a state that a person typed"
    for place, cell in statement.cells.items():
        known: Sequence[Callable[[object], bool]] = [one.known.__contains__ for one in definition.dimensions]
        if len(place) != len(known) or not all(is_in(word) for is_in, word in zip(known, place, strict=True)):
            return f"a cell outside of the closed lists: {place}"
        wrong = problem(definition.state, cell, definition.buckets)
        if wrong:
            return wrong
    return None
