"""Seven centres of Đồng Nai with real ledgers, and the means to let their days pass."""

import atexit
import shutil
import tempfile
from functools import cache
from pathlib import Path
from types import SimpleNamespace

import pytest

from node.figures import catalogue, closing, rows
from node.figures.feeding import sources
from node.figures.gathering import by_period, gather
from node.figures.period import Period, last_closed
from node.tables import metadata
from tests.fakes.authority import DONG_NAI
from tests.fakes.storage import FakeStorage
from tests.simulation.posts import Tree

CATALOGUE = catalogue.load()


@cache
def _empty_database():
    """A database with all tables, made once: fourteen histories a test would cost more than the tests."""
    file = Path(tempfile.mkdtemp(prefix="figures-")) / "empty.db"
    storage = FakeStorage(file)
    metadata.create_all(storage.engine)
    storage.close()
    atexit.register(shutil.rmtree, file.parent, ignore_errors=True)
    return file


class Figures:
    """A tree of centres that close their periods when a test says so."""

    def __init__(self, folder, centres=DONG_NAI, period_s=86_400):
        for code, *_ in centres:
            shutil.copy(_empty_database(), folder / f"{code}.db")
        self.tree = Tree(folder, centres)
        for post in self.tree.posts.values():
            post.context.definitions = CATALOGUE
            post.context.random = post.random
            post.context.modules = ()
            post.context.settings.figures = SimpleNamespace(period_s=period_s, look_back=40, freeze_s=30 * 86_400)
        self.period_s = period_s
        self.asked = {}

    @property
    def clock(self):
        return self.tree.clock

    def post(self, code):
        return self.tree.posts[code]

    def close(self, *codes):
        """These centres sign what their books say of periods that are over."""
        for code in codes:
            self._close(self.post(code), self.clock.now())

    def _close(self, post, now):
        def find(session):
            return closing.own_sheets(session, post.context, CATALOGUE, sources(post.context), now)

        self._sign(post, post.database.read(find), now)

    def total(self, *codes):
        """These centres sign totals of what they hold."""
        for code in codes:
            self._total(self.post(code), self.clock.now())

    def _total(self, post, now):
        periods = closing.window(post.context, now)
        sheets, _ = post.database.read(lambda session: closing.totals(session, post.context, CATALOGUE, periods, now))
        self._sign(post, sheets, now)

    def _sign(self, post, sheets, now):
        post.database.write(lambda session: closing.sign(session, post.context, sheets, now))

    def states(self, code, period=None):
        post = self.post(code)
        wanted = [period or self.last()]
        return post.database.read(lambda session: rows.in_periods(session, wanted))

    def totals(self, at, of=None, indicator="incident.opened"):
        """The totals that one centre signed, as another holds them."""
        by = self.post(of or at).name
        states = [one for one in self.states(at) if one.statement.fold and one.statement.indicator == indicator]
        return [one for one in states if one.centre == by]

    def gathered(self, code, indicator="incident.opened", period=None, area="", registry=None, territory=None):
        post, period = self.post(code), period or self.last()
        place = closing.place_of(post.context, self.clock.now(), area)
        definition = CATALOGUE.find(indicator, 1)
        states = by_period(self.states(code, period)).get((indicator, period), [])
        return gather(place, definition, period, states)

    def midnight(self, after_s=60):
        """The day ends, and a minute more."""
        end = Period.of(self.clock.now(), self.period_s).end
        self.clock.advance((end - self.clock.now()).total_seconds() + after_s)

    def last(self):
        return last_closed(self.clock.now(), self.period_s)

    def later(self, **span):
        self.tree.later(**span)

    def carry(self):
        return self.tree.carry()

    def end(self):
        for post in self.tree.posts.values():
            post.close()


@pytest.fixture
def figures(tmp_path):
    found = Figures(tmp_path)
    yield found
    found.end()
