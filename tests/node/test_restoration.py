"""At the end of a restore the centre says, under its signature, what came back and that a new backup is due."""

import json

import pytest

from federation import settlement
from node import restoration
from node.backup.manifest import check
from node.clock import SystemClock
from node.database import Database, migrate
from node.histories import own
from tests.fakes.authority import small_federation
from tests.federation.pairs import Centre, meet, now, pump


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
