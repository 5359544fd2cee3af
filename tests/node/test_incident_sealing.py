"""After an erasure no centre can read what was signed, though every chain still verifies; before it, all can."""

import sqlite3

import pytest
from sqlalchemy import func, select

from federation import tables
from federation.examination.walk import Walk, walk_through
from node import audit
from node.incident import erase, sealing
from node.incident.sealing import UNREADABLE, Part, incident_key
from node.incident.value import Place
from tests.node.restores import back_up, meet, restore
from tests.simulation.posts import Tree

WORD, NOTE, PICTURE = "nhà bà Hoàng Yến", "gọi cho Hoàng Yến", b"\xff\xd8\xff\xe0hoang-yen-picture" * 9 + b"\xff\xd9"
CANARIES = ("Hoàng Yến".encode(), b"hoang-yen-picture")


@pytest.fixture
def tree(tmp_path):
    found = Tree(tmp_path)
    yield found
    found.close()


def risen(tree):
    one = tree.commune.open_flood(title=f"Ngập {WORD}", description=f"Ngập {WORD}", thumbnail=PICTURE)
    tree.commune.act(one.id, "triage", severity="4", note=NOTE)
    tree.commune.escalate(one.id)
    tree.carry()
    tree.district.act(one.id, "accept")
    tree.carry()
    tree.district.escalate(one.id)
    tree.carry()
    tree.province.act(one.id, "accept")
    tree.carry()
    return one


def take_out(post, incident_id, what=erase.CONTENT):
    step = {"note": "theo yêu cầu. SHA-256 ab", "actor": "", "now": post.clock.now()}
    return post.database.write(lambda session: erase.erase(session, post.centre, incident_id, what, **step))


def signed(post):
    """Every byte that this centre keeps under a signature, its own and others'."""
    raw = b"".join(frame for _, _, frame in post.frames())
    lifted = post.database.read(lambda session: session.scalars(select(tables.lifted.c.raw)).all())
    return raw + b"".join(map(bytes, lifted))


def kept(post):
    """Every value of every row, whatever table it stands in."""
    found = []
    with sqlite3.connect(post.database.engine.url.database) as connection:
        names = [name for (name,) in connection.execute("select name from sqlite_master where type = 'table'")]
        for name in names:
            for row in connection.execute(f'select * from "{name}"'):  # noqa: S608 - a table's own name
                found += [value if isinstance(value, bytes) else str(value).encode() for value in row]
    return b"\n".join(found)


def keys(post, incident_id):
    query = select(incident_key.c.part, incident_key.c.key).where(incident_key.c.incident_id == incident_id)
    return {row.part: bytes(row.key) for row in post.database.read(lambda session: session.execute(query).all())}


def everybody(tree):
    return (tree.commune, tree.district, tree.province)


def test_what_rises_is_read_above_and_stands_in_no_frame(tree):
    one = risen(tree)
    for post in everybody(tree):
        found = post.find(one.id)
        assert (found.title, found.description, found.place) == (one.title, one.description, Place(10.88, 106.95))
        assert post.thumbnail(one.id) == PICTURE
        assert NOTE in {event.note for event in post.timeline(one.id)}
        assert not [word for word in CANARIES if word in signed(post)], post.code
        assert set(keys(post, one.id)) == {"words", "picture"}
        assert post.parked() == []


def test_after_an_erasure_nobody_can_read_it_and_everybody_has_said_so(tree):
    one = risen(tree)
    was = keys(tree.commune, one.id)
    frames = {post.code: [raw for _, _, raw in post.frames()] for post in everybody(tree)}
    take_out(tree.commune, one.id)
    tree.carry()
    for post in everybody(tree):
        assert keys(post, one.id) == {"words": b"", "picture": b""}
        everything = kept(post)
        assert not [word for word in (*CANARIES, *was.values()) if word in everything], post.code
        assert {raw for _, _, raw in post.frames()} >= set(frames[post.code]), "no signed frame was touched"
        assert list(walk_through(post.database.read, Walk(lambda post=post: post.registry.current))) == []
        assert post.parked() == []
    confirmed = {(event.centre, event.act) for event in tree.commune.timeline(one.id) if event.act == "erased"}
    assert confirmed == {(tree.district.name, "erased"), (tree.province.name, "erased")}
    assert all(event.key_id for event in tree.commune.timeline(one.id) if event.act == "erased")
    lines = tree.commune.database.read(
        lambda session: audit.recent(session, search=audit.Search(act="incident.erased"))
    )
    assert {line.detail["centre"] for line in lines} == {tree.district.name, tree.province.name}


