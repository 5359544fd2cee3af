"""What the opener takes out of an incident goes out of the rows of every centre it rose to; nobody else can do it."""

import pytest
from sqlalchemy import select

from node.errors import Conflict
from node.incident import erase, rows, tell, wire
from node.incident.attachment import incident_attachment
from node.incident.value import Status
from tests.node.restores import back_up, meet, restore
from tests.node.test_incident_inbound import alert, send
from tests.simulation.posts import Tree

NOTE = "Hết thời hạn lưu giữ. SHA-256 ab"


@pytest.fixture
def tree(tmp_path):
    found = Tree(tmp_path)
    yield found
    found.close()


def take_out(post, incident_id, what=erase.CONTENT):
    now = post.clock.now()
    return post.database.write(
        lambda session: erase.erase(session, post.centre, incident_id, what, note=NOTE, actor="", now=now)
    )


def held(post, table, incident_id):
    query = select(table).where(table.c.incident_id == incident_id)
    return post.database.read(lambda session: session.execute(query).all())


def says_nothing(post, incident_id):
    found = post.find(incident_id)
    said = [event for event in post.timeline(incident_id) if event.act != tell.ANEW]
    own = [event for event in said if event.centre == found.origin]
    return (
        (found.title, found.description, found.place) == (found.kind_title, erase.ERASED, None)
        and not found.has_thumbnail
        and held(post, rows.incident_thumbnail, incident_id) == []
        and held(post, incident_attachment, incident_id) == []
        and {event.note for event in own} <= {"", NOTE}
        and own[-1].act == erase.CONTENT
    )


def risen(tree):
    one = tree.commune.open_flood()
    tree.commune.act(one.id, "receive")
    tree.commune.escalate(one.id)
    tree.carry()
    tree.district.act(one.id, "accept", note="để huyện lo")
    tree.carry()
    return one


def test_it_goes_out_everywhere_and_what_stays_says_nothing_of_anybody(tree):
    one = risen(tree)
    before = {post: post.find(one.id) for post in (tree.commune, tree.district, tree.province)}
    assert held(tree.province, rows.incident_thumbnail, one.id)
    take_out(tree.commune, one.id)
    tree.carry()
    for post, was in before.items():
        found = post.find(one.id)
        assert says_nothing(post, one.id), post
        for kept in ("number", "kind", "severity", "area_code", "status", "custody", "opened_at", "origin"):
            assert getattr(found, kept) == getattr(was, kept)
        assert post.parked() == []
    notes = {event.note for event in tree.district.timeline(one.id) if event.centre == tree.district.name}
    assert "để huyện lo" in notes  # each centre answers for its own words


def test_pictures_alone_leave_the_words(tree):
    one = risen(tree)
    title = tree.province.find(one.id).title
    take_out(tree.commune, one.id, erase.PICTURES)
    tree.carry()
    for post in (tree.commune, tree.district, tree.province):
        assert held(post, rows.incident_thumbnail, one.id) == []
        assert not post.find(one.id).has_thumbnail
        assert post.find(one.id).title == title


def test_only_the_opener_can(tree):
    one = risen(tree)
    with pytest.raises(Conflict):
        take_out(tree.district, one.id)
    step = alert(tree.commune, one).step
    for post, above, serial in ((tree.district, tree.province, tree.district.find(one.id).told_up + 1),):
        forged = wire.Step(
            act=erase.CONTENT,
            status=Status.RECEIVED,
            note=NOTE,
            actor="",
            at=step.at,
            severity=None,
            category="",
            resumes=None,
        )
        claim = wire.claim_of(post.find(one.id).custody)
        send(post, wire.STATUS, wire.News(incident_id=one.id, serial=serial, step=forged, claim=claim))
        tree.carry()
        assert above.find(one.id).title != above.find(one.id).kind_title
        assert held(above, rows.incident_thumbnail, one.id)


def test_a_restored_opener_is_told_by_itself_that_it_was_taken_out(tree, tmp_path):
    one = risen(tree)
    back_up(tree.commune, tmp_path / "copy.db")
    take_out(tree.commune, one.id)
    tree.carry()
    restore(tree.commune, tmp_path / "copy.db")
    assert not says_nothing(tree.commune, one.id)
    meet(tree, tree.commune)
    assert says_nothing(tree.commune, one.id)
    assert says_nothing(tree.province, one.id)


def test_what_rises_after_it_was_taken_out_rises_without_it(tree):
    one = tree.commune.open_litter()
    take_out(tree.commune, one.id)
    tree.commune.act(one.id, "receive")
    tree.commune.escalate(one.id)
    tree.carry()
    assert tree.district.find(one.id).description == erase.ERASED
    assert tree.district.find(one.id).place is None
