"""Validly signed and wrong: what a neighbour with real keys may not do to an incident."""

from dataclasses import replace

import pytest

from federation.ledger import PARENT, Lane, append, down, enclosure
from node.incident import wire
from node.incident.custody import Answer
from node.incident.value import CustodyState, Status
from tests.fakes.authority import DONG_NAI
from tests.simulation.posts import JPEG, Tree


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


def test_nobody_takes_an_incident_by_claiming_to_hold_it(tree):
    """The giver claims it back from below, and the parent claims it from above, under a very high term."""
    one, other = tree.commune.open_litter(), tree.commune.open_flood()
    tree.commune.escalate(one.id)
    tree.carry()
    tree.district.act(one.id, "accept")
    tree.carry()
    step = replace(wire.step_of(tree.commune.timeline(one.id)[0], None), act="close", status=Status.CLOSED)
    claim = wire.Claim(tree.commune.name, None, 99)
    serial = tree.commune.find(one.id).told_up + 1
    send(tree.commune, wire.STATUS, wire.News(incident_id=one.id, serial=serial, step=step, claim=claim))
    claim = wire.Claim(tree.district.name, None, 99)
    serial = tree.district.find(other.id).told_down + 1
    news = wire.News(incident_id=other.id, serial=serial, step=step, claim=claim)
    send(tree.district, wire.STATUS, news, to=tree.commune)
    tree.carry()
    assert tree.district.find(one.id).custody.may_end(tree.district.name)
    assert tree.district.find(one.id).status is Status.RECEIVED
    assert tree.commune.find(other.id).custody.may_end(tree.commune.name)
    assert tree.commune.find(other.id).status is Status.NEW


def test_a_bystander_believes_only_who_holds_or_was_offered(tree):
    """The commune has given the incident away, and still signs that it holds and has closed it."""
    one = tree.commune.open_flood()
    tree.commune.escalate(one.id)
    tree.carry()
    tree.district.act(one.id, "accept")
    tree.carry()
    step = replace(wire.step_of(tree.commune.timeline(one.id)[0], None), act="close", status=Status.CLOSED)
    for more, term in enumerate((1, 99), start=1):
        serial = tree.commune.find(one.id).told_up + more
        claim = wire.Claim(tree.commune.name, None, term)
        send(tree.commune, wire.STATUS, wire.News(incident_id=one.id, serial=serial, step=step, claim=claim))
    tree.carry()
    found = tree.province.find(one.id)
    assert (found.status, found.custody.holder, found.custody.term) == (Status.RECEIVED, tree.district.name, 2)
    assert [event.act for event in tree.province.timeline(one.id)][-2:] == ["close", "close"]


def test_a_district_cannot_offer_what_the_commune_never_offered_it(tree):
    one = tree.commune.open_flood()
    tree.carry()
    known = tree.district.find(one.id)
    news = wire.News(
        incident_id=one.id,
        serial=known.told_up + 1,
        step=replace(alert(tree.commune, one).step, act="escalate", status=Status.ESCALATED),
        claim=wire.Claim(tree.district.name, tree.province.name, 7),
    )
    send(tree.district, wire.OFFER, news)
    tree.carry()
    assert only_parked(tree.province)[0] == "NOT_HOLDER"
    assert "accept" not in tree.province.possible(one.id)
    assert tree.commune.find(one.id).custody.may_end(tree.commune.name)


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


def test_offers_of_who_holds_nothing_and_of_an_older_term_are_parked(tree):
    one, other = tree.commune.open_litter(), tree.commune.open_litter()
    for incident, answer in ((one, {"name": "accept"}), (other, {"name": "decline", "note": "x"})):
        tree.commune.escalate(incident.id)
        tree.carry()
        tree.district.act(incident.id, **answer)
        tree.carry()
    for incident, term in ((one, 3), (other, 2)):
        known = tree.commune.find(incident.id)
        step = wire.step_of(tree.commune.timeline(incident.id)[1], None)
        claim = wire.Claim(tree.commune.name, tree.district.name, term)
        news = wire.News(incident_id=incident.id, serial=known.told_up + 1, step=step, claim=claim)
        send(tree.commune, wire.OFFER, news)
    tree.carry()
    assert tree.district.find(one.id).custody.may_end(tree.district.name)
    assert "accept" not in tree.district.possible(other.id)
    assert [code for code, _ in tree.district.parked()] == ["NOT_HOLDER", "OLD_TERM"]


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


def test_hostile_bytes_are_parked_and_the_link_goes_on(tree):
    send(tree.commune, wire.ALERT, b"\xff\xff\xff")
    one = tree.commune.open_flood()
    tree.carry()
    assert only_parked(tree.district)[0] == "SCHEMA"
    assert tree.province.find(one.id) is not None
