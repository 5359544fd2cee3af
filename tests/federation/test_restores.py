"""The machine of exactly-once, and now disks are put back too: on both sides, with and without anybody knowing it."""

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, precondition, rule

from federation import tables
from federation.frame import decode_record, parse_frame
from tests.federation.pairs import give_back, now, pump
from tests.federation.test_exactly_once import Delivery

LANES = ("regular", "urgent")
_ENOUGH = 12


class Restores(Delivery):
    """As before; `owed` are the records that somebody was promised and that no restore may lose."""

    @initialize()
    def begin(self) -> None:
        super().begin()
        self.owed: set[str] = set()
        self.away: set[str] = set()
        self.backups = {"child": self.child.save(), "parent": self.parent.save()}
        self.epoch = self.child.sealer.epoch
        self.trouble_is_due = False

    # what either side can show -----------------------------------------------------------------------------------

    def texts(self, centre) -> set[str]:
        raws = [
            raw
            for lane in LANES
            for frame in centre.frames(self.child.name, lane)
            for raw in parse_frame(frame).records
        ]
        raws += [bytes(row.raw) for row in centre.rows(tables.pending)]
        return {decode_record(raw).payload.decode() for raw in raws}

    def note(self) -> None:
        """Whatever was appended and not lost since is owed."""
        self.away -= self.texts(self.child)

    # what happens ------------------------------------------------------------------------------------------------

    @rule(lane=st.sampled_from(LANES), count=st.integers(1, 3))
    def append(self, lane: str, count: int) -> None:
        texts = [f"{lane}{len(self.said[lane]) + number}" for number in range(count)]
        self.child.append(*texts, lane=lane)
        self.said[lane] += texts
        self.owed |= set(texts)

    @rule(most=st.sampled_from([0, 1, None]))
    def connect(self, most: int | None = None) -> None:
        """A hello; what is given back may stop in the middle, because the connection broke."""
        self.sender = self.child.sender(self.parent, self.monotonic)
        hello, sender = self.parent.hello(self.child), self.sender
        for trouble in self.child.storage.write(lambda session: sender.resume(session, hello, now())):
            give_back(self.child, self.parent, trouble.stream, most)
            self.child.storage.write(lambda session, key=trouble.stream: sender.retry(session, key, now()))
        if hasattr(self, "away"):
            self.note()

    @rule()
    def back_up_child(self) -> None:
        self.backups["child"], self.epoch = self.child.save(), self.child.sealer.epoch

    @rule()
    def back_up_parent(self) -> None:
        self.backups["parent"] = self.parent.save()

    @rule(is_known=st.booleans())
    def restore_child(self, is_known: bool) -> None:
        self.note()
        self.child.restore(self.backups["child"])
        if not is_known:
            self.child.sealer.epoch = self.epoch
        kept = self.texts(self.child)
        self.owed &= kept | self.texts(self.parent)
        self.away = self.owed - kept
        self.trouble_is_due = True
        self.sender = self.child.sender(self.parent, self.monotonic)

    @rule()
    def restore_parent(self) -> None:
        self.note()
        before = self.texts(self.parent)
        self.parent.restore(self.backups["parent"])
        lost = (before - self.texts(self.parent)) & self.away
        self.owed -= lost
        self.away -= lost
        self.trouble_is_due = True

    @precondition(lambda self: self.there)
    @rule()
    def a_new_line(self) -> None:
        """What was under way on an old connection is lost with it, as on a real link."""
        self.there.clear()
        self.back.clear()
        self.connect()

    # what must always be so --------------------------------------------------------------------------------------

    @invariant()
    def what_arrived_is_a_prefix_and_happened_once(self) -> None:
        if hasattr(self, "owed"):
            happened = self.parent.effects()
            assert len(happened) == len(set(happened))
            assert self.owed - self.away <= self.texts(self.child) | self.texts(self.parent)
            assert {one for one in self.texts(self.parent) if one in happened} == set(happened)

    @invariant()
    def what_is_acknowledged_is_on_the_parents_disk(self) -> None:
        if hasattr(self, "owed") and not self.trouble_is_due:
            assert self.parent.alarms() == []
            assert self.child.alarms() == []

    def teardown(self) -> None:
        if not hasattr(self, "owed"):
            return
        for _ in range(_ENOUGH):
            while self.child.seal():
                pass
            self.there.clear()
            self.connect()
            while self.child.seal():
                pass
            pump(self.child, self.parent, self.sender)
            if all(self.parent.frames(self.child.name, lane) == self.child.frames(lane=lane) for lane in LANES):
                break
        for lane in LANES:
            assert self.parent.frames(self.child.name, lane) == self.child.frames(lane=lane)
        happened = self.parent.effects()
        assert len(happened) == len(set(happened))
        assert self.owed <= set(happened) <= {text for said in self.said.values() for text in said}
        self.child.storage.close()
        self.parent.storage.close()


TestRestores = Restores.TestCase
TestRestores.settings = settings(
    max_examples=20, stateful_step_count=40, deadline=None, suppress_health_check=list(HealthCheck)
)
