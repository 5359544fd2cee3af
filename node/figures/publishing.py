"""The figures as they are published: what is small is withheld, and nothing tells it by a difference."""

from collections.abc import Iterable

from node.figures.book import Book
from node.figures.definition import Definition
from node.figures.disclosure import Disclosed, disclosed, together
from node.figures.figure import Figure, figure
from node.figures.gathering import Gathered
from node.figures.period import Grain
from node.figures.state import Cell
from node.figures.view import Json, dimensions_view, figure_view, line

_NOT_THIS = "chỉ công bố theo {grain}"
_NOT_YET = "công bố khi kỳ đã xong"
_SMALL = "có ô nhỏ hơn {least} trường hợp được ẩn"


def published(book: Book, definitions: Iterable[Definition]) -> list[Json]:
    """One line for each indicator, with what is withheld and why."""
    return [published_line(book, definition) for definition in definitions]


def published_line(book: Book, definition: Definition) -> Json:
    """A figure as anybody may see it."""
    found = book.gather(definition)
    shown = line(book, definition, found)
    least = definition.privacy.min_cell
    if not least:
        return shown | {"withheld": 0, "withheld_reason": ""}
    what, reason = _disclosed(book, definition, found)
    count = what.withheld_totals + what.withheld_cells
    if not reason and count:
        reason = _SMALL.format(least=least)
    return {
        **shown,
        **_told(definition, found, what.total, is_less=bool(what.withheld_totals) or what.total is None),
        "light": None,
        "withheld": count,
        "withheld_reason": reason,
        "cells": [
            {
                "dimensions": dimensions_view(definition, place),
                **_told(definition, found, cell, is_less=place in what.withheld or bool(what.withheld_totals)),
                "is_confidential": False,
            }
            for place, cell in sorted(what.cells.items())
            if place
        ],
    }


def _disclosed(book: Book, definition: Definition, found: Gathered) -> tuple[Disclosed, str]:
    """What may be published of a figure: the sum of what each centre publishes for each period of the one length."""
    grain, asked = Grain(definition.privacy.publish), book.period.grain
    nothing = Disclosed(None, {})
    if asked.order < grain.order or (asked is not grain and Grain.WEEK in {asked, grain}):
        return nothing, _NOT_THIS.format(grain=grain.label)
    if book.period.end > book.place.now:
        return nothing, _NOT_YET
    spans = [found] if asked is grain else [book.gather_for(definition, one) for one in book.period.parts(grain)]
    parts = (disclosed(definition, span.share(part)) for span in spans for part in span.parts if part.is_received)
    return together(definition, parts), ""


def _told(definition: Definition, found: Gathered, cell: Cell | None, *, is_less: bool) -> Json:
    """A published number under the label of the figure; it is less than the whole where anything is withheld."""
    if cell is None:
        told = Figure(
            value=None,
            coverage=found.coverage,
            as_of=found.as_of,
            status=found.status,
            revision=0,
            definition=definition.name,
        )
    else:
        told = figure(definition, cell, found.coverage, as_of=found.as_of, status=found.status, revision=0)
    return figure_view(told) | {"is_lower_bound": is_less and cell is not None}
