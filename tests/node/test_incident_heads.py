"""A district that keeps something back is seen from above, and named, by what its communes say of their own streams."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from federation import alarm, tables
from federation.heads import EVERY, KIND, PATIENCE, Listener, Teller
from federation.ledger import PARENT, UP, Lane, append
from federation.v1 import ledger_pb2 as wire
from tests.fakes.authority import DONG_NAI
from tests.simulation.posts import Tree


@pytest.fixture
def tree(tmp_path):
    found = Tree(tmp_path, DONG_NAI[:5])
    yield found
    found.close()


def rows(post, table) -> list:
    return post.database.read(lambda session: session.execute(select(table)).all())


def codes(post) -> list[tuple[str, str, str]]:
    return sorted((one.code, one.peer, one.origin) for one in post.database.read(alarm.latest))


def tell(post, teller: Teller | None = None) -> bool:
    teller = teller or Teller(post.name)
    post.seal()
    now = post.clock.now()
    done = post.database.write(lambda session: teller.step(session, post.registry.current, now))
    post.seal()
    return done


def watch(post) -> int:
    listener = Listener(post.name, post.registry.current, post.clock.now())
    return post.database.write(listener.watch)


def say(post, payload: bytes, audience: str = UP, lane: Lane = Lane.AUDIT, kind: str = KIND) -> None:
    now = post.clock.now()
    post.database.write(
        lambda session: append(session, lane=lane, audience=audience, kind=kind, payload=payload, now=now)
    )


def bring(tree: Tree, wanted) -> None:
    """The district passes on what it likes of the commune's frames; everybody else is honest."""
    tree.line("26374").carry()
    for key, _, raw in tree.district.outgoing(tree.province.name):
        if wanted(key):
            tree.province.take(tree.district.name, key, raw)


def test_heads_name_all_streams_also_those_for_the_parent_once_a_day(tree):
    assert not tell(tree.commune), "nothing to tell of"
    tree.commune.announce()
    tree.commune.open_flood()
    teller = Teller(tree.commune.name)
    assert tell(tree.commune, teller)
    assert not tell(tree.commune, teller)
    tree.later(hours=24)
    assert tell(tree.commune, teller)
    tree.carry()
    told = {(row.origin, row.lane, row.audience) for row in rows(tree.province, tables.told_head)}
    mine = tree.commune.name
    assert told == {(mine, "urgent", PARENT), (mine, "regular", UP), (mine, "audit", UP)}
    assert not tell(tree.province), "nobody is above"


def test_an_honest_day_rings_nothing(tree):
    teller = Teller(tree.commune.name)
    for _ in range(4):
        tree.commune.open_flood()
        tree.commune.announce()
        tell(tree.commune, teller)
        tree.carry()
        for post in tree.posts.values():
            watch(post)
        tree.later(days=1)
    tree.later(days=1)
    watch(tree.province)
    assert [codes(post) for post in tree.posts.values()] == [[]] * 5
    assert rows(tree.province, tables.owed_record) == []


def test_frames_that_a_relay_keeps_back_are_missed_after_a_day_and_the_relay_is_named(tree):
    tree.commune.announce()
    tell(tree.commune)
    bring(tree, lambda key: key.lane == "audit")
    assert watch(tree.province) == 0
    tree.later(hours=26)
    assert (watch(tree.province), watch(tree.province)) == (1, 0), "once"
    assert codes(tree.province) == [("WITHHELD", tree.district.name, tree.commune.name)]


def test_what_comes_late_but_within_the_day_is_not_missed(tree):
    tree.commune.announce()
    tell(tree.commune)
    bring(tree, lambda key: key.lane == "audit")
    tree.later(hours=20)
    tree.carry()
    tree.later(hours=20)
    assert watch(tree.province) == 0
    assert codes(tree.province) == []


def test_a_district_that_sits_on_an_alert_is_seen_from_above(tree):
    """It acknowledges the commune's alert, says nothing of it, and passes on all that rises in the same bytes."""
    tree.commune.announce()
    tree.commune.open_flood()
    tell(tree.commune)
    bring(tree, lambda key: key.audience == UP)
    tree.later(hours=26)
    assert watch(tree.province) == 1
    assert codes(tree.province) == [("WITHHELD", tree.district.name, tree.commune.name)]
    assert watch(tree.district) == 0
    assert codes(tree.district) == []
    tree.later(hours=26)
    tree.carry()
    watch(tree.province)
    assert len(codes(tree.province)) == 1