def test_the_picture_alone_is_forgotten_alone(tree):
    one = risen(tree)
    take_out(tree.commune, one.id, erase.PICTURES)
    tree.carry()
    for post in everybody(tree):
        assert keys(post, one.id)["picture"] == b""
        assert len(keys(post, one.id)["words"]) == 32
        assert post.find(one.id).description == one.description
        assert CANARIES[1] not in kept(post)
    assert {event.act for event in tree.commune.timeline(one.id)} >= {"pictures_erased"}


def test_a_key_that_comes_again_after_the_erasure_is_not_kept(tree):
    one = risen(tree)
    key, _, raw = next(sent for sent in tree.commune.frames() if tree.commune.beside(sent[0], sent[2]))
    given = tree.commune.beside(key, raw)
    take_out(tree.commune, one.id)
    tree.carry()
    tree.district.take(tree.commune.name, key, raw, given)
    assert keys(tree.district, one.id) == {"words": b"", "picture": b""}
    assert tree.commune.beside(key, raw) == b""


def test_without_its_key_a_report_is_there_and_says_that_it_cannot_be_read_until_the_key_comes(tree):
    one = tree.commune.open_flood(title=WORD, description=WORD, thumbnail=PICTURE)
    tree.commune.companion.beside = lambda *_: b""
    tree.carry()
    found = tree.province.find(one.id)
    assert (found.title, found.description, found.place) == ("Ngập lụt", UNREADABLE, None)
    assert found.severity == one.severity
    del tree.commune.companion.beside
    tree.commune.act(one.id, "receive", note=NOTE)
    tree.carry()
    for post in (tree.district, tree.province):
        assert (post.find(one.id).title, post.find(one.id).place) == (WORD, one.place)
        assert post.thumbnail(one.id) == PICTURE
        assert post.find(one.id).has_thumbnail


def test_a_false_key_of_a_neighbour_keeps_no_true_one_out(tree):
    one = tree.commune.open_flood(title=WORD, description=WORD)
    message = sealing.incident_pb2.IncidentKeys(incident_id=one.id.bytes, words=bytes(32))
    for given in (message.SerializeToString(), b"\xff\xff", b""):
        tree.district.database.write(
            lambda session, given=given: tree.district.companion.arrived(session.connection(), "n-other", given)
        )
    tree.carry()
    assert tree.district.find(one.id).title == WORD
    assert tree.province.find(one.id).title == WORD, "the false key was passed on in place of the true one"


def test_an_altered_cipher_text_and_one_of_another_incident_are_not_opened(tree):
    one, other = tree.commune.open_flood(), tree.commune.open_flood(title=WORD)

    def swap(session):
        mine = sealing._seal(session, one.id, Part.WORDS, "content", b"x")
        key = sealing.keys_of(session.connection(), one.id, Part.WORDS)[0]
        session.execute(incident_key.update().where(incident_key.c.incident_id == other.id).values(key=key))
        altered = mine[:-1] + bytes([mine[-1] ^ 1])
        return (
            sealing._open(session, one.id, Part.WORDS, "content", mine),
            sealing._open(session, one.id, Part.WORDS, "content", altered),
            sealing._open(session, one.id, Part.WORDS, "note x", mine),
            sealing._open(session, other.id, Part.WORDS, "content", mine),
            sealing._open(session, one.id, Part.WORDS, "content", b""),
        )

    assert tree.commune.database.write(swap) == (b"x", None, None, None, None)


def test_an_opener_that_lost_everything_gets_its_words_back_with_their_keys(tree, tmp_path):
    back_up(tree.commune, tmp_path / "copy.db")
    one = risen(tree)
    restore(tree.commune, tmp_path / "copy.db")
    meet(tree, tree.commune)
    assert tree.commune.find(one.id).title == one.title
    tree.carry()
    take_out(tree.commune, one.id)
    tree.carry()
    assert not [word for word in CANARIES if word in kept(tree.province)]


def test_a_copy_from_before_an_erasure_is_erased_again_once_the_neighbours_have_told(tree, tmp_path):
    one = risen(tree)
    back_up(tree.district, tmp_path / "copy.db")
    take_out(tree.commune, one.id)
    tree.carry()
    restore(tree.district, tmp_path / "copy.db")
    assert len(keys(tree.district, one.id)["words"]) == 32
    meet(tree, tree.district)
    tree.carry()
    assert keys(tree.district, one.id) == {"words": b"", "picture": b""}
    assert not [word for word in CANARIES if word in kept(tree.district)]


def test_what_never_rose_has_no_key(tree):
    one = tree.commune.open_litter()
    tree.commune.act(one.id, "receive")
    count = tree.commune.database.read(lambda session: session.scalar(select(func.count()).select_from(incident_key)))
    assert count == 0
