"""Figures as the API, the screens and the export get them: the one place where a figure becomes plain values."""

from collections.abc import Iterable, Sequence
from typing import Any

from node.figures.book import Book, own_of
from node.figures.catalogue import Catalogue
from node.figures.definition import Definition
from node.figures.disclosure import is_small
from node.figures.figure import Figure
from node.figures.gathering import Buckets, Gathered, due_at, is_within
from node.figures.light import light
from node.figures.period import DAY_S, Grain, Period
from node.figures.rows import Stated, newest
from node.figures.state import Dimensions, StateType, write_decimal
from node.incident.view import centre_title

Json = dict[str, Any]
CLOSING, WHOLE, LATE, INCOMPLETE, NOBODY = "closing", "ok", "late", "incomplete", "unknown"
RUNNING, LISTED = "running", "listed"
_STATE_TITLES = {
    CLOSING: "Đang chờ các trung tâm chốt",
    WHOLE: "Đủ số liệu",
    LATE: "Đủ, có số đến muộn",
    INCOMPLETE: "Chưa biết: thiếu số liệu",
    NOBODY: "Chưa có số liệu",
    RUNNING: "Kỳ đang chạy: mới tính đến nay",
    LISTED: "Chỉ liệt kê, không cộng",
}


def listed(book: Book, definitions: Iterable[Definition]) -> list[Json]:
    """One line for each indicator."""
    return [line(book, definition, book.gather(definition)) for definition in definitions]


def line(book: Book, definition: Definition, found: Gathered) -> Json:
    """A figure with its label, its light, its cells, and who is missing."""
    own = own_revisions(book, found)
    last = newest(own)
    revision = last.statement.revision if last is not None else 0
    missing = [part.centre for part in found.parts if not part.is_received]
    shown = found.figure(revision)
    typed = [part for part in found.parts if part.stated is not None and part.stated.statement.entry is not None]
    return {
        **definition_view(definition),
        "period": found.period.key,
        "area_code": found.area_code,
        "due_at": due_at(definition, found.period).isoformat(),
        **figure_view(shown),
        **_state_view(found),
        "light": light_view(definition, shown),
        "buckets": buckets_view(found.buckets),
        "missing": [centre_title(book.place.registry, name) for name in missing],
        "typed": len(typed),
        "marks": sum(len(book.broken(definition, part)) for part in found.parts),
        "cells": [
            {
                "dimensions": dimensions_view(definition, place),
                **figure_view(one),
                "is_confidential": is_small(definition, found.cells[place]),
            }
            for place, one in found.cell_figures(revision).items()
        ],
    }


def light_view(definition: Definition, one: Figure) -> Json | None:
    """The traffic light in words; null where there are no thresholds."""
    found = light(definition, one)
    return None if found is None else {"colour": found.colour, "title": found.colour.label, "reason": found.reason}


def buckets_view(found: Buckets | None) -> Json | None:
    """How much of a longer period there is."""
    if found is None:
        return None
    return {"all": found.all, "over": found.over, "due": found.due, "whole": found.whole}


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
        "grain": definition.grain.value,
        "may_be_typed": definition.entry,
        "needs_approval": definition.approval,
        "target": None if definition.target is None else write_decimal(definition.target),
        "thresholds": thresholds_view(definition),
        "min_cell": definition.privacy.min_cell,
        "publish": definition.privacy.publish if definition.privacy.min_cell else None,
    }


def thresholds_view(definition: Definition) -> Json | None:
    """When it is green and when red, and on whose authority."""
    limits = definition.thresholds
    if limits is None:
        return None
    return {
        "green": str(limits.green),
        "red": str(limits.red),
        "is_official": limits.official,
        "basis": limits.basis,
        "evidence": limits.evidence,
        "min_coverage": limits.min_coverage,
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
    elif found.definition.state is StateType.EXTERNAL and not found.cells:
        state = LISTED
    elif cover.is_whole and found.buckets is not None and not found.buckets.is_over:
        state = RUNNING
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
    if found.buckets is None and [part.centre for part in found.parts] == [book.place.centre]:
        return states_of(book, found.definition, book.place.centre)
    return []


def states_of(book: Book, definition: Definition, centre: str) -> list[Stated]:
    """What a centre signed of its own books for the period itself, oldest revision first."""
    return own_of(book.of(definition.code), definition, centre)


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


def grains_view(seconds: int, most: int) -> list[Json]:
    """The lengths of periods that there are, from short to long."""
    first = Grain.DAY if seconds == DAY_S else Grain.BUCKET
    lengths = {Grain.DAY: 1, Grain.WEEK: 7, Grain.MONTH: 31, Grain.QUARTER: 92, Grain.YEAR: 366}
    others = [one for one, days in lengths.items() if one.order > first.order and days * DAY_S <= most * seconds]
    return [{"key": one.value, "title": one.label.capitalize()} for one in (first, *others)]
