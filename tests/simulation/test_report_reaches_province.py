"""The journey of one report, over three tiers, as a story: read this after README and ARCHITECTURE.

A commune opens an incident that is grave. The news rises by rule; the duty moves only when somebody offers and somebody
else accepts; each centre verifies the commune's signature itself; what is decided above is seen below.
"""

import pytest

from node.incident import tell
from node.incident.value import CustodyState, Status
from tests.simulation.posts import JPEG, Tree


@pytest.fixture
def tree(tmp_path):
    found = Tree(tmp_path)
    yield found
    found.close()


def held(post, incident):
    return post.find(incident.id).custody.may_end(post.name)


def test_1_news_of_a_grave_incident_rises_to_the_province(tree):
    incident = tree.commune.open_flood()
    tree.carry()

    for post in (tree.district, tree.province):
        known = post.find(incident.id)
        assert (known.title, known.number, known.origin) == (incident.title, incident.number, tree.commune.name)
        assert known.status is Status.NEW
        assert known.custody.state is CustodyState.ELSEWHERE
        assert known.custody.holder == tree.commune.name
        assert post.thumbnail(incident.id) == JPEG
        assert [one.id for one in post.queue()] == [incident.id]


def test_2_the_province_verifies_the_communes_own_signature(tree):
    incident = tree.commune.open_flood()
    tree.carry()

    proofs = {proof.origin: proof for proof in tree.province.proofs(incident.id)}
    assert set(proofs) == {tree.commune.name, tree.district.name}
    assert proofs[tree.commune.name].key_id == tree.commune.keystore.key_id
    (opening,) = tree.province.timeline(incident.id)
    assert (opening.centre, opening.actor, opening.act) == (tree.commune.name, "Người dân", "open")
    assert opening.key_id == tree.commune.keystore.key_id


def test_3_a_slight_incident_stays_at_home_until_somebody_escalates_it(tree):
    incident = tree.commune.open_litter()
    tree.carry()
    assert tree.district.find(incident.id) is None

    tree.commune.escalate(incident.id)
    tree.carry()
    assert tree.district.find(incident.id).status is Status.ESCALATED
    assert tree.province.find(incident.id) is None


def test_4_the_district_accepts_then_the_province_and_each_sees_who_holds(tree):
    incident = tree.commune.open_flood()
    tree.commune.escalate(incident.id)
    tree.carry()
    assert not held(tree.commune, incident)
    assert tree.commune.find(incident.id).custody.is_responsible(tree.commune.name)
    assert "accept" in tree.district.possible(incident.id)
    assert "accept" not in tree.province.possible(incident.id)

    tree.district.act(incident.id, "accept")
    tree.carry()
    assert held(tree.district, incident)
    assert tree.commune.find(incident.id).custody.state is CustodyState.GIVEN

    tree.district.escalate(incident.id)
    tree.carry()
    tree.province.act(incident.id, "accept", actor="Trực ban tỉnh")
    tree.carry()

    assert [held(post, incident) for post in tree.posts.values()] == [True, False, False]
    assert {post.find(incident.id).custody.holder for post in tree.posts.values()} == {tree.province.name}
    assert {post.find(incident.id).custody.term for post in tree.posts.values()} == {3}


def test_5_the_commune_sees_each_status_as_it_changes_above_signed_by_who_set_it(tree):
    incident = tree.commune.open_flood()
    tree.commune.escalate(incident.id)
    tree.carry()
    tree.district.act(incident.id, "accept")
    tree.district.escalate(incident.id)
    tree.carry()
    for name, fields in (
        ("accept", {}),
        ("triage", {"severity": "4", "category": "Ngập úng"}),
        ("assign", {"unit": "Công an tỉnh"}),
        ("start", {}),
        ("resolve", {"note": "đã bơm thoát nước"}),
    ):
        tree.later(minutes=3)
        status = tree.province.act(incident.id, name, **fields).status
        tree.carry()
        assert tree.commune.find(incident.id).status is status
        assert tree.district.find(incident.id).status is status

    seen = [event for event in tree.commune.timeline(incident.id) if event.centre == tree.province.name]
    assert [event.act for event in seen] == ["accept", "triage", "assign", "start", "resolve"]
    assert {event.key_id for event in seen} == {tree.province.keystore.key_id}
    assert seen[-1].note == "đã bơm thoát nước"
    assert tree.commune.find(incident.id).category == "Ngập úng"


