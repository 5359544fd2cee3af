"""From the alert of a commune to the province's receipt at the commune, past a district that may be dead or lie."""

from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import select

from federation import alarm, bypass, tables
from federation.awaited import Watch, settle, standing
from federation.end_receipt import KIND
from federation.frame import from_us, open_enclosure, place_of_enclosure
from federation.ledger import PARENT, PAST_PARENT, Lane, append, down, enclosure
from federation.v1 import ledger_pb2 as wire
from tests.fakes.authority import DONG_NAI
from tests.simulation.posts import Tree

WITHIN = timedelta(minutes=15)


@pytest.fixture
def tree(tmp_path):
    found = Tree(tmp_path, DONG_NAI[:5])
    yield found
    found.close()


def rows(post, table) -> list:
    return post.database.read(lambda session: session.execute(select(table)).all())


def codes(post) -> list[tuple[str, str, str]]:
    return [(one.code, one.peer, one.origin) for one in post.database.read(alarm.latest)]


class Waiting:
    """A commune's watch over what waits, as its node has it; the wait begins with the test."""

    def __init__(self, tree: Tree) -> None:
        self.tree, self.post = tree, tree.commune
        self.watch = Watch(
            name=self.post.name, registry=lambda: self.post.registry.current, within=WITHIN, now=tree.clock.now()
        )

    def step(self, *, has_bypass: bool = False) -> int:
        registry, now = self.post.registry.current, self.tree.clock.now()

        self.post.seal()

        def step(session) -> int:
            late = self.watch.step(session, now)
            if has_bypass:
                bypass.send(session, late, name=self.post.name, registry=registry, now=now)
            return len(late)

        return self.post.database.write(step)


def past_parent(tree: Tree) -> list:
    """The frames of the commune's bypass stream reach the province."""
    tree.commune.seal()
    key = bypass.bypass(tree.province.name)
    replies = []
    for stream, _, raw in tree.commune.frames():
        if stream.audience == key:
            replies.append(tree.province.take(tree.commune.name, stream, raw, tree.commune.beside(stream, raw)))
    return replies


def claim(post, holder_receipt: wire.EndReceipt, *, to, kind: str = KIND) -> UUID:
    """A post says something about a receipt to a child, whether it may or not."""
    payload, now = holder_receipt.SerializeToString(), post.clock.now()
    return post.database.write(
        lambda session: append(session, lane=Lane.AUDIT, audience=down(to.name), kind=kind, payload=payload, now=now)
    )


def test_the_provinces_own_receipt_reaches_the_commune_and_ends_the_wait(tree):
    waiting = Waiting(tree)
    one = tree.commune.open_flood()
    tree.carry()
    (receipt,) = rows(tree.commune, tables.end_receipt)
    (awaited,) = rows(tree.commune, tables.awaited)
    assert (receipt.holder, receipt.rid) == (tree.province.name, awaited.rid)
    proof = open_enclosure(bytes(receipt.proof), tree.commune.registry.current.public_key)
    assert (proof.origin, proof.kind) == (tree.province.name, KIND)
    tree.later(hours=1)
    assert waiting.step() == 0
    assert rows(tree.commune, tables.awaited)[0].satisfied_at_us is not None
    rid = tree.commune.find(one.id).content_rid
    registry = tree.commune.registry.current
    known = tree.commune.database.read(lambda s: standing(s, rid, name=tree.commune.name, registry=registry))
    assert [each.holder for each in known.confirmed] == [tree.province.name]
    assert known.missing == ""
    assert codes(tree.commune) == codes(tree.district) == codes(tree.province) == []


def test_each_enclosed_record_gets_one_receipt_and_said_again_it_changes_nothing(tree):
    one = tree.commune.open_flood()
    tree.commune.act(one.id, "receive")
    tree.carry()
    given = rows(tree.commune, tables.end_receipt)
    assert len(given) == 2
    for line in tree.lines.values():
        line.forget()
    tree.carry()
    assert rows(tree.commune, tables.end_receipt) == given
    assert len(rows(tree.province, tables.lifted)) == 2


def test_a_record_that_comes_enclosed_twice_gets_one_receipt(tree):
    """The commune's offer rises as news, and once more within the district's own offer."""
    one = tree.commune.open_flood()
    tree.commune.escalate(one.id)
    tree.carry()
    tree.district.act(one.id, "accept")
    tree.district.escalate(one.id)
    tree.carry()
    (audit,) = [
        row for row in rows(tree.province, tables.stream) if (row.origin, row.lane) == (tree.province.name, "audit")
    ]
    assert (
        audit.head_count == len(rows(tree.province, tables.lifted)) == len(rows(tree.commune, tables.end_receipt)) == 2
    )


