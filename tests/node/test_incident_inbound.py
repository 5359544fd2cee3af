"""Validly signed and wrong: what a neighbour with real keys may not do to an incident."""

from dataclasses import replace

import pytest

from federation.ledger import PARENT, Lane, append, down, enclosure
from federation.receiver import Unacceptable
from node.incident import wire
from node.incident.custody import Answer
from node.incident.value import THUMBNAIL_LIMIT, CustodyState, Severity, Status
from node.v1 import incident_pb2
from tests.fakes.authority import DONG_NAI
from tests.simulation.posts import FLOOD, JPEG, Tree


@pytest.fixture
def tree(tmp_path):
    found = Tree(tmp_path, [one for one in DONG_NAI if one[0] in {"75", "731", "26374", "26377"}])
    yield found
    found.close()


def send(post, kind, news, *, to=None):
    """Whatever the owner of the post's keys likes to say."""
    audience = down(to.name) if to else PARENT
    payload = news if isinstance(news, bytes) else wire.encode(news)
    now = post.clock.now()
    post.database.write(
        lambda session: append(session, lane=Lane.URGENT, audience=audience, kind=kind, payload=payload, now=now)
    )


def alert(post, incident, **changes):
    content = wire.content_of(incident, JPEG)
    (opening,) = post.timeline(incident.id)[:1]
    return wire.News(
        incident_id=incident.id,
        serial=1,
        content=replace(content, **changes),
        step=wire.step_of(opening, None),
        claim=wire.claim_of(incident.custody),
    )


def only_parked(post):
    ((code, reason),) = post.parked()
    return code, reason


def test_a_commune_cannot_speak_as_its_sibling(tree):
    sibling = tree.posts["26377"]
    one = tree.commune.open_litter()
    send(tree.commune, wire.ALERT, alert(tree.commune, one, origin=sibling.name))
    tree.carry()
    assert only_parked(tree.district)[0] == "ORIGIN_MISMATCH"
    assert tree.district.find(one.id) is None


def test_a_commune_cannot_touch_its_siblings_incident(tree):
    sibling = tree.posts["26377"]
    one = tree.commune.open_flood()
    tree.carry()
    news = wire.News(
        incident_id=one.id,
        serial=2,
        step=replace(alert(tree.commune, one).step, act="close", status=Status.CLOSED),
        claim=wire.Claim(sibling.name, None, 9),
    )
    send(sibling, wire.STATUS, news)
    tree.carry()
    assert only_parked(tree.district)[0] == "ORIGIN_MISMATCH"
    assert tree.district.find(one.id).status is Status.NEW
    assert tree.district.find(one.id).custody.holder == tree.commune.name


def test_a_district_cannot_tell_an_incident_of_its_own_as_a_communes(tree):
    one = tree.commune.open_litter()
    send(tree.district, wire.ALERT, alert(tree.commune, one))
    tree.carry()
    assert only_parked(tree.province)[0] == "ORIGIN_MISMATCH"


def test_a_district_cannot_enclose_a_record_about_another_incident(tree):
    one, other = tree.commune.open_flood(), tree.commune.open_flood()
    tree.line("731").is_cut = True
    tree.carry()
    rid = tree.district.find(one.id).content_rid
    raw = tree.district.database.read(lambda session: enclosure(session, rid))
    fresh = type(other.id)(int=other.id.int ^ 1)
    send(tree.district, wire.ALERT, wire.News(incident_id=fresh, serial=1, enclosed=(raw,)))
    tree.line("731").is_cut = False
    tree.carry()
    assert only_parked(tree.province)[0] == "ENCLOSED_OTHER"


def test_a_district_cannot_replay_what_a_commune_said_before(tree):
    one = tree.commune.open_flood()
    tree.carry()
    tree.commune.act(one.id, "receive")
    tree.commune.act(one.id, "resolve", note="xong")
    tree.carry()
    known = tree.district.find(one.id)
    raw = tree.district.database.read(lambda session: enclosure(session, known.content_rid))
    send(tree.district, wire.STATUS, wire.News(incident_id=one.id, serial=known.told_up + 1, enclosed=(raw,)))
    lines = len(tree.province.timeline(one.id))
    tree.carry()
    assert tree.province.find(one.id).status is Status.RESOLVED
    assert len(tree.province.timeline(one.id)) == lines


