"""Who feeds the indicators at this centre, and the round of its job runner that closes periods."""

from typing import TYPE_CHECKING

from node.figures.reading import Source
from node.figures.rounds import Rounds, pace_s
from node.incident import readings
from node.job import Round

if TYPE_CHECKING:
    from node.context import NodeContext


def sources(context: "NodeContext") -> tuple[Source, ...]:
    """The readings of the node's own nouns and of the modules that are switched on."""
    return (*readings.SOURCES, *(source for module in context.modules for source in module.indicators))


def figures_round(context: "NodeContext") -> Round:
    """The round that closes periods, woken by what changes the books."""
    rounds = Rounds(context, sources(context))
    context.database.on_commit(rounds.note)
    return Round("figures", pace_s(context.settings.figures.period_s), rounds.take)