def test_without_any_link_the_wait_rings_once_and_ends_when_the_receipts_come(tree):
    waiting = Waiting(tree)
    tree.line("26374").is_cut = True
    tree.commune.open_flood()
    tree.later(minutes=14)
    waiting.step()
    assert codes(tree.commune) == []
    tree.later(minutes=2)
    for _ in range(3):
        waiting.step()
        tree.later(minutes=20)
    assert codes(tree.commune) == [("NO_RECEIPT", tree.district.name, tree.commune.name)]
    (awaited,) = rows(tree.commune, tables.awaited)
    assert awaited.rung_at_us is not None
    assert awaited.satisfied_at_us is None
    tree.line("26374").is_cut = False
    tree.carry()
    waiting.step()
    (awaited,) = rows(tree.commune, tables.awaited)
    assert from_us(awaited.satisfied_at_us) == tree.clock.now()
    assert len(codes(tree.commune)) == 1


def test_a_relay_that_takes_an_alert_and_keeps_it_back_is_missed(tree):
    waiting = Waiting(tree)
    tree.line("731").is_cut = True
    tree.commune.open_flood()
    tree.carry()
    tree.later(minutes=16)
    assert waiting.step() == 1
    assert [code for code, *_ in codes(tree.commune)] == ["NO_RECEIPT"]


def test_an_incident_that_stays_with_the_parent_waits_for_the_parent_alone(tree):
    one = tree.commune.open_litter()
    tree.commune.escalate(one.id)
    assert [row.upto for row in rows(tree.commune, tables.awaited)] == ["parent"]
    waiting = Waiting(tree)
    tree.line("26374").is_cut = True
    tree.later(minutes=20)
    assert waiting.step(has_bypass=True) == 0
    assert [code for code, *_ in codes(tree.commune)] == ["NO_RECEIPT"]
    assert past_parent(tree) == []


def test_a_copy_put_back_rings_no_storm(tree):
    waiting = Waiting(tree)
    tree.line("26374").is_cut = True
    for _ in range(5):
        tree.commune.open_flood()
    tree.later(days=2)
    unsettled = tables.unsettled.insert().values(
        peer=tree.district.name, at_us=int(tree.clock.now().timestamp() * 1e6), reason="a copy"
    )
    tree.commune.database.write(lambda session: session.execute(unsettled))
    waiting.step()
    tree.later(minutes=10)
    waiting.step()
    assert codes(tree.commune) == []
    tree.later(minutes=10)
    waiting.step()
    assert len(codes(tree.commune)) == 5, "where the parent is never met, the wait ends as ever"


def test_an_alert_goes_past_a_dead_district_and_is_applied_once_whichever_way_comes_first(tree):
    waiting = Waiting(tree)
    tree.line("26374").is_cut = True
    one = tree.commune.open_flood()
    tree.later(minutes=16)
    for _ in range(3):
        waiting.step(has_bypass=True)
    past_parent(tree)
    found = tree.province.find(one.id)
    assert (found.title, found.source) == (one.title, tree.district.name)
    lines = tree.province.timeline(one.id)
    assert [event.act for event in lines] == ["open", "bypass"]
    assert "không qua OC thành phố Biên Hòa" in lines[-1].note
    assert ("BYPASS_USED", tree.commune.name, tree.commune.name) in codes(tree.province)
    assert ("BYPASS_USED", tree.province.name, tree.commune.name) in codes(tree.commune)
    past_parent(tree)
    tree.line("26374").is_cut = False
    tree.carry()
    assert [event.act for event in tree.province.timeline(one.id)] == ["open", "bypass"]
    assert tree.province.find(one.id).content_rid is not None
    assert [row.holder for row in rows(tree.commune, tables.end_receipt)] == [tree.province.name]
    assert tree.province.parked() == tree.district.parked() == tree.commune.parked() == []
    tree.commune.act(one.id, "receive")
    tree.carry()
    assert [event.act for event in tree.province.timeline(one.id)][-1] == "receive"


def test_what_came_by_the_district_first_is_not_applied_by_the_bypass(tree):
    waiting = Waiting(tree)
    one = tree.commune.open_flood()
    tree.later(minutes=16)
    waiting.step(has_bypass=True)
    tree.carry()
    past_parent(tree)
    assert [event.act for event in tree.province.timeline(one.id)] == ["open"]
    assert tree.province.parked() == []


def receipt_of(tree: Tree) -> tuple[wire.EndReceipt, bytes]:
    """What the province said of the commune's first alert, and the same as it signed it."""
    query = select(tables.record.c.rid, tables.stream.c.audience).join(
        tables.stream, tables.stream.c.id == tables.record.c.stream_id
    )
    mine = query.where(tables.stream.c.origin == tree.province.name, tables.stream.c.lane == "audit")
    row = tree.province.database.read(lambda session: session.execute(mine).first())
    signed = tree.province.database.read(lambda session: enclosure(session, UUID(bytes=bytes(row.rid))))
    said = open_enclosure(signed, tree.province.registry.current.public_key)
    return wire.EndReceipt.FromString(said.payload), signed


def refused_at(post) -> list[str]:
    return [code for code, _ in post.parked()]


def test_a_relay_may_not_use_a_receipt_for_another_origin(tree):
    tree.commune.open_flood()
    tree.carry()
    _, signed = receipt_of(tree)
    other = tree.posts["26377"]
    claim(tree.district, wire.EndReceipt(enclosed=signed), to=other)
    tree.carry()
    assert refused_at(other) == ["BAD_RECEIPT"]
    assert ("BAD_RECEIPT", tree.district.name, tree.district.name) in codes(other)
    assert rows(other, tables.end_receipt) == []