def test_a_record_of_somebody_who_is_not_below_the_sender_is_refused(tree):
    """The district encloses the province's own signed record as if it came from below."""
    one = tree.commune.open_flood()
    tree.commune.escalate(one.id)
    tree.carry()
    tree.district.act(one.id, "accept")
    tree.district.escalate(one.id)
    tree.carry()
    tree.province.act(one.id, "accept")
    tree.carry()
    known = tree.district.find(one.id)
    rid = next(proof.rid for proof in tree.district.proofs(one.id) if proof.origin == tree.province.name)
    raw = tree.district.database.read(lambda session: enclosure(session, rid))
    send(tree.district, wire.STATUS, wire.News(incident_id=one.id, serial=known.told_up + 1, enclosed=(raw,)))
    tree.carry()
    assert only_parked(tree.province)[0] == "ORIGIN_MISMATCH"


def test_a_parent_cannot_take_what_was_not_offered(tree):
    one = tree.commune.open_flood()
    tree.carry()
    news = wire.News(
        incident_id=one.id,
        serial=1,
        step=replace(alert(tree.commune, one).step, act="accept", status=Status.CLOSED),
        claim=wire.Claim(tree.district.name, None, 99),
        answer=Answer(tree.commune.name, 1, accepted=True),
    )
    send(tree.district, wire.STATUS, news, to=tree.commune)
    tree.carry()
    found = tree.commune.find(one.id)
    assert found.custody.may_end(tree.commune.name)
    assert found.status is Status.NEW
    assert tree.commune.timeline(one.id)[-1].act == "accept"


def test_an_answer_to_an_older_offer_changes_nothing(tree):
    one = tree.commune.open_litter()
    tree.commune.escalate(one.id)
    tree.carry()
    tree.district.act(one.id, "decline", note="x")
    tree.carry()
    tree.commune.escalate(one.id)
    tree.carry()
    known = tree.district.find(one.id)
    news = wire.News(
        incident_id=one.id,
        serial=known.told_down + 1,
        step=wire.step_of(tree.district.timeline(one.id)[-1], None),
        claim=wire.Claim(tree.district.name, None, 2),
        answer=Answer(tree.commune.name, 1, accepted=True),
    )
    send(tree.district, wire.STATUS, news, to=tree.commune)
    tree.carry()
    assert tree.commune.find(one.id).custody.state is CustodyState.OFFERED
    assert tree.commune.find(one.id).custody.term == 3


def test_an_offer_of_an_older_term_is_parked(tree):
    one = tree.commune.open_litter()
    tree.commune.escalate(one.id)
    tree.carry()
    tree.district.act(one.id, "accept")
    tree.carry()
    known = tree.commune.find(one.id)
    step = wire.step_of(tree.commune.timeline(one.id)[-1], None)
    for term, serial in ((1, known.told_up + 1), (3, known.told_up + 2)):
        claim = wire.Claim(tree.commune.name, tree.district.name, term)
        send(tree.commune, wire.OFFER, wire.News(incident_id=one.id, serial=serial, step=step, claim=claim))
    tree.carry()
    assert tree.district.find(one.id).custody.may_end(tree.district.name)
    assert [code for code, _ in tree.district.parked()] == ["OLD_TERM"]


def test_only_a_status_goes_down(tree):
    one = tree.commune.open_flood()
    tree.carry()
    send(tree.district, wire.OFFER, wire.News(incident_id=one.id, serial=1), to=tree.commune)
    tree.carry()
    assert only_parked(tree.commune)[0] == "WRONG_WAY"


