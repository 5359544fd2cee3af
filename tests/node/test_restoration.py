"""At the end of a restore the centre says, under its signature, what came back and that a new backup is due."""

import json
from uuid import UUID

import pytest

from federation import settlement, tables
from federation.frame import decode_record, parse_frame, to_us
from federation.ledger import PARENT, Lane, append
from node import restoration
from node.backup.manifest import check
from node.clock import SystemClock
from node.database import Database, migrate
from node.histories import own
from node.v1.incident_pb2 import IncidentNews
from tests.fakes.authority import small_federation
from tests.federation.pairs import Centre, effects, keep, meet, now, pump


def opened(file):
    database = Database(f"sqlite:///{file}", SystemClock())
    migrate(database.engine, own())
    return database


@pytest.fixture
def pair(tmp_path):
    world = small_federation(tmp_path)
    child, parent = (Centre(world, code, tmp_path, opened) for code in ("26374", "731"))
    yield child, parent
    child.storage.close()
    parent.storage.close()


def report(centre, folder):
    return centre.storage.write(lambda session: restoration.report(session, centre.keystore, now, folder))


def begin(centre, *peers):
    centre.storage.write(lambda session: settlement.mark_restored(session, peers, now(), "backup of monday"))


def test_the_report_counts_what_was_given_back_and_is_signed(pair, tmp_path) -> None:
    child, parent = pair
    child.say("a")
    pump(child, parent)
    backup = child.save()
    child.say("b", "c")
    child.say("d")
    pump(child, parent)
    child.restore(backup)
    assert not report(child, tmp_path)
    begin(child, parent.name)
    assert not report(child, tmp_path)
    meet(child, parent)
    child.storage.write(lambda session: settlement.settle(session, parent.name))
    assert report(child, tmp_path)
    assert not report(child, tmp_path)
    [said] = child.storage.read(restoration.reports)
    assert (said["frames_given_back"], said["records_given_back"], said["records_lost"]) == (2, 3, 0)
    assert (said["restored_from"], said["passed_over"], said["backup_due"]) == ("backup of monday", [], True)
    [file] = tmp_path.glob("restored-*.json")
    whole = json.loads(file.read_text("utf-8"))
    raw, signature = whole["document"].encode(), bytes.fromhex(whole["signature"])
    assert json.loads(raw) == said
    key = child.registry().public_key(child.name, child.keystore.key_id)
    check(restoration.DOMAIN, raw, signature, key, "the report")
    assert [code for code, _, _ in child.alarms()].count("RESTORED") == 1


def test_who_was_not_waited_for_is_named_and_the_loss_is_unknown(pair, tmp_path) -> None:
    child, parent = pair
    child.say("a")
    begin(child, parent.name)
    child.storage.write(lambda session: settlement.pass_over(session, parent.name))
    assert report(child, tmp_path)
    [said] = child.storage.read(restoration.reports)
    assert (said["passed_over"], said["records_lost"]) == ([parent.name], None)
    begin(child, parent.name)
    child.storage.write(lambda session: settlement.settle(session, parent.name))
    assert report(child, tmp_path)
    assert [one["passed_over"] for one in child.storage.read(restoration.reports)] == [[parent.name], []]


def test_a_second_word_of_the_same_restore_begins_no_second_one(pair, tmp_path) -> None:
    child, parent = pair
    begin(child, parent.name)
    begin(child, parent.name, "n-b")
    for peer in (parent.name, "n-b"):
        child.storage.write(lambda session, peer=peer: settlement.settle(session, peer))
    assert report(child, tmp_path)
    assert not report(child, tmp_path)


def say_that_it_accepted(centre):
    """A word of the centre's own about an incident, with what it says of custody."""
    news = IncidentNews(incident_id=UUID("01890000-0000-7000-8000-000000000000").bytes, serial=3)
    news.step.act, news.step.status, news.step.at_us = "accept", "received", to_us(now())
    news.custody.holder, news.custody.term = centre.name, 2
    news.answer.giver, news.answer.term, news.answer.accepted = centre.name, 1, True
    payload, urgent = news.SerializeToString(), {"lane": Lane.URGENT, "audience": PARENT}
    centre.storage.write(lambda session: append(session, kind="incident.status", payload=payload, now=now(), **urgent))
    centre.seal()


def waiting(centre):
    rows = sorted(centre.rows(tables.pending), key=lambda row: row.pos)
    return [decode_record(bytes(row.raw)) for row in rows if row.lane == Lane.URGENT]


def begun(centre, backup):
    """The copy is put in place, and said to be one."""
    centre.restore(backup)
    registry = centre.registry()
    return centre.storage.write(
        lambda session: restoration.begin(session, centre.name, registry, now(), "backup of monday")
    )


def test_nothing_that_a_copy_says_and_nobody_acknowledged_says_who_answers(pair) -> None:
    child, parent = pair
    child.say("delivered", lane=Lane.URGENT, audience=PARENT)
    pump(child, parent)
    say_that_it_accepted(child)
    child.say("alert", lane=Lane.URGENT, audience=PARENT)
    sealed = child.frames(lane="urgent", audience=PARENT)
    before = [decode_record(raw) for frame in sealed[2:] for raw in parse_frame(frame).records]
    assert begun(child, child.save()) == [parent.name]
    assert child.frames(lane="urgent", audience=PARENT) == sealed[:2]  # the genesis, and what was acknowledged
    left = {record.kind: record for record in waiting(child)}
    assert {record.rid for record in left.values()} == {record.rid for record in before}
    assert left["test.note"].payload == b"alert"
    word = IncidentNews.FromString(left["incident.status"].payload)
    assert (word.serial, word.step.act) == (3, "accept")
    assert not word.HasField("custody")
    assert not word.HasField("answer")
    assert left["incident.status"].created_at > before[0].created_at
    assert child.storage.read(settlement.unsettled) == {parent.name}


def test_what_was_heard_after_all_takes_the_place_of_the_bare_word_and_is_not_doubled(pair) -> None:
    child, parent = pair
    parent.handlers["incident.status"] = keep
    parent.restart()
    say_that_it_accepted(child)
    backup = child.save()
    pump(child, parent)
    heard = child.frames(lane="urgent", audience=PARENT)
    begun(child, backup)
    assert len(waiting(child)) == 1
    sender = meet(child, parent)
    child.seal()
    pump(child, parent, sender)
    assert waiting(child) == []
    assert child.frames(lane="urgent", audience=PARENT) == heard
    kept = parent.rows(effects)
    assert [IncidentNews.FromString(row.payload).HasField("custody") for row in kept] == [True]
    assert "FORK" not in [code for code, _, _ in child.alarms() + parent.alarms()]