@pytest.mark.parametrize("lie", ["own", "rid", "leaf", "kind", "forged", "sibling", "upwards"])
def test_a_lying_relay_is_refused_and_named(tree, lie):
    tree.commune.open_flood()
    tree.carry()
    said, signed = receipt_of(tree)
    tree.line("731").is_cut = True
    tree.commune.open_flood()
    tree.carry()
    second = rows(tree.commune, tables.awaited)[-1]
    wanted = wire.EndReceipt(origin=said.origin, rid=second.rid, leaf=second.leaf, received_at_us=said.received_at_us)
    liar = {"sibling": "26377"}.get(lie, "731")
    inner = wanted
    if lie == "rid":
        inner = wire.EndReceipt(origin=said.origin, rid=b"x" * 16, leaf=second.leaf)
    if lie == "leaf":
        inner = wire.EndReceipt(origin=said.origin, rid=second.rid, leaf=bytes(32))
    if lie == "forged":
        message = wire.EndReceipt(enclosed=signed.replace(bytes(said.rid), bytes(second.rid)))
    else:
        # the liar signs it itself: a receipt of somebody who is not above both, or of what the commune never signed
        author = tree.posts[liar]
        audience = PARENT if lie == "upwards" else down(tree.commune.name)
        kind = "incident.status" if lie == "kind" else KIND
        payload, now = inner.SerializeToString(), tree.clock.now()
        rid = author.database.write(
            lambda session: append(session, lane=Lane.AUDIT, audience=audience, kind=kind, payload=payload, now=now)
        )
        author.seal()
        message = wire.EndReceipt(enclosed=author.database.read(lambda session: enclosure(session, rid)))
    if lie == "own":
        # the district stands above the commune, so it may confirm what it holds; that is no word of the province
        claim(tree.district, message, to=tree.commune)
        tree.carry()
        (of_second,) = [row for row in rows(tree.commune, tables.end_receipt) if row.rid == second.rid]
        assert of_second.holder == tree.district.name
        registry = tree.commune.registry.current
        tree.commune.database.write(
            lambda session: settle(session, name=tree.commune.name, registry=registry, now=tree.clock.now())
        )
        assert rows(tree.commune, tables.awaited)[-1].satisfied_at_us is None
        return
    claim(tree.district, message, to=tree.commune)
    tree.carry()
    assert "BAD_RECEIPT" in refused_at(tree.commune)
    assert any(code == "BAD_RECEIPT" and peer == tree.district.name for code, peer, _ in codes(tree.commune))
    assert all(row.rid != second.rid for row in rows(tree.commune, tables.end_receipt))


def test_a_receipt_replayed_ends_no_other_wait(tree):
    tree.commune.open_flood()
    tree.carry()
    _, signed = receipt_of(tree)
    tree.line("731").is_cut = True
    tree.commune.open_flood()
    for _ in range(3):
        claim(tree.district, wire.EndReceipt(enclosed=signed), to=tree.commune)
    tree.carry()
    assert len(rows(tree.commune, tables.end_receipt)) == 1
    assert tree.commune.parked() == []


def test_the_leaf_that_is_confirmed_is_that_of_the_records_bytes(tree):
    tree.commune.open_flood()
    tree.carry()
    said, _ = receipt_of(tree)
    rid = UUID(bytes=bytes(said.rid))
    mine = tree.commune.database.read(lambda session: enclosure(session, rid))
    assert place_of_enclosure(mine).leaf == said.leaf


def test_a_commune_may_send_nothing_else_past_its_parent(tree):
    """Validly signed, in the right stream, and still not what rises by rule."""
    one = tree.commune.open_litter()
    tree.commune.escalate(one.id)
    tree.commune.seal()
    offer = UUID(bytes=bytes(rows(tree.commune, tables.awaited)[0].rid))
    enclosed = tree.commune.database.read(lambda session: enclosure(session, offer))
    send_past(tree, tree.commune, enclosed)
    assert refused_at(tree.province) == ["WRONG_WAY"]
    assert tree.province.find(one.id) is None
    other = tree.posts["26377"]
    other.open_flood()
    other.seal()
    theirs = UUID(bytes=bytes(rows(other, tables.awaited)[0].rid))
    send_past(tree, tree.commune, other.database.read(lambda session: enclosure(session, theirs)))
    assert refused_at(tree.province) == ["WRONG_WAY", "ORIGIN_MISMATCH"]
    assert ("BYPASS_USED", tree.commune.name, tree.commune.name) not in codes(tree.province)


def send_past(tree: Tree, post, enclosed: bytes) -> None:
    payload = wire.BypassedRecord(enclosed=enclosed).SerializeToString()
    audience, now = bypass.bypass(tree.province.name), tree.clock.now()
    post.database.write(
        lambda session: append(session, lane=Lane.URGENT, audience=audience, kind=PAST_PARENT, payload=payload, now=now)
    )
    past_parent(tree)