def test_a_message_out_of_turn_is_parked_and_the_next_in_turn_is_not(tree):
    one = tree.commune.open_flood()
    tree.carry()
    step = replace(alert(tree.commune, one).step, act="receive", status=Status.RECEIVED)
    claim = wire.Claim(tree.commune.name, None, 1)
    send(tree.commune, wire.STATUS, wire.News(incident_id=one.id, serial=3, step=step, claim=claim))
    send(tree.commune, wire.STATUS, wire.News(incident_id=one.id, serial=1, step=step, claim=claim))
    send(tree.commune, wire.STATUS, wire.News(incident_id=one.id, serial=2, step=step, claim=claim))
    tree.carry()
    assert [code for code, _ in tree.district.parked()] == ["BEHIND_PARKED", "OLD_MESSAGE"]
    assert tree.district.find(one.id).status is Status.RECEIVED
    applied = tree.district.database.write(
        lambda session: tree.district.receiver.replay_parked(session, tree.clock.now())
    )
    assert applied == 1


def test_status_of_an_incident_that_nobody_told(tree):
    one = tree.commune.open_litter()
    step = alert(tree.commune, one).step
    send(tree.commune, wire.STATUS, wire.News(incident_id=one.id, serial=1, step=step))
    tree.carry()
    assert only_parked(tree.district)[0] == "UNKNOWN_INCIDENT"


def test_the_same_limits_hold_on_arrival(tree):
    one = tree.commune.open_litter()
    good = incident_pb2.IncidentNews.FromString(wire.encode(alert(tree.commune, one)))
    assert wire.decode(good.SerializeToString()).content.title == one.title

    def broken(change):
        message = incident_pb2.IncidentNews()
        message.CopyFrom(good)
        change(message)
        return message.SerializeToString()

    def put(name, value, where="content"):
        return lambda message: setattr(getattr(message, where), name, value)

    changes = [
        put("title", ""),
        put("title", "a" * 201),
        put("title", "a\x07"),
        put("description", "a" * 4001),
        put("category", "a" * 65),
        put("kind", "../etc"),
        put("kind", "citizen"),
        put("kind_title", ""),
        put("severity", 0),
        put("severity", 5),
        put("rises_from", 9),
        put("area_code", "7x"),
        put("area_code", ""),
        put("origin", "n-evil.example"),
        put("opened_at_us", 0),
        put("opened_at_us", 2**62),
        put("thumbnail", b"\x89PNG\r\n"),
        put("thumbnail", JPEG[:-1]),
        put("thumbnail", JPEG[:-2] + b"x" * THUMBNAIL_LIMIT + JPEG[-2:]),
        put("status", "exploded", "step"),
        put("act", "", "step"),
        put("note", "a" * 2001, "step"),
        put("at_us", -(2**62), "step"),
        put("severity", 7, "step"),
        put("term", 0, "custody"),
        put("term", 2**63, "custody"),
        put("holder", "", "custody"),
        put("offered_to", "x", "custody"),
        lambda message: setattr(message.content.place, "lat_e7", 910_000_000),
        lambda message: setattr(message, "incident_id", b"short"),
        lambda message: setattr(message, "incident_id", bytes(16)),
        lambda message: setattr(message, "serial", 0),
        lambda message: message.enclosed.extend([b"x"] * 9),
        lambda message: message.answer.CopyFrom(incident_pb2.CustodyAnswer(giver="x", term=1)),
    ]
    for change in changes:
        with pytest.raises(Unacceptable):
            wire.decode(broken(change))
    for junk in (b"\xff", b"\x0a\xff\xff\xff\xff\x0f", b""):
        with pytest.raises(Unacceptable):
            wire.decode(junk)


def test_what_is_decoded_is_what_was_encoded(tree):
    one = tree.commune.open(FLOOD, Severity.HIGH)
    news = alert(tree.commune, one)
    assert wire.decode(wire.encode(news)) == news


def test_hostile_bytes_are_parked_and_the_link_goes_on(tree):
    send(tree.commune, wire.ALERT, b"\xff\xff\xff")
    one = tree.commune.open_flood()
    tree.carry()
    assert only_parked(tree.district)[0] == "SCHEMA"
    assert tree.province.find(one.id) is not None
