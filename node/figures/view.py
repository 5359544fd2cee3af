"""Figures as the API, the screens and the export get them: the one place where a figure becomes plain values."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy.orm import Session

from node.figures import rows
from node.figures.catalogue import Catalogue
from node.figures.closing import spoke_at
from node.figures.definition import Definition
from node.figures.figure import Figure
from node.figures.gathering import Gathered, Place, by_period, due_at, gather, is_within
from node.figures.period import Period
from node.figures.rows import Stated, newest
from node.figures.state import Dimensions, write_decimal
from node.incident.view import centre_title

Json = dict[str, Any]
CLOSING, WHOLE, LATE, INCOMPLETE, NOBODY = "closing", "ok", "late", "incomplete", "unknown"
_STATE_TITLES = {
    CLOSING: "Đang chờ các trung tâm chốt",
    WHOLE: "Đủ số liệu",
    LATE: "Đủ, có số đến muộn",
    INCOMPLETE: "Chưa biết: thiếu số liệu",
    NOBODY: "Chưa có số liệu",
}


@dataclass(frozen=True, slots=True)
class Book:
    """All that this centre holds of one period, sorted by indicator."""

    place: Place
    period: Period
    states: Mapping[tuple[str, Period], list[Stated]]
    spoke: Mapping[str, Any]

    def of(self, code: str) -> list[Stated]:
        """Every state of one indicator."""
        return self.states.get((code, self.period), [])

    def gather(self, definition: Definition) -> Gathered:
        """The figure of one indicator, with its parts."""
        return gather(self.place, definition, self.period, self.of(definition.code), spoke_at=self.spoke)

    def totals(self, definition: Definition, centre: str) -> list[Stated]:
        """The totals that a centre signed for this area, oldest revision first."""
        found = [
            one
            for one in self.of(definition.code)
            if one.centre == centre
            and one.statement.fold is not None
            and one.statement.definition_hash == definition.hash
            and one.statement.area_code == self.place.area_code
        ]
        return sorted(found, key=lambda one: one.order)


def open_book(session: Session, place: Place, period: Period) -> Book:
    """Read what is held of a period."""
    states = rows.in_periods(session, [period])
    return Book(place, period, by_period(states), spoke_at(states).get(period, {}))


def listed(book: Book, definitions: Iterable[Definition]) -> list[Json]:
    """One line for each indicator."""
    return [line(book, definition, book.gather(definition)) for definition in definitions]


def line(book: Book, definition: Definition, found: Gathered) -> Json:
    """A figure with its label, its cells, and who is missing."""
    own = own_revisions(book, found)
    last = newest(own)
    revision = last.statement.revision if last is not None else 0
    missing = [part.centre for part in found.parts if not part.is_received]
    return {
        **definition_view(definition),
        "period": found.period.key,
        "area_code": found.area_code,
        "due_at": due_at(definition, found.period).isoformat(),
        **figure_view(found.figure(revision)),
        **_state_view(found),
        "missing": [centre_title(book.place.registry, name) for name in missing],
        "cells": [
            {"dimensions": dimensions_view(definition, place), **figure_view(one)}
            for place, one in found.cell_figures(revision).items()
        ],
    }


def figure_view(one: Figure) -> Json:
    """A figure as plain values: exact decimals as text, and never a value without its label."""
    cover = one.coverage
    return {
        "value": None if one.value is None else write_decimal(one.value),
        "partial": None if one.partial is None else write_decimal(one.partial),
        "relation": one.relation.value,
        "is_empty": one.is_empty,
        "coverage": {
            "expected": cover.expected,
            "received": cover.received,
            "approved": cover.approved,
            "late": cover.late,
            "silent": cover.silent,
        },
        "as_of": one.as_of.isoformat() if one.as_of else None,
        "status": one.status.value,
        "status_title": one.status.label,
        "revision": one.revision,
        "definition": one.definition,
    }


def definition_view(definition: Definition) -> Json:
    """What is counted, in both languages, and on whose authority."""
    return {
        "code": definition.code,
        "version": definition.version,
        "name": definition.name_vi,
        "name_en": definition.name_en,
        "explain": definition.explain_vi,
        "explain_en": definition.explain_en,
        "subject": definition.subject,
        "unit": definition.unit_vi,
        "unit_en": definition.unit_en,
        "decimals": definition.decimals,
        "direction": definition.direction,
        "type": definition.state.value,
        "is_official": definition.official,
        "basis": definition.basis,
        "evidence": definition.evidence,
        "issuer": definition.issuer,
        "catalogue_code": definition.catalogue_code,
        "definition_hash": definition.hash.hex(),
    }


def dimensions_view(definition: Definition, place: Dimensions) -> list[Json]:
    """Where a cell lies, in words."""
    found = []
    for dimension, word in zip(definition.dimensions, place, strict=False):
        titles = {code: (vi, en) for code, vi, en in dimension.codes}
        title, title_en = titles.get(word, (word, word))
        found.append({"name": dimension.name, "code": word, "title": title, "title_en": title_en})
    return found


def _state_view(found: Gathered) -> Json:
    cover = found.coverage
    if cover.received == 0:
        state = NOBODY
    elif cover.is_whole:
        state = LATE if cover.late else WHOLE
    else:
        state = INCOMPLETE if cover.silent else CLOSING
    return {"state": state, "state_title": _STATE_TITLES[state]}


def own_revisions(book: Book, found: Gathered) -> list[Stated]:
    """What this centre signed for the figure: its totals, or its own states where it is the only part."""
    totals = book.totals(found.definition, book.place.centre)
    if totals:
        return totals
    if [part.centre for part in found.parts] == [book.place.centre]:
        return states_of(book, found.definition, book.place.centre)
    return []


def states_of(book: Book, definition: Definition, centre: str) -> list[Stated]:
    """What a centre signed of its own books, oldest revision first."""
    found = [
        one
        for one in book.of(definition.code)
        if one.centre == centre and one.statement.fold is None and one.statement.definition_hash == definition.hash
    ]
    return sorted(found, key=lambda one: one.order)


# what cannot be read yet -----------------------------------------------------------------------------------------


def is_unread(definition: Definition | None, one: Stated) -> bool:
    """Whether a state was counted by a definition that is not the one known here."""
    if definition is None:
        return True
    said = one.statement
    return (said.version, said.definition_hash) != (definition.version, definition.hash)


def unread(book: Book, catalogue: Catalogue) -> list[Json]:
    """States that are kept and not folded, because this centre does not know their definition."""
    found = []
    for several in book.states.values():
        for one in several:
            definition = catalogue.find(one.statement.indicator, one.statement.version)
            entry = book.place.registry.centre(one.centre)
            if is_unread(definition, one) and entry is not None and is_within(book.place, entry, book.period):
                found.append(unread_view(book, one))
    return found


def unread_view(book: Book, one: Stated) -> Json:
    """A state that nobody here can read, and who signed it."""
    said = one.statement
    return {
        "code": said.indicator,
        "version": said.version,
        "definition_hash": said.definition_hash.hex(),
        "period": said.period.key,
        "revision": said.revision,
        "centre": one.centre,
        "title": centre_title(book.place.registry, one.centre),
        "signed_at": one.signed_at.isoformat(),
        "received_at": one.received_at.isoformat(),
        "state": "unread",
        "state_title": "Chưa biết định nghĩa",
    }


def periods_view(known: Sequence[Period], last: Period) -> list[Json]:
    """The periods that may be asked for, newest first."""
    keys = {one.key: one for one in (last, *known)}
    ordered = sorted(keys.values(), key=lambda one: (one.begin, one.seconds), reverse=True)
    return [{"key": one.key, "begin": one.begin.isoformat(), "end": one.end.isoformat()} for one in ordered]