def test_what_is_parked_here_is_not_called_kept_back(tree):
    say(tree.district, b"?", audience=PARENT, lane=Lane.URGENT, kind="incident.alert")
    tree.carry()
    assert tree.province.parked()
    tree.commune.open_flood()
    tell(tree.commune)
    bring(tree, lambda key: key.audience == UP)
    assert len(rows(tree.province, tables.owed_record)) == 1
    tree.later(hours=26)
    assert watch(tree.province) == 0
    assert "WITHHELD" not in {code for code, *_ in codes(tree.province)}


def head_of(post, audience: str = UP, lane: str = "regular") -> wire.StreamHead:
    (row,) = [
        one for one in rows(post, tables.stream) if (one.origin, one.lane, one.audience) == (post.name, lane, audience)
    ]
    return wire.StreamHead(
        lane=lane,
        audience=audience,
        epoch=bytes(row.epoch),
        frame_no=row.frame_no,
        frame_hash=bytes(row.frame_hash),
        count=row.head_count,
    )


@pytest.mark.parametrize("where", ["held", "enclosed", "told"])
def test_another_hash_under_one_number_is_a_fork_however_it_was_seen(tree, where):
    """Validly signed by the commune itself: two tales of one frame."""
    audience, lane = (PARENT, "urgent") if where == "enclosed" else (UP, "regular")
    tree.commune.announce()
    tree.commune.open_flood()
    tree.commune.seal()
    if where == "told":
        say(tree.commune, wire.StreamHeads(heads=[head_of(tree.commune)]).SerializeToString())
        tree.commune.seal()
        bring(tree, lambda key: key.lane == "audit")
    else:
        tree.carry()
    assert codes(tree.province) == []
    other = head_of(tree.commune, audience, lane)
    other.frame_hash = bytes(32)
    say(tree.commune, wire.StreamHeads(heads=[other]).SerializeToString())
    tree.commune.seal()
    bring(tree, lambda key: key.lane == "audit")
    assert ("FORK", tree.district.name, tree.commune.name) in codes(tree.province)


def test_a_head_of_an_epoch_that_a_restore_ended_is_owed_by_nobody(tree):
    """It was told in one epoch, taken out of the chain with it, and signed anew in the next: it never comes."""
    tree.commune.announce()
    tree.commune.seal()
    gone = head_of(tree.commune)
    gone.epoch, gone.frame_no = bytes(16), 7
    say(tree.commune, wire.StreamHeads(heads=[gone]).SerializeToString())
    tree.carry()
    tree.later(hours=26)
    assert watch(tree.province) == 0
    assert codes(tree.province) == []


@pytest.mark.parametrize(
    "payload",
    [
        b"\xff",
        wire.StreamHeads(heads=[wire.StreamHead(lane="urgent", audience=UP)]).SerializeToString(),
        wire.StreamHeads(
            heads=[wire.StreamHead(lane="audit", audience=UP, epoch=bytes(16), frame_no=2**63, frame_hash=bytes(32))]
        ).SerializeToString(),
        wire.StreamHeads(
            heads=[wire.StreamHead(lane="x" * 17, audience=UP, epoch=bytes(16), frame_hash=bytes(32))]
        ).SerializeToString(),
    ],
)
def test_what_cannot_be_read_is_parked_and_named(tree, payload):
    say(tree.commune, payload)
    tree.carry()
    assert [code for code, _ in tree.province.parked()] == ["SCHEMA"]


def test_times_that_are_none_are_passed_over(tree):
    tree.commune.announce()
    never = wire.UnreceiptedRecord(rid=bytes(16), leaf=bytes(32), appended_at_us=2**62)
    say(tree.commune, wire.StreamHeads(unreceipted=[never]).SerializeToString())
    tree.carry()
    assert rows(tree.province, tables.owed_record) == []
    assert tree.province.parked() == []


def test_heads_are_believed_of_descendants_alone(tree):
    say(tree.district, wire.StreamHeads().SerializeToString(), audience=f"down:{tree.commune.name}")
    tree.carry()
    assert [code for code, _ in tree.commune.parked()] == ["ORIGIN_MISMATCH"]


def test_a_day_is_shorter_than_the_patience():
    assert EVERY < PATIENCE <= timedelta(days=2)
