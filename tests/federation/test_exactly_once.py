"""The real sender and receiver under whatever a link and a power supply may do, found by Hypothesis."""

import random
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import ClassVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from federation import tables
from federation.failpoint import FailpointReached, arm, disarm
from federation.ledger import Lane
from federation.storage import Storage
from tests.fakes.authority import FakeFederation, small_federation
from tests.fakes.storage import FakeStorage
from tests.federation.pairs import Centre, outgoing, pump, resume
from tests.federation.stores import empty, migrated, opener

_world: list[FakeFederation] = []
_PLACES = ("before_store", "after_store", "before_effect", "after_effect", "before_cursor", "before_commit")


def world() -> FakeFederation:
    if not _world:
        folder = Path(tempfile.mkdtemp())
        _world.append(small_federation(folder, centres=_CENTRES))
    return _world[0]


_CENTRES = (
    ("75", "Tỉnh", "ioc", None),
    ("731", "Thành phố", "oc", "75"),
    ("26374", "Phường", "coc", "731"),
)


class Delivery(RuleBasedStateMachine):
    """One child and one parent; messages lie in two heaps from which any may be taken, kept or thrown away."""

    @initialize()
    def begin(self) -> None:
        self.folder = Path(tempfile.mkdtemp())
        open_storage = self.open_storage()
        self.child = Centre(world(), "26374", self.folder, open_storage)
        self.parent = Centre(world(), "731", self.folder, open_storage)
        self.there: list = []
        self.back: list = []
        self.said: dict[str, list[str]] = {"regular": [], "urgent": []}
        self.clock = 0.0
        self.connect()

    def open_storage(self) -> Callable[[Path], Storage]:
        return FakeStorage

    def monotonic(self) -> float:
        return self.clock

    @rule(lane=st.sampled_from([Lane.REGULAR, Lane.URGENT]), count=st.integers(1, 3))
    def append(self, lane: Lane, count: int) -> None:
        texts = [f"{lane}{len(self.said[lane]) + number}" for number in range(count)]
        self.child.append(*texts, lane=lane)
        self.said[lane] += texts

    @rule()
    def seal(self) -> None:
        self.child.seal()

    @rule(lane=st.sampled_from([Lane.REGULAR, Lane.URGENT]), count=st.integers(1, 3))
    def say(self, lane: Lane, count: int) -> None:
        """The ordinary way in one step, so that a story gets somewhere before something goes wrong."""
        self.append(lane, count)
        self.child.seal()
        self.there += outgoing(self.child, self.sender)

    @precondition(lambda self: self.there)
    @rule()
    def carry(self) -> None:
        """What is under way arrives in its order, and is answered."""
        self.back += self.parent.take(self.child, *self.there[:4])
        del self.there[:4]
        while self.back:
            self.child.hear(self.sender, self.back.pop(0))

    @rule()
    def connect(self) -> None:
        """A new connection: what was under way on the old one may still arrive late."""
        self.sender = self.child.sender(self.parent, self.monotonic)
        resume(self.child, self.parent, self.sender)

    @rule(seconds=st.sampled_from([0.5, 2.0, 40.0, 100.0]))
    def wait(self, seconds: float) -> None:
        self.clock += seconds

    @rule()
    def send(self) -> None:
        self.there += outgoing(self.child, self.sender)

    @precondition(lambda self: self.there)
    @rule(data=st.data(), count=st.integers(1, 4), keep=st.booleans(), shuffled=st.booleans())
    def deliver(self, data, count: int, keep: bool, shuffled: bool) -> None:
        start = data.draw(st.integers(0, len(self.there) - 1))
        taken = self.there[start : start + count]
        if not keep:
            del self.there[start : start + count]
        if shuffled:
            random.Random(start).shuffle(taken)  # noqa: S311 - chance, no secret
        self.back += self.parent.take(self.child, *taken)

    @precondition(lambda self: self.there)
    @rule(place=st.sampled_from(_PLACES), nth=st.integers(1, 3))
    def crash_parent_inside(self, place: str, nth: int) -> None:
        """The parent dies in its transaction, or just after it: then nobody hears of the commit."""
        arm(f"receiver.{place}:raise@{nth}")
        try:
            self.parent.take(self.child, *self.there[:4])
        except FailpointReached:
            pass
        finally:
            disarm()
        self.parent.restart()

    @precondition(lambda self: self.back)
    @rule(data=st.data(), keep=st.booleans())
    def answer(self, data, keep: bool) -> None:
        index = data.draw(st.integers(0, len(self.back) - 1))
        self.child.hear(self.sender, self.back[index] if keep else self.back.pop(index))

    @precondition(lambda self: self.there or self.back)
    @rule()
    def lose_everything(self) -> None:
        self.there.clear()
        self.back.clear()

    @rule()
    def crash_child(self) -> None:
        self.child.restart()
        self.connect()

    @rule(place=st.sampled_from(["before_sign", "after_store", "before_commit"]))
    def crash_sealer(self, place: str) -> None:
        arm(f"sealer.{place}:raise")
        try:
            self.child.seal()
        except FailpointReached:
            pass
        finally:
            disarm()
        self.crash_child()

    @invariant()
    def what_arrived_is_a_prefix_and_happened_once(self) -> None:
        if not hasattr(self, "parent"):
            return
        for lane in self.said:
            mine, theirs = self.child.frames(lane=lane), self.parent.frames(self.child.name, lane)
            assert theirs == mine[: len(theirs)]
            happened = self.parent.effects(lane)
            assert happened == self.said[lane][: len(happened)]

    @invariant()
    def what_is_acknowledged_is_on_the_parents_disk(self) -> None:
        if not hasattr(self, "parent"):
            return
        streams = {row.id: row for row in self.child.rows(tables.stream)}
        for row in self.child.rows(tables.cursor):
            lane = streams[row.stream_id].lane
            assert row.pos <= len(self.parent.frames(self.child.name, lane))
        assert self.parent.alarms() == []
        assert self.child.alarms() == []

    def teardown(self) -> None:
        if not hasattr(self, "parent"):
            return
        while self.child.seal():
            pass
        pump(self.child, self.parent)
        for lane, said in self.said.items():
            assert self.parent.effects(lane) == said
            assert self.parent.frames(self.child.name, lane) == self.child.frames(lane=lane)
        self.child.storage.close()
        self.parent.storage.close()
        shutil.rmtree(self.folder)


class OnPostgresql(Delivery):
    """The same on a database that is asked over a socket; its tables are emptied before each story."""

    urls: ClassVar[dict[str, str]] = {}

    def open_storage(self) -> Callable[[Path], Storage]:
        for url in self.urls.values():
            empty(url)
        return opener(lambda file: self.urls[file.stem], has_tables=True)


@pytest.fixture(scope="module")
def two_databases(postgresql) -> None:
    OnPostgresql.urls = {code: migrated(postgresql.new_database()) for code in ("26374", "731")}


TestExactlyOnce = Delivery.TestCase
TestExactlyOnce.settings = settings(
    max_examples=20, stateful_step_count=40, deadline=None, suppress_health_check=list(HealthCheck)
)
TestExactlyOnceOnPostgresql = pytest.mark.usefixtures("two_databases")(OnPostgresql.TestCase)
TestExactlyOnceOnPostgresql.settings = settings(
    max_examples=8, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck)
)