def test_6_nothing_is_lost_nothing_doubled_when_the_district_is_away(tree):
    tree.line("731").is_cut = True
    tree.line("26374").is_cut = True
    incidents = [tree.commune.open_flood(title=f"Ngập số {number}") for number in range(5)]
    tree.carry()
    assert not tree.district.queue()

    tree.line("26374").is_cut = False
    tree.line("26374").repeats = 2
    tree.carry()
    assert len(tree.district.queue()) == 5
    assert not tree.province.queue()

    tree.line("731").is_cut = False
    tree.carry()
    for line in tree.lines.values():
        line.forget()
    tree.carry()
    assert {one.id for one in tree.province.queue()} == {one.id for one in incidents}
    for incident in incidents:
        assert len(tree.province.timeline(incident.id)) == 1
    assert not any(post.parked() for post in tree.posts.values())


def test_7_the_centres_do_not_echo(tree):
    incident = tree.commune.open_flood()
    tree.commune.act(incident.id, "receive")
    tree.carry()
    tree.commune.escalate(incident.id)
    tree.carry()
    tree.district.act(incident.id, "accept")
    tree.carry()
    counts = {code: len(post.timeline(incident.id)) for code, post in tree.posts.items()}
    assert counts == {"75": 4, "731": 4, "26374": 4}
    assert tree.carry() == 0


def test_8_a_district_that_alters_the_communes_words_is_refused_and_the_commune_named(tree, monkeypatch):
    real = tell.enclosure

    def altered(session, rid, origin=None):
        raw = bytearray(real(session, rid, origin))
        place = raw.find("Võ Nguyên Giáp".encode())
        raw[place] ^= 1
        return bytes(raw)

    incident = tree.commune.open_flood()
    monkeypatch.setattr(tell, "enclosure", altered)
    tree.carry()
    assert tree.district.find(incident.id) is not None
    assert tree.province.find(incident.id) is None
    ((code, reason),) = tree.province.parked()
    assert code == "BAD_ORIGIN_SIG"
    assert "COC phường Tam Phước" in reason
    assert tree.commune.name in reason
    (alarm,) = [one for one in tree.province.alarms() if one.code == "BAD_ORIGIN_SIG"]
    assert alarm.peer == tree.district.name
    assert alarm.origin == tree.commune.name


def test_9_what_stands_behind_a_refused_message_about_the_same_incident_is_parked_too(tree, monkeypatch):
    real = tell.enclosure
    incident = tree.commune.open_flood()
    monkeypatch.setattr(tell, "enclosure", lambda *args: real(*args)[:-1])
    tree.carry()
    monkeypatch.setattr(tell, "enclosure", real)
    tree.commune.escalate(incident.id)
    tree.carry()
    tree.district.act(incident.id, "accept")
    tree.district.escalate(incident.id)
    other = tree.commune.open_flood(title="Ngập ở chỗ khác")
    tree.carry()

    codes = [code for code, _ in tree.province.parked()]
    assert codes[0] == "BAD_ORIGIN_SIG"
    assert set(codes[1:]) == {"BEHIND_PARKED"}
    assert tree.province.find(incident.id) is None
    assert tree.province.find(other.id) is not None


def test_10_each_centre_states_how_it_is_and_the_province_hears_all(tree):
    tree.commune.open_litter()
    for post in tree.posts.values():
        assert post.announce()
    tree.carry()
    heard = tree.province.heard()
    assert heard[tree.commune.name].open_incidents == 1
    assert heard[tree.district.name].open_incidents == 0
    assert set(heard) == {post.name for post in tree.posts.values()}
    assert tree.commune.name in tree.district.heard()
    assert tree.province.name not in tree.district.heard()
